"""What goes in and out of the JSON routes."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class Row(BaseModel):
    """A schema that reads its fields from a table's row."""

    model_config = ConfigDict(from_attributes=True)


class CustomerView(Row):
    """A customer as the API shows it."""

    id: int
    name: str
    email: str
    country: str


class ProductView(Row):
    """A product as the API shows it."""

    id: int
    name: str
    category: str
    price_cents: int
    weight_grams: int


class ProductPage(BaseModel):
    """Some products and how many there are."""

    total: int
    products: list[ProductView]


class ItemView(BaseModel):
    """One line of an order."""

    product: ProductView
    quantity: int
    price_cents: int


class OrderView(BaseModel):
    """An order with its lines."""

    id: int
    customer: str
    status: str
    placed_at: datetime
    receipt_sent_at: datetime | None
    total_cents: int
    items: list[ItemView]


class OrderSummary(BaseModel):
    """An order without its lines."""

    id: int
    status: str
    placed_at: datetime
    total_cents: int


class ArchivedItem(BaseModel):
    """One line of an order in the archive."""

    name: str
    quantity: int
    price_cents: int


class ArchivedOrder(Row):
    """An order in the archive."""

    id: int
    status: str
    placed_at: datetime
    buyer: str
    items: list[ArchivedItem]


class Purchase(Row):
    """Which order had how many of a product."""

    order_id: int
    quantity: int


class Sold(Row):
    """How many of a product were sold."""

    product_id: int
    name: str
    sold: int


class Reprice(BaseModel):
    """By how much the products of a category become dearer."""

    category: str
    cents: int = Field(ge=-100, le=100)


class NewItem(BaseModel):
    """One line of an order to place."""

    product_id: int = Field(ge=1, lt=2**63)
    quantity: int = Field(ge=1, le=20)


class NewOrder(BaseModel):
    """An order to place."""

    items: list[NewItem] = Field(min_length=1, max_length=50)


class Quote(BaseModel):
    """What the carrier asks for a parcel."""

    country: str
    weight_grams: int
    price_cents: int
    days: int
