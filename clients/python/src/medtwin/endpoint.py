"""A method of a client, written once: it says which call to send, and the client's wire how.

`client.projects.get(id)` gives a project, and the same of an asynchronous client a coroutine for one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from medtwin.call import Call, Page
from medtwin.wire import Awaited, Blocking

P = ParamSpec("P")
T = TypeVar("T")
Wire = TypeVar("Wire", bound=Blocking | Awaited)


class Resource(Generic[Wire]):
    """Things of the service, and what can be done with them over a wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire


class endpoint(Generic[P, T]):  # noqa: N801 - a decorator
    """Makes a method that sends a call out of one that gives it."""

    def __init__(self, call: Callable[Concatenate[Any, P], Call[T]]) -> None:
        self._call = call
        self.__doc__ = call.__doc__

    @overload
    def __get__(self, resource: None, kind: type) -> endpoint[P, T]: ...
    @overload
    def __get__(self, resource: Resource[Blocking], kind: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, resource: Resource[Awaited], kind: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, resource: Resource[Any] | None, kind: type) -> Any:
        """Bind it to `resource`."""
        return self if resource is None else _bound(self._call, resource, resource._wire.send)


class listing(Generic[P, T]):  # noqa: N801 - a decorator
    """Makes a method that gives all things of a list out of one that gives the call for its first page."""

    def __init__(self, call: Callable[Concatenate[Any, P], Call[Page[T]]]) -> None:
        self._call = call
        self.__doc__ = call.__doc__

    @overload
    def __get__(self, resource: None, kind: type) -> listing[P, T]: ...
    @overload
    def __get__(self, resource: Resource[Blocking], kind: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, resource: Resource[Awaited], kind: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, resource: Resource[Any] | None, kind: type) -> Any:
        """Bind it to `resource`."""
        return self if resource is None else _bound(self._call, resource, resource._wire.pages)


def _bound(
    build: Callable[Concatenate[Any, P], Call[Any]], resource: Resource[Any], send: Callable[[Call[Any]], Any]
) -> Callable[P, Any]:
    @wraps(build)
    def method(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            call = build(resource, *args, **kwargs)
        finally:
            # A password may be among them, and a traceback may show locals.
            del args, kwargs
        return send(call)

    return method
