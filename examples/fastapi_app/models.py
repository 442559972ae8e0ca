"""The tables of the shop."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Model(AsyncAttrs, DeclarativeBase):
    """What every table has: one metadata, and attributes that can be awaited."""


class Customer(Model):
    """Someone who orders."""

    __tablename__ = "customer"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    email: Mapped[str] = mapped_column(unique=True)
    country: Mapped[str]
    orders: Mapped[list["Order"]] = relationship(back_populates="customer")


class Product(Model):
    """Something to sell."""

    __tablename__ = "product"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    category: Mapped[str]
    price_cents: Mapped[int]
    weight_grams: Mapped[int]
    description: Mapped[str]


class Order(Model):
    """What one customer bought at one time."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), index=True)
    status: Mapped[str]
    placed_at: Mapped[datetime]
    receipt_sent_at: Mapped[datetime | None]
    customer: Mapped[Customer] = relationship(back_populates="orders")
    items: Mapped[list["Item"]] = relationship(back_populates="order", order_by="Item.id")


class Item(Model):
    """One line of an order: so many of a product, at the price of that day."""

    __tablename__ = "item"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    quantity: Mapped[int]
    price_cents: Mapped[int]
    order: Mapped[Order] = relationship(back_populates="items")
    product: Mapped[Product] = relationship()
