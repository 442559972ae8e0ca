"""The shop: `uvicorn examples.fastapi_app.main:app`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware

import inprofile
from examples.fastapi_app import admin
from examples.fastapi_app.cache import Cache
from examples.fastapi_app.database import Database, database_path
from examples.fastapi_app.log import log_to_stderr
from examples.fastapi_app.request_id import RequestIdMiddleware
from examples.fastapi_app.routers import carrier, customers, orders, pages, prices, products
from examples.fastapi_app.seed import seed
from examples.shop import fixes


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, object]]:
    """Open what the requests share, and close it at the end."""
    fixes.check()
    path = database_path()
    await asyncio.to_thread(seed, path)
    database = Database.at(path)
    with log_to_stderr():
        async with httpx.AsyncClient(timeout=10) as client:
            yield {
                "database": database,
                "carrier": client,
                "searches": [],
                "stats": Cache(admin.compute_stats),
            }
        await database.close()


api = APIRouter(prefix="/api/v1")
api.include_router(orders.router, prefix="/orders", tags=["orders"])
api.include_router(products.router, prefix="/products", tags=["products"])
api.include_router(customers.router, prefix="/customers", tags=["customers"])

app = FastAPI(title="Shop", lifespan=lifespan)
app.include_router(api)
app.include_router(pages.router)
app.include_router(prices.router)
app.include_router(carrier.router, prefix="/carrier")
app.mount("/admin", admin.app)
app.add_middleware(GZipMiddleware, minimum_size=1_000)
app.add_middleware(RequestIdMiddleware)

inprofile.instrument(app)
