"""The errors of this package: one class for each error code of the service, and those that the client itself raises.

No error holds a request, so none holds the credential that a request carried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from medtwin.api_keys import ApiKey, RotatedApiKey


class MedtwinError(Exception):
    """The base class of all errors of this package. Invalid arguments raise `ValueError` or `TypeError` instead."""


class NoResponse(MedtwinError):
    """The client received no response: the connection failed or the request timed out."""

    def __init__(self, message: str, may_have_been_processed: bool) -> None:
        super().__init__(message, may_have_been_processed)
        self.message = message
        self.may_have_been_processed = may_have_been_processed
        """Whether the request may have reached the service and taken effect."""

    def __str__(self) -> str:
        return self.message


class ConnectionFailed(NoResponse):
    """The connection could not be opened, or it broke."""


class TimedOut(NoResponse):
    """The request took longer than the client's timeout."""


class RecoveryCodeRequired(MedtwinError):
    """The member has a passkey, so the password alone does not log them in. Pass `recovery_code`, or use an API key."""

    def __str__(self) -> str:
        return "the member has a passkey: pass a recovery code"


class UnexpectedResponse(MedtwinError):
    """The response does not follow the API: for example a proxy's page, a redirect, or JSON that lacks a field."""

    def __init__(self, problem: str, status: int, request_id: str | None) -> None:
        super().__init__(problem, status, request_id)
        self.problem = problem
        """How the response differs from the API."""
        self.status = status
        """The HTTP status."""
        self.request_id = request_id
        """The value of `X-Request-Id`, or None if the response has no such header."""

    def __str__(self) -> str:
        return f"{self.status}: {self.problem}{_request_suffix(self.request_id)}"


class ApiError(MedtwinError):
    """The service returned an error.

    An error whose code this version does not know has the class of its status, or this class if the status is unknown
    too.
    """

    status_and_code: ClassVar[tuple[int, str] | None] = None
    """The HTTP status and the error code that this class represents."""

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
        """The service's message, for people."""
        self.status = status
        """The HTTP status."""
        self.code = code
        """The service's error code, for programs."""
        self.request_id = request_id
        """The value of `X-Request-Id`, which identifies the request in the service's log."""
        self.retry_after = retry_after
        """The value of `Retry-After` in seconds, or None if the response has no such header."""
        self.field = field
        """The invalid field of the request, or None if the service names none."""

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}{_request_suffix(self.request_id)}"


class BadRequest(ApiError):
    """The request is malformed or a value is out of range; `field` names the invalid field."""

    status_and_code = (400, "BAD_REQUEST")


class Unauthorized(ApiError):
    """The credential is unknown, expired, revoked, disabled, idle or logged out.

    At login: the email address or the password is wrong.
    """

    status_and_code = (401, "UNAUTHORIZED")


class Forbidden(ApiError):
    """The credential is valid but does not permit the request, or not from this IP address."""

    status_and_code = (403, "FORBIDDEN")


class ReauthenticationRequired(Forbidden):
    """The last authentication of the session is too long ago: call `reauthenticate`, and send the request again."""

    status_and_code = (403, "REAUTHENTICATION_REQUIRED")


class SecondFactorRequired(Forbidden):
    """The account requires a second factor, and the session has none: add a passkey in the dashboard."""

    status_and_code = (403, "SECOND_FACTOR_REQUIRED")


class NotFound(ApiError):
    """The account has no such entity, or the credential cannot access it."""

    status_and_code = (404, "NOT_FOUND")


class Conflict(ApiError):
    """A concurrent change came first, or the state of the entity forbids the change."""

    status_and_code = (409, "CONFLICT")


class PayloadTooLarge(ApiError):
    """The request body is larger than the service accepts."""

    status_and_code = (413, "PAYLOAD_TOO_LARGE")


class UnsupportedMediaType(ApiError):
    """The service did not receive the request as JSON, so a proxy must have changed it."""

    status_and_code = (415, "UNSUPPORTED_MEDIA_TYPE")


class UnprocessableContent(ApiError):
    """The idempotency key was used before with a different request."""

    status_and_code = (422, "UNPROCESSABLE_CONTENT")


class RateLimited(ApiError):
    """The API key exceeded its rate limit, or too many passwords were tried; `retry_after` is the time to wait."""

    status_and_code = (429, "RATE_LIMITED")


class InternalError(ApiError):
    """The service failed because of a fault of its own."""

    status_and_code = (500, "INTERNAL")


class Unavailable(ApiError):
    """The service, or something that it depends on, is temporarily unavailable."""

    status_and_code = (503, "UNAVAILABLE")


class SecretLost(MedtwinError):
    """A key was created or rotated, but the response with its secret was lost.

    To get another secret, rotate `api_key.id`.
    """

    def __init__(self, api_key: ApiKey) -> None:
        super().__init__(api_key)
        self.api_key = api_key
        """The key, without its secret."""

    def __str__(self) -> str:
        return f"the response with the secret of {self.api_key.id} was lost: rotate the key to get another secret"


class RotationRefused(MedtwinError):
    """`rotate_own_key` changed nothing: the client has no key, or it has only the key's previous secret."""


class RotationIncomplete(MedtwinError):
    """`rotate_own_key` created a new secret that was not stored or did not pass verification.

    `__cause__` is the reason. Store the new secret, which is `rotated.key`: it exists nowhere else. The client keeps
    its old secret. The secret that was current before the rotation works until `rotated.previous_expires_at`.
    """

    def __init__(self, rotated: RotatedApiKey) -> None:
        super().__init__(rotated)
        self.rotated = rotated
        """The key, with its new secret."""

    def __str__(self) -> str:
        expiry = self.rotated.previous_expires_at.isoformat()
        return (
            f"the new secret of {self.rotated.id} was not both stored and verified: "
            f"it is `rotated.key` of this error. The secret that was current before works until {expiry}"
        )


def error_class(status: int, code: str) -> type[ApiError]:
    """Return the class for an error code, otherwise the class for its status, otherwise `ApiError`."""
    classes = [cls for cls in _subclasses(ApiError) if cls.status_and_code is not None]
    by_code = next((cls for cls in classes if cls.status_and_code == (status, code)), None)
    # The classes of more specific codes are subclasses, which come later.
    by_status = next((cls for cls in classes if cls.status_and_code and cls.status_and_code[0] == status), None)
    return by_code or by_status or ApiError


def _subclasses(cls: type[ApiError]) -> list[type[ApiError]]:
    """Return all subclasses, each one before its own subclasses."""
    return [each for subclass in cls.__subclasses__() for each in (subclass, *_subclasses(subclass))]


def _request_suffix(request_id: str | None) -> str:
    return "" if request_id is None else f" (request {request_id})"
