//! The SAM template: everything that the gateway knows about the service.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    path::Path,
    time::Duration,
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    account::{self, API_ID},
    gateway_response::{GatewayResponse, GatewayResponses, ResponseType},
    intrinsics::{self, Names},
    routes::{Route, Routes},
    sam::{ApiEvent, ApiProperties, AuthorizerProperties, FunctionProperties, Globals},
    yaml,
};

/// What is wrong with a template, and where.
#[derive(Debug, thiserror::Error)]
pub struct TemplateError {
    /// Empty for the template as a whole.
    place: String,
    problem: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, problem } = self;
        if place.is_empty() { f.write_str(problem) } else { write!(f, "{place}: {problem}") }
    }
}

impl TemplateError {
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into() }
    }
}

/// A template, read.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) api: Api,
    /// By name.
    pub(crate) functions: BTreeMap<String, Function>,
    pub(crate) tables: Vec<Table>,
    pub(crate) secrets: Vec<Secret>,
}

/// The one API.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) stage: String,
    pub(crate) routes: Routes,
    /// By the name that routes call them.
    pub(crate) authorizers: HashMap<String, Authorizer>,
    pub(crate) responses: GatewayResponses,
}

/// Who decides on a request.
#[derive(Debug)]
pub(crate) struct Authorizer {
    pub(crate) function: String,
    /// The headers without which there is nothing to decide on.
    pub(crate) identity_headers: Vec<String>,
}

/// A Lambda function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) timeout: Duration,
    /// In MB.
    pub(crate) memory: i32,
    pub(crate) environment: BTreeMap<String, String>,
}

/// A DynamoDB table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Table {
    #[serde(skip)]
    pub(crate) logical_id: String,
    #[serde(default, rename = "TableName")]
    pub(crate) name: String,
    pub(crate) key_schema: Vec<KeyElement>,
    pub(crate) attribute_definitions: Vec<Attribute>,
    // Read so that a template with another one is refused.
    #[serde(rename = "BillingMode")]
    _billing_mode: BillingMode,
    pub(crate) time_to_live_specification: Option<TimeToLive>,
}

/// An attribute that is part of a table's key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct KeyElement {
    pub(crate) attribute_name: String,
    pub(crate) key_type: KeyType,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum KeyType {
    Hash,
    Range,
}

/// An attribute with a declared type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attribute {
    pub(crate) attribute_name: String,
    pub(crate) attribute_type: AttributeType,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) enum AttributeType {
    S,
    N,
    B,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum BillingMode {
    PayPerRequest,
}

/// The attribute that says when an item may be deleted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TimeToLive {
    pub(crate) attribute_name: String,
    pub(crate) enabled: bool,
}

/// A secret of Secrets Manager.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Secret {
    #[serde(default)]
    pub(crate) name: String,
    pub(crate) generate_secret_string: GenerateSecretString,
}

/// How a secret is made up.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct GenerateSecretString {
    #[serde(default = "GenerateSecretString::default_length")]
    pub(crate) password_length: usize,
    #[serde(default)]
    pub(crate) exclude_punctuation: bool,
}

impl GenerateSecretString {
    fn default_length() -> usize {
        32
    }
}

impl Template {
    /// Reads the template at `path`.
    pub(crate) fn load(path: &Path) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| TemplateError::new("", format!("cannot be read: {error}")))?;
        Self::parse(&text)
    }

    /// Reads the template that is `text`.
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        let document = yaml::parse(text)?;
        let names = Names::of(&document)?;
        let Value::Object(mut sections) = document else {
            return Err(TemplateError::new("", "is not a map"));
        };
        let mut section = |name: &str| {
            let value = sections.remove(name).unwrap_or_else(|| Value::Object(serde_json::Map::new()));
            names.resolve(name, value)
        };
        let globals: Globals = read("Globals", section("Globals")?)?;
        let resources: BTreeMap<String, Value> = read("Resources", section("Resources")?)?;
        // Nothing here reads it, but CloudFormation would refuse an unknown name in it.
        section("Outputs")?;

        let mut reader = Reader::default();
        for (logical_id, resource) in resources {
            reader.add(&logical_id, resource, &globals.function)?;
        }
        reader.finish()
    }
}

/// Gathers resources until all are known that refer to each other.
#[derive(Default)]
struct Reader {
    api: Option<(String, ApiProperties)>,
    functions: BTreeMap<String, Function>,
    /// Each with its place and its function.
    events: Vec<(String, String, ApiEvent)>,
    tables: Vec<Table>,
    secrets: Vec<Secret>,
}

