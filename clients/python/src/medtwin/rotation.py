"""What a rotation of one's own key depends on, at its begin and before its end."""

from __future__ import annotations

from datetime import timedelta

from medtwin.api_keys import RotatedApiKey
from medtwin.caller import Caller, KeyCaller
from medtwin.errors import RotationRefused

DEFAULT_GRACE = timedelta(days=1)


def key_to_rotate(caller: Caller, grace_period: timedelta, replace_lost: bool) -> str:
    """Give the id of the caller's own key.

    Raises `ValueError` for a grace period in which nothing could be stored, and `RotationRefused` where there is no
    key, or where somebody else has its current secret, which would be replaced by accident.
    """
    if grace_period < timedelta(seconds=1):
        raise ValueError("without a grace period, nothing is let in if the new secret cannot be stored")
    if not isinstance(caller, KeyCaller):
        raise RotationRefused("a session has no key to rotate")
    if not caller.has_current_secret and not replace_lost:
        raise RotationRefused(
            f"{caller.key_id} was rotated before, and this is its previous secret: load the current one, "
            "or rotate with replace_lost=True if that is lost"
        )
    return caller.key_id


def verify(caller: Caller, rotated: RotatedApiKey) -> None:
    """Raise `RotationRefused` unless `caller`, who was let in with the new secret, has the current one of the key."""
    if not isinstance(caller, KeyCaller) or caller.key_id != rotated.id or not caller.has_current_secret:
        raise RotationRefused(f"{rotated.id} was rotated again meanwhile, and this is its previous secret already")
