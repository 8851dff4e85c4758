//! Responses to requests whose body no function reads. The client can use the connection again, or the response says that it
//! cannot.

use std::{
    convert::Infallible,
    fs,
    process::Command,
    time::{Duration, Instant},
};

use gateway::{Gateway, Options};
use http_body_util::{BodyExt, Full, channel::Channel, combinators::UnsyncBoxBody};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
    header,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const MIB: usize = 1024 * 1024;
/// A response waits for at most this many bytes.
const MAX_REST: usize = 64 * MIB;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// An HTTP client with one connection.
struct Connection {
    sender: SendRequest<Body>,
    host: String,
}

impl Connection {
    async fn open(url: &str) -> Self {
        let host = url.strip_prefix("http://").unwrap().to_owned();
        let stream = TcpStream::connect(&host).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, host }
    }

    /// Sends a `POST` and reads the whole response. Returns its status, and whether it says that the connection closes.
    async fn post(&mut self, path: &str, headers: &[(&str, &str)], body: Body) -> (StatusCode, bool) {
        let mut request = Request::post(path).header(header::HOST, &self.host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.sender.ready().await.expect("an open connection");
        let response = self.sender.send_request(request.body(body).unwrap()).await.expect("a response");
        let closes = response.headers().get(header::CONNECTION).is_some_and(|value| value == "close");
        let status = response.status();
        response.into_body().collect().await.expect("the whole response");
        (status, closes)
    }
}

fn body(length: usize) -> Body {
    body_of("x".repeat(length))
}

fn body_of(text: impl Into<Bytes>) -> Body {
    BodyExt::boxed_unsync(Full::new(text.into()))
}

/// A body that does not state its length.
fn chunked(length: usize) -> Body {
    let (mut sender, body) = Channel::new(1);
    tokio::spawn(async move {
        let chunk = Bytes::from(vec![b'x'; MIB]);
        for _ in 0..length.div_ceil(MIB) {
            // This fails if the server has closed the connection.
            if sender.send_data(chunk.clone()).await.is_err() {
                break;
            }
        }
    });
    BodyExt::boxed_unsync(body)
}

/// The path and the headers of a request whose body is not read, or not completely, and the status of its response.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], StatusCode);

const INVOKE: &str = "/2015-03-31/functions/operator/invocations";
const FROM_A_PAGE: &[(&str, &str)] = &[("origin", "https://evil.example")];

#[tokio::test]
async fn next_request_on_the_connection_succeeds() {
    let gateway = Gateway::start(Options::ephemeral()).await.unwrap();
    let long = "x".repeat(20_000);
    let cases: &[Case<'_>] = &[
        ("/unknown", &[], StatusCode::NOT_FOUND),
        ("/v1/health", &[], StatusCode::NOT_FOUND),
        ("/v1/projects", &[], StatusCode::UNAUTHORIZED),
        ("/v1/projects", &[("authorization", "Bearer x")], StatusCode::UNAUTHORIZED),
        ("/v1/auth/login", &[("x-long", &long)], StatusCode::PAYLOAD_TOO_LARGE),
        (INVOKE, FROM_A_PAGE, StatusCode::FORBIDDEN),
    ];
    let too_large = &[
        ("/v1/auth/login", &[][..], StatusCode::PAYLOAD_TOO_LARGE),
        (INVOKE, &[], StatusCode::PAYLOAD_TOO_LARGE),
    ];
    let mut connection = Connection::open(gateway.url()).await;
    for (cases, length) in
        [(cases, 1), (cases, 2 * MIB), (too_large, 10 * MIB + 1), (too_large, MAX_REST - MIB)]
    {
        for (path, headers, status) in cases {
            for body in [body(length), chunked(length)] {
                let response = connection.post(path, headers, body).await;
                assert_eq!(response, (*status, false), "{path} {headers:?} {length}");
                assert_eq!(connection.post(INVOKE, &[], body_of("{}")).await, (StatusCode::OK, false));
            }
        }
    }
}

#[tokio::test]
async fn response_to_a_body_that_is_too_long_to_read_closes_the_connection() {
    let gateway = Gateway::start(Options::ephemeral()).await.unwrap();
    for (path, headers, status) in [
        ("/unknown", &[][..], StatusCode::NOT_FOUND),
        ("/v1/auth/login", &[], StatusCode::PAYLOAD_TOO_LARGE),
        (INVOKE, FROM_A_PAGE, StatusCode::FORBIDDEN),
    ] {
        for body in [body(MAX_REST + 16 * MIB), chunked(MAX_REST + 32 * MIB)] {
            let mut connection = Connection::open(gateway.url()).await;
            assert_eq!(connection.post(path, headers, body).await, (status, true), "{path}");
            assert!(connection.sender.ready().await.is_err(), "{path}: the connection is still open");
        }
    }
}

#[tokio::test]
async fn loopback_services_keep_the_connection_open() {
    let gateway = Gateway::start(Options::ephemeral()).await.unwrap();
    for (url, max) in [(gateway.dynamodb_url(), 16 * MIB), (gateway.secrets_manager_url(), 2 * MIB)] {
        let mut connection = Connection::open(url).await;
        for (headers, length, status) in [
            (FROM_A_PAGE, 1, StatusCode::FORBIDDEN),
            (FROM_A_PAGE, 2 * MIB, StatusCode::FORBIDDEN),
            (&[], max + 1, StatusCode::PAYLOAD_TOO_LARGE),
            (FROM_A_PAGE, MAX_REST - MIB, StatusCode::FORBIDDEN),
        ] {
            for body in [body(length), chunked(length)] {
                let response = connection.post("/", headers, body).await;
                assert_eq!(response, (status, false), "{url} {length}");
            }
        }
    }
}

#[tokio::test]
async fn curl_uses_the_connection_again_unless_it_waits_for_continue() {
    let gateway = Gateway::start(Options::ephemeral()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    let (unknown, health) = (format!("{}/unknown", gateway.url()), format!("{}/v1/health", gateway.url()));
    // curl sends `Expect: 100-continue` before a body of more than a mebibyte. If it gets the response instead, it does not
    // send the body, and opens another connection.
    for (length, expected) in [(MIB / 2, "404 1\n200 0\n"), (2 * MIB, "404 1\n200 1\n")] {
        fs::write(&file, vec![b'x'; length]).unwrap();
        let data = format!("@{}", file.to_str().unwrap());
        let (unknown, health) = (unknown.clone(), health.clone());
        let output = tokio::task::spawn_blocking(move || {
            let format = ["-s", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n"];
            let mut curl = Command::new("curl");
            curl.args(format).args(["--data-binary", &data, &unknown, "--next"]).args(format).arg(&health);
            curl.output().unwrap()
        });
        let output = output.await.unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{length}");
    }
}

#[tokio::test]
async fn body_that_does_not_arrive_delays_the_response_only_briefly() {
    let gateway = Gateway::start(Options::ephemeral()).await.unwrap();
    let mut connection = Connection::open(gateway.url()).await;
    let (mut sender, body) = Channel::new(1);
    sender.send_data(Bytes::from_static(b"x")).await.unwrap();
    let start = Instant::now();
    let response = connection.post("/unknown", &[], BodyExt::boxed_unsync(body)).await;
    assert_eq!(response, (StatusCode::NOT_FOUND, true));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    drop(sender);
}
