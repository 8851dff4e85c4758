use std::{collections::BTreeMap, path::PathBuf};

use reqwest::Url;
use shared::primitives::{clock::Clock, random::Random};
use tracing::level_filters::LevelFilter;

use crate::{aws_names::STACK_NAME, data::Data, ses::Announce, start_error::StartError, template::Template};

/// The sender of mails.
const MAIL_FROM: &str = "medtwin@example.com";

/// The settings of a gateway.
#[derive(Debug, Clone)]
pub struct Options {
    /// The path of the SAM template.
    pub template: PathBuf,
    /// The name of the stack. The names of its tables start with it, so that several stacks can share a DynamoDB.
    pub stack: String,
    /// Values for parameters of the template, by name. Parameters that are not listed have their default value.
    pub parameters: BTreeMap<String, String>,
    /// The port to listen on. 0 chooses a free port.
    pub port: u16,
    /// Where to store data.
    pub data: Data,
    /// The URL of a DynamoDB to use instead of the embedded one.
    pub dynamodb: Option<String>,
    /// The URL of a Secrets Manager to use instead of the gateway's own. It must contain the template's secrets.
    pub secrets_manager: Option<String>,
    /// If set, functions send mails, and this is called for each of them. The gateway sets the parameter `MailFrom` for that,
    /// unless `parameters` contains it.
    pub mail: Option<Announce>,
    /// The URL of an Amazon SES to use instead of the gateway's own.
    pub ses: Option<String>,
    /// The URL of a Lambda Invoke API that runs the functions, instead of this process.
    pub lambda: Option<String>,
    /// The URL of a Lambda Invoke API at which functions invoke each other, instead of the gateway's own.
    pub invoked_lambda: Option<String>,
    /// Whether functions get the events that the template declares for streams of tables. The embedded DynamoDB then also removes
    /// expired items. Both follow the real time and not `clock`.
    pub event_sources: bool,
    /// The clock of the functions.
    pub clock: Clock,
    /// The source of randomness of the functions.
    pub random: Random,
}

impl Options {
    /// Options for tests: a free port, all data in memory, and empty tables.
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
            mail: None,
            ses: None,
            lambda: None,
            invoked_lambda: None,
            event_sources: false,
            clock: Clock::system(),
            random: Random::system(),
        }
    }

    /// Returns the log level that the template sets for the functions in `LOG_LEVEL`. All of them run in one process,
    /// so if their levels differ, the most detailed one applies. The default is `info`.
    ///
    /// # Errors
    /// Returns an error if the template cannot be used.
    pub fn log_level(&self) -> Result<LevelFilter, StartError> {
        let functions = self.load_template(self.port)?.functions;
        let levels = functions.values().map(|function| match function.environment.get("LOG_LEVEL") {
            // A function with an invalid level fails to start and reports the level.
            Some(level) => level.parse().unwrap_or(LevelFilter::INFO),
            None => LevelFilter::INFO,
        });
        Ok(levels.max().unwrap_or(LevelFilter::INFO))
    }

    /// Loads the template for a gateway at this port.
    pub(crate) fn load_template(&self, port: u16) -> Result<Template, StartError> {
        // Browsers refuse passkeys at 127.0.0.1, because it is not a domain.
        let mut defaults = vec![("PublicUrl", format!("http://localhost:{port}"))];
        if self.mail.is_some() {
            defaults.push(("MailFrom", MAIL_FROM.to_owned()));
        }
        Template::load(&self.template, &self.stack, &self.parameters, &defaults)
            .map_err(|error| StartError::Template { path: self.template.clone(), error })
    }

    /// Checks that each URL is valid and that its scheme is supported. The Invoke API is called without TLS.
    pub(crate) fn check_urls(&self) -> Result<(), StartError> {
        for url in [&self.dynamodb, &self.secrets_manager, &self.ses, &self.invoked_lambda] {
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

/// Returns the path of `template.yaml` in the working directory, or of the workspace's template if there is none.
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

    fn url_error(dynamodb: Option<&str>, lambda: Option<&str>) -> Option<String> {
        let (dynamodb, lambda) = (dynamodb.map(ToOwned::to_owned), lambda.map(ToOwned::to_owned));
        let options = Options { dynamodb, lambda, ..Options::ephemeral() };
        options.check_urls().err().map(|error| error.to_string())
    }

    #[test]
    fn urls_with_unsupported_schemes_are_rejected() {
        assert_eq!(url_error(None, None), None);
        assert_eq!(url_error(Some("http://127.0.0.1:8000"), Some("http://127.0.0.1:9001/")), None);
        assert_eq!(url_error(Some("https://dynamodb.eu-central-1.amazonaws.com"), None), None);
        for url in ["ftp://127.0.0.1", "127.0.0.1:9001", "localhost:9001", "localhost", ""] {
            let expected = format!("`{url}` is not an http:// or https:// URL");
            assert_eq!(url_error(Some(url), None), Some(expected));
        }
        for url in ["https://127.0.0.1:9001", "localhost:9001", ""] {
            assert_eq!(url_error(None, Some(url)), Some(format!("`{url}` is not an http:// URL")));
        }
    }

    #[test]
    fn log_level_comes_from_the_template_parameter() {
        let level = |name: &str| {
            let parameters = [("LogLevel".to_owned(), name.to_owned())].into();
            Options { parameters, ..Options::ephemeral() }.log_level().map_err(|error| error.to_string())
        };
        assert_eq!(Options::ephemeral().log_level().unwrap(), LevelFilter::INFO);
        for (name, expected) in [
            ("error", LevelFilter::ERROR),
            ("warn", LevelFilter::WARN),
            ("info", LevelFilter::INFO),
            ("debug", LevelFilter::DEBUG),
        ] {
            assert_eq!(level(name), Ok(expected));
        }
        let message = level("loud").unwrap_err();
        assert!(
            message.ends_with("Parameters.LogLevel: `loud` is not one of error, warn, info, debug"),
            "{message}"
        );
    }
}
