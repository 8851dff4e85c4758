//! Amazon SES, which sends the mails.

use aws_sdk_sesv2::{
    Client,
    types::{Body, Content as Text, Destination, EmailContent, Message, MessageHeader},
};
use shared::{
    error::Error, primitives::email::EmailAddress, runtime::aws::SdkConfig,
    telemetry::sdk_error::safe_summary,
};

use crate::content::Content;

#[derive(Clone)]
pub(crate) struct Sender(Client);

impl Sender {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// Sends `content` to one recipient. Names no configuration set, so SES adds no tracking.
    ///
    /// # Errors
    /// 503 if SES does not accept the mail.
    pub(crate) async fn send(
        &self,
        from: &EmailAddress,
        to: &EmailAddress,
        content: &Content,
    ) -> Result<(), Error> {
        let invalid = |error| Error::internal(error);
        let text = |text: String| Text::builder().data(text).charset("UTF-8").build().map_err(invalid);
        let body = Body::builder().text(text(content.text())?).html(text(content.html())?).build();
        // Programs that respond to mails automatically do not respond to this one (RFC 3834, 5).
        let header = MessageHeader::builder().name("Auto-Submitted").value("auto-generated").build();
        let message = Message::builder()
            .subject(text(content.subject.to_owned())?)
            .body(body)
            .headers(header.map_err(invalid)?)
            .build();
        let send = self
            .0
            .send_email()
            .from_email_address(from.as_str())
            .destination(Destination::builder().to_addresses(to.as_str()).build())
            .content(EmailContent::builder().simple(message).build());
        // Boxed, because the SDK's futures are large.
        match Box::pin(send.send()).await {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::unavailable(format!("SES failed: {}", safe_summary(&error)))),
        }
    }
}
