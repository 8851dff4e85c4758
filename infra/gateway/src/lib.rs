//! A local API Gateway that runs the whole service on this machine. It reads the same `template.yaml` that deploys the
//! service to AWS. The gateway itself is never deployed.
//!
//! A request goes through `rest_api`, which uses the other modules.

mod authorizer_result;
mod aws_names;
mod compression;
mod data;
mod demo;
mod dynamodb;
mod event;
mod event_source;
mod function_error;
pub mod functions;
mod gateway_response;
mod headers;
mod in_process;
mod integration;
mod intrinsics;
mod invoke;
mod invoke_api;
mod invoke_client;
mod local_api;
mod loopback;
mod options;
mod parameters;
mod policy;
mod preflight;
mod request_id;
mod request_log;
mod rest_api;
mod routes;
mod sam;
mod scalar;
mod secrets_manager;
mod ses;
mod start_error;
mod tables;
mod template;
mod template_error;
pub mod text_log;
mod unread_body;
mod web_page_guard;
pub mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_config::{AppName, Region, SdkConfig};
use aws_sdk_dynamodb::{Client, config::Credentials};
use dynoxide::Database;
use lambda_runtime::Config as FunctionConfig;
use serde_json::Value;
use shared::{
    primitives::random::Random,
    runtime::{
        app::App,
        aws::{self, Aws, AwsConfigs},
        config::Config,
    },
};
use tokio::net::TcpListener;

use crate::{
    aws_names::{REGION, STACK_NAME},
    data::DataFolder,
    demo::DataLocation,
    event_source::Streams,
    functions::FUNCTIONS,
    invoke::{Function, Functions, Runtime},
    invoke_client::InvokeClient,
    loopback::Server,
    rest_api::RestApi,
    sam::GenerateSecretString,
    secrets_manager::SecretsManager,
    ses::Mailbox,
    template::{Api, Table, Template},
};
pub use crate::{
    data::{Data, DataFolderError},
    demo::{Demo, DemoAccount, DemoError, ExistingData},
    function_error::FunctionError,
    in_process::Handler,
    options::{Options, default_template},
    routes::RouteInfo,
    ses::Announce,
    start_error::StartError,
    template_error::TemplateError,
};

/// The access key of all clients. DynamoDB Local can have a separate database for each access key, and it accepts only
/// letters and digits.
const ACCESS_KEY_ID: &str = "local";
/// The SDK signs requests with these credentials. Nothing on loopback checks the signatures.
const SECRET_ACCESS_KEY: &str = "localsecret";
const SESSION_TOKEN: &str = "localsession";
/// The caller's name in the requests that the gateway itself sends.
const OWN_NAME: &str = "gateway";

/// A running gateway. It stops when it is dropped. [`Gateway::stop`] also waits until it has stopped.
pub struct Gateway {
    url: String,
    dynamodb_url: String,
    secrets_manager_url: String,
    /// Where functions invoke each other.
    invoked_lambda_url: String,
    ses_url: String,
    dynamodb: Client,
    routes: Vec<RouteInfo>,
    /// The names of all tables that the functions use.
    used_tables: BTreeSet<String>,
    /// The names of the tables that the stack creates, by logical id.
    tables: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    actions: BTreeMap<String, BTreeSet<String>>,
    alarms: BTreeMap<String, Value>,
    functions: Arc<Functions>,
    /// The Invoke API of the functions, if they do not run in this process.
    invoke_client: Option<Arc<InvokeClient>>,
    data_location: DataLocation,
    /// In the order in which they stop.
    servers: Vec<Server>,
    /// Dropped, and so unlocked, after the servers have stopped.
    _folder: Option<DataFolder>,
}

