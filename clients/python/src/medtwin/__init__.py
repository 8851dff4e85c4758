"""Python client for MedTWIN Auth."""

from medtwin.api_keys import (
    ApiKey,
    CreatedApiKey,
    KeyStatus,
    KeyType,
    Permission,
    RotatedApiKey,
    Scope,
)
from medtwin.audit_events import Actor, AuditEvent, Limits
from medtwin.caller import Caller, KeyCaller, SessionCaller
from medtwin.client import AsyncClient, Client
from medtwin.errors import (
    ApiError,
    BadRequest,
    Conflict,
    ConnectionFailed,
    Forbidden,
    InternalError,
    MedtwinError,
    NoResponse,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    RotationIncomplete,
    RotationRefused,
    SecretLost,
    TimedOut,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
    UnprocessableContent,
    UnsupportedMediaType,
)
from medtwin.leaked_credentials import TokenKind, TokenPattern
from medtwin.members import Member, MemberStatus
from medtwin.projects import Environment, Project
from medtwin.retry_policy import Retries
from medtwin.secret import Secret
from medtwin.sessions import Session

__all__ = [
    "Actor",
    "ApiError",
    "ApiKey",
    "AsyncClient",
    "AuditEvent",
    "BadRequest",
    "Caller",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "CreatedApiKey",
    "Environment",
    "Forbidden",
    "InternalError",
    "KeyCaller",
    "KeyStatus",
    "KeyType",
    "Limits",
    "MedtwinError",
    "Member",
    "MemberStatus",
    "NoResponse",
    "NotFound",
    "PayloadTooLarge",
    "Permission",
    "Project",
    "RateLimited",
    "Retries",
    "RotatedApiKey",
    "RotationIncomplete",
    "RotationRefused",
    "Scope",
    "Secret",
    "SecretLost",
    "Session",
    "SessionCaller",
    "TimedOut",
    "TokenKind",
    "TokenPattern",
    "Unauthorized",
    "Unavailable",
    "UnexpectedResponse",
    "UnprocessableContent",
    "UnsupportedMediaType",
]
