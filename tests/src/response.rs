//! A response of the service, and the assertions that hold for every response.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// The origin whose pages may read responses. This is the default of the template.
pub const ALLOWED_ORIGIN: &str = "https://nobody.invalid";

/// A response that has the headers and the body that the contract requires of every response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body as JSON, or null if it is empty.
    pub body: Value,
    /// The body as text.
    pub text: String,
    /// True for the response to a `HEAD` request, which never has a body.
    pub is_head: bool,
}

impl Response {
    /// Reads the response to a request with this method and path.
    pub async fn read(method: &str, path: &str, response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.expect("a body in UTF-8");
        let response = Self::new(method, status, headers, text);
        response.assert_well_formed(method, path);
        response
    }

    /// Parses the bytes of an HTTP/1.1 response to a request with this method and path.
    #[track_caller]
    pub fn parse(method: &str, path: &str, raw: &str) -> Self {
        let (head, text) = raw.split_once("\r\n\r\n").expect("the end of the headers");
        let (line, headers) = head.split_once("\r\n").expect("a line with the status");
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").expect("a header");
            (name.parse::<HeaderName>().expect("a name"), value.parse::<HeaderValue>().expect("a value"))
        };
        let headers = headers.split("\r\n").map(header).collect();
        let response = Self::new(method, status, headers, text.to_owned());
        response.assert_well_formed(method, path);
        response
    }

    #[track_caller]
    fn new(method: &str, status: u16, headers: HeaderMap, text: String) -> Self {
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect(&text) };
        let is_head = method == "HEAD";
        assert!(!is_head || text.is_empty(), "a response to HEAD has a body: {text}");
        Self { status, headers, body, text, is_head }
    }

    /// Panics unless the body is `expected`, or empty for a `HEAD` request.
    #[track_caller]
    fn assert_text(&self, expected: &str) {
        assert_eq!(self.text, if self.is_head { "" } else { expected });
    }

    /// Returns the body. Panics if the status differs.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    #[track_caller]
    fn assert_well_formed(&self, method: &str, path: &str) {
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()), "no request id: {self:?}");
        let may_be_cached = ["/v1/openapi.json", "/v1/credentials/patterns"].contains(&path);
        let is_cached = may_be_cached && self.status < 400 && method != "OPTIONS";
        let caching = if is_cached { "public, max-age=300" } else { "no-store" };
        assert_eq!(self.header("cache-control"), Some(caching), "{self:?}");
        let transport = Some("max-age=63072000; includeSubDomains");
        assert_eq!(self.header("strict-transport-security"), transport, "{self:?}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self:?}");
        for name in ["server", "x-powered-by", "set-cookie"] {
            assert_eq!(self.header(name), None, "{self:?}");
        }
        assert_eq!(self.header("access-control-allow-origin"), Some(ALLOWED_ORIGIN), "{self:?}");
        let exposed = Some(
            "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Deprecation, Sunset, Idempotency-Replayed",
        );
        assert_eq!(self.header("access-control-expose-headers"), exposed, "{self:?}");
        assert_eq!(self.header("access-control-allow-credentials"), None, "{self:?}");
        assert_ne!(self.status, 500, "{self:?}");
        if self.text.is_empty() && !self.is_head {
            assert!([204, 304].contains(&self.status), "only a 204 and a 304 have no body: {self:?}");
        } else {
            assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        }
        if self.status >= 400 && !self.is_head {
            let error = self.body["error"].as_object().expect("an error");
            assert_eq!(self.body.as_object().expect("an object").len(), 1, "{self:?}");
            assert!(error["code"].is_string() && error["message"].is_string(), "{self:?}");
            let field = usize::from(error.contains_key("field"));
            assert!(field == 0 || (self.status == 400 && error["field"].is_string()), "{self:?}");
            assert_eq!(error.len(), 2 + field, "{self:?}");
        }
    }

    /// Panics unless this is an error with this status and code.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.body["error"]["code"].as_str(), (!self.is_head).then_some(code), "{}", self.text);
    }

    /// Panics unless this is a 400 that names this field or parameter.
    #[track_caller]
    pub fn assert_bad_field(&self, field: &str) {
        self.assert_error(400, "BAD_REQUEST");
        assert_eq!(self.body["error"]["field"].as_str(), (!self.is_head).then_some(field), "{}", self.text);
    }

    /// Panics unless this is the 401 that the contract fixes.
    #[track_caller]
    pub fn assert_unauthorized(&self) {
        assert_eq!(self.status, 401, "{}", self.text);
        self.assert_text(r#"{"error": {"code": "UNAUTHORIZED", "message": "Invalid or missing API key"}}"#);
        assert_eq!(self.header("www-authenticate"), Some("Bearer realm=\"medtwin\""));
    }

    /// Panics unless this is the 401 that the contract fixes, returned by a function: API Gateway does not add its header then.
    #[track_caller]
    pub fn assert_unauthorized_by_function(&self) {
        assert_eq!(self.status, 401, "{}", self.text);
        self.assert_text(r#"{"error": {"code": "UNAUTHORIZED", "message": "Invalid or missing API key"}}"#);
    }

    /// Panics unless this is the 403 that the contract fixes.
    #[track_caller]
    pub fn assert_forbidden(&self) {
        assert_eq!(self.status, 403, "{}", self.text);
        self.assert_text(
            r#"{"error": {"code": "FORBIDDEN", "message": "API key does not have required permissions"}}"#,
        );
    }

    /// Panics unless this is the 404 that a caller gets for everything that does not exist in the caller's account.
    #[track_caller]
    pub fn assert_not_found(&self) {
        assert_eq!(self.status, 404, "{}", self.text);
        self.assert_text(r#"{"error": {"code": "NOT_FOUND", "message": "Not found"}}"#);
    }
}

/// The string in the field `name` of `record`.
#[track_caller]
pub fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_else(|| panic!("no string `{name}` in {record}"))
}

/// `record` without the field `name`. Panics if there is no such field.
#[track_caller]
pub fn without(record: &Value, name: &str) -> Value {
    let mut record = record.clone();
    let removed = record.as_object_mut().expect("an object").remove(name);
    assert!(removed.is_some(), "no `{name}` in {record}");
    record
}
