//! How a gateway is to run.

use std::{collections::BTreeMap, path::PathBuf};

use reqwest::Url;
use shared::primitives::{clock::Clock, random::Random};

use crate::{aws_names::STACK_NAME, data::Data, start_error::StartError};

/// How a gateway is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The SAM template.
    pub template: PathBuf,
    /// The name of the stack, with which those of its tables begin: stacks can share a DynamoDB.
    pub stack: String,
    /// Values of the template's parameters, by name. The others have their default.
    pub parameters: BTreeMap<String, String>,
    /// The port to listen on, or 0 for a free one.
    pub port: u16,
    /// Where to keep data.
    pub data: Data,
    /// The URL of a DynamoDB to use instead of the embedded one.
    pub dynamodb: Option<String>,
    /// The URL of a Secrets Manager to use instead of the gateway's own, with the template's secrets in it.
    pub secrets_manager: Option<String>,
    /// The URL of an Invoke API behind which the functions run, instead of in this process.
    pub lambda: Option<String>,
    /// The time that functions see.
    pub clock: Clock,
    /// The randomness that functions see.
    pub random: Random,
}

impl Options {
    /// A gateway for a test: on a free port, with everything in memory and nothing in the table.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self {
            template: default_template(),
            stack: STACK_NAME.to_owned(),
            parameters: BTreeMap::new(),
            port: 0,
            data: Data::Ephemeral,
            dynamodb: None,
            secrets_manager: None,
            lambda: None,
            clock: Clock::system(),
            random: Random::system(),
        }
    }

    /// Refuses a URL that is none, or that can't be spoken to: functions elsewhere are reached without TLS.
    pub(crate) fn check_urls(&self) -> Result<(), StartError> {
        for url in [&self.dynamodb, &self.secrets_manager] {
            check_url(url.as_deref(), &["http", "https"], "an http:// or https:// URL")?;
        }
        check_url(self.lambda.as_deref(), &["http"], "an http:// URL")
    }
}

fn check_url(url: Option<&str>, schemes: &[&str], expected: &'static str) -> Result<(), StartError> {
    match url {
        Some(url) if !Url::parse(url).is_ok_and(|url| schemes.contains(&url.scheme())) => {
            Err(StartError::Url { url: url.to_owned(), expected })
        }
        _ => Ok(()),
    }
}

/// The template in the working directory, or that of the workspace where there is none.
#[must_use]
pub fn default_template() -> PathBuf {
    let here = PathBuf::from("template.yaml");
    if here.exists() {
        here
    } else {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(dynamodb: Option<&str>, lambda: Option<&str>) -> Option<String> {
        let (dynamodb, lambda) = (dynamodb.map(ToOwned::to_owned), lambda.map(ToOwned::to_owned));
        let options = Options { dynamodb, lambda, ..Options::ephemeral() };
        options.check_urls().err().map(|error| error.to_string())
    }

    #[test]
    fn urls_are_of_a_kind_that_can_be_spoken_to() {
        assert_eq!(refusal(None, None), None);
        assert_eq!(refusal(Some("http://127.0.0.1:8000"), Some("http://127.0.0.1:9001/")), None);
        assert_eq!(refusal(Some("https://dynamodb.eu-central-1.amazonaws.com"), None), None);
        for url in ["ftp://127.0.0.1", "127.0.0.1:9001", "localhost:9001", "localhost", ""] {
            assert_eq!(refusal(Some(url), None), Some(format!("`{url}` is not an http:// or https:// URL")));
        }
        for url in ["https://127.0.0.1:9001", "localhost:9001", ""] {
            assert_eq!(refusal(None, Some(url)), Some(format!("`{url}` is not an http:// URL")));
        }
    }
}
