//! Passwords: what is accepted as a new one, and the Argon2id hash that is kept.

mod worker_pool;

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{self, phc},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinError;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::credentials::password::worker_pool::WORKERS;
pub use crate::credentials::password::worker_pool::{HashPermit, acquire_permit};
use crate::{
    credentials::pepper::{Pepper, Peppers, UnknownPepper},
    primitives::random::Random,
};

/// The fewest characters of a new password (NIST SP 800-63B-4, 3.1.1.2: where it is the only factor).
const MIN_PASSWORD_CHARS: usize = 15;
/// The most characters of a password. A longer one is not hashed.
const MAX_PASSWORD_CHARS: usize = 128;

/// How much of a new password is searched for common patterns, in characters.
const ESTIMATED_CHARS: usize = 32;

// OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// What is verified where there is no hash, so that it takes as long as where there is one of today's. No password
/// has this hash: its 32 bytes of output are not Argon2's but arbitrary.
static DECOY: LazyLock<phc::PasswordHash> = LazyLock::new(|| {
    let (params, salt) = (params(), "bm8gb25lJ3MgcGFzc3dvcmQ");
    let decoy = format!("$argon2id$v=19${params}${salt}$bm8gcGFzc3dvcmQgYXQgYWxsIGhhcyB0aGlzIGhhc2g");
    phc::PasswordHash::new(&decoy).expect("the decoy is a PHC string")
});

/// A password as somebody typed it, in Unicode's NFC: the same letters are the same password, whichever
/// keyboard they came from. Nothing else is changed about it.
#[derive(Deserialize, JsonSchema)]
#[schemars(inline, extend("format" = "password"))]
#[serde(from = "String")]
pub struct Password(#[schemars(with = "String")] Zeroizing<String>);

/// A password that somebody wants to have: 15 to 128 characters.
#[derive(Deserialize, JsonSchema)]
// No `maxLength`: Unicode's NFC may have fewer characters than what was typed.
#[schemars(inline, extend("format" = "password", "minLength" = MIN_PASSWORD_CHARS), description = format!("{MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters, counted in Unicode's NFC, and none that is easily guessed."))]
#[serde(try_from = "String")]
pub struct NewPassword(Password);

/// The password is too short or too long.
#[derive(Debug, thiserror::Error)]
#[error("must have {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters")]
pub struct InvalidLength;

/// Why a new password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum NotHashed {
    /// Whoever guesses passwords would soon come to it.
    #[error("is too common or too easily guessed")]
    Common,
    /// Argon2 failed.
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
    type Error = InvalidLength;

    fn try_from(typed: String) -> Result<Self, InvalidLength> {
        let password = Password::from(typed);
        let fits = (MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS).contains(&password.chars());
        if fits { Ok(Self(password)) } else { Err(InvalidLength) }
    }
}

impl NewPassword {
    /// Hashes it, unless it is a common one. One Argon2 run, on a thread of its own.
    ///
    /// # Errors
    /// When it is a common one, too many others wait, or Argon2 fails.
    pub async fn hash(self, peppers: Arc<Peppers>, random: &Random) -> Result<PasswordHash, NotHashed> {
        let salt: [u8; SALT_BYTES] = random.bytes();
        WORKERS
            .run(acquire_permit()?, move || {
                if self.is_common() {
                    return Err(NotHashed::Common);
                }
                Ok(PasswordHash::of(&self.0, peppers.current(), &salt)?)
            })
            .await?
    }

    /// Whether it is found within a hundred million guesses. That is no rule of composition (OWASP ASVS 5.0.0,
    /// 6.2.5): it knows common passwords, words, repetitions, sequences and walks over a keyboard. Only so
    /// much of the password is looked at as bounds the time that it takes; a long one that begins like that
    /// is no better for its end.
    fn is_common(&self) -> bool {
        let begin: Zeroizing<String> = Zeroizing::new(self.0.0.chars().take(ESTIMATED_CHARS).collect());
        zxcvbn::zxcvbn(&begin, &["medtwin"]).score() < zxcvbn::Score::Three
    }
}

/// The Argon2id hash of a password, as a PHC string, and which pepper went into it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    pepper: String,
    phc: String,
}