impl Reader {
    fn add(
        &mut self,
        logical_id: &str,
        mut resource: Value,
        globals: &FunctionProperties,
    ) -> Result<(), TemplateError> {
        let place = format!("Resources.{logical_id}");
        let properties =
            resource.get_mut("Properties").map_or_else(|| Value::Object(serde_json::Map::new()), Value::take);
        match resource["Type"].as_str() {
            Some("AWS::Serverless::Api") => {
                let properties = read(&place, properties)?;
                if self.api.replace((place.clone(), properties)).is_some() {
                    return Err(TemplateError::new(place, "a second API is not supported"));
                }
            }
            Some("AWS::Serverless::Function") => {
                let name = resource["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap_or(logical_id);
                self.add_function(&place, name, read(&place, properties)?, globals)?;
            }
            Some("AWS::DynamoDB::Table") => {
                for index in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
                    if !properties[index].is_null() {
                        return Err(TemplateError::new(place, format!("{index} are not supported")));
                    }
                }
                let table: Table = read(&place, properties)?;
                let name = intrinsics::table_name(logical_id, given(&table.name));
                self.tables.push(Table { logical_id: logical_id.to_owned(), name, ..table });
            }
            Some("AWS::SecretsManager::Secret") => {
                let mut secret: Secret = read(&place, properties)?;
                secret.name = intrinsics::secret_name(logical_id, given(&secret.name));
                self.secrets.push(secret);
            }
            _ => {}
        }
        Ok(())
    }

