"""What a browser and a load balancer ask for."""

from itertools import groupby
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from sqlalchemy import select

from examples.fastapi_app.dependencies import AsyncSessionDependency
from examples.fastapi_app.models import Product

router = APIRouter(include_in_schema=False)
templates = Jinja2Templates(Path(__file__).parent.parent / "templates")


@router.get("/", response_class=HTMLResponse)
async def show_shop(request: Request, session: AsyncSessionDependency) -> HTMLResponse:
    """Show every product under its category."""
    rows = await session.scalars(select(Product).order_by(Product.category, Product.name))
    shelves = [(name, list(shelf)) for name, shelf in groupby(rows, lambda row: row.category)]
    return templates.TemplateResponse(request, "shop.html", {"shelves": shelves})


@router.get("/health")
async def check_health() -> dict[str, str]:
    """Say that this worker answers."""
    return {"status": "ok"}
