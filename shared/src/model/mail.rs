//! Mails to members. A function hands a [`Mail`] over to the function `mail`, which writes its text and sends it.
//!
//! A mail contains no text that somebody chose, such as the name of a key: anybody who can name something could otherwise send
//! texts and links in the name of the service.

use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::{
    model::audit_event::AuditContext,
    primitives::{
        email::EmailAddress,
        id::{AccountId, KeyId, UserId},
        timestamp::Timestamp,
    },
};

/// The maximum number of members who get a mail to the [admins](Recipients::Admins).
pub const MAX_ADMINS: usize = 10;

/// A mail that is not written yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// The account that the mail is about.
    pub account_id: AccountId,
    pub to: Recipients,
    pub message: Message,
}

impl Mail {
    /// A mail to the member with this address.
    #[must_use]
    pub fn to(account_id: AccountId, address: &EmailAddress, message: Message) -> Self {
        Self { account_id, to: Recipients::Address(address.clone()), message }
    }

    /// A mail to the [admins](Recipients::Admins) of the account.
    #[must_use]
    pub fn to_admins(account_id: AccountId, message: Message) -> Self {
        Self { account_id, to: Recipients::Admins, message }
    }
}

/// A token that a mail contains, as part of a link. It grants access, so `Debug` does not show it. Unlike other secrets, it can be
/// serialized, because the mail is handed over to another function.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailToken(String);

impl MailToken {
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(token.to_owned())
    }

    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MailToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailToken(…)")
    }
}

impl Drop for MailToken {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Who gets a mail. Each recipient gets one of their own, so nobody sees the address of another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipients {
    Address(EmailAddress),
    /// The active members with `admin`: at most [`MAX_ADMINS`], those who joined first. So nobody who gets `admin` can keep mails
    /// from the others by adding further admins.
    Admins,
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The member changed their password.
    PasswordChanged(MailContext),
    /// The operator enabled the member's password.
    PasswordEnabled(MailContext),
    /// The member logged in from an unrecognized source.
    LoggedIn(MailContext),
    /// Somebody requested a reset of the member's password. The mail contains the link.
    PasswordResetLink { token: MailToken, context: MailContext },
    /// The member reset their password.
    PasswordReset(MailContext),
    /// The operator created a token with which the member's password can be reset.
    PasswordResetIssued(MailContext),
    /// The member added a passkey.
    PasskeyAdded(MailContext),
    /// The member removed a passkey.
    PasskeyRemoved(MailContext),
    /// The operator removed all passkeys and recovery codes of the member.
    SecondFactorRemoved(MailContext),
    /// The member logged in with a recovery code.
    RecoveryCodeUsed(MailContext),
    /// The counter of a passkey has not increased, so there may be a copy of it.
    PasskeyMaybeCopied(MailContext),
    /// The operator changed the account's policy.
    PolicyChanged(MailContext),
    /// The operator gave a member all four permissions.
    AllPermissionsGranted { user_id: UserId, context: MailContext },
    /// A member with `admin` was added, or a member got `admin`.
    AdminAdded { user_id: UserId, context: MailContext },
    /// An API key with `admin` was created, or a key got `admin`.
    AdminKeyAdded { key_id: KeyId, context: MailContext },
    /// An API key expires soon.
    KeyExpires { key_id: KeyId, expires_at: Timestamp },
    /// Somebody invited the recipient to an account.
    Invited { token: MailToken, expires_at: Timestamp },
}

/// When and from where a change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailContext {
    pub at: Timestamp,
    /// `None` if the address is unknown, or if the operator made the change.
    pub ip_address: Option<IpAddr>,
}

impl Message {
    /// Returns the name of this kind of message in the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::PasswordChanged(_) => "password_changed",
            Self::PasswordEnabled(_) => "password_enabled",
            Self::LoggedIn(_) => "logged_in",
            Self::PasswordResetLink { .. } => "password_reset_link",
            Self::PasswordReset(_) => "password_reset",
            Self::PasswordResetIssued(_) => "password_reset_issued",
            Self::PasskeyAdded(_) => "passkey_added",
            Self::PasskeyRemoved(_) => "passkey_removed",
            Self::SecondFactorRemoved(_) => "second_factor_removed",
            Self::RecoveryCodeUsed(_) => "recovery_code_used",
            Self::PasskeyMaybeCopied(_) => "passkey_maybe_copied",
            Self::PolicyChanged(_) => "policy_changed",
            Self::AllPermissionsGranted { .. } => "all_permissions_granted",
            Self::AdminAdded { .. } => "admin_added",
            Self::AdminKeyAdded { .. } => "admin_key_added",
            Self::KeyExpires { .. } => "key_expires",
            Self::Invited { .. } => "invited",
        }
    }
}

impl From<&AuditContext> for MailContext {
    fn from(context: &AuditContext) -> Self {
        let ip_address = context.source().and_then(|source| source.ip_address.parse().ok());
        Self { at: context.at, ip_address }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn name_of_a_message_is_that_of_its_json() {
        let context = MailContext { at: "2026-01-30T12:00:00Z".parse().unwrap(), ip_address: None };
        for message in [
            Message::PasswordChanged(context),
            Message::PasswordEnabled(context),
            Message::LoggedIn(context),
            Message::PasswordResetLink { token: MailToken::new("reset_1"), context },
            Message::PasswordReset(context),
            Message::PasswordResetIssued(context),
            Message::PasskeyAdded(context),
            Message::PasskeyRemoved(context),
            Message::SecondFactorRemoved(context),
            Message::RecoveryCodeUsed(context),
            Message::PasskeyMaybeCopied(context),
            Message::PolicyChanged(context),
            Message::AllPermissionsGranted { user_id: "user_0000000000000001".parse().unwrap(), context },
            Message::AdminAdded { user_id: "user_0000000000000001".parse().unwrap(), context },
            Message::AdminKeyAdded { key_id: "key_0000000000000001".parse().unwrap(), context },
            Message::KeyExpires { key_id: "key_0000000000000001".parse().unwrap(), expires_at: context.at },
            Message::Invited { token: MailToken::new("invite_1"), expires_at: context.at },
        ] {
            let json = serde_json::to_value(&message).unwrap();
            assert_eq!(json.as_object().unwrap().keys().collect::<Vec<_>>(), [message.name()]);
            assert_eq!(serde_json::from_value::<Message>(json).unwrap(), message);
        }
    }

    #[test]
    fn debug_output_does_not_reveal_the_token() {
        assert_eq!(format!("{:?}", MailToken::new("reset_1")), "MailToken(…)");
    }

    #[test]
    fn debug_output_does_not_reveal_the_address() {
        let mail = json!({
            "account_id": "acct_0000000000000001",
            "to": {"address": "user@example.com"},
            "message": {"password_changed": {"at": "2026-01-30T12:00:00Z", "ip_address": "192.0.2.1"}},
        });
        let mail: Mail = serde_json::from_value(mail).unwrap();
        assert!(!format!("{mail:?}").contains("user@"));
    }
}
