"""Wrappers for borrowing a connection of a pool and giving it back.

``timed`` sees calls inside of a trace alone. A pool's times are of all its connections, whoever
borrows them, so what borrows is wrapped once more.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from inprofile.core.guard import guard
from inprofile.core.pools import Look, Pool, pools
from inprofile.integrations._patch import Wrap, timed
from inprofile.integrations._signature import Function

TIMEOUTS = frozenset({"PoolTimeout", "TimeoutError"})
"""What the libraries raise when no connection was free in time."""


class Lender(NamedTuple):
    """What has to be known of a library's pools.

    ``name`` says what a pool is called once it has lent a connection; ``anchor`` is what lives
    as long as it does and can be referred to weakly (None: it is not counted), the pool itself
    where nothing is said; ``connection`` is what of the call's result goes back to the pool.
    """

    name: Callable[[Any], str]
    look: Look
    anchor: Callable[[Any], Any] | None = None
    connection: Callable[[Any], object] | None = None

    def find(self, source: Any) -> Pool | None:
        """The pool, if it is known."""
        try:
            return pools.of(source if self.anchor is None else self.anchor(source))
        except Exception as error:
            guard.caught(error)
            return None

    def lent(self, source: Any, result: Any, asked_ns: int) -> None:
        """Count what was lent, and know the pool from now on."""
        try:
            anchor = source if self.anchor is None else self.anchor(source)
            if anchor is not None:
                pool = pools.of(anchor) or pools.add(anchor, self.name(source), self.look)
                lent = result if self.connection is None else self.connection(result)
                pools.lent(pool, lent, asked_ns)
        except Exception as error:
            guard.caught(error)


def borrowing(name: str, lender: Lender) -> Wrap:
    """Time a pool's method as ``db_pool_wait`` and count what it lends."""
    waiting = timed("db_pool_wait", name, leaf=True)

    def wrap(original: Function) -> Function:
        waited = waiting(original)
        if inspect.iscoroutinefunction(original):

            @wraps(original)
            async def borrow_later(self: Any, *args: Any, **kwargs: Any) -> Any:
                pool, asked_ns = lender.find(self), pools.clock()
                queue = _QUEUELESS if pool is None else pool.waiting
                queue.append(None)
                try:
                    result = await waited(self, *args, **kwargs)
                except BaseException as error:
                    _refused(pool, error)
                    raise
                finally:
                    queue.pop()
                lender.lent(self, result, asked_ns)
                return result

            return borrow_later

        @wraps(original)
        def borrow(self: Any, *args: Any, **kwargs: Any) -> Any:
            pool, asked_ns = lender.find(self), pools.clock()
            queue = _QUEUELESS if pool is None else pool.waiting
            queue.append(None)
            try:
                result = waited(self, *args, **kwargs)
            except BaseException as error:
                _refused(pool, error)
                raise
            finally:
                queue.pop()
            lender.lent(self, result, asked_ns)
            return result

        return borrow

    return wrap


_QUEUELESS: list[None] = []
"""Where those wait whose pool has not lent anything yet."""


def _refused(pool: Pool | None, error: BaseException) -> None:
    if pool is not None and type(error).__name__ in TIMEOUTS:
        pools.refused(pool)


def returning(original: Function) -> Function:
    """Count what is given back to a pool by its method, whose first parameter it is."""
    parameter = list(inspect.signature(original).parameters)[1]

    if inspect.iscoroutinefunction(original):

        @wraps(original)
        async def give_back_later(self: Any, *args: Any, **kwargs: Any) -> Any:
            pools.returned(args[0] if args else kwargs.get(parameter))
            return await original(self, *args, **kwargs)

        return give_back_later

    @wraps(original)
    def give_back(self: Any, *args: Any, **kwargs: Any) -> Any:
        pools.returned(args[0] if args else kwargs.get(parameter))
        return original(self, *args, **kwargs)

    return give_back
