//! Servers on the loopback interface, and who may speak to them.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// So long may running requests take to end.
const GRACE: Duration = Duration::from_secs(5);

/// Ends when a server should.
pub(crate) type Stopped = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server that ends when it is dropped.
pub(crate) struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Runs what `serve` makes of a future that ends when the server should.
    pub(crate) fn spawn<S>(serve: impl FnOnce(Stopped) -> S) -> Self
    where
        S: Future<Output = ()> + Send + 'static,
    {
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped: Stopped = Box::pin(async {
            // Whoever drops the sender stops the server too.
            let _ = stopped.await;
        });
        Self { stop, task: tokio::spawn(serve(stopped)) }
    }

    /// Takes no more requests and waits for those that run, a few seconds at most.
    pub(crate) async fn stop(self) {
        drop(self.stop);
        let abort = self.task.abort_handle();
        // Whether it ended by itself doesn't matter now.
        let _ = tokio::time::timeout(GRACE, self.task).await;
        abort.abort();
    }
}

/// Serves `router` on `listener`.
pub(crate) fn serve(listener: TcpListener, router: Router) -> Server {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    Server::spawn(|stopped| async move {
        let serve = axum::serve(listener, service).with_graceful_shutdown(stopped);
        serve.await.expect("it handles its errors itself");
    })
}

/// A listener on `port` of the loopback interface, or on a free one for 0.
pub(crate) async fn bind(port: u16) -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// Refuses requests that a web page may have sent. A browser says where a page that sends comes from
/// (`Origin`), and a name that its owner pointed at this machine shows in `Host`.
pub(crate) async fn refuse_web_pages(State(port): State<u16>, request: Request, next: Next) -> Response {
    if may_be_from_a_web_page(request.headers(), port) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

fn may_be_from_a_web_page(headers: &HeaderMap, port: u16) -> bool {
    let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{port}"));
    let mut claimed = headers.get_all(header::HOST).iter().peekable();
    headers.contains_key(header::ORIGIN)
        || claimed.peek().is_none()
        || !claimed.all(|host| hosts.iter().any(|own| host.as_bytes().eq_ignore_ascii_case(own.as_bytes())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;

    fn refused(headers: &[(&'static str, &str)]) -> bool {
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        may_be_from_a_web_page(&headers, 3000)
    }

    #[test]
    fn programs_of_this_machine_are_heard() {
        assert!(!refused(&[("host", "127.0.0.1:3000")]));
        assert!(!refused(&[("host", "Localhost:3000")]));
        assert!(!refused(&[("host", "[::1]:3000")]));
    }

    #[test]
    fn web_pages_are_not() {
        assert!(refused(&[]));
        assert!(refused(&[("host", "127.0.0.1:3001")]));
        assert!(refused(&[("host", "localhost")]));
        assert!(refused(&[("host", "evil.example:3000")]));
        assert!(refused(&[("host", "127.0.0.1:3000"), ("origin", "http://evil.example")]));
        assert!(refused(&[("host", "127.0.0.1:3000"), ("origin", "null")]));
    }

    #[tokio::test]
    async fn a_server_that_stops_lets_a_request_end() {
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let handler = {
            let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
            async move || {
                begun.notify_one();
                go_on.notified().await;
                "done"
            }
        };
        let (listener, port) = bind(0).await.unwrap();
        let server = serve(listener, Router::new().fallback(handler));
        let request = tokio::spawn(reqwest::get(format!("http://127.0.0.1:{port}")));
        begun.notified().await;
        let stopped = tokio::spawn(server.stop());
        go_on.notify_one();
        assert_eq!(request.await.unwrap().unwrap().text().await.unwrap(), "done");
        stopped.await.unwrap();
        assert!(reqwest::get(format!("http://127.0.0.1:{port}")).await.is_err());
    }
}
