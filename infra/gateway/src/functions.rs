//! The functions that are linked into the gateway.

use std::sync::Arc;

use shared::app::App;

use crate::in_process::{Handler, handler};

/// Returns the constructor of the handler of the function `name`, or `None` if no such function is linked in.
#[must_use]
pub fn link(name: &str) -> Option<fn(Arc<App>) -> Handler> {
    Some(match name {
        "api-keys-create" => |app| handler(api_keys_create::service(app)),
        "api-keys-get" => |app| handler(api_keys_get::service(app)),
        "api-keys-list" => |app| handler(api_keys_list::service(app)),
        "api-keys-revoke" => |app| handler(api_keys_revoke::service(app)),
        "api-keys-rotate" => |app| handler(api_keys_rotate::service(app)),
        "audit-events" => |app| handler(audit_events::service(app)),
        "authorizer" => |app| handler(authorizer::service(app)),
        "dashboard" => |app| handler(dashboard::service(app)),
        "health" => |app| handler(health::service(app)),
        "login" => |app| handler(login::service(app)),
        "logout" => |app| handler(logout::service(app)),
        "me" => |app| handler(me::service(app)),
        "members" => |app| handler(members::service(app)),
        "openapi" => |app| handler(openapi::service(app)),
        "operator" => |app| handler(operator::service(app)),
        "password" => |app| handler(password::service(app)),
        "projects" => |app| handler(projects::service(app)),
        "sessions" => |app| handler(sessions::service(app)),
        _ => return None,
    })
}
