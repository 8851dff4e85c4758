//! Routes of the gateway alone, below `/_local`. They show what an ephemeral gateway has kept in memory.

use std::sync::Arc;

use axum::{Router, extract::State, middleware, routing::get};
use serde_json::{Value, json};

use crate::{ses::Mailbox, web_page_guard::reject_web_pages};

pub(crate) fn router(mailbox: Arc<Mailbox>) -> Router {
    Router::new()
        .route("/_local/mail", get(mails))
        .layer(middleware::from_fn(reject_web_pages))
        .with_state(mailbox)
}

/// Returns the mails that functions have sent, newest first.
async fn mails(State(mailbox): State<Arc<Mailbox>>) -> axum::Json<Value> {
    axum::Json(json!({ "data": mailbox.mails() }))
}
