//! The part of Lambda's [Runtime API] that the programs use. It measures the latency of each invocation.
//!
//! [Runtime API]: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
    serve::ListenerExt,
};
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use crate::Error;

/// The deadline of every invocation, in milliseconds since 1970. It is never reached.
const DEADLINE: &str = "4102444800000";

/// The response of a program to an invocation.
pub struct Response {
    /// The time from sending the event to receiving the whole response.
    pub latency: Duration,
    /// The result or the error.
    pub body: Bytes,
}

/// A Runtime API for one program.
pub struct RuntimeApi {
    address: SocketAddr,
    events: mpsc::Sender<String>,
    messages: mpsc::Receiver<Message>,
    /// Dropping the set stops the server.
    _server: JoinSet<()>,
}

/// A request that a program sends to its Runtime API.
enum Message {
    /// The program requests the next event.
    Poll(Instant),
    Response(Response),
    StartFailed(Bytes),
}

struct ServerState {
    events: Mutex<mpsc::Receiver<String>>,
    sent_at: Mutex<Instant>,
    messages: mpsc::Sender<Message>,
}

impl RuntimeApi {
    /// Starts a server on a free port of the loopback interface.
    pub async fn serve() -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (events, events_receiver) = mpsc::channel(1);
        let (messages_sender, messages) = mpsc::channel(1);
        let state = ServerState {
            events: Mutex::new(events_receiver),
            sent_at: Mutex::new(Instant::now()),
            messages: messages_sender,
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(response))
            .route("/2018-06-01/runtime/init/error", post(start_failed))
            .with_state(Arc::new(state));
        // Without this, a packet could wait until the previous one is acknowledged.
        let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap_or_default());
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, router).await.unwrap_or_default() });
        Ok(Self { address, events, messages, _server: server })
    }

    /// Returns the value of `AWS_LAMBDA_RUNTIME_API`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Waits until the program requests an event. Returns the time of the request.
    pub async fn wait_for_poll(&mut self) -> Result<Instant, Error> {
        match self.messages.recv().await {
            Some(Message::Poll(at)) => Ok(at),
            Some(Message::Response(_)) => Err("the program responded without an event".into()),
            Some(Message::StartFailed(error)) => Err(String::from_utf8_lossy(&error).into()),
            None => Err("the Runtime API has stopped".into()),
        }
    }

    /// Sends `event` to the program, which must be waiting for one, and waits until it requests the next one.
    pub async fn invoke(&mut self, event: &str) -> Result<Response, Error> {
        self.events.send(event.to_owned()).await?;
        let Some(Message::Response(response)) = self.messages.recv().await else {
            return Err("the program did not respond".into());
        };
        self.wait_for_poll().await?;
        Ok(response)
    }
}

async fn next(State(state): State<Arc<ServerState>>) -> impl IntoResponse {
    // Sending fails only if the run has ended.
    let _ = state.messages.send(Message::Poll(Instant::now())).await;
    let event = state.events.lock().await.recv().await.ok_or(StatusCode::GONE)?;
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000"),
        ("lambda-runtime-deadline-ms", DEADLINE),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:000000000000:function:bench"),
    ];
    *state.sent_at.lock().await = Instant::now();
    Ok::<_, StatusCode>((headers, event))
}

async fn response(State(state): State<Arc<ServerState>>, body: Bytes) -> StatusCode {
    let latency = state.sent_at.lock().await.elapsed();
    let _ = state.messages.send(Message::Response(Response { latency, body })).await;
    StatusCode::ACCEPTED
}

async fn start_failed(State(state): State<Arc<ServerState>>, body: Bytes) -> StatusCode {
    let _ = state.messages.send(Message::StartFailed(body)).await;
    StatusCode::ACCEPTED
}
