//! Passwords: the rules for new ones, and their Argon2id hashes (RFC 9106).
//!
//! Length rules follow NIST SP 800-63B-4, and Argon2's parameters the OWASP Password Storage Cheat Sheet. Every hash and
//! every verification is exactly one Argon2 run, which takes about 20 ms and 19 MiB: call them through
//! `runtime::password_workers`.

mod hasher;

use std::{fmt, sync::LazyLock};

use argon2::{
    CustomizedPasswordHasher, Params, PasswordVerifier,
    password_hash::{self, phc},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

pub use self::hasher::HashMemory;
use self::hasher::Hasher;
use crate::credentials::{
    password_rules::{PasswordContext, WeakPassword},
    pepper::{Pepper, Peppers, UnknownPepper},
};

/// The minimum length of a new password (NIST SP 800-63B-4, 3.1.1.2, for passwords that are the only factor).
const MIN_PASSWORD_CHARS: usize = 15;
/// The maximum length of a password. Longer ones are never hashed.
const MAX_PASSWORD_CHARS: usize = 128;

// OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB of memory, two passes and one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// The random bytes that make two hashes of one password differ.
pub type Salt = [u8; SALT_BYTES];

/// A hash with the current parameters, which is verified if there is no stored hash, so that both cases take the same time.
/// No password is known to match it: its output is 32 arbitrary bytes that were not computed with Argon2.
static DECOY: LazyLock<phc::PasswordHash> = LazyLock::new(|| {
    let (params, salt) = (params(), "bm8gb25lJ3MgcGFzc3dvcmQ");
    let decoy = format!("$argon2id$v=19${params}${salt}$bm8gcGFzc3dvcmQgYXQgYWxsIGhhcyB0aGlzIGhhc2g");
    phc::PasswordHash::new(&decoy).expect("the decoy is a PHC string")
});

/// A password. It is normalized to Unicode NFC, so that the same characters are the same password on every keyboard, and
/// otherwise used as sent.
#[derive(Clone, Deserialize, JsonSchema)]
#[schemars(inline, extend("format" = "password"))]
#[serde(from = "String")]
pub struct Password(#[schemars(with = "String")] Zeroizing<String>);

/// A new password of allowed length. It may still be weak or the current one: [`NewPassword::hash`] checks that.
#[derive(Deserialize, JsonSchema)]
// No `maxLength`, because normalization may reduce the number of characters.
#[schemars(inline, extend("format" = "password", "minLength" = MIN_PASSWORD_CHARS), description = format!("{MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters after normalization to Unicode NFC. Common and breached passwords, passwords that are easily guessed, and passwords that consist of the email address or the name of the account with little added are rejected."))]
#[serde(try_from = "String")]
pub struct NewPassword(Password);

#[derive(Debug, thiserror::Error)]
#[error("must have {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")]
pub struct InvalidPasswordLength;

/// The reason why a new password was rejected or could not be hashed.
#[derive(Debug, thiserror::Error)]
pub enum NewPasswordError {
    #[error("is the current password. Choose another one")]
    Unchanged,
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    #[error(transparent)]
    Failed(#[from] HashError),
}

impl From<String> for Password {
    fn from(typed: String) -> Self {
        let typed = Zeroizing::new(typed);
        Self(Zeroizing::new(typed.nfc().collect()))
    }
}

impl Password {
    fn chars(&self) -> usize {
        self.0.chars().count()
    }
}

impl TryFrom<String> for NewPassword {
    type Error = InvalidPasswordLength;

    fn try_from(typed: String) -> Result<Self, InvalidPasswordLength> {
        Password::from(typed).try_into()
    }
}

impl TryFrom<Password> for NewPassword {
    type Error = InvalidPasswordLength;

    fn try_from(password: Password) -> Result<Self, InvalidPasswordLength> {
        let fits = (MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS).contains(&password.chars());
        if fits { Ok(Self(password)) } else { Err(InvalidPasswordLength) }
    }
}

impl NewPassword {
    /// Checks that the password is neither weak nor the `current` one, and hashes it with the current pepper.
    ///
    /// # Errors
    /// Returns an error if the password is weak or the current one, or Argon2 fails.
    pub fn hash(
        &self,
        current: Option<&VerifiedPassword>,
        context: &PasswordContext,
        peppers: &Peppers,
        salt: &Salt,
        memory: &mut HashMemory,
    ) -> Result<PasswordHash, NewPasswordError> {
        if current.is_some_and(|VerifiedPassword(current)| current.0 == self.0.0) {
            return Err(NewPasswordError::Unchanged);
        }
        context.check(&self.0.0)?;
        Ok(PasswordHash::of(&self.0, peppers.current(), salt, memory)?)
    }
}

/// The Argon2id hash of a password as a PHC string, and the version of the pepper that it was computed with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    pepper: String,
    phc: String,
}

/// The reason why a password could not be hashed or verified. It does not mean that the password is wrong.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Argon2 failed, or the stored hash is malformed.
    #[error("Argon2 failed: {0}")]
    Argon2(password_hash::Error),
    /// The stored hash has higher parameters than the current ones. This service never creates such a hash.
    #[error("a stored password hash has higher Argon2 parameters than the current ones")]
    TooCostly,
    #[error(transparent)]
    Pepper(#[from] UnknownPepper),
}

impl PasswordHash {
    fn of(
        password: &Password,
        pepper: &Pepper,
        salt: &Salt,
        memory: &mut HashMemory,
    ) -> Result<Self, HashError> {
        let hasher = Hasher::new(pepper, memory);
        let hash = hasher.hash_password_with_params(password.0.as_bytes(), salt, params());
        Ok(Self { pepper: pepper.version().to_owned(), phc: hash.map_err(HashError::Argon2)?.to_string() })
    }

    #[must_use]
    pub fn pepper_version(&self) -> &str {
        &self.pepper
    }

    /// Returns true if the hash does not use the current pepper or does not have the current parameters.
    #[must_use]
    pub fn is_outdated(&self, peppers: &Peppers) -> bool {
        let has_current_params =
            || self.parse().is_ok_and(|(_, params)| cost(&params) == cost(&self::params()));
        self.pepper != peppers.current().version() || !has_current_params()
    }

    fn parse(&self) -> Result<(phc::PasswordHash, Params), HashError> {
        let hash = phc::PasswordHash::new(&self.phc).map_err(|error| HashError::Argon2(error.into()))?;
        let params = Params::try_from(&hash).map_err(HashError::Argon2)?;
        Ok((hash, params))
    }
}

/// A password that matched its stored hash.
pub struct VerifiedPassword(Password);

impl VerifiedPassword {
    /// Hashes the password with the current pepper and the current parameters.
    ///
    /// # Errors
    /// Returns an error if Argon2 fails.
    pub fn hash(
        &self,
        peppers: &Peppers,
        salt: &Salt,
        memory: &mut HashMemory,
    ) -> Result<PasswordHash, HashError> {
        PasswordHash::of(&self.0, peppers.current(), salt, memory)
    }
}

/// Verifies `password` against `hash`. Returns `None` if it does not match.
///
/// A missing hash and a password that is too long take the same work as a wrong password, so that the response time does
/// not reveal whether a hash exists.
///
/// # Errors
/// Returns an error if Argon2 fails, the pepper of the hash is not available, or the hash has higher parameters than the
/// current ones.
pub fn verify(
    hash: Option<PasswordHash>,
    password: Password,
    peppers: &Peppers,
    memory: &mut HashMemory,
) -> Result<Option<VerifiedPassword>, HashError> {
    let hash = hash.filter(|_| password.chars() <= MAX_PASSWORD_CHARS);
    let parsed = hash.as_ref().map(PasswordHash::parse).transpose()?;
    let phc = match &parsed {
        Some((_, params)) if exceeds_current_cost(params) => return Err(HashError::TooCostly),
        Some((phc, _)) => phc,
        None => &DECOY,
    };
    let (pepper, typed) = match &hash {
        Some(hash) => (peppers.by_version(&hash.pepper)?, password.0.as_bytes()),
        None => (peppers.current(), &[][..]),
    };
    match Hasher::new(pepper, memory).verify_password(typed, phc) {
        Ok(()) => Ok(hash.map(|_| VerifiedPassword(password))),
        Err(password_hash::Error::PasswordInvalid) => Ok(None),
        Err(error) => Err(HashError::Argon2(error)),
    }
}

fn params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within Argon2's limits")
}

fn cost(params: &Params) -> (u32, u32, u32) {
    (params.m_cost(), params.t_cost(), params.p_cost())
}

/// Returns true if a hash with these parameters takes more memory or time than one with the current parameters.
fn exceeds_current_cost(stored: &Params) -> bool {
    stored.m_cost() > MEMORY_KIB || stored.t_cost() > PASSES || stored.p_cost() > LANES
}

macro_rules! redacted {
    ($($secret:ident)*) => {$(
        impl fmt::Debug for $secret {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($secret), "(…)"))
            }
        }
    )*};
}
redacted!(Password NewPassword PasswordHash VerifiedPassword);

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use argon2::{Algorithm, Argon2, PasswordHasher, Version};
    use proptest::prelude::*;

    use super::*;
    use crate::credentials::{password_rules::tests::context_of, pepper::tests::peppers};

    thread_local! {
        /// The number of Argon2 runs on this thread.
        pub(super) static RUNS: Cell<u32> = const { Cell::new(0) };
    }

    /// Runs `work` and returns its output and the number of its Argon2 runs.
    fn count_runs<T>(work: impl FnOnce() -> T) -> (T, u32) {
        let before = RUNS.get();
        let output = work();
        (output, RUNS.get() - before)
    }

    fn new(typed: &str) -> Result<NewPassword, InvalidPasswordLength> {
        NewPassword::try_from(typed.to_owned())
    }

    fn hashed(typed: &str, version: &str) -> PasswordHash {
        let context = context_of("grace@example.com", "Study");
        let memory = &mut HashMemory::new();
        new(typed).unwrap().hash(None, &context, &peppers(version), &[1; SALT_BYTES], memory).unwrap()
    }

    fn verifies(hash: Option<&PasswordHash>, typed: &str) -> bool {
        let memory = &mut HashMemory::new();
        verify(hash.cloned(), typed.to_owned().into(), &peppers("1"), memory).unwrap().is_some()
    }

    #[test]
    fn length_is_counted_in_characters_after_normalization() {
        assert!(new("lizard-Ärmel 4").is_err());
        assert!(new("lizard-Ärmel 42").is_ok());
        assert!(new(&"wolke Ähre 7 !".repeat(9)).is_ok());
        assert!(new(&"a\u{308}".repeat(129)).is_err());
    }

    #[test]
    fn weak_new_password_is_rejected_without_an_argon2_run() {
        for (typed, error) in [
            ("correct horse battery staple", WeakPassword::Common),
            ("grace@example.com 2026", WeakPassword::Personal),
        ] {
            let (hashed, runs) = count_runs(|| {
                let context = context_of("grace@example.com", "Study");
                new(typed).unwrap().hash(
                    None,
                    &context,
                    &peppers("1"),
                    &[1; SALT_BYTES],
                    &mut HashMemory::new(),
                )
            });
            assert!(matches!(hashed, Err(NewPasswordError::Weak(rejected)) if rejected == error), "{typed}");
            assert_eq!(runs, 0);
        }
    }

    #[test]
    fn current_password_is_rejected_as_the_new_one() {
        let current = |typed: &str| VerifiedPassword(typed.to_owned().into());
        let hash = |current: &VerifiedPassword, typed: &str| {
            let context = context_of("grace@example.com", "Study");
            new(typed).unwrap().hash(
                Some(current),
                &context,
                &peppers("1"),
                &[1; SALT_BYTES],
                &mut HashMemory::new(),
            )
        };
        let unchanged = hash(&current("a lizard on the B\u{e4}r wall"), "a lizard on the Ba\u{308}r wall");
        assert!(matches!(unchanged, Err(NewPasswordError::Unchanged)));
        assert!(hash(&current("a lizard on the 7th wall"), "a lizard on the 8th wall").is_ok());
    }

    #[test]
    fn hash_is_argon2id_with_the_parameters_that_owasp_recommends() {
        let hash = hashed("lizard horse moss battery", "1");
        assert!(hash.phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.phc);
        assert_eq!(hash.pepper_version(), "1");
        let [salt, output] = [4, 5].map(|part| hash.phc.split('$').nth(part).unwrap().len());
        // The lengths of 16 and 32 bytes in Base64 without padding.
        assert_eq!((salt, output), (22, 43));
    }

    #[test]
    fn hash_verifies_only_its_own_password() {
        let hash = hashed("lizard horse moss battery", "1");
        assert!(verifies(Some(&hash), "lizard horse moss battery"));
        assert!(!verifies(Some(&hash), "lizard horse moss batterz"));
        assert!(!verifies(Some(&hash), ""));
        assert!(!verifies(Some(&hash), &"x".repeat(10_000)));
    }

    #[test]
    fn hash_does_not_verify_with_another_pepper_of_the_same_version() {
        let right = "lizard horse moss battery";
        let hash = hashed(right, "1");
        let other = Pepper::new("1".to_owned(), Zeroizing::new(vec![b'k'; 32])).unwrap();
        let other = Peppers::new(other, None);
        let verified = verify(Some(hash), right.to_owned().into(), &other, &mut HashMemory::new());
        assert!(verified.unwrap().is_none());
    }

    #[test]
    fn no_password_verifies_without_a_hash() {
        assert!(!verifies(None, ""));
        assert!(!verifies(None, "lizard horse moss battery"));
    }

    #[test]
    fn hashing_and_verifying_take_one_argon2_run_for_every_input() {
        let right = "lizard horse moss battery";
        let (hash, runs) = count_runs(|| hashed(right, "1"));
        assert_eq!(runs, 1);
        let too_long = "x".repeat(MAX_PASSWORD_CHARS + 1);
        for (hash, typed, verified) in [
            (Some(&hash), right, true),
            (Some(&hash), "lizard horse moss batterz", false),
            (Some(&hash), "", false),
            (Some(&hash), &too_long, false),
            (None, right, false),
            (None, "", false),
            (None, &too_long, false),
        ] {
            let has_hash = hash.is_some();
            assert_eq!(count_runs(|| verifies(hash, typed)), (verified, 1), "{typed:?}, {has_hash}");
        }
    }

    #[test]
    fn decoy_hash_costs_as_much_as_a_current_hash() {
        let decoy = Params::try_from(&*DECOY).unwrap();
        assert_eq!(cost(&decoy), cost(&params()));
        assert_eq!(DECOY.hash.unwrap().len(), Params::DEFAULT_OUTPUT_LEN);
    }

    #[test]
    fn password_verifies_in_composed_and_decomposed_unicode_form() {
        let hash = hashed("lizard horse moss B\u{e4}tterie", "1");
        assert!(verifies(Some(&hash), "lizard horse moss Ba\u{308}tterie"));
    }

    #[test]
    fn hash_with_an_unknown_pepper_cannot_be_verified() {
        let hash = hashed("lizard horse moss battery", "2");
        assert!(verify(Some(hash), "x".to_owned().into(), &peppers("1"), &mut HashMemory::new()).is_err());
    }

    /// Returns a hash of `lizard horse moss battery` with these parameters.
    fn hashed_with(memory_kib: u32, passes: u32, lanes: u32) -> PasswordHash {
        let peppers = peppers("1");
        let params = Params::new(memory_kib, passes, lanes, None).unwrap();
        let pepper = peppers.current().expose();
        let argon2 = Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let hash = argon2.hash_password_with_salt(b"lizard horse moss battery", &[1; SALT_BYTES]).unwrap();
        PasswordHash { pepper: "1".to_owned(), phc: hash.to_string() }
    }

    #[test]
    fn hash_with_lower_parameters_verifies_and_is_outdated() {
        let current = hashed_with(MEMORY_KIB, PASSES, LANES);
        assert!(!current.is_outdated(&peppers("1")));
        assert!(current.is_outdated(&peppers("2")));
        for older in [hashed_with(MEMORY_KIB, PASSES - 1, LANES), hashed_with(MEMORY_KIB / 2, PASSES, LANES)]
        {
            assert!(older.is_outdated(&peppers("1")));
            assert!(verifies(Some(&older), "lizard horse moss battery"));
            assert!(!verifies(Some(&older), "lizard horse moss batterz"));
        }
    }

    #[test]
    fn hash_with_higher_parameters_is_rejected() {
        let hash = hashed("lizard horse moss battery", "1");
        for (current, higher) in [("m=19456", "m=19457"), ("t=2", "t=3"), ("p=1", "p=2")] {
            assert!(hash.phc.contains(current));
            let costly = PasswordHash { phc: hash.phc.replace(current, higher), ..hash.clone() };
            let rejected = verify(Some(costly), "x".to_owned().into(), &peppers("1"), &mut HashMemory::new());
            assert!(matches!(rejected, Err(HashError::TooCostly)), "{higher}");
        }
    }

    #[test]
    fn debug_output_does_not_reveal_passwords_and_hashes() {
        let shown = format!(
            "{:?} {:?}",
            new("lizard horse moss battery").unwrap(),
            hashed("lizard horse moss battery", "1")
        );
        assert_eq!(shown, "NewPassword(…) PasswordHash(…)");
    }

    proptest! {
        #[test]
        fn password_of_any_characters_is_accepted_exactly_within_the_length_limits(typed in "\\PC{0,200}") {
            let fits = (MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS).contains(&typed.nfc().count());
            prop_assert_eq!(new(&typed).is_ok(), fits);
        }
    }
}
