//! What the Lambda functions of MedTWIN Auth share, in layers: a module uses only the modules below it, from top to bottom
//! [`http`], [`runtime`], [`error`], [`store`], [`idempotency`], [`authorization`], [`model`] and [`rate_limit`],
//! [`credentials`], [`primitives`], [`telemetry`].
//!
//! The path of a request: [`credentials::token`] parses the credential, [`store`] loads what it names,
//! [`authorization::decision`] decides, [`authorization::context`] passes the decision to the function, and
//! [`http::handler`] runs the function's handler.

pub mod authorization;
pub mod credentials;
pub mod error;
pub mod http;
pub mod idempotency;
pub mod model;
pub mod primitives;
pub mod rate_limit;
pub mod runtime;
pub mod store;
pub mod telemetry;
