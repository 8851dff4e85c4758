//! Parses the SAM template, which describes the whole service.

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
    event_source::{EventSource, Pattern},
    gateway_response::{GatewayResponse, GatewayResponses, ResponseType},
    intrinsics::Resolver,
    routes::{Authorizer, Integration, Route, Routes},
    sam::{
        ApiEvent, ApiProperties, AuthorizerProperties, EventSourceProperties, FunctionProperties,
        GenerateSecretString, Globals, SecretProperties,
    },
    scalar,
    tables::Schema,
    template_error::{TemplateError, child},
    yaml,
};

#[derive(Debug)]
pub(crate) struct Template {
    pub(crate) api: Api,
    /// By their physical names.
    pub(crate) functions: BTreeMap<String, Function>,
    /// The tables that the stack creates.
    pub(crate) tables: Vec<Table>,
    /// The secrets that the stack creates, by their physical names.
    pub(crate) secrets: BTreeMap<String, GenerateSecretString>,
    pub(crate) event_sources: Vec<EventSource>,
    /// The properties of the alarms, by their logical ids. The gateway does not evaluate alarms.
    pub(crate) alarms: BTreeMap<String, Value>,
}

#[derive(Debug)]
pub(crate) struct Api {
    pub(crate) stage: String,
    pub(crate) routes: Routes,
    pub(crate) responses: GatewayResponses,
    pub(crate) minimum_compression_size: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) timeout: Duration,
    /// In MB.
    pub(crate) memory: i32,
    pub(crate) environment: BTreeMap<String, String>,
    /// The AWS actions that the function's role allows, such as `dynamodb:GetItem`.
    pub(crate) actions: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    pub(crate) schema: Schema,
}

impl Template {
    /// Reads and parses the template at `path` for the stack `stack`. `defaults` replaces the default values of those of its
    /// parameters that the template declares.
    pub(crate) fn load(
        path: &Path,
        stack: &str,
        parameters: &BTreeMap<String, String>,
        defaults: &[(&str, String)],
    ) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| TemplateError::new("", format!("cannot read the template: {error}")))?;
        let mut document = yaml::parse(&text)?;
        for (name, value) in defaults {
            if let Some(default) = document.pointer_mut(&format!("/Parameters/{name}/Default")) {
                *default = value.as_str().into();
            }
        }
        Self::from_document(document, stack, parameters)
    }

    /// Parses the template `text` for the stack `stack`. `parameters` overrides the defaults of parameters.
    pub(crate) fn parse(
        text: &str,
        stack: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        Self::from_document(yaml::parse(text)?, stack, parameters)
    }

    fn from_document(
        document: Value,
        stack: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let resolver = Resolver::new(&document, stack, parameters)?;
        let Value::Object(mut sections) = document else {
            return Err(TemplateError::new("", "the template is not a map"));
        };
        let mut section =
            |name: &str| sections.remove(name).unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        let globals: Globals = read("Globals", resolver.resolve("Globals", section("Globals"))?)?;
        let existing = |name: &str, section: Value| {
            let mut existing = BTreeMap::new();
            for (key, value) in read::<BTreeMap<String, Value>>(name, section)? {
                let location = child(name, &key);
                if resolver.exists(&location, &value)? {
                    existing.insert(key, resolver.resolve(&location, value)?);
                }
            }
            Ok(existing)
        };
        let resources = existing("Resources", section("Resources"))?;
        // The gateway does not use the outputs, but CloudFormation would reject unknown references in them.
        existing("Outputs", section("Outputs"))?;

        let mut builder = TemplateBuilder::default();
        for (logical_id, resource) in resources {
            builder.add(&logical_id, resolver.physical_name(&logical_id), resource, &globals.function)?;
        }
        builder.finish()
    }
}

