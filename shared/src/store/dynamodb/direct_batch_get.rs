//! Direct batch gets: `BatchGetItem` requests that are sent without the SDK's orchestration. The authorizer makes one on
//! every request.
//!
//! Most of the CPU time of an SDK call is spent in the SDK: for each call, it resolves the endpoint and the signing
//! configuration, and it runs interceptors, timers and retries. Therefore the first `BatchGetItem` of the SDK is recorded, and
//! further ones are built from that recording. They have the same URL and user agent, and a [signer](super::signer) of their own
//! signs them. They use the same connections and the credentials that the SDK caches and refreshes.
//!
//! A direct batch get makes one attempt. If that does not return a complete response, for any reason, the caller repeats the
//! read with the SDK. Direct batch gets are then disabled until the SDK has made a successful call, so an outage costs one
//! additional attempt, not one for each read.
//!
//! Two features of SDK calls are missing. The SDK adjusts its clock to `DynamoDB`'s, but a direct batch get does not. If the
//! clock is wrong by more than five minutes, each read therefore takes two calls, as the log and the metrics show. The SDK
//! also forwards X-Ray trace headers, which are only useful to services that call other services.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::{
    Client,
    config::{
        Builder, ConfigBag, Credentials, HttpClient, Intercept, Region, ResolveCachedIdentity,
        RuntimeComponents,
        http::HttpRequest,
        interceptors::{AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef},
        timeout::TimeoutConfig,
    },
    error::BoxError,
};
use aws_smithy_runtime_api::client::{
    auth::AuthSchemeId,
    http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector},
    runtime_components::GetIdentityResolver,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::timeout;
use tracing::warn;

use crate::{
    store::dynamodb::{
        item::BatchItem,
        key::Key,
        signer::{SignatureHeaders, Signer},
    },
    telemetry::{
        dynamodb_calls,
        error_chain::error_chain,
        failures::{self, Failure},
        log::TARGET,
    },
};

/// The timeout of a direct batch get. It does not reduce the timeout of the SDK call that may follow.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The value of the header `x-amz-target` for this operation.
const BATCH_GET_ITEM: &str = "DynamoDB_20120810.BatchGetItem";
const SIGV4: AuthSchemeId = AuthSchemeId::new("sigv4");
/// The header that describes the program. It is recorded, because only the SDK knows its value.
const USER_AGENT: &str = "user-agent";

/// A client of `DynamoDB` that also makes direct batch gets.
#[derive(Debug, Clone)]
pub struct DynamoDb {
    pub(super) client: Client,
    pub(super) direct_batch_get: Arc<DirectBatchGet>,
}

impl DynamoDb {
    /// Creates a client with this configuration.
    #[must_use]
    pub fn new(config: Builder) -> Self {
        let direct_batch_get = Arc::<DirectBatchGet>::default();
        // Weak, because the recorded request refers to the client's interceptors.
        let config = config.interceptor(RequestRecorder(Arc::downgrade(&direct_batch_get)));
        Self { client: Client::from_conf(config.build()), direct_batch_get }
    }

    /// Returns the SDK client.
    #[must_use]
    pub fn into_client(self) -> Client {
        self.client
    }
}

/// Sends direct batch gets.
#[derive(Debug, Default)]
pub(super) struct DirectBatchGet {
    recorded: OnceLock<RecordedRequest>,
    is_enabled: AtomicBool,
}

/// A request that the SDK made, as a template for further requests.
#[derive(Debug)]
struct RecordedRequest {
    /// The request without its body.
    request: HttpRequest,
    signer: Signer,
    connector: SharedHttpConnector,
    components: RuntimeComponents,
}

