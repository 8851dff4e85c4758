//! The texts of mails. Each mail is plain text, and the same as simple HTML. A subject is constant, because subjects are shown on
//! locked screens and stored by many systems.

use std::fmt::Write;

use shared::{
    model::mail::{MailContext, Message},
    primitives::{public_url::PublicUrl, timestamp::Timestamp},
};

/// The text of a mail.
pub(crate) struct Content {
    pub(crate) subject: &'static str,
    paragraphs: Vec<Paragraph>,
}

enum Paragraph {
    Text(String),
    /// A link whose text is its URL, so that its reader sees where it leads.
    Link(String),
}

impl Content {
    /// Writes `message` for a service at `url`.
    #[expect(clippy::too_many_lines, reason = "a list of texts, one for each message")]
    pub(crate) fn of(message: &Message, url: &PublicUrl) -> Self {
        let link = |fragment: &str| Paragraph::Link(url.page("dashboard", fragment));
        // Most mails say what happened, what to do about it, and where.
        let notice = |subject, what: String, advice: &str, fragment: &str| Self {
            subject,
            paragraphs: vec![Paragraph::Text(what), Paragraph::Text(advice.to_owned()), link(fragment)],
        };
        // One also says what to do if the link does not help.
        let urgent = |subject, what: String, advice: &str, fragment: &str, otherwise: &str| {
            let mut content = notice(subject, what, advice, fragment);
            content.paragraphs.push(Paragraph::Text(otherwise.to_owned()));
            content
        };
        // The others contain a link with a token that works once.
        let with_token = |subject, what: String, fragment: &str, advice: String| Self {
            subject,
            paragraphs: vec![Paragraph::Text(what), link(fragment), Paragraph::Text(advice)],
        };
        match message {
            Message::PasswordChanged(context) => urgent(
                "Your MedTWIN password was changed",
                format!("Your password was changed {}. All of your other sessions have ended.", when(context)),
                "If you did this, there is nothing to do. If not, somebody else knew your password. Set a new one now, which also ends all sessions:",
                "/forgot-password",
                "If that does not work, ask an admin of your account, or the operator of the service, at once to suspend your login.",
            ),
            Message::PasswordEnabled(context) => notice(
                "The operator enabled your MedTWIN password",
                format!("The operator of the service reset the count of failed logins with your email address {}. If 100 failed logins in a row had disabled your password, it works again.", when(context)),
                "If those logins were not yours, change your password:",
                "/password",
            ),
            Message::LoggedIn(context) => notice(
                "New login to your MedTWIN account",
                format!("Somebody logged in as you {}. You have not logged in from this network in the last 90 days.", when(context)),
                "If this was you, there is nothing to do. If not, change your password now, which also ends all of your other sessions, and remove each passkey that is not yours:",
                "/password",
            ),
            Message::PasswordReset(context) => notice(
                "Your MedTWIN password was reset",
                format!("Your password was reset {}, with a link that was sent to this address or that the operator of the service created. All of your sessions have ended.", when(context)),
                "If you did this, there is nothing to do. If not, somebody else can read your mails: ask an admin of your account, or the operator of the service, at once to suspend your login.",
                "",
            ),
            Message::PasswordResetIssued(context) => notice(
                "The operator can reset your MedTWIN password",
                format!("A link to reset your password was created {}, by the operator of the service. It lasts 30 minutes.", when(context)),
                "If you did not ask the operator for this, tell an admin of your account.",
                "",
            ),
            Message::PasskeyAdded(context) => notice(
                "A passkey was added to your MedTWIN login",
                format!("A passkey was added {}. Your password alone no longer logs you in. All of your other sessions have ended.", when(context)),
                "If you did not do this, ask an admin of your account, or the operator of the service, at once to suspend your login. If you can still log in, remove the passkey and change your password:",
                "/passkeys",
            ),
            Message::PasskeyRemoved(context) => notice(
                "A passkey was removed from your MedTWIN login",
                format!("One of your passkeys was removed {}.", when(context)),
                "If you did not do this, change your password, and look at your passkeys:",
                "/passkeys",
            ),
            Message::SecondFactorRemoved(context) => notice(
                "The operator removed your MedTWIN passkeys",
                format!("The operator of the service removed all of your passkeys and recovery codes {}. Your password alone logs you in now. All of your sessions have ended.", when(context)),
                "If you did not ask the operator for this, tell an admin of your account. To add a passkey again:",
                "/passkeys",
            ),
            Message::RecoveryCodeUsed(context) => notice(
                "A recovery code was used for your MedTWIN login",
                format!("Somebody logged in with your password and one of your recovery codes {}. The code does not work again.", when(context)),
                "If this was not you, change your password and make new recovery codes:",
                "/passkeys",
            ),
            Message::PasskeyMaybeCopied(context) => notice(
                "There may be a copy of your MedTWIN passkey",
                format!("A passkey of yours was used {}, and its counter of uses was too low. Some authenticators count wrongly. It can also mean that somebody has a copy of the passkey.", when(context)),
                "If you do not know the reason, remove the passkey and add a new one:",
                "/passkeys",
            ),
            Message::PolicyChanged(context) => notice(
                "The operator changed the policy of your MedTWIN account",
                format!("The operator of the service changed the policy of your account {}.", when(context)),
                "If nobody in your team asked the operator for this, change it back:",
                "/account",
            ),
            Message::AllPermissionsGranted { user_id, context } => notice(
                "The operator gave a member all permissions in MedTWIN",
                format!("The operator of the service gave the member {user_id} of your account all four permissions {}.", when(context)),
                "If nobody in your team asked the operator for this, suspend that member:",
                "/members",
            ),
            Message::AdminAdded { user_id, context } => notice(
                "An admin was added to your MedTWIN account",
                format!("The member {user_id} of your account got the permission \"admin\" {}. An admin manages members and API keys.", when(context)),
                "If nobody in your team did this on purpose, suspend that member:",
                "/members",
            ),
            Message::AdminKeyAdded { key_id, context } => notice(
                "An API key of your MedTWIN account got the permission \"admin\"",
                format!("The API key {key_id} of your account got the permission \"admin\" {}. Such a key manages members and other API keys.", when(context)),
                "If nobody in your team did this on purpose, revoke the key:",
                &format!("/api-keys/{key_id}"),
            ),
            Message::KeyExpires { key_id, expires_at } => notice(
                "An API key of your MedTWIN account expires soon",
                format!("The API key {key_id} of your account expires on {}. Requests with it are rejected from then on.", date_and_time(*expires_at)),
                "If programs still use the key, edit it before then and choose a later time, or create another key for them. A rotation alone does not change the time, and a key that has expired cannot be renewed. If nothing uses the key, there is nothing to do.",
                &format!("/api-keys/{key_id}"),
            ),
            Message::PasswordResetLink { token, context } => with_token(
                "Reset your MedTWIN password",
                format!("A reset of your password was requested {}. To choose a new password, open this link within 30 minutes. It works once.", when(context)),
                &format!("/reset-password/{}", token.expose()),
                "If this was not you, there is nothing to do. Your password stays the same.".to_owned(),
            ),
            Message::Invited { token, expires_at } => with_token(
                "You are invited to MedTWIN",
                "You are invited to an account of MedTWIN. Open this link to choose a password. Nobody else needs it, so do not pass it on:".to_owned(),
                &format!("/accept-invitation/{}", token.expose()),
                format!("The link works once, until {}. If you don't know why you got this mail, ignore it.", date_and_time(*expires_at)),
            ),
        }
    }

