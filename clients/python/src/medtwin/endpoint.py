"""Decorators that define a client method once for both transports.

The decorated method returns the request. The client's transport then sends it: `client.projects.get(id)` returns a
project on a synchronous client, and a coroutine for a project on an asynchronous one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from medtwin.request import ApiRequest, Page, Part
from medtwin.transport import AsyncTransport, SyncTransport

P = ParamSpec("P")
T = TypeVar("T")
Transport = TypeVar("Transport", bound=SyncTransport | AsyncTransport)


class Resource(Generic[Transport]):
    """A group of client methods that share a transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport


class endpoint(Generic[P, T]):  # noqa: N801 - a decorator
    """Turns a method that returns a request into one that sends it and returns the decoded response."""

    def __init__(self, build_request: Callable[Concatenate[Any, P], ApiRequest[T]]) -> None:
        self._build_request = build_request
        self.__doc__ = build_request.__doc__

    @overload
    def __get__(self, resource: None, owner: type) -> endpoint[P, T]: ...
    @overload
    def __get__(self, resource: Resource[SyncTransport], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, resource: Resource[AsyncTransport], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: type) -> Any:
        """Bind the method to `resource`."""
        return self if resource is None else _bind(self._build_request, resource, resource._transport.send)


class list_endpoint(Generic[P, T]):  # noqa: N801 - a decorator
    """Turns a method that returns the request for a first page into one that iterates over all items of the list."""

    def __init__(self, build_request: Callable[Concatenate[Any, P], ApiRequest[Page[T]]]) -> None:
        self._build_request = build_request
        self.__doc__ = build_request.__doc__

    @overload
    def __get__(self, resource: None, owner: type) -> list_endpoint[P, T]: ...
    @overload
    def __get__(self, resource: Resource[SyncTransport], owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, resource: Resource[AsyncTransport], owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: type) -> Any:
        """Bind the method to `resource`."""
        return self if resource is None else _bind(self._build_request, resource, resource._transport.paginate)


class completing_endpoint(Generic[P, T]):  # noqa: N801 - a decorator
    """Turns a method that returns a request for a part of the work into one that repeats it until all is done."""

    def __init__(self, build_request: Callable[Concatenate[Any, P], ApiRequest[Part[T]]]) -> None:
        self._build_request = build_request
        self.__doc__ = build_request.__doc__

    @overload
    def __get__(self, resource: None, owner: type) -> completing_endpoint[P, T]: ...
    @overload
    def __get__(self, resource: Resource[SyncTransport], owner: type) -> Callable[P, tuple[T, ...]]: ...
    @overload
    def __get__(
        self, resource: Resource[AsyncTransport], owner: type
    ) -> Callable[P, Coroutine[Any, Any, tuple[T, ...]]]: ...
    def __get__(self, resource: Resource[Any] | None, owner: type) -> Any:
        """Bind the method to `resource`."""
        return self if resource is None else _bind(self._build_request, resource, resource._transport.complete)


def _bind(
    build_request: Callable[Concatenate[Any, P], ApiRequest[Any]],
    resource: Resource[Any],
    send: Callable[[ApiRequest[Any]], Any],
) -> Callable[P, Any]:
    @wraps(build_request)
    def method(*args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            request = build_request(resource, *args, **kwargs)
        finally:
            # An argument may be a password, and a traceback may show locals.
            del args, kwargs
        return send(request)

    return method
