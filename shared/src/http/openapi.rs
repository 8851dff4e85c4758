//! The types that describe an operation in the OpenAPI document (OpenAPI 3.1, <https://spec.openapis.org/oas/v3.1.1>).
//! Each function describes its operations next to its handler. `infra/openapi-document` combines the descriptions.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// Returns the JSON Schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// Returns the schema of `T`.
pub fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// An operation of the API.
pub struct Operation {
    /// The method and path as in the template, such as `POST /v1/api-keys`.
    pub route: &'static str,
    /// The name of the function and of its package.
    pub function: &'static str,
    pub tag: Tag,
    /// The operation id, which generated clients use as the method name, such as `createApiKey`.
    pub name: &'static str,
    pub summary: &'static str,
    /// Markdown. May be empty.
    pub description: &'static str,
    pub credentials: Credentials,
    /// The schema of the id in the path.
    pub id: Option<SchemaOf>,
    /// Optional query parameters and headers.
    pub parameters: &'static [Parameter],
    pub body: Option<Body>,
    pub success: Success,
    /// Errors, each as a status and the description of when it is returned. Contains only errors that the fields above do not
    /// imply, or that have additional reasons.
    pub errors: &'static [(u16, &'static str)],
}

/// The heading under which an operation is documented.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Sessions,
    SecondFactor,
    ApiKeys,
    Projects,
    Members,
    Account,
    AuditTrail,
    LeakedCredentials,
    Service,
}

impl Tag {
    /// All tags, in the order of the document.
    pub const ALL: [Self; 9] = [
        Self::Sessions,
        Self::SecondFactor,
        Self::ApiKeys,
        Self::Projects,
        Self::Members,
        Self::Account,
        Self::AuditTrail,
        Self::LeakedCredentials,
        Self::Service,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sessions => "Sessions",
            Self::SecondFactor => "Passkeys and recovery codes",
            Self::ApiKeys => "API keys",
            Self::Projects => "Projects",
            Self::Members => "Members",
            Self::Account => "Account",
            Self::AuditTrail => "Audit trail",
            Self::LeakedCredentials => "Leaked credentials",
            Self::Service => "Service",
        }
    }

    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Sessions => "Log in and out, manage your sessions and your password, and get the caller.",
            Self::SecondFactor => {
                "A second factor for the login: passkeys (WebAuthn) with user verification, and recovery codes for a member who has no passkey at hand. A passkey can also take the place of the password."
            }
            Self::ApiKeys => {
                "Credentials for programs. An API key with `admin` can only access keys of its own type whose scope is within its own. For all other keys it gets 404."
            }
            Self::Projects => "The resource that credentials give access to in this service.",
            Self::Members => {
                "The people who belong to an account. All operations require `admin` over the whole account: a session with `admin`, or a live API key with `admin` and without a scope."
            }
            Self::Account => {
                "The account of the caller: its name, the policy that its admins set, and its limits."
            }
            Self::AuditTrail => {
                "The history of changes in an account. Requires `admin` over the whole account: a session with `admin`, or a live API key with `admin` and without a scope."
            }
            Self::LeakedCredentials => {
                "For everybody who finds a credential where it must not be: a pattern to find it, and a request that ends it."
            }
            Self::Service => "The health and the description of the service.",
        }
    }
}

pub type Example = fn() -> Value;

/// The credentials that an operation requires.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    None,
    Session,
    /// An API key or a session.
    KeyOrSession,
}

/// An optional parameter.
#[derive(Clone, Copy)]
pub struct Parameter {
    pub name: &'static str,
    pub location: Location,
    pub description: &'static str,
    pub schema: SchemaOf,
}

/// The part of the request that contains a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Location {
    Query,
    Header,
}

pub struct Body {
    pub schema: SchemaOf,
    pub example: Example,
    /// Whether the body can be omitted.
    pub optional: bool,
}

/// The response when an operation succeeds.
pub struct Success {
    pub status: u16,
    pub description: &'static str,
    /// The schema and an example of the body.
    pub body: Option<(SchemaOf, Example)>,
}

impl Success {
    pub const NO_CONTENT: Self =
        Self { status: 204, description: "The request succeeded. The response has no body.", body: None };
}
