//! Authentication and authorization: which credentials are valid, and what each of them allows.

pub mod authorizer;
pub mod context;
pub mod credentials;
pub mod escalation;
pub mod isolation;
pub mod restrictions;
pub mod routes;
pub mod step_up;
