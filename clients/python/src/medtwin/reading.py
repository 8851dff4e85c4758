"""From JSON to dataclasses.

Members that a class does not have are passed over, and of a word out of a list of words only that it is one is
asked: a later version of the service may say more than this one knows.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from medtwin.secret import Secret

T = TypeVar("T")


class Malformed(Exception):
    """The JSON is not of the class; says where, and nothing of what stands there."""


def read(kind: type[T], value: object, where: str = "the answer") -> T:
    """Make a `kind` of `value`, which stands at `where`.

    Raises `Malformed` where it is none.
    """
    return cast("T", _read(kind, value, where))


def _read(kind: Any, value: object, where: str) -> object:
    if get_origin(kind) in (Union, UnionType):
        return _read_union(get_args(kind), value, where)
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        return tuple(_read(item, each, f"{where}[{n}]") for n, each in enumerate(_exactly(list, value, where)))
    if kind is datetime:
        return _read_time(_exactly(str, value, where), where)
    if kind is Secret:
        return Secret(_exactly(str, value, where))
    if kind is object:
        return value
    if is_dataclass(kind):
        return _read_members(kind, _exactly(dict, value, where), where)
    return _exactly(kind, value, where)


def _read_union(kinds: tuple[Any, ...], value: object, where: str) -> object:
    """Read one of `X | None`, `Literal[…] | str`, or both."""
    if value is None and NoneType in kinds:
        return None
    (kind,) = (kind for kind in kinds if kind is not NoneType and get_origin(kind) is not Literal)
    return _read(kind, value, where)


def _read_members(kind: Any, members: dict[str, object], where: str) -> object:
    hints = _hints(kind)
    known = {
        field.name: _read(hints[field.name], members[field.name], f"{where}.{field.name}")
        for field in fields(kind)
        if field.name in members
    }
    try:
        return kind(**known)
    except TypeError:
        raise Malformed(f"{where} lacks members of {kind.__name__}") from None


def _read_time(text: str, where: str) -> datetime:
    try:
        # Until Python 3.11 it does not know the Z.
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Malformed(f"{where} is no time") from None
    if time.tzinfo is None:
        raise Malformed(f"{where} is a time without its zone")
    return time


def _exactly(kind: type[T], value: object, where: str) -> T:
    # `bool` is an `int` to Python, and to JSON it is not.
    if type(value) is not kind:
        raise Malformed(f"{where} is no {kind.__name__}")
    return value


_hints = cache(get_type_hints)
