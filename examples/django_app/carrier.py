"""The carrier's customer: asks over HTTP what a parcel costs; the carrier is this very server."""

from functools import lru_cache
from typing import Any

import httpx
from django.http import HttpRequest

PATIENCE_S = 10


@lru_cache(1)
def client() -> httpx.Client:
    """Return the client that the threads of this worker share."""
    return httpx.Client(timeout=PATIENCE_S, trust_env=False)


@lru_cache(1)
def tls() -> Any:
    """Return what takes longest to make of an asynchronous client."""
    return httpx.create_ssl_context()


def async_client() -> httpx.AsyncClient:
    """Return a client for one request: under WSGI each has an event loop of its own."""
    return httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False, verify=tls())


def address(request: HttpRequest) -> str:
    """Return where the carrier is, whatever the request's Host header says."""
    return f"http://{request.META['SERVER_NAME']}:{request.META['SERVER_PORT']}/carrier/quote"


def ask(request: HttpRequest, country: str, weight_grams: int) -> dict[str, Any]:
    """Return what the carrier says."""
    parcel: dict[str, Any] = {"country": country, "weight_grams": weight_grams}
    answer = client().get(address(request), params=parcel)
    return dict(answer.raise_for_status().json())


async def ask_async(
    open_client: httpx.AsyncClient, request: HttpRequest, country: str, weight_grams: int
) -> dict[str, Any]:
    """Return what the carrier says, without a thread that waits for it."""
    parcel: dict[str, Any] = {"country": country, "weight_grams": weight_grams}
    answer = await open_client.get(address(request), params=parcel)
    return dict(answer.raise_for_status().json())
