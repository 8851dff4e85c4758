"""Passkeys and recovery codes of the logged-in member.

A program cannot use a passkey by itself: a browser or a WebAuthn library takes the options to an authenticator, and
returns its credential.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from medtwin import request
from medtwin.endpoint import Resource, Transport, endpoint, list_endpoint
from medtwin.request import ApiRequest, Page
from medtwin.secret import Secret

JsonObject: TypeAlias = Mapping[str, object]
"""A JSON object of WebAuthn, with binary values in base64url."""


@dataclass(frozen=True, kw_only=True)
class Passkey:
    """A passkey of the logged-in member."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class AddedPasskey(Passkey):
    """A new passkey."""

    recovery_codes: tuple[Secret, ...] | None = None
    """Ten codes, each of which logs in once instead of a passkey. None unless this is the first passkey."""


@dataclass(frozen=True, kw_only=True)
class CreationOptions:
    """The options with which a browser asks an authenticator for a new passkey."""

    publicKey: object  # noqa: N815
    """The argument of `PublicKeyCredential.parseCreationOptionsFromJSON`."""


@dataclass(frozen=True, kw_only=True)
class RecoveryCodes:
    """New recovery codes."""

    recovery_codes: tuple[Secret, ...]


class Passkeys(Resource[Transport]):
    """The passkeys of the logged-in member. They need a session."""

    @endpoint
    def creation_options(self) -> ApiRequest[CreationOptions]:
        """Get the options for a new passkey. They can be used once, within five minutes."""
        return request.post("/v1/auth/passkeys/options", CreationOptions, {})

    @endpoint
    def add(self, name: str, credential: JsonObject) -> ApiRequest[AddedPasskey]:
        """Add the passkey that an authenticator created. All other sessions of the member end."""
        return request.post("/v1/auth/passkeys", AddedPasskey, {"name": name, "credential": credential})

    @list_endpoint
    def list(self, *, page_size: int | None = None) -> ApiRequest[Page[Passkey]]:
        """List passkeys, newest first."""
        return request.get_page("/v1/auth/passkeys", Passkey, page_size)

    @endpoint
    def remove(self, passkey_id: str) -> ApiRequest[None]:
        """Remove a passkey. With the last one, the recovery codes end."""
        return request.delete(f"/v1/auth/passkeys/{request.path_segment(passkey_id)}")

    @endpoint
    def replace_recovery_codes(self) -> ApiRequest[RecoveryCodes]:
        """Get ten new recovery codes. All earlier ones end."""
        return request.post("/v1/auth/recovery-codes", RecoveryCodes, {})
