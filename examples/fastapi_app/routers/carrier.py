"""The carrier: a stand-in for somebody else's service, called over HTTP."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query

from examples.fastapi_app.schemas import Quote

WORK_S: Final = 0.005
HOME: Final = "DE"

router = APIRouter()


@router.get("/quote")
async def quote_parcel(country: str, weight_grams: Annotated[int, Query(ge=0)]) -> Quote:
    """Say what a parcel costs, after the time such a service takes."""
    await asyncio.sleep(WORK_S)
    abroad = country != HOME
    return Quote(
        country=country,
        weight_grams=weight_grams,
        price_cents=(990 if abroad else 490) + weight_grams // 10,
        days=5 if abroad else 2,
    )
