//! What is deployed, logged and documented, and what it costs.

pub mod asvs;
pub mod dependencies;
pub mod growth;
pub mod least_privilege;
pub mod logs;
pub mod metrics;
pub mod pages;
pub mod signature;
