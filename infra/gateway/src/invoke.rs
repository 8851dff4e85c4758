//! Lambda functions and how they are invoked, wherever they run.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lambda_runtime::{Config, Context, Diagnostic};
use serde::{Deserialize, Serialize};
use shared::{clock::Clock, random::Random};

use crate::{
    account,
    event::{milliseconds, uuid},
    in_process::Handler,
    remote::Remote,
};

/// What Lambda calls the error of a function that took too long.
const TIMED_OUT: &str = "Sandbox.Timedout";

/// The error that a function ended with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{error_type}: {error_message}")]
pub struct FunctionError {
    /// Its kind, for programs.
    pub error_type: String,
    /// What happened, in words.
    pub error_message: String,
}

impl FunctionError {
    pub(crate) fn new(error_type: impl Into<String>, error_message: impl Into<String>) -> Self {
        Self { error_type: error_type.into(), error_message: error_message.into() }
    }

    fn timed_out(timeout: Duration) -> Self {
        Self::new(TIMED_OUT, format!("Task timed out after {:.2} seconds", timeout.as_secs_f64()))
    }

    /// Whether the function took longer than it may.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.error_type == TIMED_OUT
    }
}

impl From<Diagnostic> for FunctionError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::new(diagnostic.error_type, diagnostic.error_message)
    }
}

/// One function.
pub(crate) struct Function {
    pub(crate) timeout: Duration,
    /// Known to the function as its environment.
    pub(crate) config: Arc<Config>,
    pub(crate) runs: Runs,
}

/// Where a function runs.
pub(crate) enum Runs {
    InProcess(Handler),
    Elsewhere(Arc<Remote>),
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

    /// Invokes the function `name` and waits for its answer, though not longer than its timeout.
    pub(crate) async fn invoke(&self, name: &str, payload: Vec<u8>) -> Result<Vec<u8>, FunctionError> {
        let Some(function) = self.by_name.get(name) else {
            return Err(FunctionError::new(
                "ResourceNotFoundException",
                format!("Function not found: {name}"),
            ));
        };
        let answer = match &function.runs {
            Runs::InProcess(handler) => {
                // In a task of its own, it goes on when the caller gives up, as it does in Lambda, and its
                // panic ends nothing else.
                let task = tokio::spawn(handler(payload, self.context(name, function)));
                let stop = task.abort_handle();
                let answer = tokio::time::timeout(function.timeout, task).await;
                stop.abort();
                answer.map(|joined| {
                    joined.unwrap_or_else(|_| Err(FunctionError::new("Panic", "The function panicked")))
                })
            }
            Runs::Elsewhere(remote) => {
                tokio::time::timeout(function.timeout, remote.invoke(name, payload)).await
            }
        };
        answer.unwrap_or_else(|_| Err(FunctionError::timed_out(function.timeout)))
    }

    fn context(&self, name: &str, function: &Function) -> Context {
        let deadline = milliseconds(self.clock.now_utc() + function.timeout);
        let mut context = Context::default();
        context.request_id = uuid(&self.random).to_string();
        context.deadline = deadline.try_into().unwrap_or_default();
        context.invoked_function_arn = account::function_arn(name);
        context.env_config = Arc::clone(&function.config);
        context
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Functions to test with: those of `tests/template.yaml`.
    pub(crate) fn functions() -> Functions {
        let config = Arc::new(Config::default());
        let by_name = ["echo", "fail", "gate", "panic", "proxy", "sleep"].map(|name| {
            let handler: Handler = Box::new(move |payload, _| Box::pin(run(name, payload)));
            let (timeout, config) = (Duration::from_millis(100), Arc::clone(&config));
            (name.to_owned(), Function { timeout, config, runs: Runs::InProcess(handler) })
        });
        Functions::new(by_name.into(), Clock::system(), Random::system())
    }

    async fn run(name: &str, payload: Vec<u8>) -> Result<Vec<u8>, FunctionError> {
        let answer = match name {
            "echo" => return Ok(payload),
            "fail" => return Err(FunctionError::new("Error", "Unauthorized")),
            "gate" => return decide(&serde_json::from_slice(&payload).unwrap()).await,
            "panic" => panic!("a panic that a test wants"),
            "sleep" => std::future::pending().await,
            _ => json!({ "statusCode": 200, "body": String::from_utf8(payload).unwrap() }),
        };
        Ok(answer.to_string().into_bytes())
    }

    /// An authorizer that does what it is told.
    async fn decide(event: &Value) -> Result<Vec<u8>, FunctionError> {
        let mut context = json!({"number": 1, "type": event["type"], "methodArn": event["methodArn"]});
        let (effect, resource) = match event["headers"]["authorization"].as_str().unwrap_or("allow") {
            "allow" => ("Allow", event["methodArn"].clone()),
            "allow another method" => ("Allow", json!("arn:aws:execute-api:*/POST/*")),
            "allow with a list" => {
                context["list"] = json!([]);
                ("Allow", json!("*"))
            }
            "deny" => ("Deny", json!("*")),
            "panic" => panic!("a panic that a test wants"),
            "sleep" => std::future::pending().await,
            word => {
                return match word.strip_prefix("error ") {
                    Some(message) => Err(FunctionError::new("Error", message)),
                    None => Ok(b"\"nonsense\"".to_vec()),
                };
            }
        };
        let statement = json!({"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
        let answer = json!({"principalId": "me", "policyDocument": policy, "context": context});
        Ok(answer.to_string().into_bytes())
    }

    #[tokio::test]
    async fn how_an_invocation_can_end() {
        let functions = functions();
        let invoke = async |name| functions.invoke(name, b"{}".to_vec()).await;
        assert_eq!(invoke("echo").await, Ok(b"{}".to_vec()));
        assert_eq!(invoke("fail").await, Err(FunctionError::new("Error", "Unauthorized")));
        assert_eq!(invoke("panic").await.unwrap_err().error_type, "Panic");
        assert_eq!(invoke("nobody").await.unwrap_err().error_type, "ResourceNotFoundException");
        let error = invoke("sleep").await.unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(error.error_message, "Task timed out after 0.10 seconds");
    }
}
