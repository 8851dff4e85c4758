"""What goes wrong: one class for each code of the service, and what else a call can end with.

None of them holds a request, so none holds a credential.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from medtwin.api_keys import ApiKey, RotatedApiKey


class MedtwinError(Exception):
    """Whatever this package raises, wrong arguments excepted."""


class NoAnswer(MedtwinError):
    """No answer came: the connection failed, or it took too long."""

    def __init__(self, message: str, may_have_been_done: bool) -> None:
        super().__init__(message, may_have_been_done)
        self.message = message
        self.may_have_been_done = may_have_been_done
        """Whether the request may have reached the service, which may have done what it asks for."""

    def __str__(self) -> str:
        return self.message


class ConnectionFailed(NoAnswer):
    """The connection could not be made, or broke."""


class TimedOut(NoAnswer):
    """It took longer than the client's timeout."""


class UnexpectedAnswer(MedtwinError):
    """The answer is none of the service's: a proxy's page, a redirect, or JSON that lacks something."""

    def __init__(self, problem: str, status: int, request_id: str | None) -> None:
        super().__init__(problem, status, request_id)
        self.problem = problem
        """What is wrong with it."""
        self.status = status
        """Its HTTP status."""
        self.request_id = request_id
        """Its `X-Request-Id`, where it has one."""

    def __str__(self) -> str:
        return f"{self.status}: {self.problem}{_naming(self.request_id)}"


class ApiError(MedtwinError):
    """The service says no. A code that this version does not know is one of these, by its status where possible."""

    expected: ClassVar[tuple[int, str] | None] = None
    """The status and the code that this class stands for."""

    def __init__(
        self,
        message: str,
        status: int,
        code: str,
        request_id: str | None = None,
        retry_after: int | None = None,
        field: str | None = None,
    ) -> None:
        super().__init__(message, status, code, request_id, retry_after, field)
        self.message = message
        """What the service says, for people."""
        self.status = status
        """The HTTP status."""
        self.code = code
        """The service's code, for programs."""
        self.request_id = request_id
        """The `X-Request-Id`, which the service's log knows the request by."""
        self.retry_after = retry_after
        """After how many seconds it is worth another try, where the service says so."""
        self.field = field
        """The member of the request at fault, where the service names one."""

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}{_naming(self.request_id)}"


class BadRequest(ApiError):
    """The request is malformed or out of range; `field` names the member at fault."""

    expected = (400, "BAD_REQUEST")


class Unauthorized(ApiError):
    """The credential is unknown, expired, revoked or logged out; or the e-mail address or password is wrong."""

    expected = (401, "UNAUTHORIZED")


class Forbidden(ApiError):
    """The credential is valid and may not do this."""

    expected = (403, "FORBIDDEN")


class NotFound(ApiError):
    """There is no such thing in the account, or none that the credential reaches."""

    expected = (404, "NOT_FOUND")


class Conflict(ApiError):
    """Another change came first, or the thing's state forbids this one."""

    expected = (409, "CONFLICT")


class PayloadTooLarge(ApiError):
    """The request is larger than the service takes."""

    expected = (413, "PAYLOAD_TOO_LARGE")


class UnsupportedMediaType(ApiError):
    """The service does not take the request for JSON: something on the way has changed it."""

    expected = (415, "UNSUPPORTED_MEDIA_TYPE")


class UnprocessableContent(ApiError):
    """An idempotency key came with another request than before."""

    expected = (422, "UNPROCESSABLE_CONTENT")


class RateLimited(ApiError):
    """The key is over its limit, or a password was tried too often; `retry_after` says for how long."""

    expected = (429, "RATE_LIMITED")


class InternalError(ApiError):
    """A fault of the service's."""

    expected = (500, "INTERNAL")


class Unavailable(ApiError):
    """Something that the service needs is down."""

    expected = (503, "UNAVAILABLE")


class SecretLost(MedtwinError):
    """A key was made or rotated, but the answer with its secret was lost. Rotate `api_key.id` to have another."""

    def __init__(self, api_key: ApiKey) -> None:
        super().__init__(api_key)
        self.api_key = api_key
        """The key, without its secret."""

    def __str__(self) -> str:
        return f"{self.api_key.id} has a secret that was in an answer that did not arrive: rotate it to have another"


class RotationRefused(MedtwinError):
    """`rotate_own_key` has changed nothing: the client has no key, or only the key's previous secret."""


class RotationIncomplete(MedtwinError):
    """`rotate_own_key` made a new secret, but it was not stored, or not let in; the cause says why.

    The new one is `rotated.key`: store it, or it is lost. The client keeps the old one, and what was the key's current
    secret before works until `rotated.previous_expires_at`.
    """

    def __init__(self, rotated: RotatedApiKey) -> None:
        super().__init__(rotated)
        self.rotated = rotated
        """The key, with the new secret."""

    def __str__(self) -> str:
        end = self.rotated.previous_expires_at.isoformat()
        return (
            f"{self.rotated.id} has a new secret, which was not both stored and verified. "
            f"It is `.rotated.key` of this error; what was the current one before works until {end}"
        )


def kind_of(status: int, code: str) -> type[ApiError]:
    """Give the class for an error: the one of its code, else the one of its status, else `ApiError`."""
    by_code, by_status = None, None
    for kind in ApiError.__subclasses__():
        if kind.expected is not None:
            by_code = kind if kind.expected[1] == code else by_code
            by_status = kind if kind.expected[0] == status else by_status
    return by_code or by_status or ApiError


def _naming(request_id: str | None) -> str:
    return "" if request_id is None else f" (request {request_id})"
