//! The fast path of reading items together, as the authorizer does on every request.
//!
//! Most of what a call costs by way of the SDK is the SDK's own work: for each it finds out anew where `DynamoDB` is and how
//! to sign, and leads the request past its interceptors, timers and retries. So once it has made one `BatchGetItem`, the next
//! ones are sent as that one was: to the same address, with the same headers, over the same connections, and as the
//! identity that it keeps fresh. Their bodies and signatures alone are their own.
//!
//! It tries once. What does not come to a whole answer, for whatever reason, is asked for by way of the SDK, as if nothing had
//! been tried.

use std::{
    collections::HashMap,
    sync::{OnceLock, Weak},
    time::Duration,
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, HttpClient, Intercept, Region, ResolveCachedIdentity, RuntimeComponents,
        http::HttpRequest, interceptors::BeforeTransmitInterceptorContextRef, timeout::TimeoutConfig,
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

use super::{attributes::Item, keys::Key};
use crate::dynamodb_calls;

/// How long its one attempt may take. The SDK then has its whole time.
const LIMIT: Duration = Duration::from_secs(1);
/// What `DynamoDB` knows the call by.
const BATCH_GET_ITEM: &str = "DynamoDB_20120810.BatchGetItem";
/// The name of `DynamoDB` in a signature.
const SERVICE: &str = "dynamodb";
const SIGV4: AuthSchemeId = AuthSchemeId::new("sigv4");
/// The headers that are of one call alone.
const OWN_HEADERS: [&str; 3] = ["amz-sdk-invocation-id", "amz-sdk-request", "content-length"];

/// The fast path, which is open once the SDK has made a call.
#[derive(Debug, Default)]
pub struct FastPath(OnceLock<Call>);

/// A call as the SDK made it, as far as the next ones are alike.
#[derive(Debug)]
struct Call {
    /// Without a body.
    request: HttpRequest,
    region: Region,
    connector: SharedHttpConnector,
    components: RuntimeComponents,
    config: ConfigBag,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    request_items: HashMap<&'a str, Wanted<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Wanted<'a> {
    keys: &'a [Key],
    consistent_read: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    responses: HashMap<String, Vec<serde_dynamo::Item>>,
    unprocessed_keys: Map<String, Value>,
}

impl FastPath {
    /// The items of `table` at `keys` that exist, in any order.
    ///
    /// # Errors
    /// When it is not open, or they did not all come at once.
    pub(super) async fn batch_get(&self, table: &str, keys: &[Key]) -> Result<Vec<Item>, BoxError> {
        let call = self.0.get().ok_or("the SDK has made no call")?;
        let request_items = HashMap::from([(table, Wanted { keys, consistent_read: true })]);
        let answer = timeout(LIMIT, call.again(&Request { request_items })).await??;
        let Answer { mut responses, unprocessed_keys } = answer;
        if !unprocessed_keys.is_empty() {
            return Err("a batch is incomplete".into());
        }
        let items = responses.remove(table).ok_or("an answer has nothing of the table")?;
        Ok(items.into_iter().map(Into::into).collect())
    }
}

impl Call {
    /// Makes it with another request. Returns the answer, which is a good one.
    async fn again(&self, request: &Request<'_>) -> Result<Answer, BoxError> {
        let body = serde_json::to_vec(request)?;
        let identities = self.components.identity_resolver(SIGV4).ok_or("no identity")?;
        let identity = self.components.identity_cache();
        let identity = identity.resolve_cached_identity(identities, &self.components, &self.config).await?;
        let mut request = self.request.try_clone().ok_or("the request can't be repeated")?;
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
        for header in signature.into_parts().0 {
            request.headers_mut().insert(header.name(), header.value().to_owned());
        }
        *request.body_mut() = SdkBody::from(body);
        dynamodb_calls::count_one();
        let answer = self.connector.call(request).await?;
        if !answer.status().is_success() {
            return Err("refused".into());
        }
        let answer = ByteStream::new(answer.into_body()).collect().await?.into_bytes();
        Ok(serde_json::from_slice(&answer)?)
    }
}

/// What opens the fast path when the SDK makes a call.
#[derive(Debug)]
pub(crate) struct Opener(pub Weak<FastPath>);

impl Intercept for Opener {
    fn name(&self) -> &'static str {
        "Opener"
    }

    fn read_before_signing(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(fast_path) = self.0.upgrade()
            && fast_path.0.get().is_none()
            && let Some(call) = call(context.request(), components, config)
        {
            fast_path.0.get_or_init(|| call);
        }
        Ok(())
    }
}

/// What the next calls take from this one, if it is a `BatchGetItem`.
fn call(sent: &HttpRequest, components: &RuntimeComponents, config: &ConfigBag) -> Option<Call> {
    sent.headers().get("x-amz-target").filter(|target| *target == BATCH_GET_ITEM)?;
    let mut request = HttpRequest::empty();
    request.set_method(sent.method()).ok()?;
    request.set_uri(sent.uri()).ok()?;
    for (name, value) in sent.headers().iter().filter(|(name, _)| !OWN_HEADERS.contains(name)) {
        request.headers_mut().insert(name.to_owned(), value.to_owned());
    }
    let timeouts = config.load::<TimeoutConfig>()?;
    let mut settings = HttpConnectorSettings::builder();
    settings.set_connect_timeout(timeouts.connect_timeout());
    settings.set_read_timeout(timeouts.read_timeout());
    let connector = components.http_client()?.http_connector(&settings.build(), components);
    let region = config.load::<Region>()?.clone();
    Some(Call { request, region, connector, components: components.clone(), config: ConfigBag::base() })
}
