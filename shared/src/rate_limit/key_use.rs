//! Uses of an API key, as a reservation of its quota records them.

use std::net::IpAddr;

use crate::primitives::timestamp::Timestamp;

/// A use of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUse {
    pub at: Timestamp,
    /// The address that the request came from, or `None` if it is unknown. An IPv4-mapped IPv6 address is stored as the IPv4
    /// address.
    pub source_ip: Option<IpAddr>,
    /// The use of the previous secret, if the request was sent with it.
    pub previous_secret: Option<PreviousSecretUse>,
}

/// A use of a secret that a rotation replaced.
///
/// Uses sort by generation first, because uses of an earlier secret no longer matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PreviousSecretUse {
    /// How many secrets the key had before this one.
    pub generation: u32,
    pub at: Timestamp,
}
