//! The embedded DynamoDB, behind the [guard against web pages](crate::web_page_guard).
//!
//! dynoxide's own server accepts the requests of any page, and it can only be reached through a TCP port. So this module serves
//! the port that programs use, and forwards their requests to dynoxide over connections that nobody else can open.

use std::{
    error::Error,
    net::Ipv4Addr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Method, Request, StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
};
use dynoxide::{Database, server};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use shared::telemetry::log::TARGET;
use tokio::net::{TcpListener, TcpStream};

use crate::{
    loopback::{self, Server},
    web_page_guard::reject_web_pages,
};

/// DynamoDB's limit for the size of a request, in bytes.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// The maximum number of connections to dynoxide that stay open while they are not used.
const MAX_IDLE_CONNECTIONS: usize = 16;

/// A connection to dynoxide's server.
type Connection = SendRequest<Full<Bytes>>;
type ConnectionError = Box<dyn Error + Send + Sync>;

/// Opens the database in `file`, or an empty database in memory.
pub(crate) fn open(file: Option<&Path>) -> Result<Database, String> {
    let database = match file {
        Some(file) => {
            let path = file.to_str().ok_or_else(|| format!("{} is not UTF-8", file.display()))?;
            Database::new(path)
        }
        None => Database::memory(),
    };
    database.map_err(|error| error.to_string())
}

/// Serves `database` on `listener`.
pub(crate) fn serve(listener: TcpListener, database: Database) -> Server {
    loopback::serve(listener, router(database))
}

fn router(database: Database) -> Router {
    Router::new()
        .fallback(handle)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(reject_web_pages))
        .with_state(Arc::new(Connections { database, idle: Mutex::default() }))
}

async fn handle(
    State(connections): State<Arc<Connections>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    // These headers describe the caller's connection. hyper sets its own for the connection to the database.
    for name in [header::CONNECTION, header::CONTENT_LENGTH, header::EXPECT, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let mut request = Request::new(Full::new(body));
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
    match connections.send(request).await {
        Ok(response) => response,
        Err(error) => {
            tracing::error!(target: TARGET, error, "the embedded DynamoDB failed");
            let error = json!({"__type": "com.amazonaws.dynamodb.v20120810#InternalServerError"});
            (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(error)).into_response()
        }
    }
}

/// The connections to dynoxide's server. Each is used by one request at a time.
struct Connections {
    database: Database,
    idle: Mutex<Vec<Connection>>,
}

impl Connections {
    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response, ConnectionError> {
        let mut connection = self.take().await?;
        let (parts, body) = connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE_CONNECTIONS {
            idle.push(connection);
        }
        Ok(Response::from_parts(parts, body.into()))
    }

    /// Returns an idle connection or a new one.
    async fn take(&self) -> Result<Connection, ConnectionError> {
        loop {
            let Some(mut connection) = self.idle().pop() else { break };
            // An error means that the connection is closed.
            if connection.ready().await.is_ok() {
                return Ok(connection);
            }
        }
        connect(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?, self.database.clone()).await
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects to a server of `database` on `listener`, which accepts no other connection.
///
/// A server accepts connections only while its future is polled. This one is polled until the first response, which takes less
/// than a millisecond. Then it is kept, because its connection would close with it, but it is not polled again: whoever connects
/// to its port gets no response.
async fn connect(listener: TcpListener, database: Database) -> Result<Connection, ConnectionError> {
    let stream = TcpStream::connect(listener.local_addr()?).await?;
    let (mut sender, mut connection) = handshake(TokioIo::new(stream)).await?;
    let mut server = Box::pin(server::serve_on(listener, database));
    let health_check = async {
        let request = Request::get("/").header(header::HOST, "localhost").body(Full::default())?;
        sender.send_request(request).await?.into_body().collect().await?;
        Ok(())
    };
    let checked: Result<(), ConnectionError> = tokio::select! {
        checked = health_check => checked,
        closed = &mut connection => Err(closed.err().map_or("the connection was closed".into(), Into::into)),
        () = &mut server => Err("the server stopped".into()),
    };
    checked?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(target: TARGET, %error, "a connection to the embedded DynamoDB failed");
        }
        drop(server);
    });
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

    use super::*;

    #[tokio::test]
    async fn listener_of_a_connection_serves_no_other_connection() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connection = connect(listener, Database::memory().unwrap()).await.unwrap();

        let mut other = TcpStream::connect(address).await.unwrap();
        other.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        let mut byte = [0];
        for _ in 0..10 {
            assert!(timeout(Duration::from_millis(50), other.read(&mut byte)).await.is_err());
            connection.ready().await.unwrap();
            let request = Request::get("/").header(header::HOST, "localhost").body(Full::default()).unwrap();
            let response = connection.send_request(request).await.unwrap();
            assert_eq!(response.status(), 200);
            response.into_body().collect().await.unwrap();
        }
    }

    #[tokio::test]
    async fn closed_connection_is_replaced() {
        let connections = Connections { database: Database::memory().unwrap(), idle: Mutex::default() };
        let send = async || {
            let request = Request::get("/").header(header::HOST, "localhost").body(Full::default()).unwrap();
            connections.send(request).await.unwrap().status()
        };
        assert_eq!(send().await, 200);
        assert_eq!(connections.idle().len(), 1);
        // The server closes this connection after the response.
        let mut connection = connections.idle().pop().unwrap();
        connection.ready().await.unwrap();
        let close = Request::get("/").header(header::CONNECTION, "close").body(Full::default()).unwrap();
        connection.send_request(close).await.unwrap().into_body().collect().await.unwrap();
        connections.idle().push(connection);
        assert_eq!(send().await, 200);
    }
}
