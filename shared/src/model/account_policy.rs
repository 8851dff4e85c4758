//! The policy of an account: rules for its members and API keys that its admins set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    model::restrictions::Restriction,
    primitives::{
        period::{Days, Minutes},
        timestamp::Timestamp,
    },
};

/// How many days ahead the expiry of a new or changed key may be.
pub type MaxKeyLifetimeDays = Days<1, 3_650>;

/// After how many days without use a key is idle. At least a week, because the recorded use lags behind, and because many programs
/// run once a week.
pub type IdleKeyDays = Days<7, 3_650>;

/// How long ago the last authentication of a session that changes API keys may be.
pub type ReauthenticationMinutes = Minutes<5, 720>;

/// The policy of an account. A field that is false or `None` is a rule that is off.
///
/// Each rule is an attribute of its own in the account's item, so an older version of the service that changes one of them keeps
/// those that it does not know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPolicy {
    /// Always set together with [`Restriction::SecondFactor`].
    #[serde(default)]
    pub require_second_factor: bool,
    /// Always set together with [`Restriction::Reauthentication`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reauthentication_minutes: Option<ReauthenticationMinutes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_key_lifetime_days: Option<MaxKeyLifetimeDays>,
    /// Always set together with [`Restriction::IdleKeys`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_keys: Option<IdleKeyRule>,
}

/// The rule that makes API keys idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdleKeyRule {
    pub days: IdleKeyDays,
    /// When `days` was last changed. It counts as an activity of each key, so no key becomes idle at the moment of a change.
    pub since: Timestamp,
    /// The keys without activity after this time were idle when `days` was last changed, and stay idle. `None` if no key was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_cutoff: Option<Timestamp>,
}

/// The new values of the rules that change. A field that is `None` stays as it is. `Some(None)` turns a rule off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PolicyChange {
    pub require_second_factor: Option<bool>,
    pub reauthentication_minutes: Option<Option<ReauthenticationMinutes>>,
    pub max_key_lifetime_days: Option<Option<MaxKeyLifetimeDays>>,
    pub idle_key_days: Option<Option<IdleKeyDays>>,
}

/// The settings of an account's policy, as responses and audit events contain them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicySettings {
    /// Whether members need a second factor. Then a session that has none can only add a passkey, change the password, authenticate
    /// again, show who is calling and log out.
    pub require_second_factor: bool,
    /// How long ago the last authentication of a session may be when it creates, updates or rotates an API key, in minutes, or null for
    /// no limit. For a key that has or gains `admin`, the limit is always 15 minutes.
    pub reauthentication_minutes: Option<ReauthenticationMinutes>,
    /// How many days ahead the expiry of a new or changed API key may be, or null for no limit.
    pub max_key_lifetime_days: Option<MaxKeyLifetimeDays>,
    /// After how many days without use an API key is idle, or null for never.
    pub idle_key_days: Option<IdleKeyDays>,
}

impl AccountPolicy {
    /// Returns true if a key that is created or changed at `now` may have this expiry. `None` means that it never expires.
    #[must_use]
    pub fn allows_expiry(&self, expires_at: Option<Timestamp>, now: Timestamp) -> bool {
        self.max_key_lifetime_days
            .is_none_or(|max| expires_at.is_some_and(|expires_at| expires_at <= max.after(now)))
    }

    /// Returns the restrictions that the policy describes.
    #[must_use]
    pub fn enforced_restrictions(&self) -> Vec<Restriction> {
        let rules = [
            (self.idle_keys.is_some(), Restriction::IdleKeys),
            (self.require_second_factor, Restriction::SecondFactor),
            (self.reauthentication_minutes.is_some(), Restriction::Reauthentication),
        ];
        rules.into_iter().filter(|(is_on, _)| *is_on).map(|(_, restriction)| restriction).collect()
    }

