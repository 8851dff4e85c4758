//! Deployment and documentation: permissions, dependencies, logs, metrics, costs, versions and pages.

pub mod alarms;
pub mod asvs;
pub mod dependencies;
pub mod growth;
pub mod layers;
pub mod least_privilege;
pub mod logs;
pub mod metrics;
pub mod pages;
pub mod previous_items;
pub mod signature;
pub mod versions;
pub mod web_acl;