impl Gateway {
    /// Starts a gateway. It accepts requests when this returns.
    ///
    /// # Errors
    /// Returns an error if the gateway cannot start. Everything that it started before is stopped.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        options.check_urls()?;
        let (listener, port) = listen(options.port).await?;
        let template = options.load_template(port)?;
        let folder = open_folder(&options.data)?;
        let (secrets_manager, secrets_manager_url) =
            start_secrets_manager(&options, &template.secrets, folder.as_ref()).await?;
        let (dynamodb, database, dynamodb_url) = start_dynamodb(&options, folder.as_ref()).await?;
        let mailbox = open_mailbox(&options, folder.as_ref())?;
        let (ses, ses_url) = start_ses(&options, &mailbox).await?;
        let invoked_lambda_url = options.invoked_lambda.clone().unwrap_or_else(|| url(port));
        let services =
            Services::new(&dynamodb_url, &secrets_manager_url, &invoked_lambda_url, &ses_url).await;
        let client = services.clients(OWN_NAME).dynamodb.into_client();
        // In the embedded DynamoDB, event sources enable the streams when they need them.
        let has_streams = options.event_sources && database.is_none();
        for Table { name, schema, .. } in &template.tables {
            let stream = schema.stream.as_ref().filter(|_| has_streams);
            tables::create(&client, name, schema, stream).await.map_err(|error| StartError::Table {
                table: name.clone(),
                url: dynamodb_url.clone(),
                error,
            })?;
        }
        let used_tables: BTreeSet<String> = template
            .functions
            .values()
            .filter_map(|function| function.environment.get("TABLE_NAME").cloned())
            .collect();
        for table in &used_tables {
            match tables::exists(&client, table).await {
                Ok(true) => {}
                Ok(false) => {
                    return Err(StartError::NoTable { table: table.clone(), url: dynamodb_url });
                }
                Err(error) => {
                    return Err(StartError::Table { table: table.clone(), url: dynamodb_url, error });
                }
            }
        }
        let environment =
            template.functions.values().flat_map(|function| function.environment.clone()).collect();
        let actions =
            template.functions.iter().map(|(name, function)| (name.clone(), function.actions.clone()));
        let actions = actions.collect();
        let invoke_client = options.lambda.as_deref().map(|url| Arc::new(InvokeClient::new(url)));
        let functions =
            start_functions(&options, template.functions, &services, invoke_client.as_ref()).await?;
        let functions = Arc::new(functions);
        let event_sources = options.event_sources.then(|| {
            let stream = Streams { dynamodb: client.clone(), url: dynamodb_url.clone(), database };
            event_source::serve(template.event_sources, stream, Arc::clone(&functions))
        });
        let data_location = data_location(&options, folder.as_ref(), &used_tables);
        let routes = template.api.routes.list();
        // Mails in a folder are read there.
        let mailbox = (options.data == Data::Ephemeral).then_some(mailbox);
        let api = serve(listener, port, &options, template.api, Arc::clone(&functions), mailbox);

        Ok(Self {
            url: url(port),
            dynamodb_url,
            secrets_manager_url,
            invoked_lambda_url,
            ses_url,
            dynamodb: client,
            routes,
            used_tables,
            tables: template.tables.into_iter().map(|table| (table.logical_id, table.name)).collect(),
            environment,
            actions,
            alarms: template.alarms,
            functions,
            invoke_client,
            data_location,
            servers: event_sources
                .into_iter()
                .chain([api])
                .chain(ses)
                .chain(secrets_manager)
                .chain(dynamodb)
                .collect(),
            _folder: folder,
        })
    }

    /// The URL of the API and of Lambda's Invoke API, such as `http://127.0.0.1:3000`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    #[must_use]
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    #[must_use]
    pub fn secrets_manager_url(&self) -> &str {
        &self.secrets_manager_url
    }

    #[must_use]
    pub fn dynamodb(&self) -> &Client {
        &self.dynamodb
    }

    /// All routes that lead to a function, in no particular order.
    #[must_use]
    pub fn routes(&self) -> &[RouteInfo] {
        &self.routes
    }

    /// Returns the name in DynamoDB of the table `logical_id` of the template, or `None` if the stack does not create it.
    #[must_use]
    pub fn table(&self, logical_id: &str) -> Option<&str> {
        self.tables.get(logical_id).map(String::as_str)
    }

    /// Returns the environment variables for functions that run outside of this process. They are the same for all functions:
    /// the variables that the template sets for any of them, and the URLs and credentials of the AWS services.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<&str, &str> {
        let own = self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        own.chain([
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb_url.as_str()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets_manager_url.as_str()),
            ("AWS_ENDPOINT_URL_LAMBDA", self.invoked_lambda_url.as_str()),
            ("AWS_ENDPOINT_URL_SESV2", self.ses_url.as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_SESSION_TOKEN", SESSION_TOKEN),
        ])
        .collect()
    }

    /// The AWS actions that the template allows each function, such as `dynamodb:GetItem`, by the function's name.
    #[must_use]
    pub fn actions(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.actions
    }

    /// The properties of the template's alarms, by logical id. References are replaced by their values. The gateway
    /// does not evaluate alarms.
    #[must_use]
    pub fn alarms(&self) -> &BTreeMap<String, Value> {
        &self.alarms
    }

    /// Creates the demo account if all tables are empty. If the functions run outside of this process, this waits until
    /// their Invoke API accepts connections.
    ///
    /// # Errors
    /// Returns an error if a request fails. Then the demo account may be incomplete.
    pub async fn create_demo_account(&self, random: &Random) -> Result<Demo, DemoError> {
        if let Some(client) = &self.invoke_client {
            client.wait_until_reachable().await;
        }
        Demo::create(self, random).await
    }

    /// Invokes a function directly, without the API and the authorizer.
    ///
    /// # Errors
    /// Returns the error of the function.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Value, FunctionError> {
        let result = self.invoke_with_bytes(function, payload.to_string().into_bytes()).await?;
        serde_json::from_slice(&result)
            .map_err(|error| FunctionError::new("Runtime.InvalidResponse", error.to_string()))
    }

    /// Like [`Gateway::invoke`], with a payload that does not have to be JSON.
    ///
    /// # Errors
    /// Returns the error of the function.
    pub async fn invoke_with_bytes(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> Result<Vec<u8>, FunctionError> {
        self.functions.invoke(function, payload).await
    }

    /// Stops the gateway: rejects new requests, waits for the running ones, and closes the database.
    pub async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
    }
}