    /// Returns the mail as plain text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for Paragraph::Text(paragraph) | Paragraph::Link(paragraph) in &self.paragraphs {
            text.push_str(paragraph);
            text.push_str("\n\n");
        }
        text.truncate(text.trim_end().len() + 1);
        text
    }

    /// Returns the mail as HTML.
    pub(crate) fn html(&self) -> String {
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{}</title>\n",
            escaped(self.subject)
        );
        for paragraph in &self.paragraphs {
            let written = match paragraph {
                Paragraph::Text(text) => writeln!(html, "<p>{}</p>", escaped(text)),
                Paragraph::Link(url) => writeln!(html, "<p><a href=\"{0}\">{0}</a></p>", escaped(url)),
            };
            written.expect("writing to a string does not fail");
        }
        html.push_str("</html>\n");
        html
    }
}

/// Returns when and from where a change was made, for example `on 2026-01-30 at 12:00 UTC from the IP address 192.0.2.1`.
fn when(context: &MailContext) -> String {
    let at = date_and_time(context.at);
    match context.ip_address {
        Some(address) => format!("on {at} from the IP address {address}"),
        None => format!("on {at}"),
    }
}

/// Returns a time to the minute, for example `2026-01-30 at 12:00 UTC`.
fn date_and_time(time: Timestamp) -> String {
    let text = time.to_string();
    // The format is RFC 3339 with whole seconds: 2026-01-30T12:00:00Z.
    let (date, time) = text.split_once('T').expect("a date and a time");
    let minutes = time.get(..5).expect("hours and minutes");
    format!("{date} at {minutes} UTC")
}

