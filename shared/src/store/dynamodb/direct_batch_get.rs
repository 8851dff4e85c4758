//! The fast path of reading items together, as the authorizer does on every request.
//!
//! Most of what a call costs by way of the SDK is the SDK's own work: for each it finds out anew where `DynamoDB` is and how
//! to sign, and leads the request past its interceptors, timers and retries. So once the SDK has made a `BatchGetItem`, further
//! ones are sent as that first one was: to the same address, with the same headers but those that number the SDK's attempts,
//! over the same connections, and as the identity that the SDK keeps fresh.
//!
//! It decides nothing: what does not come to a whole answer at the one attempt, for whatever reason, is asked for by way of the
//! SDK. The path is closed then, and open again once the SDK has made a call that went well, so an outage costs one attempt
//! more and not one for each read. Two things the SDK does for its calls are left out: it signs with a clock that it has set by
//! `DynamoDB`'s, so where this one is five minutes off, each read takes two calls, as the log and the metrics tell; and it
//! passes X-Ray's trace on, which only a service needs that calls others.

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
        Builder, ConfigBag, HttpClient, Intercept, Region, ResolveCachedIdentity, RuntimeComponents,
        http::HttpRequest,
        interceptors::{AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef},
        timeout::TimeoutConfig,
    },
    error::BoxError,
};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
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
    store::dynamodb::{item::BatchItem, key::Key},
    telemetry::{dynamodb_calls, error_chain::error_chain, log::TARGET},
};

/// How long its one attempt may take. The SDK then has its whole time.
const LIMIT: Duration = Duration::from_secs(1);
/// What `DynamoDB` knows the call by.
const BATCH_GET_ITEM: &str = "DynamoDB_20120810.BatchGetItem";
/// The name of `DynamoDB` in a signature.
const SERVICE: &str = "dynamodb";
const SIGV4: AuthSchemeId = AuthSchemeId::new("sigv4");
/// The headers that are of one call alone.
const OWN_HEADERS: [&str; 2] = ["content-length", "x-amzn-trace-id"];

/// `DynamoDB`, by way of the SDK and past it.
#[derive(Debug, Clone)]
pub struct DynamoDb {
    pub(in crate::store) client: Client,
    pub(in crate::store) direct_batch_get: Arc<DirectBatchGet>,
}

impl DynamoDb {
    /// A client with this configuration, and its fast path.
    #[must_use]
    pub fn new(config: Builder) -> Self {
        let direct_batch_get = Arc::<DirectBatchGet>::default();
        // Weak, because the fast path holds the client's interceptors.
        let config = config.interceptor(RequestRecorder(Arc::downgrade(&direct_batch_get)));
        Self { client: Client::from_conf(config.build()), direct_batch_get }
    }

    /// The client alone.
    #[must_use]
    pub fn into_client(self) -> Client {
        self.client
    }
}

/// The fast path.
#[derive(Debug, Default)]
pub(in crate::store) struct DirectBatchGet {
    call: OnceLock<RecordedRequest>,
    is_open: AtomicBool,
}

/// A call as the SDK made it, as far as further ones are alike.
#[derive(Debug)]
struct RecordedRequest {
    /// Without a body.
    request: HttpRequest,
    region: Region,
    connector: SharedHttpConnector,
    components: RuntimeComponents,
}

/// Why the fast path did not lead to a whole answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum DirectBatchGetError {
    #[error("it is closed")]
    Closed,
    #[error("the request can't be made")]
    NotMade(#[from] BoxError),
    #[error("no connection")]
    NoConnection,
    #[error("no answer in time")]
    Late,
    #[error("refused: {0}")]
    Refused(u16),
    #[error("an answer that can't be read")]
    Unreadable,
    #[error("an incomplete answer")]
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
    /// The items of `table` at `keys` that exist, in any order.
    ///
    /// # Errors
    /// When they did not all come at once.
    pub(in crate::store) async fn batch_get(
        &self,
        table: &str,
        keys: &[Key],
    ) -> Result<Vec<BatchItem>, DirectBatchGetError> {
        let call = self
            .call
            .get()
            .filter(|_| self.is_open.load(Ordering::Relaxed))
            .ok_or(DirectBatchGetError::Closed)?;
        let found =
            timeout(LIMIT, call.batch_get(table, keys)).await.unwrap_or(Err(DirectBatchGetError::Late));
        if let Err(error) = &found
            && self.is_open.swap(false, Ordering::Relaxed)
        {
            warn!(target: TARGET, reason = error_chain(error), "direct batch gets are off until the SDK has made a successful call");
        }
        found
    }
}

impl RecordedRequest {
    async fn batch_get(&self, table: &str, keys: &[Key]) -> Result<Vec<BatchItem>, DirectBatchGetError> {
        let request_items = HashMap::from([(table, KeysToRead { keys, consistent_read: true })]);
        let body = serde_json::to_vec(&Request { request_items }).map_err(BoxError::from)?;
        let request = self.signed(body).await?;
        dynamodb_calls::count_one();
        let answer = self.connector.call(request).await.map_err(|_| DirectBatchGetError::NoConnection)?;
        if !answer.status().is_success() {
            return Err(DirectBatchGetError::Refused(answer.status().as_u16()));
        }
        let body = ByteStream::new(answer.into_body())
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

    /// The request with this body.
    async fn signed(&self, body: Vec<u8>) -> Result<HttpRequest, BoxError> {
        let identities = self.components.identity_resolver(SIGV4).ok_or("no identity")?;
        let cache = self.components.identity_cache();
        let nothing = ConfigBag::base();
        let identity = cache.resolve_cached_identity(identities, &self.components, &nothing).await?;
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region.as_ref())
            .name(SERVICE)
            .time(self.components.time_source().ok_or("no clock")?.now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let signable = SignableRequest::new(
            self.request.method(),
            self.request.uri(),
            self.request.headers().iter(),
            SignableBody::Bytes(&body),
        )?;
        let (signature, _) = sign(signable, &params)?.into_parts();
        let mut request = self.request.try_clone().ok_or("it can't be repeated")?;
        for header in signature.into_parts().0 {
            request.headers_mut().insert(header.name(), header.value().to_owned());
        }
        *request.body_mut() = SdkBody::from(body);
        Ok(request)
    }
}

/// What opens the fast path, as it sees what the SDK does.
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
            && direct_batch_get.call.get().is_none()
            && let Some(call) = call(context.request(), components, config)
        {
            // Another may have come first, which is as good.
            direct_batch_get.call.set(call).ok();
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
            direct_batch_get.is_open.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// What further calls take from this one, if it is a `BatchGetItem`.
fn call(sent: &HttpRequest, components: &RuntimeComponents, config: &ConfigBag) -> Option<RecordedRequest> {
    sent.headers().get("x-amz-target").filter(|target| *target == BATCH_GET_ITEM)?;
    let mut request = HttpRequest::empty();
    request.set_method(sent.method()).ok()?;
    request.set_uri(sent.uri()).ok()?;
    for (name, value) in sent.headers().iter().filter(|(name, _)| !OWN_HEADERS.contains(name)) {
        request.headers_mut().append(name.to_owned(), value.to_owned());
    }
    let timeouts = config.load::<TimeoutConfig>()?;
    let mut settings = HttpConnectorSettings::builder();
    settings.set_connect_timeout(timeouts.connect_timeout());
    settings.set_read_timeout(timeouts.read_timeout());
    let connector = components.http_client()?.http_connector(&settings.build(), components);
    let region = config.load::<Region>()?.clone();
    Some(RecordedRequest { request, region, connector, components: components.clone() })
}
