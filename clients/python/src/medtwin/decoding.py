"""Decoding of JSON into dataclasses.

A later version of the service may add fields and values. Unknown fields are therefore ignored, and any string is
accepted for an enumerated value.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from medtwin.secret import Secret

T = TypeVar("T")


class DecodeError(Exception):
    """The JSON does not match the class. The message names the field but not its value, which may be a secret."""


def decode(cls: type[T], value: object, path: str = "response") -> T:
    """Decode `value` into an instance of `cls`.

    Raises `DecodeError` if `value` does not match. Its message names the field by `path`.
    """
    return cast("T", _decode(cls, value, path))


def _decode(expected: Any, value: object, path: str) -> object:
    if get_origin(expected) in (Union, UnionType):
        return _decode_union(get_args(expected), value, path)
    if get_origin(expected) is tuple:
        item_type = get_args(expected)[0]
        items = _require_type(list, value, path)
        return tuple(_decode(item_type, item, f"{path}[{index}]") for index, item in enumerate(items))
    if expected is datetime:
        return _decode_time(_require_type(str, value, path), path)
    if expected is date:
        return _decode_date(_require_type(str, value, path), path)
    if expected is Secret:
        return Secret(_require_type(str, value, path))
    if expected is object:
        return value
    if is_dataclass(expected):
        return _decode_dataclass(expected, _require_type(dict, value, path), path)
    return _require_type(expected, value, path)


def _decode_union(options: tuple[Any, ...], value: object, path: str) -> object:
    """Decode `X | None`, `Literal[…] | str`, or `Literal[…] | str | None`."""
    if value is None and NoneType in options:
        return None
    (expected,) = (option for option in options if option is not NoneType and get_origin(option) is not Literal)
    return _decode(expected, value, path)


def _decode_dataclass(cls: Any, json_fields: dict[str, object], path: str) -> object:
    hints = _type_hints(cls)
    arguments = {
        field.name: _decode(hints[field.name], json_fields[field.name], f"{path}.{field.name}")
        for field in fields(cls)
        if field.name in json_fields
    }
    try:
        return cls(**arguments)
    except TypeError:
        raise DecodeError(f"{path} lacks required fields of {cls.__name__}") from None


def _decode_time(text: str, path: str) -> datetime:
    try:
        # Before Python 3.11, `fromisoformat` does not accept the suffix Z.
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise DecodeError(f"{path} is not a valid time") from None
    if time.tzinfo is None:
        raise DecodeError(f"{path} has no time zone")
    return time


def _decode_date(text: str, path: str) -> date:
    # Since Python 3.11, `fromisoformat` accepts other forms, too.
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise DecodeError(f"{path} is not a valid date")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DecodeError(f"{path} is not a valid date") from None


def _require_type(expected: type[T], value: object, path: str) -> T:
    # `isinstance` would accept a JSON boolean as an int, because `bool` is a subclass of `int`.
    if type(value) is not expected:
        raise DecodeError(f"{path} is not of type {expected.__name__}")
    return value


_type_hints = cache(get_type_hints)
