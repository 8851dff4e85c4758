//! The entities of the service as the table stores them, and the rules for changing them.

pub mod account;
pub mod account_policy;
pub mod api_key;
pub mod audit_event;
pub mod audit_event_filter;
pub mod challenge;
pub mod creator;
pub mod invitation;
pub mod key_change;
pub mod key_expiry_reminder;
pub mod login_token;
pub mod mail;
pub mod member;
pub mod passkey;
pub mod password_reset;
pub mod project;
pub mod recovery_codes;
pub mod restrictions;
pub mod session;
