"""Prices over a websocket: a product's id in, its price of now out."""

from typing import Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from examples.fastapi_app.dependencies import DatabaseDependency
from examples.fastapi_app.models import Product

LONGEST_ID: Final = 18  # digits that SQLite can hold for sure

router = APIRouter()


@router.websocket("/ws/prices")
async def tell_prices(websocket: WebSocket, database: DatabaseDependency) -> None:
    """Answer every id with a price until the customer leaves."""
    await websocket.accept()
    try:
        while True:
            question = await websocket.receive_text()
            await websocket.send_json(await find_price(database, question))
    except WebSocketDisconnect:
        return


async def find_price(database: DatabaseDependency, question: str) -> dict[str, int | str]:
    """Return the price of the product with this id, or what is wrong with the question."""
    if not question.isdecimal() or len(question) > LONGEST_ID:
        return {"error": "ask with the id of a product"}
    async with database.async_session() as session:
        product = await session.get(Product, int(question))
    if product is None:
        return {"error": f"there is no product {question}"}
    return {"product": product.id, "price_cents": product.price_cents}
