"""The carrier: a stand-in for somebody else's service, called over HTTP."""

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Query

from examples.fastapi_app.schemas import Quote
from examples.shop.postage import HOME, postage

WORK_S: Final = 0.005

router = APIRouter()


@router.get("/quote")
async def quote_parcel(country: str, weight_grams: Annotated[int, Query(ge=0)]) -> Quote:
    """Say what a parcel costs, after the time such a service takes."""
    await asyncio.sleep(WORK_S)
    return Quote(
        country=country,
        weight_grams=weight_grams,
        price_cents=postage(country, weight_grams),
        days=2 if country == HOME else 5,
    )