    /// Returns the policy after a change at `now`.
    #[must_use]
    pub fn changed(self, change: PolicyChange, now: Timestamp) -> Self {
        let idle_keys = match (change.idle_key_days, self.idle_keys) {
            (None, rule) => rule,
            (Some(None), _) => None,
            (Some(Some(days)), Some(rule)) if rule.days == days => Some(rule),
            (Some(Some(days)), rule) => {
                let idle_cutoff = rule.and_then(|rule| rule.cutoff_at(now));
                Some(IdleKeyRule { days, since: now, idle_cutoff })
            }
        };
        Self {
            require_second_factor: change.require_second_factor.unwrap_or(self.require_second_factor),
            reauthentication_minutes: change
                .reauthentication_minutes
                .unwrap_or(self.reauthentication_minutes),
            max_key_lifetime_days: change.max_key_lifetime_days.unwrap_or(self.max_key_lifetime_days),
            idle_keys,
        }
    }
}

impl IdleKeyRule {
    /// Returns true if a key is idle at `now` whose last activity was at `last_active`.
    #[must_use]
    pub fn is_idle(&self, last_active: Timestamp, now: Timestamp) -> bool {
        self.cutoff_at(now).is_some_and(|cutoff| last_active <= cutoff)
    }

    /// Returns the time of the last activity up to which a key is idle at `now`, or `None` if no key is idle.
    fn cutoff_at(&self, now: Timestamp) -> Option<Timestamp> {
        // Until the period after the last change has passed, only those keys are idle that were idle before.
        let has_passed = self.days.after(self.since) <= now;
        has_passed.then(|| self.days.before(now)).max(self.idle_cutoff)
    }
}

