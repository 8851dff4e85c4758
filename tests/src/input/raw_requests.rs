//! Requests that no client sends: their bytes say two things at once, come by halves, or are none.
//!
//! What is answered here is answered by the local gateway, which stands where API Gateway does; that whoever is let in is
//! let in for one request, with one credential that came with it, holds for what lies behind.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{service::read_to_end, target::Target};

/// The statuses of all answers that came over a connection, one behind the other.
fn statuses(answers: &str) -> Vec<u16> {
    let lines = answers.split("HTTP/1.1 ").skip(1);
    lines.map(|answer| answer[..3].parse().expect("a status")).collect()
}

/// A request that nobody may smuggle: it deletes a project, by a credential that may.
fn smuggled(target: &Target) -> String {
    let (path, session) = (target.fill("/v1/projects/{project_id}"), &target.session.0);
    format!("DELETE {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {session}\r\n\r\n")
}

/// The last request of a connection: whatever comes before it, all answers were read when this one was.
const LAST: &str = "GET /v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Sends a request with these headers and this body, and behind it [`LAST`].
async fn send(target: &Target, headers: &str, body: &str) -> Vec<u16> {
    let request = format!("GET /v1/health HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}{LAST}");
    statuses(&target.service.converse(request.as_bytes()).await)
}

