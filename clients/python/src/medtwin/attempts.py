"""The attempts at one call: which outcome is worth another, when, and what the last one means."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import httpx

from medtwin.answer import failure, retry_after, value
from medtwin.call import Call, Repeat
from medtwin.errors import NoAnswer

T = TypeVar("T")

_log = logging.getLogger("medtwin")

_UNAUTHORIZED = 401
_LIMIT = 429
_CONFLICT = 409
_FAULTS = frozenset({500, 502, 503, 504})


@dataclass(frozen=True)
class Retries:
    """How often a call is sent, and how long the client waits in between. Times are in seconds."""

    attempts: int = 4
    """How often at most; 1 is never again."""
    first_wait: float = 0.5
    """The wait after the first attempt, which doubles with each; up to half of it is left out at random."""
    longest_wait: float = 60.0
    """The longest wait. Where `Retry-After` asks for more, the error is raised at once."""
    random: Callable[[], float] = field(default=random.random, repr=False)
    """Gives numbers from 0 to 1."""


class Attempts(Generic[T]):
    """The attempts at one call."""

    def __init__(self, call: Call[T], retries: Retries) -> None:
        self._call = call
        self._retries = retries
        self._made = 0
        self._may_be_done = False

    def wait_after(self, outcome: httpx.Response | NoAnswer) -> float | None:
        """Say how many seconds after `outcome` to send the call again, or None where this was the last attempt."""
        self._made += 1
        if self._made >= self._retries.attempts or not self._is_worth_another(outcome):
            return None
        if isinstance(outcome, NoAnswer):
            asked, may_be_done, what = 0, outcome.may_have_been_done, str(outcome)
        else:
            status = outcome.status_code
            asked, may_be_done, what = retry_after(outcome) or 0, status in _FAULTS, str(status)
        wait = self._wait(asked)
        if wait is None:
            return None
        self._may_be_done |= may_be_done
        _log.info("%s %s: %s; again in %.1f s", self._call.method, self._call.path, what, wait)
        return wait

    def conclude(self, outcome: httpx.Response | NoAnswer) -> T:
        """Give what the last outcome means, or raise it."""
        if isinstance(outcome, NoAnswer):
            # An attempt before this one may have arrived.
            raise type(outcome)(outcome.message, outcome.may_have_been_done or self._may_be_done)
        if self._may_be_done and outcome.status_code == self._call.done_already:
            return self._call.read(None)
        if self._may_be_done and self._call.method != "GET" and outcome.status_code == _UNAUTHORIZED:
            # The attempt without an answer may have ended the credential that this one came with.
            raise NoAnswer("no answer, and the credential is not let in any more", True)
        if not outcome.is_success:
            raise failure(outcome)
        return value(outcome, self._call.read)

    def _is_worth_another(self, outcome: httpx.Response | NoAnswer) -> bool:
        repeat = self._call.repeat
        if repeat is Repeat.NEVER:
            return False
        if isinstance(outcome, NoAnswer):
            return repeat is Repeat.SAFE or not outcome.may_have_been_done
        if outcome.status_code == _LIMIT:
            return True
        if outcome.status_code == _CONFLICT and self._call.idempotency_key is not None:
            # The attempt whose answer was lost may be under way still.
            return self._may_be_done
        return repeat is Repeat.SAFE and outcome.status_code in _FAULTS

    def _wait(self, asked: float) -> float | None:
        retries = self._retries
        if asked > retries.longest_wait:
            return None
        wait: float = retries.first_wait * 2 ** (self._made - 1) * (1 - retries.random() / 2)
        return max(asked, min(wait, retries.longest_wait))
