//! Functions that run elsewhere, behind the Invoke API of Lambda or of something that serves it too.

use std::time::Duration;

use reqwest::Url;
use tokio::{net::TcpStream, time::sleep};

use crate::function_error::FunctionError;

/// A server of the Invoke API.
pub(crate) struct Remote {
    client: reqwest::Client,
    url: String,
}

impl Remote {
    /// The server at `url`, which is reached without TLS.
    pub(crate) fn new(url: &str) -> Self {
        Self { client: reqwest::Client::new(), url: url.trim_end_matches('/').to_owned() }
    }

    /// Waits until somebody listens there. A request would start a function.
    pub(crate) async fn listens(&self) {
        let url = Url::parse(&self.url).expect("it was checked");
        let connect = async || TcpStream::connect(&*url.socket_addrs(|| None)?).await;
        while connect().await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Invokes the function `name` and waits for its answer, however long it takes.
    pub(crate) async fn invoke(&self, name: &str, payload: Vec<u8>) -> Result<Vec<u8>, FunctionError> {
        let url = format!("{}/2015-03-31/functions/{name}/invocations", self.url);
        let failed = |error: reqwest::Error| FunctionError::new("ServiceException", error.to_string());
        let response = self.client.post(url).body(payload).send().await.map_err(failed)?;
        let status = response.status();
        let failed_function = response.headers().contains_key("x-amz-function-error");
        let answer = response.bytes().await.map_err(failed)?;
        // `cargo lambda watch` leaves the header out.
        if let Ok(error) = serde_json::from_slice::<FunctionError>(&answer) {
            return Err(error);
        }
        if failed_function || !status.is_success() {
            return Err(FunctionError::new("ServiceException", format!("the Invoke API answered {status}")));
        }
        Ok(answer.into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{invoke::tests::functions, invoke_api, loopback};

    #[tokio::test]
    async fn a_function_elsewhere_ends_as_it_does_here() {
        let (listener, port) = loopback::bind(0).await.unwrap();
        let _server = loopback::serve(listener, invoke_api::router(Arc::new(functions()), port));
        let remote = Remote::new(&format!("http://127.0.0.1:{port}/"));
        let invoke = async |name| remote.invoke(name, b"{}".to_vec()).await;
        assert_eq!(invoke("echo").await, Ok(b"{}".to_vec()));
        assert_eq!(invoke("fail").await, Err(FunctionError::new("Error", "Unauthorized")));
        assert_eq!(invoke("sleep").await.unwrap_err().error_type, "Sandbox.Timedout");
        let error = invoke("nobody").await.unwrap_err();
        assert_eq!(error.error_message, "the Invoke API answered 404 Not Found");
    }

    #[tokio::test]
    async fn nobody_there_is_an_error_too() {
        let (listener, port) = loopback::bind(0).await.unwrap();
        drop(listener);
        let remote = Remote::new(&format!("http://127.0.0.1:{port}"));
        assert!(remote.invoke("echo", b"{}".to_vec()).await.is_err());
    }
}
