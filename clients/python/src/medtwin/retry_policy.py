"""The retry policy: which failures the client retries, how long it waits, and how the last attempt is reported."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import httpx

from medtwin.errors import NoResponse
from medtwin.request import ApiRequest, RetryWhen
from medtwin.response import decode_body, error_from_response, retry_after

T = TypeVar("T")

_log = logging.getLogger("medtwin")

_UNAUTHORIZED = 401
_CONFLICT = 409
_RATE_LIMITED = 429
_SERVER_ERRORS = frozenset({500, 502, 503, 504})


@dataclass(frozen=True)
class Retries:
    """How often the client sends a request, and how long it waits between attempts. Times are in seconds."""

    attempts: int = 4
    """The maximum number of attempts. With 1, the client never retries."""
    first_wait: float = 0.5
    """The wait after the first attempt. It doubles after each attempt, and is shortened at random by up to half."""
    longest_wait: float = 60.0
    """The maximum wait. If `Retry-After` asks for a longer one, the client raises the error at once."""
    random: Callable[[], float] = field(default=random.random, repr=False)
    """Returns random numbers from 0 to 1."""


class RetryState(Generic[T]):
    """The attempts at one request so far."""

    def __init__(self, request: ApiRequest[T], retries: Retries) -> None:
        self._request = request
        self._retries = retries
        self._attempts = 0
        self._may_have_been_processed = False

    def wait_before_retry(self, outcome: httpx.Response | NoResponse) -> float | None:
        """Record the outcome of an attempt. Return the seconds to wait before the next one, or None to stop."""
        self._attempts += 1
        if self._attempts >= self._retries.attempts or not self._is_retryable(outcome):
            return None
        if isinstance(outcome, NoResponse):
            minimum, may_have_been_processed, reason = 0, outcome.may_have_been_processed, str(outcome)
        else:
            status = outcome.status_code
            minimum, may_have_been_processed, reason = retry_after(outcome) or 0, status in _SERVER_ERRORS, str(status)
        wait = self._wait(minimum)
        if wait is None:
            return None
        self._may_have_been_processed |= may_have_been_processed
        _log.info("%s %s: %s; retrying in %.1f s", self._request.method, self._request.path, reason, wait)
        return wait

    def result(self, outcome: httpx.Response | NoResponse) -> T:
        """Return the decoded response of the last attempt, or raise its error."""
        if isinstance(outcome, NoResponse):
            # An earlier attempt may have taken effect even if the last one did not.
            raise type(outcome)(outcome.message, outcome.may_have_been_processed or self._may_have_been_processed)
        if self._may_have_been_processed and outcome.status_code == self._request.already_done_status:
            return self._request.decoder(None)
        if self._may_have_been_processed and self._request.method != "GET" and outcome.status_code == _UNAUTHORIZED:
            # An earlier attempt may have taken effect and ended the credential of this request.
            raise NoResponse("an earlier attempt got no response, and the credential is no longer authorized", True)
        if not outcome.is_success:
            raise error_from_response(outcome)
        return decode_body(outcome, self._request.decoder)

    def _is_retryable(self, outcome: httpx.Response | NoResponse) -> bool:
        retry = self._request.retry
        if retry is RetryWhen.NEVER:
            return False
        if isinstance(outcome, NoResponse):
            return retry is RetryWhen.ALWAYS or not outcome.may_have_been_processed
        if outcome.status_code == _RATE_LIMITED:
            return True
        if outcome.status_code == _CONFLICT and self._request.idempotency_key is not None:
            # The service may still be processing an earlier attempt with the same idempotency key.
            return self._may_have_been_processed
        return retry is RetryWhen.ALWAYS and outcome.status_code in _SERVER_ERRORS

    def _wait(self, minimum: float) -> float | None:
        retries = self._retries
        if minimum > retries.longest_wait:
            return None
        wait: float = retries.first_wait * 2 ** (self._attempts - 1) * (1 - retries.random() / 2)
        return max(minimum, min(wait, retries.longest_wait))
