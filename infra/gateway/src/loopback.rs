//! HTTP servers on the loopback interface.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    time::Duration,
};

use axum::{Router, middleware};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::unread_body::read_rest;

/// How long a stopping server waits for running requests.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// A future that completes when the server must stop.
pub(crate) type StopSignal = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A running server. It stops when it is dropped.
pub(crate) struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Spawns the server that `serve` returns.
    pub(crate) fn spawn<S>(serve: impl FnOnce(StopSignal) -> S) -> Self
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped: StopSignal = Box::pin(async {
            // Dropping the sender stops the server, too.
            let _ = stopped.await;
        });
        Self { stop, task: tokio::spawn(serve(stopped)) }
    }

    /// Accepts no more requests, and waits for the running ones for at most [`SHUTDOWN_TIMEOUT`].
    pub(crate) async fn stop(self) {
        drop(self.stop);
        let abort = self.task.abort_handle();
        // After a timeout, the task is aborted.
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.task).await;
        abort.abort();
    }
}

pub(crate) fn serve(listener: TcpListener, router: Router) -> Server {
    let router = router.layer(middleware::from_fn(read_rest));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    Server::spawn(|stopped| async move {
        let serve = axum::serve(listener, service).with_graceful_shutdown(stopped);
        serve.await.expect("`axum::serve` never returns an error");
    })
}

/// Listens on `port` of the loopback interface, or on a free port if it is 0. Returns the listener and its port.
pub(crate) async fn bind(port: u16) -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn stopping_server_completes_running_requests() {
        let (started, resume) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (started, resume) = (Arc::clone(&started), Arc::clone(&resume));
            async move || {
                started.notify_one();
                resume.notified().await;
                "done"
            }
        };
        let (listener, port) = bind(0).await.unwrap();
        let server = serve(listener, Router::new().fallback(handler));
        let request = tokio::spawn(reqwest::get(format!("http://127.0.0.1:{port}")));
        started.notified().await;
        let stopped = tokio::spawn(server.stop());
        resume.notify_one();
        assert_eq!(request.await.unwrap().unwrap().text().await.unwrap(), "done");
        stopped.await.unwrap();
        assert!(reqwest::get(format!("http://127.0.0.1:{port}")).await.is_err());
    }
}
