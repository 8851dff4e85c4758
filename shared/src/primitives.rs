//! Basic value types, such as ids, names and timestamps. Their constructors check their format, so a value is always valid.

pub mod allowed_ips;
pub(crate) mod base62;
pub mod challenge;
pub mod clock;
pub mod email;
pub mod environment;
pub mod factor;
pub mod id;
pub mod name;
pub mod origin;
pub mod pagination;
pub mod period;
pub mod permission;
pub mod project_id;
pub mod public_url;
pub mod quota;
pub mod random;
pub mod scope;
pub mod timestamp;
pub mod usage;
