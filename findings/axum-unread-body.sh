#!/usr/bin/env bash
# Whether a connection stays open after a response depends on whether the body came in the same packet, and no field tells the client.
#
# A good guess: A server whose handler does not read the request's body reads the rest itself, as Node.js does, if it is as short as 10
# bytes. If it closes the connection instead, the response has Connection: close, as RFC 9112, section 9.6, recommends.
# Seen: axum 0.8.9 keeps the connection if the header fields and the body arrive together. If the body comes later, it closes the
# connection after the response. Both responses have the same header fields, none of which is Connection. Node.js 20.20.2 keeps both open.
# Why it matters: Python's http.client sends the header fields and the body separately, and each client that waits for 100 Continue does.
# A handler that rejects requests early then costs a new connection each time, or the next POST on a connection from a pool fails now
# and then. It does not fail in tests that write the request at once.
set -euo pipefail
T=$(mktemp -d); PIDS=(); trap '[ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}"; rm -rf "$T"' EXIT; cd "$T"

mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "probe"
version = "0.1.0"
edition = "2021"

[dependencies]
axum = { version = "=0.8.9", default-features = false, features = ["http1", "tokio"] }
tokio = { version = "1", features = ["macros", "net", "rt"] }
TOML
cat > src/main.rs <<'RS'
use axum::{http::StatusCode, routing::post, Router};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = Router::new().route("/", post(|| async { (StatusCode::UNAUTHORIZED, "no key") }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    axum::serve(listener, app).await.unwrap();
}
RS
cat > server.cjs <<'JS'
const server = require('node:http').createServer((request, response) => response.writeHead(401, { 'content-length': 6 }).end('no key'));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
JS
cat > probe.py <<'PY'
import socket
head, body = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n", b"0123456789"

def response(connection):
    received = b""
    while not received.endswith(b"no key"):
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("closed before the response ended")
        received += part
    fields = received.decode().lower().partition("\r\n\r\n")[0].split("\r\n")[1:]
    return next((field for field in fields if field.startswith("connection:")), "no connection field")

for name, file in (("axum 0.8.9", "axum.port"), ("Node.js", "node.port")):
    for title, first, rest in (("together", head + body, b""), ("body later", head, body)):
        with socket.create_connection(("127.0.0.1", int(open(file).read())), timeout=10) as connection:
            connection.sendall(first)
            told = response(connection)
            connection.settimeout(1)
            try:
                state = "data" if connection.recv(1) else "closed"
            except TimeoutError:
                connection.settimeout(10)
                connection.sendall(rest + head + body)
                response(connection)
                state = "open and used again"
            print(name, title, "|", told, "|", state)
PY
cat > stated <<'END'
axum 0.8.9 together | no connection field | open and used again
axum 0.8.9 body later | no connection field | closed
Node.js together | connection: keep-alive | open and used again
Node.js body later | connection: keep-alive | open and used again
END
CARGO_TARGET_DIR=$T/target CARGO_BUILD_JOBS=1 cargo build --quiet 2> errors || { cat errors; exit 1; }
target/debug/probe > axum.port & PIDS+=($!)
node server.cjs > node.port & PIDS+=($!)
for _ in $(seq 100); do [ -s axum.port ] && [ -s node.port ] && break; sleep 0.1; done
python3 probe.py > seen

echo 'A POST whose body the handler does not read; expected by most: open, or connection: close. Observed:'
cat seen
diff stated seen && echo 'As stated.'
