//! Authentication with the password, for members without a passkey.

use shared::{
    authorization::{denial::Forbidden, principal::SessionPrincipal},
    credentials::password::Password,
    error::Error,
    http::Request,
    rate_limit::login_throttle::Attempt,
    runtime::{app::App, own_password::OwnPasswordAttempt, password_workers},
};

pub async fn authenticate(
    app: &App,
    session: &SessionPrincipal,
    request: &Request,
    password: Password,
) -> Result<(), Error> {
    let audit_context = request.audit_context(app);
    let peppers = app.peppers().await?;
    let attempt =
        Attempt::new(session.email.as_str(), request.source_ip(), audit_context.at, &peppers, &app.random);
    // Acquired before the attempt is reserved: a request that gets no permit must not count as a failed attempt.
    let permit = password_workers::acquire_permit()?;
    let (reservation, loaded) = app.store.reserve_login_attempt(Some(&session.email), attempt).await?;
    let reauthenticate = async {
        // The password is not verified, so the response says nothing about it.
        if loaded.as_ref().is_some_and(|(credentials, _)| credentials.member.has_passkeys()) {
            return Err(Error::forbidden(Forbidden::NeedsPasskey));
        }
        let attempt = OwnPasswordAttempt {
            session,
            password,
            permit,
            reservation: &reservation,
            audit_context: &audit_context,
        };
        let verified = attempt.verify(app, loaded).await?;
        verified.ok_or_else(|| Error::forbidden(Forbidden::WrongPassword))?;
        Ok(app.store.record_authentication(session, &reservation, app.clock.now()).await?)
    };
    // Boxed, because it is too large for the stack.
    app.store.settle_attempt(&reservation, Box::pin(reauthenticate)).await
}