/// Collects the resources. [`TemplateBuilder::finish`] connects those that refer to each other.
#[derive(Default)]
struct TemplateBuilder {
    /// The API and its location.
    api: Option<(String, ApiProperties)>,
    functions: BTreeMap<String, Function>,
    /// The API events of the functions.
    events: Vec<DeclaredEvent>,
    tables: Vec<Table>,
    secrets: BTreeMap<String, GenerateSecretString>,
    /// The event source mappings and their locations.
    event_sources: Vec<(String, EventSourceProperties)>,
    alarms: BTreeMap<String, Value>,
}

struct DeclaredEvent {
    location: String,
    /// The name of the function.
    function: String,
    event: ApiEvent,
}

impl TemplateBuilder {
    fn add(
        &mut self,
        logical_id: &str,
        name: &str,
        mut resource: Value,
        globals: &FunctionProperties,
    ) -> Result<(), TemplateError> {
        let location = format!("Resources.{logical_id}");
        let properties =
            resource.get_mut("Properties").map_or_else(|| Value::Object(serde_json::Map::new()), Value::take);
        match resource["Type"].as_str() {
            Some("AWS::Serverless::Api") => {
                let properties = read(&location, properties)?;
                if self.api.replace((location.clone(), properties)).is_some() {
                    return Err(TemplateError::new(location, "a second API is not supported"));
                }
            }
            Some("AWS::Serverless::Function") => {
                self.add_function(&location, name, read(&location, properties)?, globals)?;
            }
            Some("AWS::DynamoDB::Table") => {
                let schema = read(&location, properties)?;
                self.tables.push(Table { logical_id: logical_id.to_owned(), name: name.to_owned(), schema });
            }
            Some("AWS::SecretsManager::Secret") => {
                let secret: SecretProperties = read(&location, properties)?;
                self.secrets.insert(name.to_owned(), secret.generate_secret_string);
            }
            Some("AWS::Lambda::EventSourceMapping") => {
                let properties = read(&location, properties)?;
                self.event_sources.push((location, properties));
            }
            Some("AWS::CloudWatch::Alarm") => {
                self.alarms.insert(logical_id.to_owned(), properties);
            }
            _ => {}
        }
        Ok(())
    }

