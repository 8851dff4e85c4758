//! The SAM template: everything that the gateway knows about the service.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    aws_names::{self, API_ID},
    gateway_response::{GatewayResponse, GatewayResponses, ResponseType},
    intrinsics::Names,
    routes::{Authorizer, Integration, Route, Routes},
    sam::{
        ApiEvent, ApiProperties, AuthorizerProperties, FunctionProperties, GenerateSecretString, Globals,
        SecretProperties,
    },
    scalar,
    tables::Schema,
    template_error::{TemplateError, below},
    yaml,
};

/// A template, read.
#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) api: Api,
    /// By name.
    pub(crate) functions: BTreeMap<String, Function>,
    pub(crate) tables: Vec<Table>,
    /// By name.
    pub(crate) secrets: BTreeMap<String, GenerateSecretString>,
}

/// The one API.
#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) stage: String,
    pub(crate) routes: Routes,
    pub(crate) responses: GatewayResponses,
}

/// A Lambda function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) timeout: Duration,
    /// In MB.
    pub(crate) memory: i32,
    pub(crate) environment: BTreeMap<String, String>,
    /// The actions that its role allows, such as `dynamodb:GetItem`.
    pub(crate) actions: BTreeSet<String>,
}

/// A DynamoDB table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    pub(crate) schema: Schema,
}

