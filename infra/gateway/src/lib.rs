//! A local API Gateway that runs the whole service: it reads `template.yaml` and does on this machine
//! what AWS does with it. Never deployed.
//!
//! `rest_api` is the way of a request; the other modules are what stands along it.

mod aws_names;
mod cors;
mod data;
mod demo;
mod dynamodb;
mod event;
mod function_error;
pub mod functions;
mod gateway_response;
mod headers;
mod in_process;
mod integration;
mod intrinsics;
mod invoke;
mod invoke_api;
mod loopback;
mod options;
mod parameters;
mod policy;
mod remote;
mod request_id;
mod rest_api;
mod routes;
mod sam;
mod scalar;
mod secrets_manager;
mod start_error;
mod tables;
mod template;
mod template_error;
mod verdict;
pub mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_config::{AppName, Region, SdkConfig};
use aws_sdk_dynamodb::{Client, config::Credentials};
use lambda_runtime::Config as FunctionConfig;
use serde_json::Value;
use shared::{
    primitives::random::Random,
    runtime::{
        app::App,
        aws::{self, Aws},
        config::Config,
    },
};
use tokio::net::TcpListener;

use crate::{
    aws_names::{REGION, STACK_NAME},
    data::Folder,
    functions::FUNCTIONS,
    invoke::{Function, Functions, Runs},
    loopback::Server,
    remote::Remote,
    rest_api::RestApi,
    sam::GenerateSecretString,
    secrets_manager::SecretsManager,
    template::{Api, Table, Template},
};
pub use crate::{
    data::{Data, FolderError},
    demo::{Demo, DemoError},
    function_error::FunctionError,
    in_process::Handler,
    options::{Options, default_template},
    routes::RouteInfo,
    start_error::StartError,
    template_error::TemplateError,
};

/// The access key. It is one for all, since DynamoDB Local may keep a database for each, and of letters and digits, since
/// it takes no other.
const ACCESS_KEY_ID: &str = "local";
/// What requests are signed with, as on Lambda. Nothing on loopback checks a signature; the SDK wants one all the same.
const SECRET_ACCESS_KEY: &str = "localsecret";
const SESSION_TOKEN: &str = "localsession";
/// Who calls when no function does.
const OWN_NAME: &str = "gateway";

/// A gateway that runs. It ends when it is dropped, though only [`Gateway::stop`] waits for the end.
pub struct Gateway {
    url: String,
    dynamodb_url: String,
    secrets_manager_url: String,
    dynamodb: Client,
    routes: Vec<RouteInfo>,
    /// By logical id.
    tables: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
    actions: BTreeMap<String, BTreeSet<String>>,
    functions: Arc<Functions>,
    /// Where they run, if it is not in this process.
    remote: Option<Arc<Remote>>,
    /// In the order in which they end.
    servers: Vec<Server>,
    /// Others get it when the servers have ended.
    _folder: Option<Folder>,
}

impl Gateway {
    /// Starts one. When this returns, it serves.
    ///
    /// # Errors
    /// When something that it needs can't be had. Nothing is left running then.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        options.check_urls()?;
        let template = Template::load(&options.template, &options.stack, &options.parameters)
            .map_err(|error| StartError::Template { path: options.template.clone(), error })?;
        let (listener, port) = listen(options.port).await?;
        let folder = open_folder(&options.data)?;
        let (secrets_manager, secrets_manager_url) =
            start_secrets_manager(&options, &template.secrets, folder.as_ref()).await?;
        let (dynamodb, dynamodb_url) = start_dynamodb(&options, folder.as_ref()).await?;
        let services = Services::at(&dynamodb_url, &secrets_manager_url).await;
        let own = services.clients(OWN_NAME).dynamodb.into_client();
        for Table { name, schema, .. } in &template.tables {
            tables::create(&own, name, schema).await.map_err(|error| StartError::Table {
                table: name.clone(),
                url: dynamodb_url.clone(),
                error,
            })?;
        }
        let environment =
            template.functions.values().flat_map(|function| function.environment.clone()).collect();
        let actions =
            template.functions.iter().map(|(name, function)| (name.clone(), function.actions.clone()));
        let actions = actions.collect();
        let remote = options.lambda.as_deref().map(|url| Arc::new(Remote::new(url)));
        let functions = start_functions(&options, template.functions, &services, remote.as_ref()).await?;
        let functions = Arc::new(functions);
        let routes = template.api.routes.list();
        let api = serve(listener, port, &options, template.api, Arc::clone(&functions));

