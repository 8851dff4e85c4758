//! An emulated Amazon SES with `SendEmail`. It delivers no mail: it announces each one, and keeps it for the developer to read.

use std::{
    collections::VecDeque,
    fs::{DirBuilder, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::primitives::{clock::Clock, random::Random, timestamp::Timestamp};

use crate::{request_id::uuid, web_page_guard::reject_web_pages};

/// The maximum number of mails that are kept in memory.
const MAX_MAILS: usize = 1_000;

/// What is called for each mail, with its recipient and its subject.
pub type Announce = fn(&str, &str);

/// The mails that functions have sent.
pub(crate) struct Mailbox {
    /// Newest first. Empty if the mails are stored in a folder.
    mails: Mutex<VecDeque<Mail>>,
    /// Stores each mail as a file. `None` keeps the mails in memory.
    folder: Option<PathBuf>,
    announce: Announce,
    clock: Clock,
    random: Random,
}

#[derive(Clone, Serialize)]
pub(crate) struct Mail {
    id: String,
    sent_at: Timestamp,
    from: String,
    to: String,
    subject: String,
    text: String,
    html: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail {
    from_email_address: String,
    destination: Destination,
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(clippy::struct_field_names, reason = "the names of the API of SES")]
struct Destination {
    to_addresses: Vec<String>,
    cc_addresses: Vec<String>,
    bcc_addresses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    simple: Message,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Message {
    subject: Text,
    body: Body,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    text: Text,
    html: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Text {
    data: String,
}

impl Mailbox {
    /// Opens a mailbox that stores mails in `folder`, or in memory without one. A new folder is readable by its owner only.
    pub(crate) fn open(
        folder: Option<PathBuf>,
        announce: Announce,
        clock: &Clock,
        random: &Random,
    ) -> io::Result<Self> {
        if let Some(folder) = &folder {
            let mut builder = DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.recursive(true).create(folder)?;
        }
        let (clock, random) = (clock.clone(), random.clone());
        Ok(Self { mails: Mutex::default(), folder, announce, clock, random })
    }

    /// Returns the mails in memory, newest first.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.locked().iter().cloned().collect()
    }

    fn receive(&self, request: SendEmail) -> Result<String, Rejection> {
        let SendEmail { from_email_address: from, destination, content: Content { simple } } = request;
        let Destination { to_addresses, cc_addresses, bcc_addresses } = destination;
        let recipients: [String; 1] = [to_addresses, cc_addresses, bcc_addresses]
            .concat()
            .try_into()
            .map_err(|_| Rejection::bad_request("the mail does not have exactly one recipient"))?;
        let [to] = recipients;
        let Message { subject: Text { data: subject }, body: Body { text, html } } = simple;
        let sent_at = Timestamp::from(self.clock.now_utc());
        let id = uuid(&self.random);
        let mail = Mail { id: id.clone(), sent_at, from, to, subject, text: text.data, html: html.data };
        (self.announce)(&mail.to, &mail.subject);
        if let Some(folder) = &self.folder {
            store(folder, &mail).map_err(|error| Rejection {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                error_type: "InternalFailure",
                message: error.to_string(),
            })?;
        } else {
            let mut mails = self.locked();
            mails.push_front(mail);
            mails.truncate(MAX_MAILS);
        }
        Ok(id)
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<Mail>> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the API.
pub(crate) fn router(mailbox: Arc<Mailbox>) -> Router {
    Router::new()
        .route("/v2/email/outbound-emails", post(handle))
        .layer(middleware::from_fn(reject_web_pages))
        .with_state(mailbox)
}

async fn handle(State(mailbox): State<Arc<Mailbox>>, body: Bytes) -> Response {
    let request = serde_json::from_slice(&body).map_err(|error| Rejection::bad_request(&error.to_string()));
    match request.and_then(|request| mailbox.receive(request)) {
        Ok(id) => axum::Json(json!({ "MessageId": id })).into_response(),
        Err(rejection) => rejection.into_response(),
    }
}

/// An error response of SES.
struct Rejection {
    status: StatusCode,
    error_type: &'static str,
    message: String,
}

impl Rejection {
    fn bad_request(message: &str) -> Self {
        let status = StatusCode::BAD_REQUEST;
        Self { status, error_type: "BadRequestException", message: message.to_owned() }
    }
}

impl IntoResponse for Rejection {
    fn into_response(self) -> Response {
        let body = axum::Json(json!({ "message": self.message }));
        (self.status, [("x-amzn-errortype", self.error_type)], body).into_response()
    }
}

/// Writes `mail` to a new file in `folder`. The names of the files sort by time.
fn store(folder: &Path, mail: &Mail) -> io::Result<()> {
    // Not every file system accepts colons in names.
    let name = format!("{}-{}.json", mail.sent_at.to_string().replace(':', ""), mail.id);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(folder.join(name))?.write_all(&serde_json::to_vec_pretty(mail)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;

    use super::*;

    fn open(folder: Option<PathBuf>) -> Mailbox {
        Mailbox::open(folder, |_, _| (), &Clock::system(), &Random::system()).unwrap()
    }

    fn request(subject: &str, destination: &Value) -> SendEmail {
        let text = |data: &str| json!({"Data": data, "Charset": "UTF-8"});
        let body = json!({"Text": text("Hello"), "Html": text("<p>Hello</p>")});
        let request = json!({
            "FromEmailAddress": "service@example.com",
            "Destination": destination,
            "Content": {"Simple": {"Subject": text(subject), "Body": body}},
        });
        serde_json::from_value(request).unwrap()
    }

    fn to(address: &str) -> Value {
        json!({ "ToAddresses": [address] })
    }

    #[test]
    fn mails_in_memory_are_listed_newest_first() {
        let mailbox = open(None);
        for subject in ["one", "two"] {
            assert!(mailbox.receive(request(subject, &to("a@example.com"))).is_ok());
        }
        let mails = serde_json::to_value(mailbox.mails()).unwrap();
        assert_eq!((&mails[0]["subject"], &mails[1]["subject"]), (&json!("two"), &json!("one")));
        assert_eq!(mails[0]["to"], "a@example.com");
        assert_eq!((&mails[0]["text"], &mails[0]["html"]), (&json!("Hello"), &json!("<p>Hello</p>")));
    }

    #[test]
    fn mail_without_exactly_one_recipient_is_rejected() {
        let mailbox = open(None);
        for destination in [
            json!({}),
            json!({"ToAddresses": ["a@example.com", "b@example.com"]}),
            json!({"ToAddresses": ["a@example.com"], "BccAddresses": ["b@example.com"]}),
        ] {
            let rejection = mailbox.receive(request("one", &destination)).unwrap_err();
            assert_eq!(rejection.status, StatusCode::BAD_REQUEST, "{destination}");
        }
        assert!(mailbox.mails().is_empty());
    }

    #[test]
    fn mail_in_a_folder_is_a_file_readable_by_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let mailbox = open(Some(folder.path().join("mail")));
        assert!(mailbox.receive(request("one", &to("a@example.com"))).is_ok());
        assert!(mailbox.mails().is_empty());
        let files: Vec<_> = fs::read_dir(folder.path().join("mail")).unwrap().map(Result::unwrap).collect();
        let [file] = files.as_slice() else { panic!("{files:?}") };
        let mail: Value = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
        assert_eq!((&mail["to"], &mail["subject"]), (&json!("a@example.com"), &json!("one")));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
