//! What the API's description says of an operation (OpenAPI 3.1, <https://spec.openapis.org/oas/v3.1.1>). It stands
//! beside the handler that does it; `infra/openapi-document` makes one document of all.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

/// Makes the JSON Schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The schema of `T`.
pub fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// An operation of the API.
pub struct Operation {
    /// Method and path as the template has them, such as `POST /v1/api-keys`.
    pub route: &'static str,
    /// The name of the function, and of its package.
    pub function: &'static str,
    pub tag: Tag,
    /// The name that generated clients give it, such as `createApiKey`.
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
    /// Errors, as a status and when it is returned: those that do not follow from the fields above, and those that have
    /// further reasons.
    pub errors: &'static [(u16, &'static str)],
}

/// The heading under which an operation is documented.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    Sessions,
    ApiKeys,
    Projects,
    Members,
    AuditTrail,
    Service,
}

impl Tag {
    /// In the order of the document.
    pub const ALL: [Self; 6] =
        [Self::Sessions, Self::ApiKeys, Self::Projects, Self::Members, Self::AuditTrail, Self::Service];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sessions => "Sessions",
            Self::ApiKeys => "API keys",
            Self::Projects => "Projects",
            Self::Members => "Members",
            Self::AuditTrail => "Audit trail",
            Self::Service => "Service",
        }
    }

    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Sessions => "Log in and out, manage your sessions and your password, and get the caller.",
            Self::ApiKeys => "Credentials for programs. An API key with `admin` can only access keys of its own type whose scope is within its own. For all other keys it gets 404.",
            Self::Projects => "The resource that credentials give access to in this service.",
            Self::Members => {
                "The people who belong to an account. All operations require `admin` over the whole account: a session with `admin`, or a live API key with `admin` and without a scope."
            }
            Self::AuditTrail => {
                "The history of changes in an account. Requires `admin` over the whole account: a session with `admin`, or a live API key with `admin` and without a scope."
            }
            Self::Service => "The health and the description of the service.",
        }
    }
}

/// Makes an example.
pub type Example = fn() -> Value;

/// What an operation asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    None,
    /// A session.
    Session,
    /// An API key or a session.
    KeyOrSession,
}

/// A parameter that may be left out.
#[derive(Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it stands.
    pub location: Location,
    /// What it does.
    pub description: &'static str,
    /// What it can be.
    pub schema: SchemaOf,
}

/// Where a parameter stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the query.
    Query,
    /// In the headers.
    Header,
}

/// A request body.
pub struct Body {
    pub schema: SchemaOf,
    pub example: Example,
    /// Whether the body may be left out.
    pub optional: bool,
}

/// The response when an operation succeeds.
pub struct Success {
    pub status: u16,
    pub description: &'static str,
    /// The schema of the body and an example of it.
    pub body: Option<(SchemaOf, Example)>,
}

impl Success {
    pub const NO_CONTENT: Self =
        Self { status: 204, description: "The request succeeded. The response has no body.", body: None };
}