/// A password could not be hashed or verified. It says nothing about the password.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Argon2 failed, or the stored hash is malformed.
    #[error("Argon2 failed: {0}")]
    Argon2(password_hash::Error),
    /// The stored hash asks for more work than today's parameters: it was not made here.
    #[error("a stored hash asks for more work than any that is made")]
    TooCostly,
    /// The stored hash was made with a pepper that is not at hand.
    #[error(transparent)]
    Pepper(#[from] UnknownPepper),
    /// As many wait for a core as may.
    #[error("too many Argon2 runs are waiting")]
    Busy,
    /// The hashing task did not finish.
    #[error(transparent)]
    Task(#[from] JoinError),
}

impl PasswordHash {
    fn of(password: &Password, pepper: &Pepper, salt: &[u8]) -> Result<Self, HashError> {
        let hash = argon2(pepper, |argon2| argon2.hash_password_with_salt(password.0.as_bytes(), salt))
            .map_err(HashError::Argon2)?;
        Ok(Self { pepper: pepper.version().to_owned(), phc: hash.to_string() })
    }

    /// The version of the pepper that went into it.
    #[must_use]
    pub fn pepper_version(&self) -> &str {
        &self.pepper
    }

    /// Whether another pepper than the current one went into it, or it was made with other parameters than today's.
    #[must_use]
    pub fn is_outdated(&self, peppers: &Peppers) -> bool {
        let todays = || self.parsed().is_ok_and(|(_, params)| cost(&params) == cost(&self::params()));
        self.pepper != peppers.current().version() || !todays()
    }

    fn parsed(&self) -> Result<(phc::PasswordHash, Params), HashError> {
        let hash = phc::PasswordHash::new(&self.phc).map_err(|error| HashError::Argon2(error.into()))?;
        let params = Params::try_from(&hash).map_err(HashError::Argon2)?;
        Ok((hash, params))
    }
}

/// A password that was found right.
pub struct Verified(Password);

impl Verified {
    /// Hashes it anew. One Argon2 run, on a thread of its own.
    ///
    /// # Errors
    /// When too many others wait, or Argon2 fails.
    pub async fn hash(self, peppers: Arc<Peppers>, random: &Random) -> Result<PasswordHash, HashError> {
        let salt: [u8; SALT_BYTES] = random.bytes();
        WORKERS.run(acquire_permit()?, move || PasswordHash::of(&self.0, peppers.current(), &salt)).await?
    }
}

/// The password, if `hash` was made of it, when it is the turn of `permit`. Where there is no hash, or the password is longer than any can
/// be, it was not, and that takes the same work: one Argon2 run, on a thread of its own.
///
/// # Errors
/// When Argon2 fails, the hash was made with a pepper that is not at hand, or it asks for more work than today's.
pub async fn verify(
    permit: HashPermit,
    hash: Option<PasswordHash>,
    password: Password,
    peppers: Arc<Peppers>,
) -> Result<Option<Verified>, HashError> {
    WORKERS
        .run(permit, move || {
            let real = hash.filter(|_| password.chars() <= MAX_PASSWORD_CHARS);
            let stored = real.as_ref().map(PasswordHash::parsed).transpose()?;
            let phc = match &stored {
                Some((_, params)) if costs_more_than_todays(params) => return Err(HashError::TooCostly),
                Some((phc, _)) => phc,
                None => &DECOY,
            };
            let (pepper, typed) = match &real {
                Some(hash) => (peppers.of_version(&hash.pepper)?, password.0.as_bytes()),
                None => (peppers.current(), &[][..]),
            };
            match argon2(pepper, |argon2| argon2.verify_password(typed, phc)) {
                Ok(()) => Ok(real.map(|_| Verified(password))),
                Err(password_hash::Error::PasswordInvalid) => Ok(None),
                Err(error) => Err(HashError::Argon2(error)),
            }
        })
        .await?
}

fn params() -> Params {
    Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within Argon2's limits")
}

fn cost(params: &Params) -> (u32, u32, u32) {
    (params.m_cost(), params.t_cost(), params.p_cost())
}

/// Whether a hash with these parameters takes more memory or time than one that is made today.
fn costs_more_than_todays(stored: &Params) -> bool {
    stored.m_cost() > MEMORY_KIB || stored.t_cost() > PASSES || stored.p_cost() > LANES
}

/// One Argon2 run with `pepper`. There is no other way to one, so that tests can count them.
fn argon2<T>(pepper: &Pepper, run: impl FnOnce(&Argon2<'_>) -> T) -> T {
    #[cfg(test)]
    tests::RUNS.set(tests::RUNS.get() + 1);
    let argon2 = Argon2::new_with_secret(pepper.expose(), Algorithm::Argon2id, Version::V0x13, params());
    run(&argon2.expect("a pepper is shorter than 4 GiB"))
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
redacted!(Password NewPassword PasswordHash Verified);

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};
    use tokio::{runtime, task::spawn_blocking};

    use super::*;
    use crate::credentials::pepper::tests::peppers;

    thread_local! {
        /// How many Argon2 runs this thread has made.
        pub(super) static RUNS: Cell<u32> = const { Cell::new(0) };
    }

    /// What `work` comes to, and how many Argon2 runs it takes: all that it does on other threads, it does on one, which is
    /// new.
    fn counted<W: Future>(work: W) -> (W::Output, u32) {
        let runtime = runtime::Builder::new_current_thread()
            .max_blocking_threads(1)
            .thread_keep_alive(Duration::from_hours(1))
            .build()
            .unwrap();
        runtime.block_on(async {
            let before = RUNS.get();
            let done = work.await;
            (done, RUNS.get() - before + spawn_blocking(|| RUNS.get()).await.unwrap())
        })
    }

    fn new(typed: &str) -> Result<NewPassword, InvalidLength> {
        NewPassword::try_from(typed.to_owned())
    }

    async fn hashed(typed: &str, version: &str) -> PasswordHash {
        let random = Random::new(StdRng::seed_from_u64(1));
        new(typed).unwrap().hash(Arc::new(peppers(version)), &random).await.unwrap()
    }

    async fn verifies(hash: Option<&PasswordHash>, typed: &str) -> bool {
        verify(acquire_permit().unwrap(), hash.cloned(), typed.to_owned().into(), Arc::new(peppers("1")))
            .await
            .unwrap()
            .is_some()
    }

    #[test]
    fn length_is_counted_in_characters_after_normalisation() {
        assert!(new("lizard-Ärmel 4").is_err());
        assert!(new("lizard-Ärmel 42").is_ok());
        assert!(new(&"wolke Ähre 7 !".repeat(9)).is_ok());
        assert!(new(&"a\u{308}".repeat(129)).is_err());
    }

    #[test]
    fn common_ones_are_refused() {
        assert!(!new("a lizard on the 7th wall").unwrap().is_common());
        for typed in [
            "passwordpassword",
            "123456789012345",
            "aaaaaaaaaaaaaaaaaaaa",
            "qwertyuiopasdfg",
            "password1234567",
            "1q2w3e4r5t6y7u8i",
            "zaq12wsxcde34rfv",
        ] {
            assert!(new(typed).unwrap().is_common(), "{typed}");
        }
    }

    #[test]
    fn the_products_own_name_makes_none_better() {
        for rest in ["12345678", "password", "medtwin1", "20262026"] {
            assert!(new(&format!("medtwin{rest}")).unwrap().is_common(), "{rest}");
        }
        // A name that nobody knows does.
        assert!(!new("nedtvom12345678").unwrap().is_common());
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_with_the_parameters_that_owasp_names() {
        let hash = hashed("correct horse battery", "1").await;
        assert!(hash.phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.phc);
        assert_eq!(hash.pepper_version(), "1");
        let [salt, output] = [4, 5].map(|part| hash.phc.split('$').nth(part).unwrap().len());
        // In Base64 without padding: 16 bytes, and 32.
        assert_eq!((salt, output), (22, 43));
    }

    #[tokio::test]
    async fn a_hash_verifies_its_own_password_alone() {
        let hash = hashed("correct horse battery", "1").await;
        assert!(verifies(Some(&hash), "correct horse battery").await);
        assert!(!verifies(Some(&hash), "correct horse batterz").await);
        assert!(!verifies(Some(&hash), "").await);
        assert!(!verifies(Some(&hash), &"x".repeat(10_000)).await);
    }

    #[tokio::test]
    async fn with_another_pepper_nothing_verifies() {
        let right = "correct horse battery";
        let hash = hashed(right, "1").await;
        let other = Pepper::new("1".to_owned(), Zeroizing::new(vec![b'k'; 32])).unwrap();
        let other = Arc::new(Peppers::new(other, None));
        let verified = verify(acquire_permit().unwrap(), Some(hash), right.to_owned().into(), other).await;
        assert!(verified.unwrap().is_none());
    }

    #[tokio::test]
    async fn without_a_hash_nothing_verifies() {
        assert!(!verifies(None, "").await);
        assert!(!verifies(None, "correct horse battery").await);
    }

    #[test]
    fn it_takes_one_run_whatever_comes() {
        let right = "correct horse battery";
        let (hash, runs) = counted(hashed(right, "1"));
        assert_eq!(runs, 1);
        let too_long = "x".repeat(MAX_PASSWORD_CHARS + 1);
        for (hash, typed, found_right) in [
            (Some(&hash), right, true),
            (Some(&hash), "correct horse batterz", false),
            (Some(&hash), "", false),
            (Some(&hash), &too_long, false),
            (None, right, false),
            (None, "", false),
            (None, &too_long, false),
        ] {
            let has_hash = hash.is_some();
            assert_eq!(counted(verifies(hash, typed)), (found_right, 1), "{typed:?}, {has_hash}");
        }
    }

    #[test]
    fn what_is_verified_where_there_is_no_hash_costs_what_one_of_today_does() {
        let decoy = Params::try_from(&*DECOY).unwrap();
        assert_eq!(cost(&decoy), cost(&params()));
        assert_eq!(DECOY.hash.unwrap().len(), Params::DEFAULT_OUTPUT_LEN);
    }

    #[tokio::test]
    async fn both_spellings_of_an_umlaut_are_one_password() {
        let hash = hashed("correct horse B\u{e4}tterie", "1").await;
        assert!(verifies(Some(&hash), "correct horse Ba\u{308}tterie").await);
    }

    #[tokio::test]
    async fn another_pepper_cannot_tell() {
        let hash = hashed("correct horse battery", "2").await;
        assert!(
            verify(acquire_permit().unwrap(), Some(hash), "x".to_owned().into(), Arc::new(peppers("1")))
                .await
                .is_err()
        );
    }

    /// A hash that was made when the parameters were these.
    fn hashed_with(memory_kib: u32, passes: u32, lanes: u32) -> PasswordHash {
        let peppers = peppers("1");
        let params = Params::new(memory_kib, passes, lanes, None).unwrap();
        let pepper = peppers.current().expose();
        let argon2 = Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params).unwrap();
        let hash = argon2.hash_password_with_salt(b"correct horse battery", &[1; SALT_BYTES]).unwrap();
        PasswordHash { pepper: "1".to_owned(), phc: hash.to_string() }
    }

    #[tokio::test]
    async fn a_hash_of_less_work_verifies_and_is_outdated() {
        let todays = hashed_with(MEMORY_KIB, PASSES, LANES);
        assert!(!todays.is_outdated(&peppers("1")));
        assert!(todays.is_outdated(&peppers("2")));
        for older in [hashed_with(MEMORY_KIB, PASSES - 1, LANES), hashed_with(MEMORY_KIB / 2, PASSES, LANES)]
        {
            assert!(older.is_outdated(&peppers("1")));
            assert!(verifies(Some(&older), "correct horse battery").await);
            assert!(!verifies(Some(&older), "correct horse batterz").await);
        }
    }

    #[tokio::test]
    async fn a_hash_that_asks_for_more_work_is_refused() {
        let hash = hashed("correct horse battery", "1").await;
        for (todays, more) in [("m=19456", "m=19457"), ("t=2", "t=3"), ("p=1", "p=2")] {
            assert!(hash.phc.contains(todays));
            let greedy = PasswordHash { phc: hash.phc.replace(todays, more), ..hash.clone() };
            let peppers = Arc::new(peppers("1"));
            let refused =
                verify(acquire_permit().unwrap(), Some(greedy), "x".to_owned().into(), peppers).await;
            assert!(matches!(refused, Err(HashError::TooCostly)), "{more}");
        }
    }

    #[tokio::test]
    async fn nothing_of_a_password_is_shown() {
        let shown = format!(
            "{:?} {:?}",
            new("correct horse battery").unwrap(),
            hashed("correct horse battery", "1").await
        );
        assert_eq!(shown, "NewPassword(…) PasswordHash(…)");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(typed in "\\PC{0,200}") {
            let fits = (MIN_PASSWORD_CHARS..=MAX_PASSWORD_CHARS).contains(&typed.nfc().count());
            prop_assert_eq!(new(&typed).map(|new| new.is_common()).is_ok(), fits);
        }
    }
}