impl Template {
    /// Reads the template at `path`, as it is for the stack `stack` with these parameters.
    pub(crate) fn load(
        path: &Path,
        stack: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| TemplateError::new("", format!("cannot be read: {error}")))?;
        Self::parse(&text, stack, parameters)
    }

    /// Reads the template that is `text`.
    pub(crate) fn parse(
        text: &str,
        stack: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let document = yaml::parse(text)?;
        let names = Names::of(&document, stack, parameters)?;
        let Value::Object(mut sections) = document else {
            return Err(TemplateError::new("", "is not a map"));
        };
        let mut section =
            |name: &str| sections.remove(name).unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        let globals: Globals = read("Globals", names.resolve("Globals", section("Globals"))?)?;
        let existing = |name: &str, section: Value| {
            let mut existing = BTreeMap::new();
            for (key, value) in read::<BTreeMap<String, Value>>(name, section)? {
                let place = below(name, &key);
                if names.exists(&place, &value)? {
                    existing.insert(key, names.resolve(&place, value)?);
                }
            }
            Ok(existing)
        };
        let resources = existing("Resources", section("Resources"))?;
        // Nothing here reads it, but CloudFormation would refuse an unknown name in it.
        existing("Outputs", section("Outputs"))?;

        let mut reader = Reader::default();
        for (logical_id, resource) in resources {
            reader.add(&logical_id, names.name(&logical_id), resource, &globals.function)?;
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
    secrets: BTreeMap<String, GenerateSecretString>,
}

impl Reader {
    fn add(
        &mut self,
        logical_id: &str,
        name: &str,
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
                self.add_function(&place, name, read(&place, properties)?, globals)?;
            }
            Some("AWS::DynamoDB::Table") => {
                let schema = read(&place, properties)?;
                self.tables.push(Table { logical_id: logical_id.to_owned(), name: name.to_owned(), schema });
            }
            Some("AWS::SecretsManager::Secret") => {
                let secret: SecretProperties = read(&place, properties)?;
                self.secrets.insert(name.to_owned(), secret.generate_secret_string);
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
            let value = scalar::text(value).ok_or_else(|| {
                TemplateError::new(format!("{place}.Properties.Environment.Variables.{name}"), "not a scalar")
            })?;
            environment.insert(name.clone(), value);
        }
        // What AWS takes where neither says.
        let timeout = Duration::from_secs(own.timeout.or(globals.timeout).unwrap_or(3));
        let memory = own.memory_size.or(globals.memory_size).unwrap_or(128);
        let actions = own.policies.into_iter().flat_map(|policy| policy.statement);
        let actions = actions.flat_map(|statement| statement.action).collect();
        let function = Function { timeout, memory, environment, actions };
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
            authorizers.insert(name, Arc::new(authorizer(&place, properties, &self.functions)?));
        }
        let mut routes = Routes::default();
        for (place, function, event) in self.events {
            if event.rest_api_id != API_ID {
                return Err(TemplateError::new(place, format!("no API `{}`", event.rest_api_id)));
            }
            let authorizer = match event.auth.authorizer.or_else(|| api.auth.default_authorizer.clone()) {
                None => None,
                Some(name) if name == "NONE" => None,
                Some(name) => match authorizers.get(&name) {
                    Some(authorizer) => Some(Arc::clone(authorizer)),
                    None => return Err(TemplateError::new(place, format!("no authorizer `{name}`"))),
                },
            };
            let timeout = Duration::from_millis(event.timeout_in_millis);
            let integration = Integration::Function { name: function, timeout };
            routes
                .add(&event.method, &event.path, Route { integration, authorizer })
                .map_err(|error| TemplateError::new(place, error.to_string()))?;
        }
        if let Some(cors) = api.cors {
            // Left out, it means true to SAM; but no browser sends a credential with a preflight.
            if api.auth.add_default_authorizer_to_cors_preflight != Some(false) {
                return Err(TemplateError::new(
                    format!("{place}.Properties.Auth.AddDefaultAuthorizerToCorsPreflight"),
                    "must be false, or no browser gets past a preflight",
                ));
            }
            routes.add_preflights(&cors);
        }
        let mut responses = GatewayResponses::default();
        for (name, properties) in api.gateway_responses {
            let place = format!("{place}.Properties.GatewayResponses.{name}");
            let kind: ResponseType = read(&place, Value::String(name))?;
            let response: GatewayResponse = read(&place, properties)?;
            responses.insert(kind, response);
        }
        Ok(Template {
            api: Api { stage: api.stage_name, routes, responses },
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
        .find(|name| aws_names::function_arn(name) == properties.function_arn)
        .ok_or_else(|| TemplateError::new(place, format!("no function `{}`", properties.function_arn)))?;
    Ok(Authorizer { function: function.clone(), identity_headers: properties.identity.headers })
}

fn read<T: DeserializeOwned>(place: &str, value: Value) -> Result<T, TemplateError> {
    serde_json::from_value(value).map_err(|error| TemplateError::new(place, error.to_string()))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::aws_names::STACK_NAME;

    const TEMPLATE: &str = include_str!("../../../template.yaml");

    fn parse(text: &str) -> Result<Template, TemplateError> {
        Template::parse(text, STACK_NAME, &BTreeMap::new())
    }

    #[test]
    fn the_template_of_the_service_is_understood() {
        let template = parse(TEMPLATE).unwrap();
        let login = template.api.routes.find("POST", "/v1/auth/login").unwrap();
        assert_eq!(login.route, &Route::public("login"));
        let preflight = template.api.routes.find("OPTIONS", "/v1/projects").unwrap();
        assert_eq!(preflight.route.authorizer, None);
        let projects = template.api.routes.find("GET", "/v1/projects").unwrap();
        let authorizer = projects.route.authorizer.as_ref().unwrap();
        assert_eq!(authorizer.function, "authorizer");
        assert_eq!(authorizer.identity_headers, ["Authorization"]);

        let environment = &template.functions["authorizer"].environment;
        assert_eq!(environment["TABLE_NAME"], template.tables[0].name);
        assert_eq!(environment["PEPPER_SECRET_ID"], aws_names::secret_arn("Pepper"));
        assert!(template.secrets.contains_key("Pepper"));
        assert_eq!(template.functions["authorizer"].timeout, Duration::from_secs(10));
    }

    #[test]
    fn each_gateway_response_tells_browsers_what_all_answers_do() {
        let responses = parse(TEMPLATE).unwrap().api.responses;
        let given =
            yaml::parse(TEMPLATE).unwrap()["Resources"]["Api"]["Properties"]["GatewayResponses"].take();
        for kind in read::<BTreeMap<String, Value>>("", given).unwrap().into_keys() {
            let id = HeaderValue::from_static("id");
            let answer = responses.answer(read("", kind.clone().into()).unwrap(), &id);
            for (name, value) in [
                ("access-control-allow-origin", "https://nobody.invalid"),
                (
                    "access-control-expose-headers",
                    "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Idempotency-Replayed",
                ),
                ("cache-control", "no-store"),
                ("strict-transport-security", "max-age=63072000; includeSubDomains"),
                ("x-content-type-options", "nosniff"),
            ] {
                assert_eq!(answer.headers()[name], value, "{kind}");
            }
        }
    }

    /// What is said about the service's template with one text replaced.
    #[track_caller]
    fn assert_named(from: &str, to: &str, expected: &str) {
        assert!(TEMPLATE.contains(from), "{from}");
        let message = parse(&TEMPLATE.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(message.contains(expected), "{to}: {message}");
        assert!(!message.contains('\n'), "{message}");
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
                "Resources.Table: a BillingMode other than PAY_PER_REQUEST is not supported",
            ),
            (
                "BillingMode: PAY_PER_REQUEST",
                "BillingMode: PAY_PER_REQUEST\n      TableName: !Ref Stage",
                "Resources.Table.Properties.TableName: must be plain text",
            ),
            ("KeyType: HASH", "KeyType: HUSH", "Resources.Table: unknown enum variant: 'HUSH'"),
            (
                "BillingMode: PAY_PER_REQUEST",
                "BillingMode: PAY_PER_REQUEST\n      LocalSecondaryIndexes: [{}]",
                "Resources.Table: secondary indexes are not supported",
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
            assert_named(from, to, expected);
        }
    }

    #[test]
    fn mistakes_about_other_origins_and_conditions_are_named_with_their_place() {
        for (from, to, expected) in [
            (
                "AddDefaultAuthorizerToCorsPreflight: false",
                "# nothing",
                "Resources.Api.Properties.Auth.AddDefaultAuthorizerToCorsPreflight: must be false",
            ),
            (
                "MaxAge: \"'600'\"",
                "AllowCredentials: true",
                "Resources.Api: unknown field `AllowCredentials`",
            ),
            (
                "HasDomain: !Not",
                "HasDomain: !Or",
                "Conditions.HasDomain: is not made of `Fn::Equals`, `Fn::Not` and `Fn::And`",
            ),
            (
                "Condition: HasDomain",
                "Condition: HasDoman",
                "Resources.CustomDomain: unknown condition `HasDoman`",
            ),
        ] {
            assert_named(from, to, expected);
        }
    }

    #[test]
    fn every_condition_of_the_template_can_hold() {
        let topic = "arn:aws:sns:eu-central-1:123456789012:alarms";
        let parameters =
            [("AlarmTopicArn", topic), ("DomainName", "auth.example.com"), ("HostedZoneId", "Z1")];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Template::parse(TEMPLATE, STACK_NAME, &parameters).unwrap();
    }

    #[test]
    fn events_of_other_kinds_are_for_others() {
        let schedule = "      Events:\n        Daily: { Type: Schedule, Properties: { Schedule: rate(1 day) } }\n        Get:";
        let template = TEMPLATE.replacen("      Events:\n        Get:", schedule, 1);
        assert!(template.contains("Daily"));
        assert!(parse(&template).is_ok());
    }
}
