//! The floor: a program that sends the requests of the real authorizer over plain sockets, and does nothing else. An authorizer
//! that makes the same read can hardly be faster. The benchmark shows how far the real one is from it.
//!
//! For each event, it reads the two items of the [reference](../../reference) with one `BatchGetItem`. It looks at neither the event
//! nor the items, signs nothing, and allows every request.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
};

const POLICY: &[u8] = br#"{"principalId":"REFERENCE","policyDocument":{"Version":"2012-10-17","Statement":[{"Action":"execute-api:Invoke","Effect":"Allow","Resource":"*"}]}}"#;

/// The headers of a call to DynamoDB. DynamoDB on this machine does not verify the signature.
const HEADERS: &str = "content-type: application/x-amz-json-1.0\r\nx-amz-target: DynamoDB_20120810.BatchGetItem\r\nx-amz-date: 20260101T000000Z\r\nauthorization: AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0\r\n";

#[expect(clippy::disallowed_methods, reason = "these are the only settings")]
fn main() -> io::Result<()> {
    let variable = |name| env::var(name).map_err(io::Error::other);
    let mut runtime = Connection::open(variable("AWS_LAMBDA_RUNTIME_API")?)?;
    let url = variable("AWS_ENDPOINT_URL_DYNAMODB")?;
    let mut dynamodb = Connection::open(url.trim_start_matches("http://").to_owned())?;
    let table = variable("TABLE_NAME")?;
    let keys = ["REFERENCE", "OTHER"].map(|id| format!(r#"{{"pk":{{"S":"{id}"}},"sk":{{"S":"{id}"}}}}"#));
    let keys = format!(r#"{{"Keys":[{}],"ConsistentRead":true}}"#, keys.join(","));
    let read = format!(r#"{{"RequestItems":{{"{table}":{keys}}}}}"#);
    loop {
        let id = runtime.send("GET", "/2018-06-01/runtime/invocation/next", "", b"")?.unwrap_or_default();
        dynamodb.send("POST", "/", HEADERS, read.as_bytes())?;
        runtime.send("POST", &format!("/2018-06-01/runtime/invocation/{id}/response"), "", POLICY)?;
    }
}

/// A connection that the HTTP server keeps open.
struct Connection {
    host: String,
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(host: String) -> io::Result<Self> {
        let stream = TcpStream::connect(&host)?;
        stream.set_nodelay(true)?;
        Ok(Self { host, stream: BufReader::new(stream) })
    }

    /// Sends a request and reads the response. Returns the id of the event if the response has one. `headers` end with a line break.
    fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<Option<String>> {
        let (host, length) = (&self.host, body.len());
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {length}\r\n\r\n");
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        let (mut line, mut id, mut length) = (String::new(), None, 0);
        self.stream.read_line(&mut line)?;
        if !line.starts_with("HTTP/1.1 20") {
            return Err(io::Error::other(line));
        }
        while line != "\r\n" {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((name, value)) = line.split_once(": ") {
                match name {
                    "lambda-runtime-aws-request-id" => id = Some(value.trim_end().to_owned()),
                    "content-length" => length = value.trim_end().parse().map_err(io::Error::other)?,
                    _ => {}
                }
            }
        }
        io::copy(&mut self.stream.by_ref().take(length), &mut io::sink())?;
        Ok(id)
    }
}
