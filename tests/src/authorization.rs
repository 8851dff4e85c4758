//! Who is authorized to do what.

pub mod authorizer;
pub mod context;
pub mod credentials;
pub mod escalation;
pub mod isolation;
pub mod routes;
