//! Tells the admins of an account about a new one.

use crate::{
    model::{
        audit_event::AuditContext,
        mail::{Mail, Message},
        member::Member,
    },
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