#[tokio::test]
async fn a_length_that_is_none_or_several_is_400_and_the_end() {
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
        let seen = send(&target, &format!("Content-Length: {value}"), &smuggled).await;
        assert_eq!(seen, [400], "{value:?}");
    }
    for name in
        ["Content-Length ", "Content-Length\t", " Content-Length", "Content Length", "Content-Length\0"]
    {
        let seen = send(&target, &format!("{name}: {length}"), &smuggled).await;
        assert_eq!(seen, [400], "{name:?}");
    }
    // One that is said twice, or in another way, is one.
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
async fn a_length_besides_chunks_is_not_looked_at_and_the_end() {
    let target = Target::start().await;
    let before = target.state().await;
    let smuggled = smuggled(&target);
    let behind_chunks = format!("0\r\n\r\n{smuggled}");
    let in_a_chunk = format!("{:x}\r\n{smuggled}\r\n0\r\n\r\n", smuggled.len());
    let chunked = "Transfer-Encoding: chunked";
    for (length, body) in [(behind_chunks.len(), &behind_chunks), (3, &in_a_chunk), (0, &in_a_chunk)] {
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
async fn an_encoding_that_does_not_end_in_chunks_is_400_and_the_end() {
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
    let old = format!("GET /v1/health HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{body}{LAST}");
    assert_eq!(statuses(&target.service.converse(old.as_bytes()).await.replace("1.0 ", "1.1 ")), [400]);
    assert_eq!(target.state().await, before);
}

/// Sends a request that makes a project, with its body in these chunks, and behind it [`LAST`].
async fn send_chunks(target: &Target, chunks: &str) -> String {
    let session = &target.session.0;
    let head = format!("POST /v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: {session}\r\n");
    let request =
        format!("{head}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{LAST}");
    target.service.converse(request.as_bytes()).await
}

#[tokio::test]
async fn chunks_are_read_whatever_their_extensions_say() {
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
async fn chunks_that_are_none_are_400_and_the_end_and_do_nothing() {
    let target = Target::start().await;
    let before = target.state().await;
    let json = "{\"name\": \"A\"}";
    let many = format!("d;{}\r\n{json}\r\n0\r\n\r\n", "x".repeat(100_000));
    for chunks in [
        // Sizes that are none, or larger than any can be.
        "-d\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "+d\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "0xd\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "g\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "1000000000000000d\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "fffffffffffffffffd\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        // Line ends by which two readers would part.
        "d;a\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "d;a\nb\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "d\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        "d\r\n{\"name\": \"A\"}0\r\n\r\n",
        "d\r\n{\"name\": \"A\"}\n0\r\n\r\n",
        "c\r\n{\"name\": \"A\"}\r\n0\r\n\r\n",
        &many,
    ] {
        let answers = send_chunks(&target, chunks).await;
        assert_eq!(statuses(&answers), [400], "{:?}: {answers}", &chunks[..chunks.len().min(40)]);
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn what_comes_behind_the_chunks_is_no_header() {
    let target = Target::start().await;
    let session = &target.session.0;
    let json = "2\r\n{}\r\n0\r\n";
    for (headers, trailers, status) in [
        (String::new(), format!("Authorization: {session}"), 401),
        ("Trailer: Authorization\r\n".to_owned(), format!("Authorization: {session}"), 401),
        // Nor does it make two of one.
        (format!("Authorization: {session}\r\n"), format!("Authorization: {session}"), 415),
        (format!("Authorization: {session}\r\n"), "Content-Type: application/json".to_owned(), 415),
        (format!("Authorization: {session}\r\n"), "Content-Length: 1000".to_owned(), 415),
        (format!("Authorization: {session}\r\n"), "Transfer-Encoding: chunked".to_owned(), 415),
    ] {
        let request = format!(
            "POST /v1/projects HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{headers}\r\n{json}{trailers}\r\n\r\n{LAST}"
        );
        let answers = target.service.converse(request.as_bytes()).await;
        assert_eq!(statuses(&answers), [status, 200], "{headers:?} {trailers:?}: {answers}");
    }
}

#[tokio::test]
async fn a_line_that_is_folded_or_broken_is_400_and_carries_no_credential() {
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
        let answers = target.service.converse(request.as_bytes()).await;
        assert_eq!(statuses(&answers), [400], "{header:?}: {answers}");
    }
    // A line may end in a line feed alone (RFC 9112, 2.2), and so two lines are two.
    for header in [
        format!("Authorization: {session}\nAuthorization: {session}"),
        format!("Authorization: {session}\nauthorization: Bearer x"),
    ] {
        let request = format!("GET /v1/auth/me HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n{LAST}");
        assert_eq!(statuses(&target.service.converse(request.as_bytes()).await), [401, 200], "{header:?}");
    }
}

#[tokio::test]
async fn a_target_of_another_form_leads_around_nothing() {
    let target = Target::start().await;
    let session = &target.session.0;
    let authorization = format!("Authorization: {session}\r\n");
    for (line, with, without) in [
        // The same route, with the authorizer before it, whatever host it names.
        ("GET http://127.0.0.1/v1/auth/me HTTP/1.1", 200, 401),
        ("GET http://evil.example:99/v1/auth/me HTTP/1.1", 200, 401),
        ("GET HTTP://user:password@evil.example/v1/auth/me HTTP/1.1", 200, 401),
        // No route.
        ("GET http://evil.example//v1/auth/me HTTP/1.1", 404, 404),
        ("GET http://evil.example/x/../v1/auth/me HTTP/1.1", 404, 404),
        ("GET * HTTP/1.1", 404, 404),
        ("OPTIONS * HTTP/1.1", 404, 404),
        // No target, and no HTTP/1.
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
            let answers = target.service.converse(request.as_bytes()).await;
            assert_eq!(statuses(&answers), [status], "{line:?}: {answers}");
        }
    }
}

#[tokio::test]
async fn another_protocol_is_not_changed_to() {
    let target = Target::start().await;
    for upgrade in ["h2c", "websocket", "TLS/1.0", "HTTP/2.0"] {
        let request = format!(
            "GET /v1/auth/me HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: {upgrade}\r\n\
             HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n\r\n"
        );
        assert_eq!(statuses(&target.service.converse(request.as_bytes()).await), [401], "{upgrade}");
    }
    // What a proxy is told to leave out is not left out of what is decided on.
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
        assert_eq!(statuses(&target.service.converse(request.as_bytes()).await), [status], "{headers}");
    }
}

#[tokio::test]
async fn more_or_longer_headers_than_there_can_be_are_refused() {
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
        // Whatever comes behind it, the credential is in front.
        let request =
            format!("GET {line} HTTP/1.1\r\nHost: x\r\n{authorization}Connection: close\r\n{headers}\r\n");
        let answers = target.service.converse(request.as_bytes()).await;
        let [status] = statuses(&answers)[..] else { panic!("one answer: {answers}") };
        assert!(expected.contains(&status), "{} {}: {answers}", line.len(), headers.len());
    }
}

/// The begin of a request that makes a project, whose body is `length` bytes long.
fn head(target: &Target, length: usize) -> String {
    format!(
        "POST /v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n",
        target.session.0
    )
}

const JSON: &str = r#"{"name": "A project"}"#;

#[tokio::test]
async fn what_is_sent_by_half_does_nothing() {
    let target = Target::start().await;
    let before = target.state().await;
    let head = head(&target, JSON.len() + 1);
    let whole = format!("{head}{JSON}");
    for length in [10, head.len() / 2, head.len() - 2, head.len(), head.len() + 5, whole.len()] {
        let mut connection = target.service.connect().await;
        connection.write_all(&whole.as_bytes()[..length]).await.expect("it is sent");
        connection.shutdown().await.expect("no more comes");
        let answer = read_to_end(&mut connection).await;
        assert!(statuses(&answer).iter().all(|status| *status == 400), "{length}: {answer}");
    }
    assert_eq!(target.state().await, before);
}

#[tokio::test]
async fn a_body_that_is_longer_than_it_says_is_read_as_long_as_it_says() {
    let target = Target::start().await;
    let before = target.state().await;
    let request = format!("{}{JSON}", head(&target, JSON.len() - 1));
    assert_eq!(statuses(&target.service.converse(request.as_bytes()).await), [400]);
    assert_eq!(target.state().await, before);
    // What is behind it is no part of it, and no request.
    let head = head(&target, JSON.len()).replace("Connection: close\r\n", "");
    let request = format!("{head}{JSON}{{}}\r\n\r\n{LAST}");
    assert_eq!(statuses(&target.service.converse(request.as_bytes()).await), [201, 400]);
}

#[tokio::test]
async fn those_that_are_slow_are_answered_and_hold_nobody_up() {
    let target = Target::start().await;
    let head = head(&target, JSON.len());
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut connection = target.service.connect().await;
        connection.write_all(head.as_bytes()).await.expect("it is sent");
        slow.push(connection);
    }
    for byte in JSON.bytes() {
        for connection in &mut slow {
            connection.write_all(&[byte]).await.expect("it is sent");
        }
        target.service.me(&target.session).await.expect(200);
    }
    for connection in &mut slow {
        let answer = read_to_end(connection).await;
        assert_eq!(statuses(&answer), [201], "{answer}");
    }
}

#[tokio::test]
async fn who_asks_whether_to_go_on_is_told_so() {
    let target = Target::start().await;
    let head = head(&target, JSON.len()).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
    let mut connection = target.service.connect().await;
    connection.write_all(head.as_bytes()).await.expect("it is sent");
    let mut told = [0; 25];
    connection.read_exact(&mut told).await.expect("it is told");
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(JSON.as_bytes()).await.expect("it is sent");
    assert_eq!(statuses(&read_to_end(&mut connection).await), [201]);
}
