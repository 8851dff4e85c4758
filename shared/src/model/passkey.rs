//! Passkeys: the public keys with which members authenticate (`WebAuthn` Level 3).

use serde::{Deserialize, Serialize};

use crate::primitives::{
    id::{AccountId, PasskeyId, UserId},
    name::Name,
    timestamp::Timestamp,
};

/// The maximum number of passkeys of a member.
pub const MAX_PASSKEYS: u32 = 20;

/// A passkey of a member.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Passkey {
    pub id: PasskeyId,
    pub account_id: AccountId,
    pub user_id: UserId,
    /// The name that the member gave to it.
    pub name: Name,
    pub created_at: Timestamp,
    /// The last login or reauthentication with the passkey.
    pub last_used_at: Option<Timestamp>,
    /// The largest counter of signatures that the authenticator has reported, or 0 if it does not count.
    pub counter: u32,
    #[serde(flatten)]
    pub key: PasskeyKey,
}

/// What an authenticator returned when it created a passkey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasskeyKey {
    /// The id that the authenticator chose, in base64url. It can be longer than a sort key.
    pub credential_id: String,
    /// The public key and what else `webauthn-rs` needs to verify a signature, as JSON.
    pub public_key: String,
    /// How a browser can reach the authenticator.
    pub transports: Vec<Transport>,
}

/// A way to reach an authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    Usb,
    Nfc,
    Ble,
    SmartCard,
    Hybrid,
    Internal,
    /// One that this version of the service does not know.
    #[serde(other)]
    Unknown,
}

impl Passkey {
    /// Returns true if `counter`, which the authenticator has just reported, shows that there may be a copy of the passkey:
    /// it is not greater than the one before (`WebAuthn` Level 3, 6.1.1).
    #[must_use]
    pub fn may_be_cloned(&self, counter: u32) -> bool {
        (self.counter > 0 || counter > 0) && counter <= self.counter
    }
}

/// Returns the bytes that name a member to an authenticator. They contain no personal data.
#[must_use]
pub fn user_handle(account: AccountId, user: UserId) -> String {
    format!("{}{}", account.digits(), user.digits())
}

/// Returns the member that these bytes name.
#[must_use]
pub fn member_of(user_handle: &[u8]) -> Option<(AccountId, UserId)> {
    let (account, user) = str::from_utf8(user_handle).ok()?.split_at_checked(user_handle.len() / 2)?;
    Some((AccountId::from_digits(account).ok()?, UserId::from_digits(user).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::timestamp::tests::timestamp;

    #[test]
    fn only_a_counter_that_does_not_grow_shows_a_copy() {
        let passkey = |counter| Passkey {
            id: "pk_0000000000000001".parse().unwrap(),
            account_id: "acct_0000000000000001".parse().unwrap(),
            user_id: "user_0000000000000001".parse().unwrap(),
            name: "A".to_owned().try_into().unwrap(),
            created_at: timestamp(0),
            last_used_at: None,
            counter,
            key: PasskeyKey {
                credential_id: String::new(),
                public_key: String::new(),
                transports: Vec::new(),
            },
        };
        for (stored, reported, may_be_cloned) in
            [(0, 0, false), (0, 1, false), (5, 6, false), (5, 5, true), (5, 4, true), (5, 0, true)]
        {
            assert_eq!(passkey(stored).may_be_cloned(reported), may_be_cloned, "{stored} {reported}");
        }
    }

    #[test]
    fn user_handle_names_exactly_one_member() {
        let (account, user) =
            ("acct_000000000000000a".parse().unwrap(), "user_000000000000000b".parse().unwrap());
        let handle = user_handle(account, user);
        assert_eq!(handle.len(), 32);
        assert_eq!(member_of(handle.as_bytes()), Some((account, user)));
        for malformed in
            [&b""[..], &handle.as_bytes()[1..], b"\xff\xff", "ä".repeat(16).as_bytes(), &[b'-'; 32]]
        {
            assert_eq!(member_of(malformed), None, "{malformed:?}");
        }
    }
}