impl From<AccountPolicy> for PolicySettings {
    fn from(policy: AccountPolicy) -> Self {
        Self {
            require_second_factor: policy.require_second_factor,
            reauthentication_minutes: policy.reauthentication_minutes,
            max_key_lifetime_days: policy.max_key_lifetime_days,
            idle_key_days: policy.idle_keys.map(|rule| rule.days),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;
    use crate::primitives::{period::tests::days, timestamp::tests::timestamp};

    const DAY: i64 = 86_400;

    pub(crate) fn idle_after(number: i64, since: i64) -> AccountPolicy {
        let rule = IdleKeyRule { days: days(number), since: timestamp(since), idle_cutoff: None };
        AccountPolicy { idle_keys: Some(rule), ..AccountPolicy::default() }
    }

    fn set_idle_days(policy: AccountPolicy, number: Option<i64>, now: i64) -> AccountPolicy {
        let change = PolicyChange { idle_key_days: Some(number.map(days)), ..PolicyChange::default() };
        policy.changed(change, timestamp(now))
    }

    fn is_idle(policy: AccountPolicy, last_active: i64, now: i64) -> bool {
        policy.idle_keys.is_some_and(|rule| rule.is_idle(timestamp(last_active), timestamp(now)))
    }

    #[test]
    fn expiry_within_the_maximum_lifetime_is_allowed() {
        let limited = AccountPolicy { max_key_lifetime_days: Some(days(30)), ..AccountPolicy::default() };
        for (expires_at, is_allowed) in
            [(Some(10), true), (Some(10 + 30 * DAY), true), (Some(11 + 30 * DAY), false), (None, false)]
        {
            let expires_at = expires_at.map(timestamp);
            assert_eq!(limited.allows_expiry(expires_at, timestamp(10)), is_allowed, "{expires_at:?}");
            assert!(AccountPolicy::default().allows_expiry(expires_at, timestamp(10)));
        }
    }

    #[test]
    fn change_keeps_other_rules_and_null_turns_a_rule_off() {
        let policy = AccountPolicy { max_key_lifetime_days: Some(days(30)), ..idle_after(7, 5) };
        assert_eq!(policy.changed(PolicyChange::default(), timestamp(50)), policy);
        let lifetime = |days| PolicyChange { max_key_lifetime_days: Some(days), ..PolicyChange::default() };
        let shorter = policy.changed(lifetime(Some(days(1))), timestamp(50));
        assert_eq!(shorter, AccountPolicy { max_key_lifetime_days: Some(days(1)), ..policy });
        assert_eq!(policy.changed(lifetime(None), timestamp(50)), idle_after(7, 5));
        let lifetime_only = AccountPolicy { idle_keys: None, ..policy };
        assert_eq!(set_idle_days(policy, None, 50), lifetime_only);
    }

    #[test]
    fn only_a_new_number_of_days_restarts_the_period() {
        let policy = idle_after(7, 5);
        assert_eq!(set_idle_days(policy, Some(7), 50), policy);
        assert_eq!(set_idle_days(policy, Some(8), 50), idle_after(8, 50));
    }

    #[test]
    fn key_is_idle_when_the_days_have_passed_since_its_activity_and_the_change() {
        let policy = idle_after(7, DAY);
        for (last_active, now, expected) in [
            (0, 8 * DAY - 1, false),
            (0, 8 * DAY, true),
            (2 * DAY, 9 * DAY - 1, false),
            (2 * DAY, 9 * DAY, true),
            // The clock of another execution environment is ahead.
            (20 * DAY, 9 * DAY, false),
            (20 * DAY, 0, false),
        ] {
            assert_eq!(is_idle(policy, last_active, now), expected, "{last_active} {now}");
        }
    }

    #[test]
    fn change_of_the_days_keeps_idle_keys_idle_and_gives_others_the_whole_period() {
        let policy = idle_after(7, 0);
        for days in [8, 30] {
            let changed = set_idle_days(policy, Some(days), 20 * DAY);
            // This key was idle on day 20 already.
            assert!(is_idle(changed, 13 * DAY, 20 * DAY));
            // This one was not. It is idle when the new number of days has passed since the change.
            assert!(!is_idle(changed, 13 * DAY + 1, (20 + days) * DAY - 1));
            assert!(is_idle(changed, 13 * DAY + 1, (20 + days) * DAY));
            let twice = set_idle_days(changed, Some(9), 21 * DAY);
            assert!(is_idle(twice, 13 * DAY, 21 * DAY) && !is_idle(twice, 13 * DAY + 1, 21 * DAY));
        }
        let off_and_on = set_idle_days(set_idle_days(policy, None, 20 * DAY), Some(7), 20 * DAY);
        assert!(!is_idle(off_and_on, 0, 27 * DAY - 1) && is_idle(off_and_on, 0, 27 * DAY));
    }

    #[test]
    fn settings_have_the_fields_of_the_api() {
        let policy = AccountPolicy { max_key_lifetime_days: Some(days(30)), ..idle_after(7, 5) };
        assert_eq!(
            serde_json::to_value(PolicySettings::from(policy)).unwrap(),
            serde_json::json!({
                "require_second_factor": false, "reauthentication_minutes": null,
                "max_key_lifetime_days": 30, "idle_key_days": 7,
            })
        );
    }

    proptest! {
        /// A key that is idle stays idle until it is active or the rule is turned off, whatever else changes.
        #[test]
        fn only_turning_the_rule_off_ends_idleness(
            changes in vec((0..20_i64, option::weighted(0.9, 7..20_i64)), 1..20),
            last_active in 0..20_i64,
        ) {
            let (mut policy, mut now) = (AccountPolicy::default(), 0);
            for (days, setting) in changes {
                let was_idle = is_idle(policy, last_active * DAY, now * DAY);
                now += days;
                let is_idle_before = is_idle(policy, last_active * DAY, now * DAY);
                prop_assert!(is_idle_before || !was_idle);
                policy = set_idle_days(policy, setting, now * DAY);
                prop_assert_eq!(is_idle(policy, last_active * DAY, now * DAY), is_idle_before && setting.is_some());
            }
        }
    }
}
