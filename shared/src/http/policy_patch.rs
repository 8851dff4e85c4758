//! The part of a request that changes an account's policy.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    error::Error,
    http::patch::{present, without_defaults},
    model::account_policy::{IdleKeyDays, MaxKeyLifetimeDays, PolicyChange, ReauthenticationMinutes},
};

/// The fields of a policy that change. The others stay as they are.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::option_option, reason = "null and a field that is left out differ")]
#[schemars(inline, transform = without_defaults, extend("minProperties" = 1))]
pub struct PolicyPatch {
    /// Whether members need a second factor. With true, a session that has none can only add a passkey, change the password,
    /// authenticate again, show who is calling and log out.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "bool")]
    require_second_factor: Option<bool>,
    /// How long ago the last authentication of a session may be when it creates, updates or rotates an API key, in minutes, or null for
    /// no limit. For a key that has or gains `admin`, the limit is always 15 minutes.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<ReauthenticationMinutes>")]
    reauthentication_minutes: Option<Option<ReauthenticationMinutes>>,
    /// How many days ahead the expiry of a new or changed API key may be, or null for no limit. With a limit, a key that is created
    /// or changed needs an expiry. Other keys keep theirs.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<MaxKeyLifetimeDays>")]
    max_key_lifetime_days: Option<Option<MaxKeyLifetimeDays>>,
    /// After how many days without use an API key is idle, or null for never. An idle key cannot be used until an admin enables it
    /// in a session. The days count at the earliest from the last change of this number. A key that is idle when the number changes
    /// stays idle. With null, no key is idle.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<IdleKeyDays>")]
    idle_key_days: Option<Option<IdleKeyDays>>,
}

impl TryFrom<PolicyPatch> for PolicyChange {
    type Error = Error;

    /// Returns the change that a request describes in its field `policy`.
    ///
    /// # Errors
    /// 400 if it changes nothing.
    fn try_from(patch: PolicyPatch) -> Result<Self, Error> {
        let PolicyPatch {
            require_second_factor,
            reauthentication_minutes,
            max_key_lifetime_days,
            idle_key_days,
        } = patch;
        let change =
            Self { require_second_factor, reauthentication_minutes, max_key_lifetime_days, idle_key_days };
        if change == Self::default() {
            return Err(Error::bad_field("policy", "must have at least one field"));
        }
        Ok(change)
    }
}
