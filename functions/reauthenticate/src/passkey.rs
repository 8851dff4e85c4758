//! Authentication with a passkey.

use shared::{
    authorization::{denial::Unauthenticated, principal::SessionPrincipal},
    error::Error,
    http::{
        self, Request, Response, StatusCode,
        authenticator_response::AuthenticatorResponse,
        request_options::{RequestOptionsView, site},
    },
    model::{
        audit_event::Action,
        challenge::{Ceremony, ClaimedChallenge, PendingChallenge},
    },
    primitives::{challenge::Challenge, factor::Factor},
    rate_limit::login_throttle::Attempt,
    runtime::app::App,
    store::StoreError,
};
use webauthn::{RelyingParty, record_use};

pub async fn options(app: &App, session: &SessionPrincipal) -> Result<Response, Error> {
    let site = site(app)?;
    let passkeys = app.store.all_passkeys(session.account_id, session.user_id).await?;
    if passkeys.is_empty() {
        return Err(Error::conflict("You have no passkey. Authenticate with your password"));
    }
    let challenge = Challenge::new(&app.random);
    let member = Some((session.account_id, session.user_id));
    let pending = PendingChallenge::new(challenge, Ceremony::Reauthentication, member, app.clock.now());
    app.store.create_challenge(&pending).await?;
    Ok(http::json(StatusCode::OK, &RequestOptionsView::new(site, &challenge, &passkeys)))
}

pub async fn authenticate(
    app: &App,
    session: &SessionPrincipal,
    request: &Request,
    credential: &AuthenticatorResponse,
) -> Result<(), Error> {
    let relying_party = RelyingParty::new(app)?;
    let challenge = credential.claimed_challenge().ok_or(StoreError::NoLongerValid)?;
    let member = Some((session.account_id, session.user_id));
    let claimed = ClaimedChallenge { challenge, ceremony: Ceremony::Reauthentication, member };
    let audit_context = request.audit_context(app);
    let now = audit_context.at;
    let peppers = app.peppers().await?;
    let attempt = Attempt::new(session.email.as_str(), request.source_ip(), now, &peppers, &app.random);
    let (reservation, loaded) = app.store.reserve_login_attempt(Some(&session.email), attempt).await?;
    let reauthenticate = async {
        if !loaded.is_some_and(|(credentials, _)| session.is_of(&credentials.member)) {
            return Err(Error::unauthorized(Unauthenticated::SessionEnded));
        }
        let passkeys = app.store.all_passkeys(session.account_id, session.user_id).await?;
        let used = match relying_party.authenticate(credential, &challenge, &passkeys) {
            Ok(used) => used,
            Err(error) if error.is_internal() => return Err(error.of_reauthentication()),
            Err(error) => {
                reservation.fail();
                // A challenge is of use once, whether or not the ceremony succeeds. One that is no longer valid was used before, or has
                // expired, which changes nothing about the response.
                match app.store.consume_challenge(&claimed, now).await {
                    Ok(()) | Err(StoreError::NoLongerValid) => {}
                    Err(error) => return Err(error.into()),
                }
                let user_id = session.user_id;
                let action = Action::SecondFactorRefused { user_id, factor: Factor::Passkey };
                let actor = Some(session.into());
                app.store.record_rejection(session.account_id, actor, action, &audit_context).await?;
                return Err(error.of_reauthentication());
            }
        };
        app.store.record_passkey_authentication(session, &claimed, &used, now).await?;
        reservation.do_not_count();
        record_use(app, &used, &session.email, &audit_context).await;
        Ok(())
    };
    // Boxed, because it is too large for the stack.
    app.store.settle_attempt(&reservation, Box::pin(reauthenticate)).await
}