    fn add_function(
        &mut self,
        location: &str,
        name: &str,
        own: FunctionProperties,
        globals: &FunctionProperties,
    ) -> Result<(), TemplateError> {
        let mut environment = BTreeMap::new();
        for (name, value) in globals.environment.variables.iter().chain(&own.environment.variables) {
            let value = scalar::text(value).ok_or_else(|| {
                TemplateError::new(
                    format!("{location}.Properties.Environment.Variables.{name}"),
                    "is not a scalar",
                )
            })?;
            environment.insert(name.clone(), value);
        }
        // 3 seconds and 128 MB are the defaults of AWS.
        let timeout = Duration::from_secs(own.timeout.or(globals.timeout).unwrap_or(3));
        let memory = own.memory_size.or(globals.memory_size).unwrap_or(128);
        let actions = own.policies.into_iter().flat_map(|policy| policy.statement);
        let actions = actions.flat_map(|statement| statement.action).collect();
        let function = Function { timeout, memory, environment, actions };
        if self.functions.insert(name.to_owned(), function).is_some() {
            return Err(TemplateError::new(location, format!("the function `{name}` is declared twice")));
        }
        for (event_name, event) in own.events {
            // The gateway generates no events of other types.
            if event.kind == "Api" {
                let location = format!("{location}.Properties.Events.{event_name}");
                let event = read(&location, event.properties)?;
                self.events.push(DeclaredEvent { location, function: name.to_owned(), event });
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Template, TemplateError> {
        let Some((location, api)) = self.api else {
            return Err(TemplateError::new("Resources", "there is no AWS::Serverless::Api"));
        };
        if !api.binary_media_types.is_empty() {
            return Err(TemplateError::new(location, "BinaryMediaTypes are not supported"));
        }
        let mut authorizers = HashMap::new();
        for (name, properties) in api.auth.authorizers {
            let location = format!("{location}.Properties.Auth.Authorizers.{name}");
            authorizers.insert(name, Arc::new(authorizer(&location, properties, &self.functions)?));
        }
        let mut routes = Routes::default();
        for DeclaredEvent { location, function, event } in self.events {
            if event.rest_api_id != API_ID {
                return Err(TemplateError::new(location, format!("unknown API `{}`", event.rest_api_id)));
            }
            let authorizer = match event.auth.authorizer.or_else(|| api.auth.default_authorizer.clone()) {
                None => None,
                Some(name) if name == "NONE" => None,
                Some(name) => match authorizers.get(&name) {
                    Some(authorizer) => Some(Arc::clone(authorizer)),
                    None => return Err(TemplateError::new(location, format!("unknown authorizer `{name}`"))),
                },
            };
            let timeout = Duration::from_millis(event.timeout_in_millis);
            let integration = Integration::Function { name: function, timeout };
            routes
                .add(&event.method, &event.path, Route { integration, authorizer })
                .map_err(|error| TemplateError::new(location, error.to_string()))?;
        }
        if let Some(definition) = api.definition_body {
            let location = format!("{location}.Properties");
            if !api.merge_definitions {
                return Err(TemplateError::new(
                    format!("{location}.MergeDefinitions"),
                    "must be true, because SAM otherwise adds no routes to the definition",
                ));
            }
            // SAM's default is true. But browsers send no credential with a preflight request.
            if api.auth.add_default_authorizer_to_cors_preflight != Some(false) {
                return Err(TemplateError::new(
                    format!("{location}.Auth.AddDefaultAuthorizerToCorsPreflight"),
                    "must be false, because preflight requests have no credential",
                ));
            }
            for (path, methods) in definition.paths {
                let integration = Integration::Preflight(methods.options);
                let route = Route { integration, authorizer: None };
                routes.add("OPTIONS", &path, route).map_err(|error| {
                    TemplateError::new(format!("{location}.DefinitionBody.paths"), error.to_string())
                })?;
            }
        }
        let mut event_sources = Vec::new();
        for (location, properties) in self.event_sources {
            event_sources.push(event_source(&location, properties, &self.functions, &self.tables)?);
        }
        let mut responses = GatewayResponses::default();
        for (name, properties) in api.gateway_responses {
            let location = format!("{location}.Properties.GatewayResponses.{name}");
            let kind: ResponseType = read(&location, Value::String(name))?;
            let response: GatewayResponse = read(&location, properties)?;
            responses.insert(kind, response);
        }
        Ok(Template {
            api: Api {
                stage: api.stage_name,
                routes,
                responses,
                minimum_compression_size: api.minimum_compression_size,
            },
            functions: self.functions,
            tables: self.tables,
            secrets: self.secrets,
            event_sources,
            alarms: self.alarms,
        })
    }
}

fn authorizer(
    location: &str,
    properties: AuthorizerProperties,
    functions: &BTreeMap<String, Function>,
) -> Result<Authorizer, TemplateError> {
    // AWS's default is 300 seconds.
    if properties.identity.reauthorize_every != Some(0) {
        return Err(TemplateError::new(
            format!("{location}.Identity.ReauthorizeEvery"),
            "must be 0, because the gateway does not cache results of authorizers",
        ));
    }
    let function = function_name(location, &properties.function_arn, functions)?;
    Ok(Authorizer { function, identity_headers: properties.identity.headers })
}

fn event_source(
    location: &str,
    properties: EventSourceProperties,
    functions: &BTreeMap<String, Function>,
    tables: &[Table],
) -> Result<EventSource, TemplateError> {
    let function = function_name(location, &properties.function_name, functions)?;
    let arn = properties.event_source_arn;
    let table = arn.split_once(":table/").and_then(|(_, rest)| rest.split_once("/stream/"));
    let (table, _) =
        table.ok_or_else(|| TemplateError::new(location, format!("`{arn}` is not the stream of a table")))?;
    let created = tables.iter().find(|created| created.name == table);
    let stream = created.and_then(|table| table.schema.stream.clone());
    let filters = properties.filter_criteria.filters.iter();
    let filters = filters.map(|filter| Pattern::parse(&filter.pattern)).collect::<Result<_, _>>();
    let filters = filters.map_err(|problem| TemplateError::new(location, problem))?;
    Ok(EventSource { function, table: table.to_owned(), stream, batch_size: properties.batch_size, filters })
}

/// Returns the name of the function with this ARN, which may be the ARN of an alias.
fn function_name(
    location: &str,
    arn: &str,
    functions: &BTreeMap<String, Function>,
) -> Result<String, TemplateError> {
    let has_arn = |name: &&String| {
        let rest = arn.strip_prefix(&aws_names::function_arn(name));
        // The ARN of an alias ends with a colon and the name of the alias.
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    let function = functions.keys().find(has_arn).cloned();
    function.ok_or_else(|| TemplateError::new(location, format!("unknown function `{arn}`")))
}

fn read<T: DeserializeOwned>(location: &str, value: Value) -> Result<T, TemplateError> {
    serde_json::from_value(value).map_err(|error| TemplateError::new(location, error.to_string()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::aws_names::STACK_NAME;

    const TEMPLATE: &str = include_str!("../../../template.yaml");

    fn parse(text: &str) -> Result<Template, TemplateError> {
        Template::parse(text, STACK_NAME, &BTreeMap::new())
    }

    #[test]
    fn parse_reads_the_template_of_the_service() {
        let template = parse(TEMPLATE).unwrap();
        let login = template.api.routes.find("POST", "/v1/auth/login").unwrap();
        assert_eq!(login.route, &Route::public("login"));
        let preflight = template.api.routes.find("OPTIONS", "/v1/projects").unwrap();
        assert_eq!(preflight.route.authorizer, None);
        assert!(matches!(preflight.route.integration, Integration::Preflight(_)));
        let projects = template.api.routes.find("GET", "/v1/projects").unwrap();
        let authorizer = projects.route.authorizer.as_ref().unwrap();
        assert_eq!(authorizer.function, "authorizer");
        assert_eq!(authorizer.identity_headers, ["Authorization"]);

        let environment = &template.functions["authorizer"].environment;
        assert_eq!(environment["TABLE_NAME"], template.tables[0].name);
        assert_eq!(environment["PEPPER_SECRET_ID"], aws_names::secret_arn("Pepper"));
        assert_eq!(template.secrets.keys().collect::<Vec<_>>(), ["Pepper", "TokenMacKey"]);
        assert_eq!(template.functions["authorizer"].timeout, Duration::from_secs(10));
        let [source] = &template.event_sources[..] else { panic!("not one event source") };
        assert_eq!((&*source.function, &source.table), ("key-expiry-reminders", &template.tables[0].name));
        assert_eq!(source.stream, template.tables[0].schema.stream);
    }

    #[test]
    fn gateway_responses_have_the_headers_of_all_responses() {
        let responses = parse(TEMPLATE).unwrap().api.responses;
        let defined =
            yaml::parse(TEMPLATE).unwrap()["Resources"]["Api"]["Properties"]["GatewayResponses"].take();
        for kind in read::<BTreeMap<String, Value>>("", defined).unwrap().into_keys() {
            let id = HeaderValue::from_static("id");
            let kind_id = read("", kind.clone().into()).unwrap();
            let response = responses.response(kind_id, &id, &HeaderMap::new());
            for (name, value) in [
                ("access-control-allow-origin", "https://nobody.invalid"),
                (
                    "access-control-expose-headers",
                    "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Deprecation, Sunset, Idempotency-Replayed",
                ),
                ("cache-control", "no-store"),
                ("strict-transport-security", "max-age=63072000; includeSubDomains"),
                ("x-content-type-options", "nosniff"),
                ("content-security-policy", "default-src; base-uri; form-action; frame-ancestors"),
            ] {
                assert_eq!(response.headers()[name], value, "{kind}");
            }
        }
    }

    #[tokio::test]
    async fn only_failures_that_may_pass_return_503_with_retry_after() {
        let responses = parse(TEMPLATE).unwrap().api.responses;
        let unavailable = (
            503,
            Some("1"),
            r#"{"error": {"code": "UNAVAILABLE", "message": "The service is unavailable"}}"#,
        );
        let internal = (500, None, r#"{"error": {"code": "INTERNAL", "message": "Internal error"}}"#);
        for (kind, expected) in [
            (ResponseType::IntegrationFailure, unavailable),
            (ResponseType::IntegrationTimeout, unavailable),
            (ResponseType::AuthorizerFailure, unavailable),
            (ResponseType::AuthorizerConfigurationError, unavailable),
            (ResponseType::FunctionFailure, internal),
            (ResponseType::ApiConfigurationError, internal),
            (ResponseType::Default5xx, internal),
        ] {
            let (parts, body) =
                responses.response(kind, &HeaderValue::from_static("id"), &HeaderMap::new()).into_parts();
            let retry_after = parts.headers.get("retry-after").map(|value| value.to_str().unwrap());
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let actual = (parts.status.as_u16(), retry_after, str::from_utf8(&body).unwrap());
            assert_eq!(actual, expected, "{kind:?}");
        }
    }

    /// Asserts that parsing fails with `expected` after `from` was replaced by `to` in the service's template.
    #[track_caller]
    fn assert_rejected(from: &str, to: &str, expected: &str) {
        assert!(TEMPLATE.contains(from), "{from}");
        let message = parse(&TEMPLATE.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(message.contains(expected), "{to}: {message}");
        assert!(!message.contains('\n'), "{message}");
    }

    #[test]
    fn errors_contain_their_location() {
        for (from, to, expected) in [
            (
                "TABLE_NAME: !If [CreatesTable, !Ref Table,",
                "TABLE_NAME: !If [CreatesTable, !Ref Tabel,",
                "Globals.Function.Environment.Variables.TABLE_NAME: unknown reference `Tabel`",
            ),
            (
                "DefaultAuthorizer: Credential",
                "DefaultAuthorizer: Other",
                "Resources.AccountFunction.Properties.Events.Change: unknown authorizer `Other`",
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
                "FunctionArn: !Ref AuthorizerFunction.Alias",
                "FunctionArn: arn:x",
                "Resources.Api.Properties.Auth.Authorizers.Credential: unknown function `arn:x`",
            ),
            ("RestApiId: !Ref Api", "RestApiId: !Ref Table", "unknown API `medtwin-auth-Table`"),
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
                "Headers:\n              X-Request-Id: context.requestId",
                "Headers:\n              X-Request-Id: context.identity.sourceIp",
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
                "Resources.HealthFunction: missing Metadata",
            ),
            ("Binary: health }", "Binary: login }", "the function `login` is declared twice"),
            (
                "Type: AWS::Serverless::Api\n",
                "Type: AWS::Serverless::HttpApi\n",
                "Resources: there is no AWS::Serverless::Api",
            ),
            ("Timeout: 10", "Timeout: soon", "Globals: invalid type"),
        ] {
            assert_rejected(from, to, expected);
        }
    }

    #[test]
    fn errors_in_event_sources_contain_their_location() {
        for (from, to, expected) in [
            (
                "FunctionName: !Ref KeyExpiryRemindersFunction.Alias",
                "FunctionName: arn:x",
                "Resources.KeyExpiryReminderEvents: unknown function `arn:x`",
            ),
            (
                "!Ref ExistingTableStreamArn, !GetAtt Table.StreamArn]",
                "!Ref ExistingTableStreamArn, !GetAtt Table.Arn]",
                "/medtwin-auth-Table` is not the stream of a table",
            ),
            (
                "[{\"prefix\": \"KEY_EXPIRY#\"}]",
                "[{\"suffix\": \"KEY_EXPIRY#\"}]",
                "Resources.KeyExpiryReminderEvents: only values and `prefix` are supported",
            ),
            (
                "StreamViewType: NEW_AND_OLD_IMAGES",
                "StreamViewType: IMAGES",
                "Resources.Table: unknown enum variant: 'IMAGES'",
            ),
        ] {
            assert_rejected(from, to, expected);
        }
    }

    #[test]
    fn errors_in_preflights_and_conditions_contain_their_location() {
        for (from, to, expected) in [
            (
                "AddDefaultAuthorizerToCorsPreflight: false",
                "# nothing",
                "Resources.Api.Properties.Auth.AddDefaultAuthorizerToCorsPreflight: must be false",
            ),
            (
                "MergeDefinitions: true",
                "# nothing",
                "Resources.Api.Properties.MergeDefinitions: must be true",
            ),
            (
                "/v1/projects/{project_id}: { options",
                "/v1/projects/{project}: { options",
                "Resources.Api.Properties.DefinitionBody.paths: `/v1/projects/{project_id}` and `/v1/projects/{project}`",
            ),
            (
                "              summary: Respond to the preflight",
                "              security: []\n              summary: Respond to the preflight",
                "Resources.Api: unknown field `security`",
            ),
            (
                "method.response.header.X-Request-Id: context.requestId",
                "method.response.header.X-Request-Id: context.identity.sourceIp",
                "Resources.Api: `context.identity.sourceIp`",
            ),
            (
                "HasDomain: !Not",
                "HasDomain: !Or",
                "Conditions.HasDomain: only `Fn::Equals`, `Fn::Not` and `Fn::And` are supported",
            ),
            (
                "Condition: HasDomain",
                "Condition: HasDoman",
                "Resources.CustomDomain: unknown condition `HasDoman`",
            ),
        ] {
            assert_rejected(from, to, expected);
        }
    }

    #[test]
    fn parse_supports_all_conditional_resources() {
        let topic = "arn:aws:sns:eu-central-1:123456789012:alarms";
        let web_acl = "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/limits/1a2b";
        let parameters = [
            ("AlarmTopicArn", topic),
            ("DomainName", "auth.example.com"),
            ("HostedZoneId", "Z1"),
            ("WebAclArn", web_acl),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Template::parse(TEMPLATE, STACK_NAME, &parameters).unwrap();
    }

    #[test]
    fn functions_use_the_existing_table_and_secrets_of_the_parameters() {
        let pepper = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:Pepper-1a2b3c";
        let token_mac_key = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:TokenMacKey-1a2b3c";
        let parameters = [
            ("ExistingTableName", "restored"),
            ("ExistingTableArn", "arn:aws:dynamodb:eu-central-1:123456789012:table/restored"),
            ("ExistingPepperArn", pepper),
            ("ExistingTokenMacKeyArn", token_mac_key),
        ];
        let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let template = Template::parse(TEMPLATE, STACK_NAME, &parameters).unwrap();
        assert!(template.tables.is_empty());
        assert!(template.secrets.is_empty());
        for (name, Function { environment, .. }) in &template.functions {
            assert_eq!(environment["TABLE_NAME"], "restored", "{name}");
            assert!(environment.get("PEPPER_SECRET_ID").is_none_or(|id| id == pepper), "{name}");
            assert!(environment.get("TOKEN_MAC_SECRET_ID").is_none_or(|id| id == token_mac_key), "{name}");
        }
        assert_eq!(template.functions["login"].environment["PEPPER_SECRET_ID"], pepper);
        assert_eq!(template.functions["login"].environment["TOKEN_MAC_SECRET_ID"], token_mac_key);
    }

    #[test]
    fn events_of_other_types_are_ignored() {
        let schedule = "      Events:\n        Daily: { Type: Schedule, Properties: { Schedule: rate(1 day) } }\n        Get:";
        let template = TEMPLATE.replacen("      Events:\n        Get:", schedule, 1);
        assert!(template.contains("Daily"));
        assert!(parse(&template).is_ok());
    }
}
