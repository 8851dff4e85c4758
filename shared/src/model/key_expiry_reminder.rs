//! Reminders that an API key expires soon: mails to the admins of its account, 30 days, 7 days and one day before.
//!
//! A reminder is stored until the time at which it is due, its time to live. `DynamoDB` then removes it, and the record of this removal
//! in the table's stream leads to the mail.

use serde::{Deserialize, Serialize};

use crate::{
    model::{
        account::{Account, AccountStatus},
        api_key::ApiKey,
    },
    primitives::{
        id::{AccountId, KeyId},
        timestamp::Timestamp,
    },
};

/// How many days before the expiry of a key a reminder is due, in their order.
const DAYS: [u32; 3] = [30, 7, 1];
const DAY_SECONDS: u32 = 24 * 60 * 60;

/// A reminder that is not yet due, or that was removed when it was. It contains no name and no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyExpiryReminder {
    pub account_id: AccountId,
    pub key_id: KeyId,
    /// The expiry of the key that the reminder is about.
    pub expires_at: Timestamp,
    /// How many days before the expiry the reminder is due. A key has one reminder for each number of days at most.
    pub days: u32,
    /// When the reminder is due, in seconds since 1970.
    pub ttl: i64,
}

/// The last reminder of a key that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentReminder {
    pub expires_at: Timestamp,
    pub days: u32,
}

impl KeyExpiryReminder {
    /// Returns the reminders of `key` that are due after `now`. A key that never expires has none.
    #[must_use]
    pub fn pending(key: &ApiKey, now: Timestamp) -> Vec<Self> {
        let Some(expires_at) = key.expires_at else { return Vec::new() };
        let due = DAYS.map(|days| (days, expires_at.minus_seconds(days * DAY_SECONDS)));
        due.into_iter()
            .filter(|(_, due)| *due > now)
            .map(|(days, due)| Self {
                account_id: key.account_id,
                key_id: key.id,
                expires_at,
                days,
                ttl: due.unix_seconds(),
            })
            .collect()
    }

    /// Returns true if the admins of `account` must be reminded of the expiry of its key at `now`: the key can still be renewed, and
    /// its expiry has not changed. `last` is the last reminder that was sent.
    #[must_use]
    pub fn must_be_sent(
        &self,
        key: &ApiKey,
        account: &Account,
        last: Option<SentReminder>,
        now: Timestamp,
    ) -> bool {
        // DynamoDB may remove a reminder late, and so after a later one.
        let was_sent = last.is_some_and(|last| last.expires_at == self.expires_at && last.days <= self.days);
        !was_sent
            && key.expires_at == Some(self.expires_at)
            && !key.has_expired(now)
            && !key.is_revoked()
            && !key.has_ended_before(account.key_epoch)
            && account.status == AccountStatus::Active
    }

    /// Returns what is stored when the reminder has been sent.
    #[must_use]
    pub fn sent(&self) -> SentReminder {
        SentReminder { expires_at: self.expires_at, days: self.days }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::api_key::{KeyState, tests::api_key},
        primitives::timestamp::tests::timestamp,
    };

    const DAY: i64 = DAY_SECONDS as i64;
    const EXPIRY: i64 = 100 * DAY;

    fn account() -> Account {
        Account::new(api_key().account_id, "Example".to_owned().try_into().unwrap(), timestamp(0))
    }

    fn expiring_key() -> ApiKey {
        ApiKey { expires_at: Some(timestamp(EXPIRY)), ..api_key() }
    }

    fn reminder(days: u32) -> KeyExpiryReminder {
        let pending = KeyExpiryReminder::pending(&expiring_key(), timestamp(0));
        pending.into_iter().find(|reminder| reminder.days == days).unwrap()
    }

    #[test]
    fn reminders_are_pending_until_the_second_in_which_they_are_due() {
        let pending = |now| -> Vec<_> {
            let pending = KeyExpiryReminder::pending(&expiring_key(), timestamp(now));
            pending.iter().map(|reminder| (reminder.days, reminder.ttl)).collect()
        };
        let [first, second, third] = [30, 7, 1].map(|days| (days, EXPIRY - i64::from(days) * DAY));
        assert_eq!(pending(0), [first, second, third]);
        assert_eq!(pending(first.1 - 1), [first, second, third]);
        assert_eq!(pending(first.1), [second, third]);
        assert_eq!(pending(second.1 - 1), [second, third]);
        assert_eq!(pending(second.1), [third]);
        assert_eq!(pending(third.1 - 1), [third]);
        assert_eq!(pending(third.1), []);
    }

    #[test]
    fn key_that_never_expires_or_expires_shortly_after_1970_has_no_reminders() {
        assert_eq!(KeyExpiryReminder::pending(&api_key(), timestamp(0)), []);
        let early = ApiKey { expires_at: Some(timestamp(DAY)), ..api_key() };
        assert_eq!(KeyExpiryReminder::pending(&early, timestamp(0)), []);
    }

    #[test]
    fn reminder_must_be_sent_until_the_key_has_expired() {
        let must_be_sent = |now| reminder(7).must_be_sent(&expiring_key(), &account(), None, timestamp(now));
        assert!(must_be_sent(EXPIRY - 7 * DAY) && must_be_sent(EXPIRY - 1));
        assert!(!must_be_sent(EXPIRY));
    }

    #[test]
    fn reminder_of_an_ended_or_changed_key_is_not_sent() {
        let now = timestamp(EXPIRY - 7 * DAY);
        for key in [
            ApiKey { expires_at: Some(timestamp(EXPIRY + 1)), ..api_key() },
            ApiKey { expires_at: None, ..api_key() },
            ApiKey { state: KeyState::Revoked, ..expiring_key() },
        ] {
            assert!(!reminder(7).must_be_sent(&key, &account(), None, now), "{key:?}");
        }
        let ended = Account { key_epoch: 1, ..account() };
        let suspended = Account { status: AccountStatus::Suspended, ..account() };
        for account in [ended, suspended] {
            assert!(!reminder(7).must_be_sent(&expiring_key(), &account, None, now), "{account:?}");
        }
    }

    #[test]
    fn reminder_that_was_sent_or_is_older_than_the_one_that_was_is_not_sent() {
        let must_be_sent = |days, last: SentReminder| {
            let now = timestamp(EXPIRY - DAY);
            reminder(days).must_be_sent(&expiring_key(), &account(), Some(last), now)
        };
        let last = reminder(7).sent();
        assert!(must_be_sent(1, last));
        assert!(!must_be_sent(7, last) && !must_be_sent(30, last));
        let of_another_expiry = SentReminder { expires_at: timestamp(EXPIRY - 1), days: 1 };
        assert!(must_be_sent(30, of_another_expiry));
    }
}