/// The reason why a direct batch get did not return a complete response.
#[derive(Debug, thiserror::Error)]
pub(super) enum DirectBatchGetError {
    #[error("disabled")]
    Disabled,
    #[error("request could not be built")]
    NotBuilt(#[from] BoxError),
    #[error("connection failed")]
    ConnectionFailed,
    #[error("timeout")]
    Timeout,
    #[error("error response: {0}")]
    ErrorResponse(u16),
    #[error("unreadable response")]
    Unreadable,
    #[error("incomplete response")]
    Incomplete,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    request_items: HashMap<&'a str, KeysToRead<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeysToRead<'a> {
    keys: &'a [Key],
    consistent_read: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchResponse {
    responses: HashMap<String, Vec<BatchItem>>,
    unprocessed_keys: Map<String, Value>,
}

impl DirectBatchGet {
    /// Reads the items of `table` with `keys` that exist, in any order.
    ///
    /// # Errors
    /// If direct batch gets are disabled, or the one attempt does not return a complete response.
    pub(super) async fn batch_get(
        &self,
        table: &str,
        keys: &[Key],
    ) -> Result<Vec<BatchItem>, DirectBatchGetError> {
        let recorded = self
            .recorded
            .get()
            .filter(|_| self.is_enabled.load(Ordering::Relaxed))
            .ok_or(DirectBatchGetError::Disabled)?;
        let result = timeout(TIMEOUT, recorded.batch_get(table, keys))
            .await
            .unwrap_or(Err(DirectBatchGetError::Timeout));
        if let Err(error) = &result {
            failures::count(Failure::DirectBatchGet);
            if self.is_enabled.swap(false, Ordering::Relaxed) {
                warn!(target: TARGET, reason = error_chain(error), "direct batch gets are disabled until the SDK has made a successful call");
            }
        }
        result
    }
}

impl RecordedRequest {
    async fn batch_get(&self, table: &str, keys: &[Key]) -> Result<Vec<BatchItem>, DirectBatchGetError> {
        let request_items = HashMap::from([(table, KeysToRead { keys, consistent_read: true })]);
        let body = serde_json::to_vec(&Request { request_items }).map_err(BoxError::from)?;
        let request = self.sign(body).await?;
        dynamodb_calls::count_one();
        let response =
            self.connector.call(request).await.map_err(|_| DirectBatchGetError::ConnectionFailed)?;
        if !response.status().is_success() {
            return Err(DirectBatchGetError::ErrorResponse(response.status().as_u16()));
        }
        let body = ByteStream::new(response.into_body())
            .collect()
            .await
            .map_err(|_| DirectBatchGetError::Unreadable)?;
        let BatchResponse { mut responses, unprocessed_keys } =
            serde_json::from_slice(&body.into_bytes()).map_err(|_| DirectBatchGetError::Unreadable)?;
        if !unprocessed_keys.is_empty() {
            return Err(DirectBatchGetError::Incomplete);
        }
        responses.remove(table).ok_or(DirectBatchGetError::Unreadable)
    }

    /// Builds and signs a request with this body.
    async fn sign(&self, body: Vec<u8>) -> Result<HttpRequest, BoxError> {
        let resolver = self.components.identity_resolver(SIGV4).ok_or("no identity resolver")?;
        let cache = self.components.identity_cache();
        let config = ConfigBag::base();
        let identity = cache.resolve_cached_identity(resolver, &self.components, &config).await?;
        let credentials = identity.data::<Credentials>().ok_or("no credentials")?;
        let now = self.components.time_source().ok_or("no time source")?.now();
        let SignatureHeaders { date, authorization } = self.signer.sign(&body, credentials, now.into());
        let mut request = self.request.try_clone().ok_or("the recorded request cannot be cloned")?;
        let headers = request.headers_mut();
        headers.insert("x-amz-date", date);
        headers.insert("authorization", authorization);
        if let Some(token) = credentials.session_token() {
            headers.insert("x-amz-security-token", token.to_owned());
        }
        *request.body_mut() = SdkBody::from(body);
        Ok(request)
    }
}

/// Records the first `BatchGetItem` of the SDK, and enables direct batch gets after each successful call.
#[derive(Debug)]
struct RequestRecorder(Weak<DirectBatchGet>);

impl Intercept for RequestRecorder {
    fn name(&self) -> &'static str {
        "RequestRecorder"
    }

    fn read_before_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(direct_batch_get) = self.0.upgrade()
            && direct_batch_get.recorded.get().is_none()
            && let Some(request) = record(context.request(), components, config)
        {
            // This fails if a concurrent call was recorded first. The two recordings are equivalent.
            direct_batch_get.recorded.set(request).ok();
        }
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(direct_batch_get) = self.0.upgrade()
            && context.output_or_error().is_ok()
        {
            direct_batch_get.is_enabled.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Records a request of the SDK if it is a `BatchGetItem`.
fn record(sent: &HttpRequest, components: &RuntimeComponents, config: &ConfigBag) -> Option<RecordedRequest> {
    sent.headers().get("x-amz-target").filter(|target| *target == BATCH_GET_ITEM)?;
    let (_, host) = sent.uri().split_once("://")?;
    let host = host.strip_suffix('/').unwrap_or(host);
    // The signer supports only the path `/`.
    if host.contains(['/', '?']) {
        return None;
    }
    let mut request = HttpRequest::empty();
    request.set_method("POST").ok()?;
    request.set_uri(sent.uri()).ok()?;
    let headers = request.headers_mut();
    headers.insert("content-type", Signer::CONTENT_TYPE);
    headers.insert("host", host.to_owned());
    headers.insert("x-amz-target", BATCH_GET_ITEM);
    headers.insert(USER_AGENT, sent.headers().get(USER_AGENT)?.to_owned());
    let timeouts = config.load::<TimeoutConfig>()?;
    let mut settings = HttpConnectorSettings::builder();
    settings.set_connect_timeout(timeouts.connect_timeout());
    settings.set_read_timeout(timeouts.read_timeout());
    let connector = components.http_client()?.http_connector(&settings.build(), components);
    let signer = Signer::new(config.load::<Region>()?.as_ref(), host, BATCH_GET_ITEM);
    Some(RecordedRequest { request, signer, connector, components: components.clone() })
}
