//! Requests that no HTTP client sends: ambiguous, incomplete and malformed ones, written byte by byte.
//!
//! The local gateway receives them in place of API Gateway. The tests show that a credential never authorizes more than the
//! one request that contains it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{service::read_to_end, target::Target};

/// Returns the statuses of all responses that were received on a connection, in their order.
fn statuses(responses: &str) -> Vec<u16> {
    let lines = responses.split("HTTP/1.1 ").skip(1);
    lines.map(|response| response[..3].parse().expect("a status")).collect()
}

/// Returns a request that an attacker might try to hide in another one: it deletes a project, with an admin's session.
fn smuggled(target: &Target) -> String {
    let (path, session) = (target.fill("/v1/projects/{project_id}"), &target.session.0);
    format!("DELETE {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {session}\r\n\r\n")
}

/// The last request on a connection. When its response has been read, so have all earlier ones.
const LAST: &str = "GET /v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Sends a request with these headers and this body, and then [`LAST`]. Returns the statuses of the responses.
async fn send(target: &Target, headers: &str, body: &str) -> Vec<u16> {
    let request = format!("GET /v1/health HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}{LAST}");
    statuses(&target.service.send_bytes(request.as_bytes()).await)
}

#[tokio::test]
async fn invalid_or_conflicting_content_length_returns_400_and_closes_the_connection() {
    let target = Target::start().await;
    let before = target.state().await;
    let smuggled = smuggled(&target);
    let length = smuggled.len();
    for value in [
        format!("0\r\nContent-Length: {length}"),
        format!("{length}\r\nContent-Length: 0"),
        format!("0, {length}"),
        format!("{length}, {length}"),
        format!("+{length}"),
        format!("-{length}"),
        format!("{length}.0"),
        format!("{length};"),
        format!("0x{length:x}"),
        format!("{length} {length}"),
        format!("{length}\u{b}"),
        "\u{ff10}".to_owned(),
        "18446744073709551616".to_owned(),
        String::new(),
    ] {
        let statuses = send(&target, &format!("Content-Length: {value}"), &smuggled).await;
        assert_eq!(statuses, [400], "{value:?}");
    }
    for name in
        ["Content-Length ", "Content-Length\t", " Content-Length", "Content Length", "Content-Length\0"]
    {
        let statuses = send(&target, &format!("{name}: {length}"), &smuggled).await;
        assert_eq!(statuses, [400], "{name:?}");
    }
    // A repeated or differently written length is valid if all its values are equal.
    for headers in [
        format!("Content-Length: {length}"),
        format!("Content-Length: {length}\r\nContent-Length: {length}"),
        format!("content-length:{length} "),
        format!("CONTENT-LENGTH:\t0{length}"),
    ] {
        assert_eq!(send(&target, &headers, &smuggled).await, [200, 200], "{headers}");
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn content_length_with_chunked_encoding_is_ignored_and_closes_the_connection() {
    let target = Target::start().await;
    let before = target.state().await;
    let smuggled = smuggled(&target);
    let after_the_chunks = format!("0\r\n\r\n{smuggled}");
    let in_a_chunk = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
    let chunked = "Transfer-Encoding: chunked";
    for (length, body) in [(after_the_chunks.len(), &after_the_chunks), (3, &in_a_chunk), (0, &in_a_chunk)] {
        let length = format!("Content-Length: {length}");
        for headers in [
            format!("{length}\r\n{chunked}"),
            format!("{chunked}\r\n{length}"),
            format!("{length}\r\n{chunked}\r\n{length}"),
            format!("{chunked}\r\n{length}\r\nConnection: keep-alive"),
        ] {
            assert_eq!(send(&target, &headers, body).await, [200], "{headers}");
        }
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn transfer_encoding_other_than_chunked_returns_400_and_closes_the_connection() {
    let target = Target::start().await;
    let before = target.state().await;
    let smuggled = smuggled(&target);
    let body = format!("0\r\n\r\n{smuggled}");
    for headers in [
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: chunked\u{b}",
        "Transfer-Encoding: \u{ff43}hunked",
        "Transfer-Encoding: chun\u{212a}ed",
        "Transfer-Encoding:",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding\0: chunked",
        "Transfer-Encoding: chunked\0",
        "X: y\r\n Transfer-Encoding: chunked",
        "Transfer-Encoding:\r\n chunked",
    ] {
        for length in [0, body.len()] {
            let headers = format!("Content-Length: {length}\r\n{headers}");
            assert_eq!(send(&target, &headers, &body).await, [400], "{headers:?}");
        }
    }
    let http_1_0 = format!("GET /v1/health HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{body}{LAST}");
    assert_eq!(
        statuses(&target.service.send_bytes(http_1_0.as_bytes()).await.replace("1.0 ", "1.1 ")),
        [400]
    );
    assert_eq!(target.state().await, before);
}

/// Sends a request that creates a project, with these chunks as its body, and then [`LAST`].
async fn send_chunks(target: &Target, chunks: &str) -> String {
    let session = &target.session.0;
    let head = format!("POST /v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: {session}\r\n");
    let request =
        format!("{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{LAST}");
    target.service.send_bytes(request.as_bytes()).await
}

#[tokio::test]
async fn chunk_extensions_are_ignored() {
    let target = Target::start().await;
    for (chunks, status) in [
        ("d\r\n{\"name\": \"A\"}\r\n0\r\n\r\n", 201),
        ("D;a=b;c=\"d e\"\r\n{\"name\": \"A\"}\r\n0;e\r\n\r\n", 201),
        ("000000d ; a\r\n{\"name\": \"A\"}\r\n00\r\n\r\n", 201),
        ("1\r\n{\r\nc\r\n\"name\": \"A\"}\r\n0\r\n\r\n", 201),
        ("d\r\n{\"name\": \"A\"}\r\n1\r\n}\r\n0\r\n\r\n", 400),
    ] {
        assert_eq!(statuses(&send_chunks(&target, chunks).await), [status, 200], "{chunks:?}");
    }
}

#[tokio::test]
async fn malformed_chunks_return_400_close_the_connection_and_change_nothing() {
    let target = Target::start().await;
    let before = target.state().await;
    let json = "{\"name\": \"A\"}";
    let many = format!("d;{}\r\n{json}\r\n0\r\n\r\n", "x".repeat(100_000));
    for chunks in [
        // Sizes that are not hexadecimal numbers, or are too large.
        "-d\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "+d\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "0xd\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "g\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "1000000000000000d\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "fffffffffffffffffd\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        // Line ends that two parsers might interpret differently.
        "d;a\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "d;a\nb\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "d\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "d\r\n{\"name\": \"A\"}0\r\n\r\n",
        "d\r\n{\"name\": \"A\"}\n0\r\n\r\n",
        "c\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        &many,
    ] {
        let responses = send_chunks(&target, chunks).await;
        assert_eq!(statuses(&responses), [400], "{:?}: {responses}", &chunks[..chunks.len().min(40)]);
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn trailers_are_not_used_as_headers() {
    let target = Target::start().await;
    let session = &target.session.0;
    let json = "2\r\n{}\r\n0\r\n";
    for (headers, trailers, status) in [
        (String::new(), format!("Authorization: {session}"), 401),
        ("Trailer: Authorization\r\n".to_owned(), format!("Authorization: {session}"), 401),
        // A trailer does not add a second credential or replace another header either.
        (format!("Authorization: {session}\r\n"), format!("Authorization: {session}"), 415),
        (format!("Authorization: {session}\r\n"), "Content-Type: application/json".to_owned(), 415),
        (format!("Authorization: {session}\r\n"), "Content-Length: 1000".to_owned(), 415),
        (format!("Authorization: {session}\r\n"), "Transfer-Encoding: chunked".to_owned(), 415),
    ] {
        let request = format!(
            "POST /v1/projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{headers}\r\n{json}{trailers}\r\n\r\n{LAST}"
        );
        let responses = target.service.send_bytes(request.as_bytes()).await;
        assert_eq!(statuses(&responses), [status, 200], "{headers:?} {trailers:?}: {responses}");
    }
}

#[tokio::test]
async fn folded_or_malformed_header_line_returns_400() {
    let target = Target::start().await;
    let session = &target.session.0;
    let (scheme, token) = session.split_once(' ').expect("a scheme");
    for header in [
        format!("Authorization:\r\n {session}"),
        format!("Authorization: {scheme}\r\n {token}"),
        format!("Authorization: {scheme}\r\n\t{token}"),
        format!("X: y\r\n Authorization: {session}"),
        format!("X: y\rAuthorization: {session}"),
        format!("Authorization : {session}"),
        format!("Authorization\t: {session}"),
        format!(" Authorization: {session}"),
        format!("Authori zation: {session}"),
        format!("Authorization\0: {session}"),
        format!("Authorization: {session}\0"),
        format!("Authorization: \x1b{session}"),
        format!("Authorization: {session}\x7f"),
        format!("Authorization {session}"),
        format!(": {session}"),
    ] {
        let request = format!("GET /v1/auth/me HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n{LAST}");
        let responses = target.service.send_bytes(request.as_bytes()).await;
        assert_eq!(statuses(&responses), [400], "{header:?}: {responses}");
    }
    // A line may end with a single line feed (RFC 9112, 2.2), so each of these requests has two headers.
    for header in [
        format!("Authorization: {session}\nAuthorization: {session}"),
        format!("Authorization: {session}\nauthorization: Bearer x"),
    ] {
        let request = format!("GET /v1/auth/me HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n{LAST}");
        assert_eq!(statuses(&target.service.send_bytes(request.as_bytes()).await), [401, 200], "{header:?}");
    }
}

#[tokio::test]
async fn other_target_forms_do_not_bypass_the_authorizer() {
    let target = Target::start().await;
    let session = &target.session.0;
    let authorization = format!("Authorization: {session}\r\n");
    for (line, with, without) in [
        // An absolute URL matches the same route and its authorizer, whatever its host is.
        ("GET http://127.0.0.1/v1/auth/me HTTP/1.1", 200, 401),
        ("GET http://evil.example:99/v1/auth/me HTTP/1.1", 200, 401),
        ("GET HTTP://user:password@evil.example/v1/auth/me HTTP/1.1", 200, 401),
        // Targets that match no route.
        ("GET http://evil.example//v1/auth/me HTTP/1.1", 404, 404),
        ("GET http://evil.example/x/../v1/auth/me HTTP/1.1", 404, 404),
        ("GET * HTTP/1.1", 404, 404),
        ("OPTIONS * HTTP/1.1", 404, 404),
        // Invalid targets, and other versions of HTTP.
        ("GET v1/auth/me HTTP/1.1", 400, 400),
        ("GET \\v1\\auth\\me HTTP/1.1", 400, 400),
        ("GET /v1/auth/me\t HTTP/1.1", 400, 400),
        ("GET /v1/auth/me x HTTP/1.1", 400, 400),
        ("GET /v1/auth/\x1bme HTTP/1.1", 400, 400),
        ("GET /v1/auth/me HTTP/1.2", 400, 400),
        ("GET /v1/auth/me HTTP/2.0", 400, 400),
        ("GET /v1/auth/me", 400, 400),
        ("G\0ET /v1/auth/me HTTP/1.1", 400, 400),
        ("PRI * HTTP/2.0", 400, 400),
    ] {
        for (authorization, status) in [(authorization.as_str(), with), ("", without)] {
            let request = format!("{line}\r\nHost: x\r\n{authorization}Connection: close\r\n\r\n");
            let responses = target.service.send_bytes(request.as_bytes()).await;
            assert_eq!(statuses(&responses), [status], "{line:?}: {responses}");
        }
    }
}

#[tokio::test]
async fn upgrade_and_connection_options_are_ignored() {
    let target = Target::start().await;
    for upgrade in ["h2c", "websocket", "TLS/1.0", "HTTP/2.0"] {
        let request = format!(
            "GET /v1/auth/me HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: {upgrade}\r\n\
             HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
        );
        assert_eq!(statuses(&target.service.send_bytes(request.as_bytes()).await), [401], "{upgrade}");
    }
    // `Connection: Authorization` tells a proxy to remove the header. The decision uses the header nevertheless.
    let session = &target.session.0;
    for (headers, status) in [
        (format!("Authorization: {session}\r\nConnection: close, Authorization"), 200),
        (
            format!(
                "Authorization: {session}\r\nAuthorization: {session}\r\nConnection: close, Authorization"
            ),
            401,
        ),
    ] {
        let request = format!("GET /v1/auth/me HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n");
        assert_eq!(statuses(&target.service.send_bytes(request.as_bytes()).await), [status], "{headers}");
    }
}

#[tokio::test]
async fn too_many_or_too_long_headers_are_rejected() {
    let target = Target::start().await;
    let authorization = format!("Authorization: {}\r\n", target.session.0);
    let many = |count: usize| "X: x\r\n".repeat(count);
    for (line, headers, expected) in [
        ("/v1/auth/me", many(50), [200].as_slice()),
        ("/v1/auth/me", many(1_000), &[431]),
        ("/v1/auth/me", format!("X: {}\r\n", "x".repeat(20_000)), &[413]),
        ("/v1/auth/me", format!("X: {}\r\n", "x".repeat(1 << 20)), &[431]),
        (&format!("/v1/auth/me?{}", "x".repeat(20_000)), String::new(), &[413]),
        (&format!("/v1/auth/me?{}", "x".repeat(1 << 20)), String::new(), &[414, 431]),
    ] {
        // The credential is the first header, so only the length of the rest matters.
        let request =
            format!("GET {line} HTTP/1.1\r\nHost: x\r\n{authorization}Connection: close\r\n{headers}\r\n");
        let responses = target.service.send_bytes(request.as_bytes()).await;
        let [status] = statuses(&responses)[..] else { panic!("not one response: {responses}") };
        assert!(expected.contains(&status), "{} {}: {responses}", line.len(), headers.len());
    }
}

/// Returns the head of a request that creates a project and has a body of `length` bytes.
fn head(target: &Target, length: usize) -> String {
    format!(
        "POST /v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n",
        target.session.0
    )
}

const JSON: &str = r#"{"name": "A project"}"#;

#[tokio::test]
async fn incomplete_request_changes_nothing() {
    let target = Target::start().await;
    let before = target.state().await;
    let head = head(&target, JSON.len() + 1);
    let whole = format!("{head}{JSON}");
    for length in [10, head.len() / 2, head.len() - 2, head.len(), head.len() + 5, whole.len()] {
        let mut connection = target.service.connect().await;
        connection.write_all(&whole.as_bytes()[..length]).await.expect("the bytes are sent");
        connection.shutdown().await.expect("the connection is closed for writing");
        let response = read_to_end(&mut connection).await;
        assert!(statuses(&response).iter().all(|status| *status == 400), "{length}: {response}");
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn body_is_read_up_to_its_content_length() {
    let target = Target::start().await;
    let before = target.state().await;
    let request = format!("{}{JSON}", head(&target, JSON.len() - 1));
    assert_eq!(statuses(&target.service.send_bytes(request.as_bytes()).await), [400]);
    assert_eq!(target.state().await, before);
    // The bytes after the body belong neither to it nor to a valid request.
    let head = head(&target, JSON.len()).replace("Connection: close\r\n", "");
    let request = format!("{head}{JSON}{{}}\r\n\r\n{LAST}");
    assert_eq!(statuses(&target.service.send_bytes(request.as_bytes()).await), [201, 400]);
}

#[tokio::test]
async fn slow_requests_succeed_and_do_not_delay_others() {
    let target = Target::start().await;
    let head = head(&target, JSON.len());
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut connection = target.service.connect().await;
        connection.write_all(head.as_bytes()).await.expect("the bytes are sent");
        slow.push(connection);
    }
    for byte in JSON.bytes() {
        for connection in &mut slow {
            connection.write_all(&[byte]).await.expect("the bytes are sent");
        }
        target.service.me(&target.session).await.expect(200);
    }
    for connection in &mut slow {
        let response = read_to_end(connection).await;
        assert_eq!(statuses(&response), [201], "{response}");
    }
}

#[tokio::test]
async fn expect_header_returns_100_before_the_response() {
    let target = Target::start().await;
    let head = head(&target, JSON.len()).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    let mut connection = target.service.connect().await;
    connection.write_all(head.as_bytes()).await.expect("the bytes are sent");
    let mut interim = [0; 25];
    connection.read_exact(&mut interim).await.expect("an interim response");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(JSON.as_bytes()).await.expect("the bytes are sent");
    assert_eq!(statuses(&read_to_end(&mut connection).await), [201]);
}
