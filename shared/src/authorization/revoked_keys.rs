//! The revoked API keys that this execution environment has seen. It rejects them without a read of the table.
//!
//! A revocation is permanent: no write makes a revoked key active again, and no id is used twice. So a key that was read as
//! revoked stays revoked. This holds for one table. A table that was restored from a backup has another name, which is part of
//! the function's configuration, so Lambda starts new execution environments. If a restored table got the name of the old one,
//! running environments would continue to reject what they know, which is the safe side.
//!
//! Ended sessions and expired keys are not remembered. The item of an ended session is deleted, and a missing item is weaker
//! evidence than one that says that the key is revoked. Expiry depends on the clock of this environment.
//!
//! A key gets here only after it was read as revoked, and only if the token's MAC is right. So nobody can make this environment reject a key that is not revoked.
//! The holder of many revoked keys can only make this environment forget other revoked keys, each of which then costs a read.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::primitives::id::{AccountId, KeyId};

/// The maximum number of keys. If there are more, the one that was added first is forgotten. A key takes about 100 bytes, so
/// all of them take about 1 MB.
pub const MAX_REVOKED_KEYS: usize = 10_000;

/// The revoked keys of this execution environment.
#[derive(Debug, Default)]
pub struct RevokedKeys(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    keys: HashSet<(AccountId, KeyId)>,
    /// The same keys, in the order in which they were added.
    order: VecDeque<(AccountId, KeyId)>,
}

impl RevokedKeys {
    /// Returns true if the key is known to be revoked.
    #[must_use]
    pub fn contains(&self, account: AccountId, key: KeyId) -> bool {
        self.lock().keys.contains(&(account, key))
    }

    /// Adds a key that was read as revoked.
    pub fn add(&self, account: AccountId, key: KeyId) {
        let mut remembered = self.lock();
        if !remembered.keys.insert((account, key)) {
            return;
        }
        remembered.order.push_back((account, key));
        if remembered.order.len() > MAX_REVOKED_KEYS
            && let Some(first) = remembered.order.pop_front()
        {
            remembered.keys.remove(&first);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        // If a thread panicked while it held the lock, at worst a key is forgotten or stays for longer.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    fn ids(number: usize) -> (AccountId, KeyId) {
        // Two accounts have keys with the same id.
        let (account, key) = (number % 2, number / 2);
        (format!("acct_{account:016}").parse().unwrap(), format!("key_{key:016}").parse().unwrap())
    }

    #[test]
    fn only_the_added_keys_are_contained() {
        let revoked = RevokedKeys::default();
        let (account, key) = ids(0);
        assert!(!revoked.contains(account, key));
        revoked.add(account, key);
        revoked.add(account, key);
        assert!(revoked.contains(account, key));
        let (other_account, same_key) = ids(1);
        assert_eq!(same_key, key);
        assert!(!revoked.contains(other_account, key));
        assert!(!revoked.contains(account, ids(2).1));
    }

    #[test]
    fn key_that_was_added_first_is_forgotten_first() {
        let revoked = RevokedKeys::default();
        let contains = |number| {
            let (account, key) = ids(number);
            revoked.contains(account, key)
        };
        let add = |number| {
            let (account, key) = ids(number);
            revoked.add(account, key);
        };
        (0..MAX_REVOKED_KEYS).for_each(add);
        assert!((0..MAX_REVOKED_KEYS).all(contains));
        // A key that is added again is not counted twice.
        add(1);
        assert!(contains(0));
        add(MAX_REVOKED_KEYS);
        assert!(!contains(0));
        assert!((1..=MAX_REVOKED_KEYS).all(contains));
        let remembered = revoked.lock();
        assert_eq!((remembered.keys.len(), remembered.order.len()), (MAX_REVOKED_KEYS, MAX_REVOKED_KEYS));
    }

    #[test]
    fn concurrent_additions_keep_every_key() {
        let revoked = RevokedKeys::default();
        thread::scope(|scope| {
            for first in 0..4 {
                let revoked = &revoked;
                scope.spawn(move || {
                    for number in (first..1_000).chain(0..1_000).step_by(4) {
                        let (account, key) = ids(number);
                        revoked.add(account, key);
                        assert!(revoked.contains(account, key));
                    }
                });
            }
        });
        assert!((0..1_000).all(|number| revoked.contains(ids(number).0, ids(number).1)));
        assert_eq!(revoked.lock().order.len(), 1_000);
    }

    proptest! {
        #[test]
        fn key_is_contained_only_if_it_was_added(added in prop::collection::vec(0..40_usize, 0..40), number in 0..40_usize) {
            let revoked = RevokedKeys::default();
            for number in &added {
                let (account, key) = ids(*number);
                revoked.add(account, key);
            }
            let (account, key) = ids(number);
            prop_assert_eq!(revoked.contains(account, key), added.contains(&number));
        }
    }
}
