//! Lambda functions and how they are invoked, wherever they run.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lambda_runtime::{Config, Context};
use shared::primitives::{clock::Clock, random::Random};
use time::OffsetDateTime;
use tokio::time::timeout;

use crate::{
    aws_names, function_error::FunctionError, in_process::Handler, remote::Remote, request_id::uuid,
};

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
                let answer = handler(payload, self.context(name, function));
                let task = tokio::spawn(timeout(function.timeout, answer));
                task.await.map_err(|_| FunctionError::new("Panic", "The function panicked"))?
            }
            Runs::Elsewhere(remote) => timeout(function.timeout, remote.invoke(name, payload)).await,
        };
        answer.unwrap_or_else(|_| {
            let seconds = function.timeout.as_secs_f64();
            Err(FunctionError::new("Sandbox.Timedout", format!("Task timed out after {seconds:.2} seconds")))
        })
    }

    fn context(&self, name: &str, function: &Function) -> Context {
        let deadline = self.clock.now_utc() + function.timeout - OffsetDateTime::UNIX_EPOCH;
        let mut context = Context::default();
        context.request_id = uuid(&self.random);
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
        let timed_out = FunctionError::new("Sandbox.Timedout", "Task timed out after 0.10 seconds");
        assert_eq!(invoke("sleep").await, Err(timed_out));
    }
}
