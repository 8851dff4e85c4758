//! Tells a member about a login from an unrecognized source.

use crate::{
    model::{
        audit_event::AuditContext,
        mail::{Mail, Message},
    },
    runtime::app::App,
    store::{AttemptReservation, Credentials},
};

/// Sends the member a mail about the login of `reservation`, which has succeeded, if the address does not recognize its source. The
/// first login of a member sends no mail.
pub async fn report_new_source(
    app: &App,
    Credentials { member, logins, .. }: &Credentials,
    reservation: &AttemptReservation,
    audit_context: &AuditContext,
) {
    if *logins == 0 || !reservation.is_from_unrecognized_source() {
        return;
    }
    let message = Message::LoggedIn(audit_context.into());
    app.send_mail(&Mail::to(member.account_id, &member.email, message)).await;
}
