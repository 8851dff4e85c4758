//! The two requests that add a passkey.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::{
    authorization::principal::SessionPrincipal,
    credentials::recovery_code::{NewRecoveryCodes, RECOVERY_CODES},
    error::Error,
    http::{
        self, Request, Response, StatusCode, authenticator_response::AuthenticatorResponse,
        views::PasskeyView,
    },
    model::{
        challenge::{Ceremony, ClaimedChallenge, PendingChallenge},
        mail::{Mail, Message},
        passkey::{MAX_PASSKEYS, Passkey},
        recovery_codes::RecoveryCodes,
    },
    primitives::{challenge::Challenge, id::PasskeyId, name::Name},
    runtime::app::App,
    store::StoreError,
};
use webauthn::RelyingParty;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasskey {
    /// A name by which the member recognizes the passkey.
    name: Name,
    /// The result of `navigator.credentials.create`.
    credential: AuthenticatorResponse,
}

/// A passkey that was added.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AddedPasskey")]
pub struct AddedPasskeyView<'a> {
    #[serde(flatten)]
    passkey: PasskeyView,
    /// Ten codes, each of which logs in once instead of a passkey, after the password. They are shown only once, and only for a first
    /// passkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vec<String>")]
    recovery_codes: Option<[&'a str; RECOVERY_CODES]>,
}

pub async fn options(app: &App, caller: &SessionPrincipal) -> Result<Response, Error> {
    let relying_party = RelyingParty::new(app)?;
    let existing = app.store.all_passkeys(caller.account_id, caller.user_id).await?;
    if existing.len() >= MAX_PASSKEYS as usize {
        return Err(too_many());
    }
    let challenge = Challenge::new(&app.random);
    let options = relying_party.creation_options(&challenge, caller, &existing)?;
    let member = Some((caller.account_id, caller.user_id));
    let pending = PendingChallenge::new(challenge, Ceremony::Registration, member, app.clock.now());
    app.store.create_challenge(&pending).await?;
    Ok(http::json(StatusCode::OK, &options))
}

pub async fn add(app: &App, caller: &SessionPrincipal, request: &Request) -> Result<Response, Error> {
    let NewPasskey { name, credential } = request.body()?;
    let relying_party = RelyingParty::new(app)?;
    let challenge = credential.claimed_challenge().ok_or(StoreError::NoLongerValid)?;
    let owner = Some((caller.account_id, caller.user_id));
    let claimed = ClaimedChallenge { challenge, ceremony: Ceremony::Registration, member: owner };
    let existing = app.store.all_passkeys(caller.account_id, caller.user_id).await?;
    let audit_context = || request.audit_context(app);
    let now = audit_context().at;
    let new = match relying_party.register(&credential, &challenge, &existing) {
        Ok(new) => new,
        Err(rejected) => {
            // A challenge is of use once, whether or not the ceremony succeeds.
            app.store.consume_challenge(&claimed, now).await?;
            return Err(rejected.into());
        }
    };
    let member = app.store.member(caller.account_id, caller.user_id).await?.ok_or(StoreError::Conflict)?;
    if member.passkeys >= MAX_PASSKEYS {
        return Err(too_many());
    }
    let passkey = Passkey {
        id: PasskeyId::new(&app.clock, &app.random),
        account_id: caller.account_id,
        user_id: caller.user_id,
        name,
        created_at: now,
        last_used_at: None,
        counter: new.counter,
        key: new.key,
    };
    let codes = (!member.has_passkeys()).then(|| NewRecoveryCodes::new(&app.random));
    let peppers = app.peppers().await?;
    let digests = codes.as_ref().map(|codes| RecoveryCodes::new(codes, &peppers, now));
    app.store.add_passkey(&passkey, &member, digests.as_ref(), &claimed, caller, &audit_context).await?;
    let message = Message::PasskeyAdded((&audit_context()).into());
    app.send_mail(&Mail::to(caller.account_id, &caller.email, message)).await;
    let recovery_codes = codes.as_ref().map(NewRecoveryCodes::expose);
    Ok(http::json(StatusCode::CREATED, &AddedPasskeyView { passkey: passkey.into(), recovery_codes }))
}

fn too_many() -> Error {
    Error::conflict(format!(
        "A member can have at most {MAX_PASSKEYS} passkeys. Remove one that is not needed"
    ))
}
