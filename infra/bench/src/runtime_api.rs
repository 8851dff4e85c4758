//! Lambda's [Runtime API], as far as these programs use it, which tells how long each invocation takes.
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

/// Until when an invocation has time, in milliseconds since 1970. No program is held to it.
const DEADLINE: &str = "4102444800000";

/// What a program answered.
pub struct Answered {
    /// How long it took, from handing out the event to having the whole answer.
    pub latency: Duration,
    /// The answer, or the error.
    pub body: Bytes,
}

/// A Runtime API for one program.
pub struct RuntimeApi {
    address: SocketAddr,
    events: mpsc::Sender<String>,
    said: mpsc::Receiver<Said>,
    /// Ends when it is dropped.
    _server: JoinSet<()>,
}

/// What a program says.
enum Said {
    Polls(Instant),
    Answers(Answered),
    CannotStart(Bytes),
}

struct Invocations {
    events: Mutex<mpsc::Receiver<String>>,
    handed_out: Mutex<Instant>,
    said: mpsc::Sender<Said>,
}

impl RuntimeApi {
    /// Serves one on a free port of the loopback interface.
    pub async fn serve() -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (events, received) = mpsc::channel(1);
        let (say, said) = mpsc::channel(1);
        let handed_out = Mutex::new(Instant::now());
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(answered))
            .route("/2018-06-01/runtime/init/error", post(cannot_start))
            .with_state(Arc::new(Invocations { events: Mutex::new(received), handed_out, said: say }));
        // An answer must not wait for the one before to be acknowledged.
        let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap_or_default());
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, router).await.unwrap_or_default() });
        Ok(Self { address, events, said, _server: server })
    }

    /// Where it is, as the programs are told.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Waits until the program polls. Returns when it did.
    pub async fn polled(&mut self) -> Result<Instant, Error> {
        match self.said.recv().await {
            Some(Said::Polls(at)) => Ok(at),
            Some(Said::Answers(_)) => Err("the program answered without being asked".into()),
            Some(Said::CannotStart(why)) => Err(String::from_utf8_lossy(&why).into()),
            None => Err("the Runtime API has ended".into()),
        }
    }

    /// Hands `event` to the program, which polls, and waits until it polls again.
    pub async fn invoke(&mut self, event: &str) -> Result<Answered, Error> {
        self.events.send(event.to_owned()).await?;
        let Some(Said::Answers(answered)) = self.said.recv().await else {
            return Err("the program did not answer".into());
        };
        self.polled().await?;
        Ok(answered)
    }
}

async fn next(State(invocations): State<Arc<Invocations>>) -> impl IntoResponse {
    // Whoever does not listen any more has ended.
    let _ = invocations.said.send(Said::Polls(Instant::now())).await;
    let event = invocations.events.lock().await.recv().await.ok_or(StatusCode::GONE)?;
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", "00000000-0000-4000-8000-000000000000"),
        ("lambda-runtime-deadline-ms", DEADLINE),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:000000000000:function:bench"),
    ];
    *invocations.handed_out.lock().await = Instant::now();
    Ok::<_, StatusCode>((headers, event))
}

async fn answered(State(invocations): State<Arc<Invocations>>, body: Bytes) -> StatusCode {
    let latency = invocations.handed_out.lock().await.elapsed();
    let _ = invocations.said.send(Said::Answers(Answered { latency, body })).await;
    StatusCode::ACCEPTED
}

async fn cannot_start(State(invocations): State<Arc<Invocations>>, body: Bytes) -> StatusCode {
    let _ = invocations.said.send(Said::CannotStart(body)).await;
    StatusCode::ACCEPTED
}