    fn add_function(
        &mut self,
        place: &str,
        name: &str,
        own: FunctionProperties,
        globals: &FunctionProperties,
    ) -> Result<(), TemplateError> {
        let mut environment = BTreeMap::new();
        for (name, value) in globals.environment.variables.iter().chain(&own.environment.variables) {
            let value = intrinsics::scalar_text(value).ok_or_else(|| {
                TemplateError::new(format!("{place}.Properties.Environment.Variables.{name}"), "not a scalar")
            })?;
            environment.insert(name.clone(), value);
        }
        // What AWS takes where neither says.
        let timeout = Duration::from_secs(own.timeout.or(globals.timeout).unwrap_or(3));
        let memory = own.memory_size.or(globals.memory_size).unwrap_or(128);
        let function = Function { timeout, memory, environment };
        if self.functions.insert(name.to_owned(), function).is_some() {
            return Err(TemplateError::new(place, format!("a second function `{name}`")));
        }
        for (event_name, event) in own.events {
            // Nothing else happens here that could invoke a function.
            if event.kind == "Api" {
                let place = format!("{place}.Properties.Events.{event_name}");
                let event = read(&place, event.properties)?;
                self.events.push((place, name.to_owned(), event));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Template, TemplateError> {
        let Some((place, api)) = self.api else {
            return Err(TemplateError::new("Resources", "no AWS::Serverless::Api"));
        };
        if !api.binary_media_types.is_empty() {
            return Err(TemplateError::new(place, "BinaryMediaTypes are not supported"));
        }
        let mut authorizers = HashMap::new();
        for (name, properties) in api.auth.authorizers {
            let place = format!("{place}.Properties.Auth.Authorizers.{name}");
            let authorizer = authorizer(&place, properties, &self.functions)?;
            authorizers.insert(name, authorizer);
        }
        let mut routes = Routes::default();
        for (place, function, event) in self.events {
            if event.rest_api_id != API_ID {
                return Err(TemplateError::new(place, format!("no API `{}`", event.rest_api_id)));
            }
            let authorizer = match event.auth.authorizer.or_else(|| api.auth.default_authorizer.clone()) {
                Some(none) if none == "NONE" => None,
                Some(name) if authorizers.contains_key(&name) => Some(name),
                Some(name) => return Err(TemplateError::new(place, format!("no authorizer `{name}`"))),
                None => None,
            };
            routes
                .add(&event.method, &event.path, Route { function, authorizer })
                .map_err(|error| TemplateError::new(place, error.to_string()))?;
        }
        let mut responses = GatewayResponses::default();
        for (name, properties) in api.gateway_responses {
            let place = format!("{place}.Properties.GatewayResponses.{name}");
            let kind: ResponseType = read(&place, Value::String(name))?;
            let response: GatewayResponse = read(&place, properties)?;
            responses.insert(kind, response);
        }
        Ok(Template {
            api: Api { stage: api.stage_name, routes, authorizers, responses },
            functions: self.functions,
            tables: self.tables,
            secrets: self.secrets,
        })
    }
}

fn authorizer(
    place: &str,
    properties: AuthorizerProperties,
    functions: &BTreeMap<String, Function>,
) -> Result<Authorizer, TemplateError> {
    // Left out, it means 300 seconds to AWS.
    if properties.identity.reauthorize_every != Some(0) {
        return Err(TemplateError::new(
            format!("{place}.Identity.ReauthorizeEvery"),
            "must be 0, since no answer of an authorizer is cached here",
        ));
    }
    let function = functions
        .keys()
        .find(|name| account::function_arn(name) == properties.function_arn)
        .ok_or_else(|| TemplateError::new(place, format!("no function `{}`", properties.function_arn)))?;
    Ok(Authorizer { function: function.clone(), identity_headers: properties.identity.headers })
}

fn given(name: &str) -> Option<&str> {
    (!name.is_empty()).then_some(name)
}

fn read<T: DeserializeOwned>(place: &str, value: Value) -> Result<T, TemplateError> {
    serde_json::from_value(value).map_err(|error| TemplateError::new(place, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = include_str!("../../../template.yaml");

    #[test]
    fn the_template_of_the_service_is_understood() {
        let template = Template::parse(TEMPLATE).unwrap();
        let authorizer = &template.api.authorizers["Credential"];
        assert_eq!(authorizer.function, "authorizer");
        assert_eq!(authorizer.identity_headers, ["Authorization"]);

        let login = template.api.routes.find("POST", "/v1/auth/login").unwrap();
        assert_eq!((login.route.function.as_str(), &login.route.authorizer), ("login", &None));
        let projects = template.api.routes.find("GET", "/v1/projects").unwrap();
        assert_eq!(projects.route.authorizer.as_deref(), Some("Credential"));

        let environment = &template.functions["authorizer"].environment;
        assert_eq!(environment["TABLE_NAME"], template.tables[0].name);
        assert_eq!(environment["PEPPER_SECRET_ID"], account::secret_arn(&template.secrets[0].name));
        assert_eq!(template.functions["authorizer"].timeout, Duration::from_secs(10));
    }

    /// The service's template with one text replaced, and what is said about it.
    fn broken(from: &str, to: &str) -> String {
        assert!(TEMPLATE.contains(from), "{from}");
        Template::parse(&TEMPLATE.replacen(from, to, 1)).unwrap_err().to_string()
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (from, to, expected) in [
            (
                "TABLE_NAME: !Ref Table",
                "TABLE_NAME: !Ref Tabel",
                "Globals.Function.Environment.Variables.TABLE_NAME: unknown reference `Tabel`",
            ),
            (
                "DefaultAuthorizer: Credential",
                "DefaultAuthorizer: Gate",
                "Resources.ApiKeysCreateFunction.Properties.Events.Post: no authorizer `Gate`",
            ),
            (
                "ReauthorizeEvery: 0",
                "ReauthorizeEvery: 300",
                "Resources.Api.Properties.Auth.Authorizers.Credential.Identity.ReauthorizeEvery: must be 0",
            ),
            (
                "ReauthorizeEvery: 0",
                "# nothing",
                "Resources.Api.Properties.Auth.Authorizers.Credential.Identity.ReauthorizeEvery: must be 0",
            ),
            (
                "FunctionPayloadType: REQUEST",
                "FunctionPayloadType: TOKEN",
                "Resources.Api: unknown variant `TOKEN`",
            ),
            (
                "FunctionArn: !GetAtt AuthorizerFunction.Arn",
                "FunctionArn: arn:x",
                "Resources.Api.Properties.Auth.Authorizers.Credential: no function `arn:x`",
            ),
            ("RestApiId: !Ref Api", "RestApiId: !Ref Table", "no API `medtwin-auth-Table`"),
            (
                "Path: /v1/health",
                "Path: v1/health",
                "Resources.HealthFunction.Properties.Events.Get: the path `v1/health`",
            ),
            (
                "Path: /v1/health\n            Auth: { Authorizer: NONE }",
                "Path: /v1/health\n            Auth: { ApiKeyRequired: true }",
                "Resources.HealthFunction.Properties.Events.Get: unknown field `ApiKeyRequired`",
            ),
            (
                "X-Request-Id: context.requestId",
                "X-Request-Id: context.identity.sourceIp",
                "Resources.Api.Properties.GatewayResponses.UNAUTHORIZED: `context.identity.sourceIp`",
            ),
            (
                "        THROTTLED:",
                "        THROTLED:",
                "Resources.Api.Properties.GatewayResponses.THROTLED: unknown variant",
            ),
            (
                "BillingMode: PAY_PER_REQUEST",
                "BillingMode: PROVISIONED",
                "Resources.Table: unknown variant `PROVISIONED`",
            ),
            (
                "BuildProperties: { Binary: health }",
                "BuildProperties: {}",
                "Resources.HealthFunction: no Metadata",
            ),
            ("Binary: health }", "Binary: login }", "a second function `login`"),
            (
                "Type: AWS::Serverless::Api\n",
                "Type: AWS::Serverless::HttpApi\n",
                "Resources: no AWS::Serverless::Api",
            ),
            ("Timeout: 10", "Timeout: soon", "Globals: invalid type"),
        ] {
            let message = broken(from, to);
            assert!(message.contains(expected), "{to}: {message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn events_of_other_kinds_are_for_others() {
        let schedule = "      Events:\n        Daily: { Type: Schedule, Properties: { Schedule: rate(1 day) } }\n        Get:";
        let template = TEMPLATE.replacen("      Events:\n        Get:", schedule, 1);
        assert!(template.contains("Daily"));
        assert!(Template::parse(&template).is_ok());
    }
}
