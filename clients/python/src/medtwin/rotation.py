"""The checks before and after a client rotates its own key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from medtwin.api_keys import RotatedApiKey
from medtwin.caller import Caller, KeyCaller
from medtwin.errors import RotationRefused
from medtwin.transport import AsyncTransport, SyncTransport

DEFAULT_GRACE_PERIOD = timedelta(days=1)


def rotatable_key_id(caller: Caller, grace_period: timedelta, replace_lost: bool) -> str:
    """Return the id of the caller's own key, if the caller may rotate it.

    Raises `ValueError` if the grace period is shorter than a second. Raises `RotationRefused` if the caller is a
    session, or if it has the key's previous secret and `replace_lost` is false: another program then probably has the
    current secret, and the rotation would replace it.
    """
    if grace_period < timedelta(seconds=1):
        raise ValueError(
            "the grace period must be at least a second: the old secret is needed if the new one cannot be stored"
        )
    if not isinstance(caller, KeyCaller):
        raise RotationRefused("the client uses a session, so it has no key to rotate")
    if not caller.has_current_secret and not replace_lost:
        raise RotationRefused(
            f"the client has the previous secret of {caller.key_id}: load the current one, "
            "or pass replace_lost=True if nobody has it"
        )
    return caller.key_id


@contextmanager
def rotating(transport: SyncTransport | AsyncTransport) -> Iterator[None]:
    """Mark the transport's credential as one that the client is replacing."""
    transport.is_rotating = True
    try:
        yield
    finally:
        transport.is_rotating = False


def verify_new_secret(caller: Caller, rotated: RotatedApiKey) -> None:
    """Check the caller that the service reports for the new secret.

    Raises `RotationRefused` unless it is the rotated key with its current secret.
    """
    if not isinstance(caller, KeyCaller) or caller.key_id != rotated.id or not caller.has_current_secret:
        raise RotationRefused(f"{rotated.id} was rotated again, so the new secret is no longer its current one")