        Ok(Self {
            url: url(port),
            dynamodb_url,
            secrets_manager_url,
            dynamodb: own,
            routes,
            tables: template.tables.into_iter().map(|table| (table.logical_id, table.name)).collect(),
            environment,
            actions,
            functions,
            remote,
            servers: [api].into_iter().chain(secrets_manager).chain(dynamodb).collect(),
            _folder: folder,
        })
    }

    /// Where the API and Lambda's Invoke API are, such as `http://127.0.0.1:3000`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the DynamoDB is.
    #[must_use]
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// Where Secrets Manager is.
    #[must_use]
    pub fn secrets_manager_url(&self) -> &str {
        &self.secrets_manager_url
    }

    /// A client for DynamoDB.
    #[must_use]
    pub fn dynamodb(&self) -> &Client {
        &self.dynamodb
    }

    /// All routes of the API that lead to a function, in no particular order.
    #[must_use]
    pub fn routes(&self) -> &[RouteInfo] {
        &self.routes
    }

    /// The name in DynamoDB of the table that the template calls `logical_id`.
    #[must_use]
    pub fn table(&self, logical_id: &str) -> Option<&str> {
        self.tables.get(logical_id).map(String::as_str)
    }

    /// What the environment must hold of a program that runs a function elsewhere, whichever that is: all that the template
    /// gives to any of them.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<&str, &str> {
        let own = self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        own.chain([
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb_url.as_str()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets_manager_url.as_str()),
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_SESSION_TOKEN", SESSION_TOKEN),
        ])
        .collect()
    }

    /// What the template lets each function do in AWS, such as `dynamodb:GetItem`.
    #[must_use]
    pub fn actions(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.actions
    }

    /// Makes the demo account, if there is nothing in any table. Waits for functions elsewhere until somebody
    /// listens there.
    ///
    /// # Errors
    /// When the service doesn't do what it takes.
    pub async fn make_demo(&self, random: &Random) -> Result<Demo, DemoError> {
        if let Some(remote) = &self.remote {
            remote.listens().await;
        }
        Demo::make(self, random).await
    }

    /// Invokes the function `function`, as whoever may `lambda:InvokeFunction` does.
    ///
    /// # Errors
    /// The function's own.
    pub async fn invoke(&self, function: &str, payload: Value) -> Result<Value, FunctionError> {
        let answer = self.invoke_with_bytes(function, payload.to_string().into_bytes()).await?;
        serde_json::from_slice(&answer)
            .map_err(|error| FunctionError::new("Runtime.InvalidAnswer", error.to_string()))
    }

    /// The same, with a payload that may be no JSON.
    ///
    /// # Errors
    /// The function's own.
    pub async fn invoke_with_bytes(
        &self,
        function: &str,
        payload: Vec<u8>,
    ) -> Result<Vec<u8>, FunctionError> {
        self.functions.invoke(function, payload).await
    }

    /// Ends it: takes no more requests, lets those that run come to an end, and closes the database.
    pub async fn stop(self) {
        for server in self.servers {
            server.stop().await;
        }
    }
}

/// Whether `text` is a SAM template that the gateway understands, with the defaults of all parameters.
///
/// # Errors
/// What it does not understand, and where.
pub fn check_template(text: &str) -> Result<(), TemplateError> {
    Template::parse(text, STACK_NAME, &BTreeMap::new()).map(drop)
}

