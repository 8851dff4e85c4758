//! Tells the admins of an account about a new admin and a new API key with `admin`.

use crate::{
    model::{
        api_key::ApiKey,
        audit_event::AuditContext,
        mail::{Mail, Message},
        member::Member,
    },
    primitives::permission::Permission,
    runtime::app::App,
};

/// Sends the account's admins a mail if the change of a member from `before` to `after`, which must be stored, adds an active member with
/// `admin`. `before` is `None` if the member was not active before.
pub async fn report_new_admin(
    app: &App,
    before: Option<&Member>,
    after: &Member,
    audit_context: &AuditContext,
) {
    if !after.is_active_admin() || before.is_some_and(Member::is_active_admin) {
        return;
    }
    let message = Message::AdminAdded { user_id: after.id, context: audit_context.into() };
    app.send_mail(&Mail::to_admins(after.account_id, message)).await;
}

/// Sends the account's admins a mail if the change of an API key from `before` to `after`, which must be stored, gives it `admin`.
/// `before` is `None` if the key is new.
pub async fn report_admin_key(
    app: &App,
    before: Option<&ApiKey>,
    after: &ApiKey,
    audit_context: &AuditContext,
) {
    let is_admin = |key: &ApiKey| key.permissions.contains(Permission::Admin);
    if !is_admin(after) || before.is_some_and(is_admin) {
        return;
    }
    let message = Message::AdminKeyAdded { key_id: after.id, context: audit_context.into() };
    app.send_mail(&Mail::to_admins(after.account_id, message)).await;
}