/// Replaces the characters that have a meaning in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use shared::model::mail::MailToken;

    use super::*;

    fn url() -> PublicUrl {
        "https://auth.example.com/live".parse().unwrap()
    }

    fn messages() -> Vec<Message> {
        let context = MailContext {
            at: "2026-01-30T12:34:56Z".parse().unwrap(),
            ip_address: Some("192.0.2.1".parse().unwrap()),
        };
        vec![
            Message::PasswordChanged(context),
            Message::PasswordEnabled(MailContext { ip_address: None, ..context }),
            Message::LoggedIn(context),
            Message::PasswordResetLink { token: MailToken::new("reset_1"), context },
            Message::PasswordReset(context),
            Message::PasswordResetIssued(MailContext { ip_address: None, ..context }),
            Message::PasskeyAdded(context),
            Message::PasskeyRemoved(context),
            Message::SecondFactorRemoved(MailContext { ip_address: None, ..context }),
            Message::RecoveryCodeUsed(context),
            Message::PasskeyMaybeCopied(context),
            Message::PolicyChanged(MailContext { ip_address: None, ..context }),
            Message::AllPermissionsGranted {
                user_id: "user_0000000000000001".parse().unwrap(),
                context: MailContext { ip_address: None, ..context },
            },
            Message::AdminAdded { user_id: "user_0000000000000001".parse().unwrap(), context },
            Message::AdminKeyAdded { key_id: "key_0000000000000001".parse().unwrap(), context },
            Message::KeyExpires { key_id: "key_0000000000000001".parse().unwrap(), expires_at: context.at },
            Message::Invited { token: MailToken::new("invite_1"), expires_at: context.at },
        ]
    }

    #[test]
    fn mail_says_when_and_from_where_and_links_to_the_public_url() {
        for message in messages() {
            let content = Content::of(&message, &url());
            let text = content.text();
            assert!(text.contains("2026-01-30 at 12:34 UTC"), "{text}");
            let has_no_address = matches!(
                message,
                Message::PasswordEnabled(_)
                    | Message::PasswordResetIssued(_)
                    | Message::SecondFactorRemoved(_)
                    | Message::PolicyChanged(_)
                    | Message::AllPermissionsGranted { .. }
                    | Message::KeyExpires { .. }
                    | Message::Invited { .. }
            );
            assert_eq!(text.contains(" from the IP address 192.0.2.1"), !has_no_address, "{text}");
            assert_eq!(text.matches("https://auth.example.com/live/dashboard#").count(), 1, "{text}");
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{text}");
            assert!(content.subject.is_ascii() && content.subject.len() < 78, "{}", content.subject);
        }
    }

    /// A thief of the password who adds a passkey locks its owner out.
    #[test]
    fn mail_about_a_new_passkey_or_password_helps_a_member_who_cannot_log_in() {
        let context = MailContext { at: "2026-01-30T12:34:56Z".parse().unwrap(), ip_address: None };
        for message in [Message::PasskeyAdded(context), Message::PasswordChanged(context)] {
            let text = Content::of(&message, &url()).text();
            assert!(text.contains("ask an admin of your account, or the operator of the service, at once to suspend your login"), "{text}");
        }
        let changed = Content::of(&Message::PasswordChanged(context), &url()).text();
        assert!(changed.contains("#/forgot-password\n"), "{changed}");
    }

    #[test]
    fn link_leads_to_a_screen_of_the_dashboard() {
        let screens = [
            include_str!("../../dashboard/static/layout.js"),
            include_str!("../../dashboard/static/links.js"),
            include_str!("../../dashboard/static/main.js"),
        ];
        for message in messages() {
            let content = Content::of(&message, &url());
            let links = content.paragraphs.iter().filter_map(|paragraph| match paragraph {
                Paragraph::Link(url) => url.split_once("/dashboard#"),
                Paragraph::Text(_) => None,
            });
            // Without a fragment, a link leads to the first screen.
            for (_, fragment) in links.filter(|(_, fragment)| !fragment.is_empty()) {
                let screen = fragment.split('/').nth(1).unwrap();
                let is_known = |script: &&str| {
                    script.contains(&format!("\"{screen}\"")) || script.contains(&format!("\"#/{screen}\""))
                };
                assert!(screens.iter().any(is_known), "{fragment}");
            }
        }
    }

    #[test]
    fn html_has_the_same_paragraphs_and_loads_nothing() {
        for message in messages() {
            let content = Content::of(&message, &url());
            let html = content.html();
            for line in content.text().lines().filter(|line| !line.is_empty()) {
                assert!(html.contains(&escaped(line)), "{line} is missing in {html}");
            }
            for tag in ["<img", "<link", "<script", "<style", "src="] {
                assert!(!html.contains(tag), "{html}");
            }
        }
    }

    #[test]
    fn markup_in_a_text_is_escaped() {
        let text = r#"<b>&'"</b>"#;
        let content = Content {
            subject: "A subject",
            paragraphs: vec![Paragraph::Text(text.to_owned()), Paragraph::Link(text.to_owned())],
        };
        let escaped = "&lt;b&gt;&amp;&#39;&quot;&lt;/b&gt;";
        let html = content.html();
        assert!(
            html.contains(&format!("<p>{escaped}</p>\n<p><a href=\"{escaped}\">{escaped}</a></p>")),
            "{html}"
        );
        assert_eq!(content.text(), format!("{text}\n\n{text}\n"));
    }
}
