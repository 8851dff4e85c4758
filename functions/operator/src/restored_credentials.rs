//! A restore of the table from a backup makes ended credentials valid again. This command ends them.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;
use shared::{
    error::Error,
    primitives::{
        id::{AccountId, KeyId},
        timestamp::Timestamp,
    },
    store::{ScanPosition, StoredCredential},
};

use crate::call::{Call, Completed};

/// The maximum number of keys that one command names.
const MAX_NAMED_KEYS: usize = 100;

/// The fields of the command: which credentials to end. The command can be repeated.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestoredCredentials {
    /// Ends all sessions that were created before this time, in all accounts. `None` ends no session.
    #[serde(deserialize_with = "Option::deserialize")]
    created_before: Option<Timestamp>,
    /// Also revokes all keys that were created before `created_before`, in all accounts.
    #[serde(default)]
    all_keys: bool,
    /// Revokes these keys, whenever they were created.
    #[serde(default)]
    keys: Vec<NamedKey>,
    /// Continues after the work of an earlier command with the same `created_before` and `all_keys`.
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedKey {
    account_id: AccountId,
    key_id: KeyId,
}

/// The part of the command that scans the table.
struct Scan {
    created_before: Timestamp,
    all_keys: bool,
}

/// What a scan has ended so far.
#[derive(Default)]
struct Ended {
    keys: usize,
    sessions: usize,
    /// Where the next command continues, or `None` if the scan has reached the end of the table.
    cursor: Option<String>,
}

impl RestoredCredentials {
    pub(crate) async fn end(self, call: &Call<'_>) -> Result<Completed, Error> {
        let store = &call.app.store;
        let (scan, after) = self.check(call.app.clock.now())?;
        let (mut revoked_keys, mut unknown_keys) = (0, Vec::new());
        for NamedKey { account_id, key_id } in self.keys {
            let Some(key) = store.key(account_id, key_id).await? else {
                unknown_keys.push(key_id);
                continue;
            };
            store.revoke_key_as_operator(&key, &call.audit_context()).await?;
            revoked_keys += 1;
        }
        let ended = match scan {
            Some(scan) => scan.run(call, after).await?,
            None => Ended::default(),
        };
        let result = json!({
            "revoked_keys": revoked_keys + ended.keys,
            "unknown_keys": unknown_keys,
            "ended_sessions": ended.sessions,
            "cursor": ended.cursor,
        });
        Ok(Completed { subject: None, result })
    }

    /// Checks the fields. Returns the scan and the position after which it continues.
    fn check(&self, now: Timestamp) -> Result<(Option<Scan>, Option<ScanPosition>), Error> {
        let Self { created_before, all_keys, ref keys, ref cursor } = *self;
        if keys.len() > MAX_NAMED_KEYS {
            return Err(Error::bad_field("keys", format!("must have at most {MAX_NAMED_KEYS} entries")));
        }
        if all_keys && !keys.is_empty() {
            return Err(Error::bad_field("keys", "must be empty if all_keys is true"));
        }
        let Some(created_before) = created_before else {
            return match (all_keys, cursor) {
                (true, _) => Err(Error::bad_field("created_before", "is required if all_keys is true")),
                (_, Some(_)) => Err(Error::bad_field("cursor", "requires created_before")),
                (false, None) if keys.is_empty() => {
                    Err(Error::bad_field("created_before", "is required if no keys are named"))
                }
                (false, None) => Ok((None, None)),
            };
        };
        // Credentials that are created between now and that time would stay valid, although the command has succeeded.
        if created_before > now {
            return Err(Error::bad_field("created_before", "must not be in the future"));
        }
        let scan = Scan { created_before, all_keys };
        let after = cursor.as_deref().map(|cursor| scan.position(cursor)).transpose()?;
        Ok((Some(scan), after))
    }
}

impl Scan {
    /// Scans the table after `after` until its end, or until the time of the command is over. Scans at
    /// least as far as a cursor can express, so that a repetition with the cursor comes to an end.
    async fn run(&self, call: &Call<'_>, after: Option<ScanPosition>) -> Result<Ended, Error> {
        let mut ended = Ended::default();
        let mut position = after;
        // The last position that this command has reached and whose text contains no address, because the cursor must not
        // contain one.
        let mut resumable = None;
        loop {
            let (credentials, next) =
                call.app.store.credentials_created_before(self.created_before, position).await?;
            for (credential, at) in credentials {
                self.end(call, &credential, &mut ended).await?;
                if !call.has_time() {
                    return Ok(Ended { cursor: Some(self.cursor(&at)), ..ended });
                }
                resumable = Some(at);
            }
            let Some(next) = next else { return Ok(ended) };
            if !next.contains_address() {
                resumable = Some(next.clone());
            }
            match &resumable {
                Some(resumable) if !call.has_time() => {
                    return Ok(Ended { cursor: Some(self.cursor(resumable)), ..ended });
                }
                _ => position = Some(next),
            }
        }
    }

    /// Ends a credential, unless it is invalid anyway or is not to be ended.
    async fn end(
        &self,
        call: &Call<'_>,
        credential: &StoredCredential,
        ended: &mut Ended,
    ) -> Result<(), Error> {
        let (store, audit_context) = (&call.app.store, call.audit_context());
        match credential {
            StoredCredential::ApiKey(key) if self.all_keys && !key.is_revoked() => {
                store.revoke_key_as_operator(key, &audit_context).await?;
                ended.keys += 1;
            }
            StoredCredential::Session(session) if !session.has_expired(audit_context.at) => {
                store.end_session_as_operator(session, &audit_context).await?;
                ended.sessions += 1;
            }
            StoredCredential::ApiKey(_) | StoredCredential::Session(_) => {}
        }
        Ok(())
    }

    /// What a cursor begins with. A cursor of a command that ends other credentials is rejected.
    fn prefix(&self) -> String {
        format!("{} {} ", self.created_before, self.all_keys)
    }

    fn cursor(&self, position: &ScanPosition) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}{position}", self.prefix()))
    }

    fn position(&self, cursor: &str) -> Result<ScanPosition, Error> {
        let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let position = text.as_deref().and_then(|text| text.strip_prefix(&self.prefix())?.parse().ok());
        position.ok_or_else(|| Error::bad_field("cursor", "is not a cursor of this command"))
    }
}
