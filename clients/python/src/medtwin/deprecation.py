"""The warning that the client uses the previous secret of its key."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from contextlib import suppress
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from threading import Lock

import httpx

_log = logging.getLogger("medtwin")
_lock = Lock()
_warned = False

_HTTP_DATE = re.compile("[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")


def warn_of_previous_secret(response: httpx.Response) -> None:
    """Warn if the service says that the request was sent with a secret which a rotation replaced.

    `Deprecation` (RFC 9745) says when it was replaced, and `Sunset` (RFC 8594) when it ends. A malformed header is
    ignored. Each process warns at most once, as a `DeprecationWarning` and in the log, because every response repeats
    the headers.
    """
    replaced_at = _parse_deprecation(response.headers.get("Deprecation", ""))
    ends_at = _parse_http_date(response.headers.get("Sunset", ""))
    if (replaced_at is None and ends_at is None) or not _is_first_warning():
        return
    message = _message(replaced_at, ends_at)
    _log.warning("%s", message)
    # A filter may turn the warning into an error. It would replace the response, which may contain a new secret.
    with suppress(DeprecationWarning):
        warnings.warn(message, DeprecationWarning, stacklevel=_level_of_caller())


def _is_first_warning() -> bool:
    global _warned
    with _lock:
        first, _warned = not _warned, True
    return first


def _message(replaced_at: datetime | None, ends_at: datetime | None) -> str:
    replaced = "" if replaced_at is None else f" on {replaced_at.isoformat()}"
    ends = "" if ends_at is None else f", and it works until {ends_at.isoformat()}"
    return f"the secret of this client's API key was replaced{replaced}{ends}: load the current secret"


def _parse_deprecation(text: str) -> datetime | None:
    """Parse a date of structured fields (RFC 9651), such as `@1688169599`: seconds since 1970."""
    if not re.fullmatch("@[0-9]{1,12}", text):
        return None
    try:
        return datetime.fromtimestamp(int(text[1:]), timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def _parse_http_date(text: str) -> datetime | None:
    """Parse a date as HTTP writes it (RFC 9110, section 5.6.7), such as `Sun, 30 Jun 2024 23:59:59 GMT`."""
    if not _HTTP_DATE.fullmatch(text):
        return None
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def _level_of_caller() -> int:
    """Return the `stacklevel` of the first frame outside this package, so that the warning names the caller's line."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        frame, level = frame.f_back, level + 1
    return level
