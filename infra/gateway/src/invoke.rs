//! Invokes Lambda functions, in this process or through the Invoke API.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lambda_runtime::{Config, Context};
use shared::primitives::{clock::Clock, random::Random};
use time::OffsetDateTime;
use tokio::time::timeout;
use tracing::Instrument;

use crate::{
    aws_names, function_error::FunctionError, in_process::Handler, invoke_client::InvokeClient,
    request_id::uuid,
};

pub(crate) struct Function {
    pub(crate) timeout: Duration,
    /// The configuration in the function's Lambda context.
    pub(crate) config: Arc<Config>,
    pub(crate) runtime: Runtime,
}

/// Where a function runs.
pub(crate) enum Runtime {
    InProcess(Handler),
    Remote(Arc<InvokeClient>),
}

/// All functions of the service.
pub(crate) struct Functions {
    by_name: BTreeMap<String, Function>,
    clock: Clock,
    random: Random,
}

impl Functions {
    pub(crate) fn new(by_name: BTreeMap<String, Function>, clock: Clock, random: Random) -> Self {
        Self { by_name, clock, random }
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Returns the request id of a new invocation.
    pub(crate) fn new_request_id(&self) -> String {
        uuid(&self.random)
    }

    /// Invokes the function `name` and waits for its result, at most for the timeout of the function.
    pub(crate) async fn invoke(&self, name: &str, payload: Vec<u8>) -> Result<Vec<u8>, FunctionError> {
        self.invoke_as(self.new_request_id(), name, payload).await
    }

    /// Like [`Functions::invoke`], with this request id. A function outside of this process gets another id from its own
    /// Lambda service.
    pub(crate) async fn invoke_as(
        &self,
        request_id: String,
        name: &str,
        payload: Vec<u8>,
    ) -> Result<Vec<u8>, FunctionError> {
        let Some(function) = self.by_name.get(name) else {
            return Err(FunctionError::rejection(
                "ResourceNotFoundException",
                format!("Function not found: {name}"),
            ));
        };
        let result = match &function.runtime {
            Runtime::InProcess(handler) => {
                let invocation = handler(payload, self.context(request_id, name, function));
                // As in Lambda, the function continues if the caller disconnects, and a panic affects no other
                // invocation. So it runs in a task of its own.
                let task = tokio::spawn(timeout(function.timeout, invocation).in_current_span());
                task.await.map_err(|_| FunctionError::new("Panic", "The function panicked"))?
            }
            Runtime::Remote(client) => timeout(function.timeout, client.invoke(name, payload)).await,
        };
        result.unwrap_or_else(|_| {
            let seconds = function.timeout.as_secs_f64();
            Err(FunctionError::new("Sandbox.Timedout", format!("Task timed out after {seconds:.2} seconds")))
        })
    }

    fn context(&self, request_id: String, name: &str, function: &Function) -> Context {
        let deadline = self.clock.now_utc() + function.timeout - OffsetDateTime::UNIX_EPOCH;
        let mut context = Context::default();
        context.request_id = request_id;
        context.deadline = deadline.whole_milliseconds().try_into().unwrap_or_default();
        context.invoked_function_arn = aws_names::function_arn(name);
        context.env_config = Arc::clone(&function.config);
        context
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The functions of `tests/template.yaml`.
    pub(crate) fn functions() -> Functions {
        let config = Arc::new(Config::default());
        let by_name = ["authorizer", "echo", "fail", "panic", "proxy", "sleep"].map(|name| {
            let handler: Handler = Box::new(move |payload, _| Box::pin(run(name, payload)));
            let (timeout, config) = (Duration::from_millis(100), Arc::clone(&config));
            (name.to_owned(), Function { timeout, config, runtime: Runtime::InProcess(handler) })
        });
        Functions::new(by_name.into(), Clock::system(), Random::system())
    }

    async fn run(name: &str, payload: Vec<u8>) -> Result<Vec<u8>, FunctionError> {
        let response = match name {
            "authorizer" => return authorize(&serde_json::from_slice(&payload).unwrap()).await,
            "echo" => return Ok(payload),
            "fail" => return Err(FunctionError::new("Error", "Unauthorized")),
            "panic" => panic!("this panic is part of a test"),
            "sleep" => std::future::pending().await,
            _ => json!({ "statusCode": 200, "body": String::from_utf8(payload).unwrap() }),
        };
        Ok(response.to_string().into_bytes())
    }

    /// An authorizer whose result depends on the text of the `Authorization` header.
    async fn authorize(event: &Value) -> Result<Vec<u8>, FunctionError> {
        let mut context = json!({"number": 1, "type": event["type"], "methodArn": event["methodArn"]});
        let (effect, resource) = match event["headers"]["authorization"].as_str().unwrap_or("allow") {
            "allow" => ("Allow", event["methodArn"].clone()),
            "allow another method" => ("Allow", json!("arn:aws:execute-api:*/POST/*")),
            "allow with a list" => {
                context["list"] = json!([]);
                ("Allow", json!("*"))
            }
            "deny" => ("Deny", json!("*")),
            "panic" => panic!("this panic is part of a test"),
            "sleep" => std::future::pending().await,
            other => {
                return match other.strip_prefix("error ") {
                    Some(message) => Err(FunctionError::new("Error", message)),
                    None => Ok(b"\"nonsense\"".to_vec()),
                };
            }
        };
        let statement = json!({"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
        let response = json!({"principalId": "me", "policyDocument": policy, "context": context});
        Ok(response.to_string().into_bytes())
    }

    #[tokio::test]
    async fn invoke_returns_the_result_or_the_error_of_the_function() {
        let functions = functions();
        let invoke = async |name| functions.invoke(name, b"{}".to_vec()).await;
        assert_eq!(invoke("echo").await, Ok(b"{}".to_vec()));
        assert_eq!(invoke("fail").await, Err(FunctionError::new("Error", "Unauthorized")));
        assert_eq!(invoke("panic").await.unwrap_err().error_type, "Panic");
        assert_eq!(invoke("unknown").await.unwrap_err().error_type, "ResourceNotFoundException");
        let timed_out = FunctionError::new("Sandbox.Timedout", "Task timed out after 0.10 seconds");
        assert_eq!(invoke("sleep").await, Err(timed_out));
    }
}
