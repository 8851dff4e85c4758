//! What the API's description says of an operation (OpenAPI 3.1, <https://spec.openapis.org/oas/v3.1.1>). It stands
//! beside the handler that does it; `infra/openapi` makes one document of all.

use schemars::{JsonSchema, Schema, SchemaGenerator};

/// Makes the JSON Schema of a type.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// The schema of `T`.
pub fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// An operation.
pub struct Operation {
    /// Its method and path, as the template has them, such as `POST /v1/api-keys`.
    pub route: &'static str,
    /// What clients call it, such as `createApiKey`.
    pub name: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What one should know besides, in Markdown.
    pub description: &'static str,
    /// What it asks for.
    pub credentials: Credentials,
    /// The id in its path.
    pub id: Option<SchemaOf>,
    /// What may stand in its query and its headers.
    pub parameters: &'static [Parameter],
    /// What it takes.
    pub body: Option<Body>,
    /// What it answers where all went well.
    pub answer: Answer,
    /// The statuses of refusals that don't follow from all this: 409, for example.
    pub refusals: &'static [u16],
}

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

/// A body.
pub struct Body {
    /// What it can be.
    pub schema: SchemaOf,
    /// One, as JSON.
    pub example: &'static str,
    /// Whether it may be left out.
    pub optional: bool,
}

/// An answer.
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// What it says.
    pub description: &'static str,
    /// What its body can be, and one, as JSON.
    pub body: Option<(SchemaOf, &'static str)>,
}

impl Answer {
    /// 204.
    pub const NO_CONTENT: Self = Self { status: 204, description: "Done.", body: None };
}
