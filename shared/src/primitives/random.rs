//! The only source of randomness.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rand::{CryptoRng, rand_core::UnwrapErr, rngs::SysRng};

/// A source of cryptographic randomness, handed to whoever needs it.
#[derive(Clone)]
pub struct Random(Arc<Mutex<dyn CryptoRng + Send>>);

impl Random {
    /// The operating system's randomness. A system that has none to give ends the program: there is no
    /// safe way on.
    #[must_use]
    pub fn system() -> Self {
        Self::new(UnwrapErr(SysRng))
    }

    /// Randomness from `rng`.
    #[must_use]
    pub fn new(rng: impl CryptoRng + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(rng)))
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        // A panic elsewhere while the lock was held leaves no broken state in a generator.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }

    /// As many random bytes as the type asks for.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