/// Checks that the gateway supports the SAM template `text`, with the default values of all parameters.
///
/// # Errors
/// Returns the first problem and its location.
pub fn check_template(text: &str) -> Result<(), TemplateError> {
    Template::parse(text, STACK_NAME, &BTreeMap::new()).map(drop)
}

async fn listen(port: u16) -> Result<(TcpListener, u16), StartError> {
    loopback::bind(port).await.map_err(|error| StartError::Listen { port, error })
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn open_folder(data: &Data) -> Result<Option<DataFolder>, StartError> {
    match data {
        Data::Ephemeral => Ok(None),
        Data::Folder(path) => match DataFolder::open(path) {
            Ok(folder) => Ok(Some(folder)),
            Err(error) => Err(StartError::DataFolder { path: path.clone(), error }),
        },
    }
}

fn data_location(options: &Options, folder: Option<&DataFolder>, tables: &BTreeSet<String>) -> DataLocation {
    let folder = folder.map(|folder| folder.path().to_owned());
    match (&options.dynamodb, folder) {
        (Some(url), folder) => {
            let tables = tables.iter().cloned().collect();
            DataLocation::DynamoDb { url: url.clone(), tables, folder }
        }
        (None, Some(folder)) => DataLocation::Folder(folder),
        (None, None) => DataLocation::Memory,
    }
}

/// Starts the emulated Secrets Manager, unless the options contain the URL of another. Returns its URL.
async fn start_secrets_manager(
    options: &Options,
    declared: &BTreeMap<String, GenerateSecretString>,
    folder: Option<&DataFolder>,
) -> Result<(Option<Server>, String), StartError> {
    if let Some(url) = &options.secrets_manager {
        return Ok((None, url.clone()));
    }
    let file = folder.map(DataFolder::secrets);
    let secrets = SecretsManager::open(declared, file.as_deref(), &options.clock, &options.random)
        .map_err(StartError::Secrets)?;
    let (listener, port) = listen(0).await?;
    Ok((Some(loopback::serve(listener, secrets.router())), url(port)))
}

fn open_mailbox(options: &Options, folder: Option<&DataFolder>) -> Result<Arc<Mailbox>, StartError> {
    let announce = options.mail.unwrap_or(|_, _| ());
    let folder = options.mail.and_then(|_| folder.map(DataFolder::mails));
    Mailbox::open(folder, announce, &options.clock, &options.random).map(Arc::new).map_err(StartError::Mails)
}

/// Starts the emulated Amazon SES, unless the options contain the URL of another. Returns its URL.
async fn start_ses(
    options: &Options,
    mailbox: &Arc<Mailbox>,
) -> Result<(Option<Server>, String), StartError> {
    if let Some(url) = &options.ses {
        return Ok((None, url.clone()));
    }
    let (listener, port) = listen(0).await?;
    Ok((Some(loopback::serve(listener, ses::router(Arc::clone(mailbox)))), url(port)))
}

/// Starts the embedded DynamoDB, unless the options contain the URL of another. Returns its URL.
async fn start_dynamodb(
    options: &Options,
    folder: Option<&DataFolder>,
) -> Result<(Option<Server>, Option<Database>, String), StartError> {
    if let Some(url) = &options.dynamodb {
        return Ok((None, None, url.clone()));
    }
    let file = folder.map(DataFolder::database);
    let database = dynamodb::open(file.as_deref()).map_err(StartError::DynamoDb)?;
    let (listener, port) = listen(0).await?;
    let server = dynamodb::serve(listener, database.clone());
    Ok((Some(server), Some(database), url(port)))
}

/// The configurations of the clients of AWS services.
struct Services(AwsConfigs);

impl Services {
    async fn new(dynamodb_url: &str, secrets_manager_url: &str, lambda_url: &str, ses_url: &str) -> Self {
        let credentials = Credentials::new(
            ACCESS_KEY_ID,
            SECRET_ACCESS_KEY,
            Some(SESSION_TOKEN.to_owned()),
            None,
            OWN_NAME,
        );
        let region = Region::from_static(REGION);
        let common =
            aws::settings_with_system_roots().region(region).credentials_provider(credentials).load().await;
        let with_url = |url: &str| common.to_builder().endpoint_url(url).build();
        Self(AwsConfigs {
            dynamodb: with_url(dynamodb_url),
            secrets_manager: with_url(secrets_manager_url),
            lambda: with_url(lambda_url),
            ses: with_url(ses_url),
        })
    }

    /// Returns the clients of `caller`. Their `User-Agent` contains `app/CALLER`, which identifies the caller as the
    /// role of a function does in AWS.
    fn clients(&self, caller: &str) -> Aws {
        let app = AppName::new(caller.to_owned()).ok();
        let with_app = |config: &SdkConfig| {
            let mut config = config.to_builder();
            config.set_app_name(app.clone());
            config.build()
        };
        let AwsConfigs { dynamodb, secrets_manager, lambda, ses } = &self.0;
        Aws::new(&AwsConfigs {
            dynamodb: with_app(dynamodb),
            secrets_manager: with_app(secrets_manager),
            lambda: with_app(lambda),
            ses: with_app(ses),
        })
    }
}

async fn start_functions(
    options: &Options,
    declared: BTreeMap<String, template::Function>,
    services: &Services,
    invoke_client: Option<&Arc<InvokeClient>>,
) -> Result<Functions, StartError> {
    let mut by_name = BTreeMap::new();
    for (name, declared) in declared {
        let runtime = if let Some(client) = invoke_client {
            Runtime::Remote(Arc::clone(client))
        } else {
            let linked = FUNCTIONS.iter().find(|linked| linked.name == name);
            let linked = linked.ok_or_else(|| StartError::UnknownFunction(name.clone()))?;
            let app = start_function(options, &name, &declared, services.clients(&name))
                .await
                .map_err(|error| StartError::Function { function: name.clone(), error })?;
            Runtime::InProcess((linked.handler)(Arc::new(app)))
        };
        let config = FunctionConfig {
            function_name: name.clone(),
            memory: declared.memory,
            version: "$LATEST".to_owned(),
            log_stream: String::new(),
            log_group: format!("/aws/lambda/{name}"),
        };
        by_name.insert(name, Function { timeout: declared.timeout, config: Arc::new(config), runtime });
    }
    Ok(Functions::new(by_name, options.clock.clone(), options.random.clone()))
}

async fn start_function(
    options: &Options,
    name: &str,
    declared: &template::Function,
    aws: Aws,
) -> Result<App, shared::runtime::app::StartError> {
    let config = Config::from_lookup(|variable| match variable {
        "AWS_LAMBDA_FUNCTION_NAME" => Some(name.to_owned()),
        _ => declared.environment.get(variable).cloned(),
    })?;
    App::new(config, aws, options.clock.clone(), options.random.clone()).await
}

fn serve(
    listener: TcpListener,
    port: u16,
    options: &Options,
    api: Api,
    functions: Arc<Functions>,
    mailbox: Option<Arc<Mailbox>>,
) -> Server {
    let invoke_api = invoke_api::router(Arc::clone(&functions));
    let (clock, random) = (options.clock.clone(), options.random.clone());
    let rest_api = RestApi { api, functions, clock, random, port }.router();
    let local_api = mailbox.map(local_api::router).unwrap_or_default();
    loopback::serve(listener, invoke_api.merge(local_api).merge(rest_api))
}
