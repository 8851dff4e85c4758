#!/usr/bin/env bash
# A web framework adds Content-Length: 0 to the responses 204 and 304, but only if the request is HEAD, and there HTTP does not allow it.
#
# A good guess: A route for GET also answers HEAD, with the same header fields and no body. RFC 9110, section 8.6, forbids Content-Length
# in a 204, and in a 304 it permits only the length that a 200 would have. So a handler without a body gives none for both methods.
# Seen: axum 0.8.9 sends GET's 204 and 304 without Content-Length, and HEAD's with Content-Length: 0. For 200 both have the right length.
# Express 5.2.1 sends none with a 204 or 304.
# Why it matters: With a validator, HEAD is the cheap way to ask whether a document has changed. A cache may take the length in the 304
# for the stored document's new length, and a check of an API against the RFC reports a fault that no handler contains.
set -euo pipefail
T=$(mktemp -d); PIDS=(); trap '[ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}"; rm -rf "$T"' EXIT; cd "$T"

echo '{"private":true}' > package.json
npm install --silent --no-fund --no-audit express@5.2.1
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
use axum::{http::StatusCode, routing::get, Router};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let app = Router::new()
        .route("/200", get(|| async { "hello" }))
        .route("/204", get(|| async { StatusCode::NO_CONTENT }))
        .route("/304", get(|| async { (StatusCode::NOT_MODIFIED, [("etag", "\"1\"")]) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    axum::serve(listener, app).await.unwrap();
}
RS
cat > server.cjs <<'JS'
const app = require('express')();
app.get('/200', (request, response) => response.send('hello'));
app.get('/204', (request, response) => response.status(204).end());
app.get('/304', (request, response) => response.status(304).set('etag', '"1"').end());
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
JS
cat > probe.py <<'PY'
import http.client, sys
for name, file in (("axum 0.8.9", "axum.port"), ("Express 5.2.1", "express.port")):
    for path in ("/200", "/204", "/304"):
        for method in ("GET", "HEAD"):
            connection = http.client.HTTPConnection("127.0.0.1", int(open(file).read()))
            connection.request(method, path)
            response = connection.getresponse()
            print(name, method, response.status, "Content-Length:", response.getheader("content-length", "none"))
            connection.close()
PY
cat > stated <<'END'
axum 0.8.9 GET 200 Content-Length: 5
axum 0.8.9 HEAD 200 Content-Length: 5
axum 0.8.9 GET 204 Content-Length: none
axum 0.8.9 HEAD 204 Content-Length: 0
axum 0.8.9 GET 304 Content-Length: none
axum 0.8.9 HEAD 304 Content-Length: 0
Express 5.2.1 GET 200 Content-Length: 5
Express 5.2.1 HEAD 200 Content-Length: 5
Express 5.2.1 GET 204 Content-Length: none
Express 5.2.1 HEAD 204 Content-Length: none
Express 5.2.1 GET 304 Content-Length: none
Express 5.2.1 HEAD 304 Content-Length: none
END
CARGO_TARGET_DIR=$T/target CARGO_BUILD_JOBS=1 cargo build --quiet 2> errors || { cat errors; exit 1; }
target/debug/probe > axum.port & PIDS+=($!)
node server.cjs > express.port & PIDS+=($!)
for _ in $(seq 100); do [ -s axum.port ] && [ -s express.port ] && break; sleep 0.1; done
python3 probe.py > seen

echo 'Routes for GET, requested with GET and HEAD; expected by most: none for each 204 and 304. Observed:'
cat seen
diff stated seen && echo 'As stated.'
