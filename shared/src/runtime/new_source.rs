//! Tells a member about a login from an unrecognized source.

use crate::{
    model::{
        audit_event::AuditContext,
        mail::{Mail, Message},
    },
    runtime::app::App,
    store::Credentials,
};

/// Sends the member a mail about a login that has succeeded, if the address did not recognize its source before. The first login of a
/// member sends no mail.
pub async fn report_new_source(
    app: &App,
    Credentials { member, logins, .. }: &Credentials,
    is_from_unrecognized_source: bool,
    audit_context: &AuditContext,
) {
    if *logins == 0 || !is_from_unrecognized_source {
        return;
    }
    let message = Message::LoggedIn(audit_context.into());
    app.send_mail(&Mail::to(member.account_id, &member.email, message)).await;
}
