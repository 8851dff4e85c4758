//! Reads what a handler has left unread of a request's body, so that the client can use the connection again.
//!
//! Without this, hyper closes the connection if the rest of the body has not arrived yet, and the response does not say so. The
//! client's next request on the connection then fails, or the client does not even see the response, because it is still
//! sending. So a response waits until its request has been read. If there is too much to read, the response says
//! `Connection: close` (RFC 9112, 9.6), and the rest is read for a few seconds more.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::{sync::oneshot, time::timeout};

/// A response waits for at most this many unread bytes.
const MAX_REST: u64 = 64 * 1024 * 1024;
/// How long a response waits for the rest of the body.
const REST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the rest of the body is still read after the response, before the connection closes. If it closed at once, the
/// client's TCP stack could discard the response.
const CLOSE_DELAY: Duration = Duration::from_secs(5);

/// Middleware. It must be the outermost, so that it sees every response.
pub(crate) async fn read_rest(request: Request, next: Next) -> Response {
    let waits_for_continue = expects_continue(request.headers());
    let (sender, mut unread) = oneshot::channel();
    let request =
        request.map(|body| Body::new(ReturnedBody { body, is_polled: false, sender: Some(sender) }));
    let mut response = next.run(request).await;
    // There is nothing to do if the body was read completely, or if the handler has passed it on to a task.
    let Ok(Unread { mut body, is_polled }) = unread.try_recv() else { return response };
    // A client that waits for `100 Continue` does not send the body if it gets the response instead.
    let is_not_sent = waits_for_continue && !is_polled;
    let is_read = !is_not_sent
        && body.size_hint().lower() <= MAX_REST
        && timeout(REST_TIMEOUT, read(&mut body, MAX_REST)).await == Ok(true);
    if !is_read {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        tokio::spawn(async move { timeout(CLOSE_DELAY, read(&mut body, u64::MAX)).await });
    }
    response
}

fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Reads the body and discards it. Returns false if it has more than `max` bytes.
async fn read(body: &mut Body, max: u64) -> bool {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        // After an error, no more can be read from the connection. hyper closes it.
        let Ok(frame) = frame else { return true };
        length += frame.data_ref().map_or(0, |data| data.len() as u64);
        if length > max {
            return false;
        }
    }
    true
}

/// A body that its reader has dropped.
struct Unread {
    body: Body,
    /// True if the reader has tried to read it.
    is_polled: bool,
}

/// A request's body. If its reader drops it before the end, it is sent back.
struct ReturnedBody {
    body: Body,
    is_polled: bool,
    sender: Option<oneshot::Sender<Unread>>,
}

impl HttpBody for ReturnedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.is_polled = true;
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ReturnedBody {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take()
            && !self.body.is_end_stream()
        {
            let body = std::mem::take(&mut self.body);
            // The client may have closed the connection, so that nobody waits for the body.
            let _ = sender.send(Unread { body, is_polled: self.is_polled });
        }
    }
}
