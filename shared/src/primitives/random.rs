//! Random bytes. All code takes them from a [`Random`], so that tests can make them predictable.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use rand::{CryptoRng, rand_core::UnwrapErr, rngs::SysRng};

/// A cryptographically secure source of random bytes.
#[derive(Clone)]
pub struct Random(Arc<Mutex<dyn CryptoRng + Send>>);

impl Random {
    /// Returns the random number generator of the operating system. If it fails, [`fill`](Self::fill) panics, because there
    /// is no safe replacement.
    #[must_use]
    pub fn system() -> Self {
        Self::new(UnwrapErr(SysRng))
    }

    #[must_use]
    pub fn new(rng: impl CryptoRng + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(rng)))
    }

    /// Fills `bytes` with random bytes.
    pub fn fill(&self, bytes: &mut [u8]) {
        // A poisoned lock is safe to use: a panic of another thread leaves the generator in a valid state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }

    /// Returns `N` random bytes.
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