async fn listen(port: u16) -> Result<(TcpListener, u16), StartError> {
    loopback::bind(port).await.map_err(|error| StartError::Listen { port, error })
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn open_folder(data: &Data) -> Result<Option<Folder>, StartError> {
    match data {
        Data::Ephemeral => Ok(None),
        Data::Folder(path) => match Folder::open(path) {
            Ok(folder) => Ok(Some(folder)),
            Err(error) => Err(StartError::Folder { path: path.clone(), error }),
        },
    }
}

/// Starts one, unless there is another to use.
async fn start_secrets_manager(
    options: &Options,
    declared: &BTreeMap<String, GenerateSecretString>,
    folder: Option<&Folder>,
) -> Result<(Option<Server>, String), StartError> {
    if let Some(url) = &options.secrets_manager {
        return Ok((None, url.clone()));
    }
    let file = folder.map(Folder::secrets);
    let secrets = SecretsManager::open(declared, file.as_deref(), &options.clock, &options.random)
        .map_err(StartError::Secrets)?;
    let (listener, port) = listen(0).await?;
    Ok((Some(loopback::serve(listener, secrets.router(port))), url(port)))
}

/// Starts one, unless there is another to use.
async fn start_dynamodb(
    options: &Options,
    folder: Option<&Folder>,
) -> Result<(Option<Server>, String), StartError> {
    if let Some(url) = &options.dynamodb {
        return Ok((None, url.clone()));
    }
    let file = folder.map(Folder::database);
    let (listener, port) = listen(0).await?;
    let server = dynamodb::serve(listener, file.as_deref()).map_err(StartError::DynamoDb)?;
    Ok((Some(server), url(port)))
}

/// How to reach DynamoDB and Secrets Manager.
struct Services {
    dynamodb: SdkConfig,
    secrets_manager: SdkConfig,
}

impl Services {
    async fn at(dynamodb_url: &str, secrets_manager_url: &str) -> Self {
        let credentials = Credentials::new(
            ACCESS_KEY_ID,
            SECRET_ACCESS_KEY,
            Some(SESSION_TOKEN.to_owned()),
            None,
            OWN_NAME,
        );
        let region = Region::from_static(REGION);
        let common = aws::defaults().region(region).credentials_provider(credentials).load().await;
        let at = |url: &str| common.to_builder().endpoint_url(url).build();
        Self { dynamodb: at(dynamodb_url), secrets_manager: at(secrets_manager_url) }
    }

    /// Clients of `caller`, who is told apart by `app/…` in `X-Amz-User-Agent`, as on AWS a function is by its
    /// role.
    fn clients(&self, caller: &str) -> Aws {
        let app = AppName::new(caller.to_owned()).ok();
        let with = |config: &SdkConfig| {
            let mut config = config.to_builder();
            config.set_app_name(app.clone());
            config.build()
        };
        Aws::new(&with(&self.dynamodb), &with(&self.secrets_manager))
    }
}

async fn start_functions(
    options: &Options,
    declared: BTreeMap<String, template::Function>,
    services: &Services,
    remote: Option<&Arc<Remote>>,
) -> Result<Functions, StartError> {
    let mut by_name = BTreeMap::new();
    for (name, declared) in declared {
        let runs = if let Some(remote) = remote {
            Runs::Elsewhere(Arc::clone(remote))
        } else {
            let linked = FUNCTIONS.iter().find(|linked| linked.name == name);
            let linked = linked.ok_or_else(|| StartError::NotLinked(name.clone()))?;
            let app = start_function(options, &name, &declared, services.clients(&name))
                .await
                .map_err(|error| StartError::Function { function: name.clone(), error })?;
            Runs::InProcess((linked.handler)(Arc::new(app)))
        };
        let config = FunctionConfig {
            function_name: name.clone(),
            memory: declared.memory,
            version: "$LATEST".to_owned(),
            log_stream: String::new(),
            log_group: format!("/aws/lambda/{name}"),
        };
        by_name.insert(name, Function { timeout: declared.timeout, config: Arc::new(config), runs });
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

fn serve(listener: TcpListener, port: u16, options: &Options, api: Api, functions: Arc<Functions>) -> Server {
    let invoke_api = invoke_api::router(Arc::clone(&functions), port);
    let (clock, random) = (options.clock.clone(), options.random.clone());
    let rest_api = RestApi { api, functions, clock, random, port }.router();
    loopback::serve(listener, invoke_api.merge(rest_api))
}
