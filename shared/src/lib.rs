//! The code that the Lambda functions of MedTWIN Auth share.
//!
//! The modules form layers. A module uses only modules below it. From top to bottom, the layers are [`http`], [`runtime`],
//! [`error`], [`store`], [`idempotency`], [`authorization`], [`model`] and [`rate_limit`], [`credentials`],
//! [`primitives`], and [`telemetry`].
//!
//! A request passes through these modules: [`credentials::token`] parses the credential, [`store`] loads the entities that
//! the credential names, [`authorization::decision`] decides on the request, [`authorization::context`] passes the decision
//! to the function, and [`http::handler`] runs the function's handler.

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
