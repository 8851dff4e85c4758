//! Tokens and passwords: how they are created, parsed and verified, and which digests and hashes are stored.

pub mod digest;
pub mod one_time_token;
pub mod password;
pub mod password_list;
pub mod password_rules;
pub mod pepper;
pub mod recovery_code;
pub mod secret_text;
pub mod token;
pub mod token_mac;
pub mod token_pattern;
