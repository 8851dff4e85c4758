"""The reset of a forgotten password."""

from __future__ import annotations

from medtwin import request
from medtwin.endpoint import Resource, Transport, endpoint
from medtwin.request import ApiRequest, RetryWhen
from medtwin.secret import Secret


class PasswordReset(Resource[Transport]):
    """The reset of a forgotten password. It needs no credential, so the client sends none."""

    @endpoint
    def request(self, email: str) -> ApiRequest[None]:
        """Send a mail with a link to this address, if it belongs to a member. The response is always the same."""
        return ApiRequest(
            method="POST",
            path="/v1/auth/password-reset",
            decoder=request.ignore_body,
            body={"email": email},
            needs_credential=False,
        )

    @endpoint
    def confirm(self, token: str | Secret, new_password: str | Secret) -> ApiRequest[None]:
        """Replace the password with the token from the link. This ends all sessions of the member.

        Raises `Unauthorized` if the token is not valid, for example because it was used before.
        """
        # A traceback may show locals, so these must not keep the plain texts.
        token, new_password = Secret.of(token), Secret.of(new_password)
        return ApiRequest(
            method="POST",
            path="/v1/auth/password-reset/confirm",
            decoder=request.ignore_body,
            body={"token": token, "new_password": new_password},
            retry=RetryWhen.NEVER,
            needs_credential=False,
        )
