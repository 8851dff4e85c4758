//! Argon2 runs with a pepper, in memory that is used again.

use std::cell::RefCell;

use argon2::{
    Algorithm, Argon2, Block, CustomizedPasswordHasher, Params, Version,
    password_hash::{
        self,
        phc::{Output, ParamsString, PasswordHash, Salt},
    },
};
use zeroize::Zeroize;

use crate::credentials::{password::MEMORY_KIB, pepper::Pepper};

/// Memory for one Argon2 run at a time. It is wiped after each run and then used again. A run in newly allocated memory takes almost
/// twice as long, because the system provides each page at its first use.
pub struct HashMemory(Vec<Block>);

impl HashMemory {
    /// Allocates memory for runs with the current parameters.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it allocates 19 MiB")]
    pub fn new() -> Self {
        Self(vec![Block::new(); MEMORY_KIB as usize])
    }

    /// Returns the memory for one run. Dropping the return value wipes it.
    fn for_one_run(&mut self) -> WipedOnDrop<'_> {
        WipedOnDrop(&mut self.0)
    }
}

/// The memory for one run.
struct WipedOnDrop<'a>(&'a mut [Block]);

impl AsMut<[Block]> for WipedOnDrop<'_> {
    fn as_mut(&mut self) -> &mut [Block] {
        self.0
    }
}

impl Drop for WipedOnDrop<'_> {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(Zeroize::zeroize);
    }
}

/// Hashes and verifies passwords with a pepper. Each is one Argon2 run.
pub(super) struct Hasher<'a> {
    pepper: &'a Pepper,
    memory: RefCell<&'a mut HashMemory>,
}

impl<'a> Hasher<'a> {
    pub fn new(pepper: &'a Pepper, memory: &'a mut HashMemory) -> Self {
        Self { pepper, memory: RefCell::new(memory) }
    }
}

/// Does the same as the implementation for [`Argon2`], but in the given memory. Every type with this trait also has
/// [`PasswordVerifier`](argon2::PasswordVerifier).
impl CustomizedPasswordHasher<PasswordHash> for Hasher<'_> {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> password_hash::Result<PasswordHash> {
        #[cfg(test)]
        super::tests::RUNS.set(super::tests::RUNS.get() + 1);
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let mut output = [0; Output::MAX_LENGTH];
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let output = output.get_mut(..length).ok_or(password_hash::Error::OutputSize)?;
        let hash = PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&params)?,
            salt: Some(Salt::new(salt)?),
            hash: None,
        };
        let argon2 = Argon2::new_with_secret(self.pepper.expose(), algorithm, version, params)?;
        let mut memory = self.memory.borrow_mut();
        argon2.hash_password_into_with_memory(password, salt, output, memory.for_one_run())?;
        Ok(PasswordHash { hash: Some(Output::new(output)?), ..hash })
    }
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher, PasswordVerifier};

    use super::*;
    use crate::credentials::{password::params, pepper::tests::peppers};

    const PASSWORD: &[u8] = b"lizard horse moss battery";
    const SALT: &[u8] = b"salt of 16 bytes";

    #[test]
    fn hash_is_the_one_of_the_library() {
        let peppers = peppers("1");
        let (algorithm, version) = (Algorithm::Argon2id, Version::V0x13);
        let mut memory = HashMemory::new();
        for (kib, passes) in [(MEMORY_KIB, 2), (MEMORY_KIB, 1), (64, 3)] {
            let params = Params::new(kib, passes, 1, None).unwrap();
            let secret = peppers.current().expose();
            let library = Argon2::new_with_secret(secret, algorithm, version, params.clone()).unwrap();
            let hasher = Hasher::new(peppers.current(), &mut memory);
            let hash = hasher.hash_password_with_params(PASSWORD, SALT, params).unwrap();
            assert_eq!(hash, library.hash_password_with_salt(PASSWORD, SALT).unwrap());
        }
    }

    #[test]
    fn memory_is_wiped_after_each_run() {
        let (peppers, mut memory) = (peppers("1"), HashMemory::new());
        let is_zero = |block: &Block| block.as_ref().iter().all(|word| *word == 0);
        let fill = |memory: &mut HashMemory| memory.0.iter_mut().for_each(|block| block.as_mut().fill(1));
        fill(&mut memory);
        let hasher = Hasher::new(peppers.current(), &mut memory);
        let hash = hasher.hash_password_with_params(PASSWORD, SALT, params()).unwrap();
        assert!(memory.0.iter().all(is_zero));

        for (password, is_right) in [(PASSWORD, true), (b"a wrong password", false)] {
            fill(&mut memory);
            let verified = Hasher::new(peppers.current(), &mut memory).verify_password(password, &hash);
            assert_eq!(verified.is_ok(), is_right);
            assert!(memory.0.iter().all(is_zero));
        }
    }
}
