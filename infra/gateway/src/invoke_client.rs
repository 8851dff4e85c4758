//! A client of Lambda's Invoke API, for functions that run outside of this process.

use std::time::Duration;

use reqwest::Url;
use tokio::{net::TcpStream, time::sleep};

use crate::function_error::FunctionError;

/// A client of the Invoke API at one URL.
pub(crate) struct InvokeClient {
    client: reqwest::Client,
    url: String,
}

impl InvokeClient {
    /// `url` must be a valid `http` URL.
    pub(crate) fn new(url: &str) -> Self {
        Self { client: reqwest::Client::new(), url: url.trim_end_matches('/').to_owned() }
    }

    /// Waits until the server accepts connections. It sends no request, because a request would start a function.
    pub(crate) async fn wait_until_reachable(&self) {
        let url = Url::parse(&self.url).expect("the options were checked");
        let connect = async || TcpStream::connect(&*url.socket_addrs(|| None)?).await;
        while connect().await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Invokes the function `name` and waits for its result without a timeout.
    pub(crate) async fn invoke(&self, name: &str, payload: Vec<u8>) -> Result<Vec<u8>, FunctionError> {
        let url = format!("{}/2015-03-31/functions/{name}/invocations", self.url);
        let failed = |error: reqwest::Error| FunctionError::rejection("ServiceException", error.to_string());
        let response = self.client.post(url).body(payload).send().await.map_err(failed)?;
        let status = response.status();
        let is_function_error = response.headers().contains_key("x-amz-function-error");
        let result = response.bytes().await.map_err(failed)?;
        // `cargo lambda watch` does not set the header, so the body decides.
        if let Ok(error) = serde_json::from_slice::<FunctionError>(&result) {
            return Err(error);
        }
        let message = || format!("the Invoke API returned {status}");
        if !status.is_success() {
            return Err(FunctionError::rejection("ServiceException", message()));
        }
        if is_function_error {
            return Err(FunctionError::new("Unhandled", message()));
        }
        Ok(result.into())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{invoke::tests::functions, invoke_api, loopback};

    #[tokio::test]
    async fn invoke_returns_the_result_or_the_error_of_the_function() {
        let (listener, port) = loopback::bind(0).await.unwrap();
        let _server = loopback::serve(listener, invoke_api::router(Arc::new(functions())));
        let client = InvokeClient::new(&format!("http://127.0.0.1:{port}/"));
        let invoke = async |name| client.invoke(name, b"{}".to_vec()).await;
        assert_eq!(invoke("echo").await, Ok(b"{}".to_vec()));
        assert_eq!(invoke("fail").await, Err(FunctionError::new("Error", "Unauthorized")));
        assert_eq!(invoke("sleep").await.unwrap_err().error_type, "Sandbox.Timedout");
        let error = invoke("unknown").await.unwrap_err();
        let message = "the Invoke API returned 404 Not Found";
        assert_eq!(error, FunctionError::rejection("ServiceException", message));
    }

    #[tokio::test]
    async fn invoke_without_a_server_returns_an_error() {
        let (listener, port) = loopback::bind(0).await.unwrap();
        drop(listener);
        let client = InvokeClient::new(&format!("http://127.0.0.1:{port}"));
        assert!(client.invoke("echo", b"{}".to_vec()).await.unwrap_err().is_rejection);
    }
}
