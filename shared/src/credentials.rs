//! Tokens and passwords: how they are made and read, and what is stored of them.

pub mod digest;
pub mod password;
pub mod pepper;
pub mod token;
