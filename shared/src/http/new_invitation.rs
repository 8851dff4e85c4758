//! New invitations: what inviting a member creates and returns.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::{
    credentials::{digest::TokenDigest, one_time_token::Purpose, token::NewToken},
    error::Error,
    http::{examples, views::MemberView},
    model::{
        account::Account,
        invitation::Invitation,
        mail::{Mail, MailToken, Message},
        member::{Member, MemberStatus},
    },
    primitives::timestamp::Timestamp,
    runtime::app::App,
};

/// A member with an invitation that is not stored yet, and its token.
pub struct NewInvitation {
    pub member: Member,
    token: NewToken,
    expires_at: Timestamp,
}

/// A member who is invited, with the invitation.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InvitedMember")]
pub struct InvitedMemberView {
    #[serde(flatten)]
    member: MemberView,
    /// The invitation.
    invitation: InvitationView,
}

/// An invitation.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Invitation")]
pub struct InvitationView {
    /// When the invitation expires.
    expires_at: Timestamp,
    /// The token with which the member accepts the invitation. It is shown only once. Give it to the member over a secure channel.
    /// Nothing proves that the address is the member's. Left out if the service sends mails: then it goes to the address alone.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose")]
    #[schemars(with = "Option<String>")]
    token: Option<NewToken>,
}

impl NewInvitation {
    /// Creates an invitation of `member`, whose account is `account`.
    ///
    /// # Errors
    /// If the template gives this function no peppers or no key of the token MACs.
    pub async fn new(app: &App, member: Member, account: &Account, now: Timestamp) -> Result<Self, Error> {
        let (account_id, user_id) = (member.account_id, member.id);
        let purpose = Purpose::Invitation;
        let token = NewToken::for_one_use(purpose, account_id, user_id, app.token_mac_key()?, &app.random);
        let digest = TokenDigest::of(token.expose(), &*app.peppers().await?);
        let invitation = Invitation::new(digest, account.session_epoch, now);
        let expires_at = invitation.expires_at;
        Ok(Self { member: Member { invitation: Some(invitation), ..member }, token, expires_at })
    }

    /// Creates another invitation of `before`, a member of `account`.
    ///
    /// # Errors
    /// `CONFLICT` if the member has accepted the invitation or is suspended. Also as in [`new`](Self::new).
    pub async fn again(app: &App, before: &Member, account: &Account, now: Timestamp) -> Result<Self, Error> {
        if before.status != MemberStatus::Invited {
            return Err(Error::conflict("The member has accepted the invitation or is suspended"));
        }
        // The new epoch makes a concurrent acceptance or invitation conflict with this one.
        let after = Member { session_epoch: before.session_epoch + 1, ..before.clone() };
        Self::new(app, after, account, now).await
    }

    /// Delivers the invitation, which must be stored, and returns the body of the response.
    pub async fn deliver_with_member(self, app: &App) -> InvitedMemberView {
        InvitedMemberView { member: self.member.clone().into(), invitation: self.deliver(app).await }
    }

    /// Delivers the invitation, which must be stored. If the service sends mails, the token goes to the member's address. Otherwise the
    /// result contains it.
    pub async fn deliver(self, app: &App) -> InvitationView {
        let Self { member: Member { account_id, email, .. }, token, expires_at } = self;
        if !app.sends_mail() {
            return InvitationView { expires_at, token: Some(token) };
        }
        let message = Message::Invited { token: MailToken::new(token.expose()), expires_at };
        app.send_mail(&Mail::to(account_id, &email, message)).await;
        InvitationView { expires_at, token: None }
    }
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
fn expose<S: Serializer>(token: &Option<NewToken>, serializer: S) -> Result<S::Ok, S::Error> {
    token.as_ref().map(NewToken::expose).serialize(serializer)
}

/// Returns an example of a member who is invited.
#[must_use]
pub fn invited_member() -> Value {
    examples::with(
        examples::member(),
        json!({
            "email": "grace@example.com",
            "status": "invited",
            "invitation": {
                "expires_at": "2026-02-06T12:00:00Z",
                "token": examples::INVITATION_TOKEN,
            },
        }),
    )
}
