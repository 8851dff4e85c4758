//! The configuration of a function. Only this module reads environment variables.

use std::{num::NonZeroU32, path::PathBuf};

use tracing::level_filters::LevelFilter;

use crate::{
    model::{account::KeysPerAccount, audit_event::PersonalDataRetention},
    primitives::{
        email::EmailAddress,
        origin::Origin,
        public_url::PublicUrl,
        quota::{Quota, Quotas},
    },
};

/// The configuration that Lambda and the template pass to a function in environment variables.
#[derive(Debug, Clone)]
pub struct Config {
    /// `AWS_LAMBDA_FUNCTION_NAME`: the function's name, which Lambda sets.
    pub function_name: String,
    /// `STACK_NAME`: the stack's name, a dimension of the metrics that all functions share.
    pub stack_name: String,
    /// `TABLE_NAME`: the table with all entities.
    pub table_name: String,
    /// `PEPPER_SECRET_ID`: the secret with the pepper. Set for functions that need it.
    pub pepper_secret_id: Option<String>,
    /// `TOKEN_MAC_SECRET_ID`: the secret with the key of the token MACs. Set for functions that create or parse tokens.
    pub token_mac_secret_id: Option<String>,
    /// `ALLOWED_ORIGIN`: the web origin whose pages may read responses.
    pub allowed_origin: Origin,
    /// `PUBLIC_URL`: the URL at which people open the service. Empty, and so `None`, unless the stack has such a URL. Set for
    /// functions that write links or verify passkeys.
    pub public_url: Option<PublicUrl>,
    /// `WARMING_READ`: whether the function reads from the table once when it starts. `false` by default. The template sets
    /// it to `true` for functions that make a `BatchGetItem` on each request.
    pub warming_read: bool,
    /// `LIVE_REQUESTS_PER_MINUTE` and `TEST_REQUESTS_PER_MINUTE`: the quotas of API keys. Set for the function that counts
    /// requests.
    pub quotas: Option<Quotas>,
    /// `LIVE_KEYS_PER_ACCOUNT` and `TEST_KEYS_PER_ACCOUNT`: the maximum numbers of unrevoked API keys of an account. Set for the
    /// functions that create keys and that show the account.
    pub key_limits: Option<KeysPerAccount>,
    /// `SESSIONS_PER_MEMBER`: the maximum number of sessions of a member. Set for the functions that create sessions and that show
    /// the account.
    pub sessions_per_member: Option<NonZeroU32>,
    /// `PERSONAL_DATA_RETENTION_DAYS`: how long the IP addresses of audit events are stored.
    pub personal_data_retention: PersonalDataRetention,
    /// `MAIL_FUNCTION`: the function that sends mails. Empty, and so `None`, if the stack sends none. Set for functions that hand
    /// mails over.
    pub mail_function: Option<String>,
    /// `PASSWORD_RESET_FUNCTION`: the function that creates and sends tokens of password resets. Empty, and so `None`, if the stack
    /// sends no mails. Set for the function that receives requests for such tokens.
    pub password_reset_function: Option<String>,
    /// `MAIL_FROM`: the sender of mails. Empty, and so `None`, if the stack sends none. Set for the function that sends them.
    pub mail_from: Option<EmailAddress>,
    /// `AWS_CA_BUNDLE`: a PEM file with the certificates of the authorities that the clients of AWS services trust, instead of Amazon's
    /// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html>). Empty, and so `None`, unless an operator adds it.
    pub ca_bundle: Option<PathBuf>,
    /// `LOG_LEVEL`: the lowest level of events that are logged. `info` by default. The line of each invocation is logged at
    /// every level.
    pub log_level: LevelFilter,
}

/// The reason why the environment variables are not a valid configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    #[error("the environment variable WARMING_READ is neither true nor false")]
    WarmingRead,
    /// A quota is malformed, or only one of the two is set.
    #[error(
        "the environment variables LIVE_REQUESTS_PER_MINUTE and TEST_REQUESTS_PER_MINUTE must both be integers of at least 1"
    )]
    Quotas,
    /// A limit of the number of keys is malformed, or only one of the two is set.
    #[error(
        "the environment variables LIVE_KEYS_PER_ACCOUNT and TEST_KEYS_PER_ACCOUNT must both be integers of at least 0"
    )]
    KeyLimits,
    #[error("the environment variable SESSIONS_PER_MEMBER is not an integer of at least 1")]
    SessionsPerMember,
    #[error("the environment variable PERSONAL_DATA_RETENTION_DAYS is not an integer from 1 to 3650")]
    PersonalDataRetention,
    #[error("the environment variable ALLOWED_ORIGIN is not an origin such as https://app.example.com")]
    AllowedOrigin,
    #[error("the environment variable PUBLIC_URL is not a URL such as https://auth.example.com")]
    PublicUrl,
    #[error("the environment variable MAIL_FROM is not an email address")]
    MailFrom,
    #[error("the environment variable LOG_LEVEL is not one of error, warn, info, debug")]
    LogLevel,
}

impl Config {
    /// Reads the configuration from the environment of the process.
    ///
    /// # Errors
    /// If a variable is missing or malformed.
    #[expect(clippy::disallowed_methods, reason = "this module is the only one that reads the environment")]
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads the configuration from the variables that `lookup` returns.
    ///
    /// # Errors
    /// If a variable is missing or malformed.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let required = |name| lookup(name).ok_or(ConfigError::Missing(name));
        let not_empty = |name| lookup(name).filter(|value| !value.is_empty());
        let warming_read = lookup("WARMING_READ").unwrap_or_else(|| "false".to_owned());
        let level = lookup("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
        Ok(Self {
            function_name: required("AWS_LAMBDA_FUNCTION_NAME")?,
            stack_name: required("STACK_NAME")?,
            table_name: required("TABLE_NAME")?,
            pepper_secret_id: lookup("PEPPER_SECRET_ID"),
            token_mac_secret_id: lookup("TOKEN_MAC_SECRET_ID"),
            allowed_origin: required("ALLOWED_ORIGIN")?.parse().map_err(|_| ConfigError::AllowedOrigin)?,
            personal_data_retention: retention(&required("PERSONAL_DATA_RETENTION_DAYS")?)?,
            mail_function: not_empty("MAIL_FUNCTION"),
            password_reset_function: not_empty("PASSWORD_RESET_FUNCTION"),
            mail_from: not_empty("MAIL_FROM")
                .map(|address| address.try_into().map_err(|_| ConfigError::MailFrom))
                .transpose()?,
            public_url: not_empty("PUBLIC_URL")
                .map(|url| url.parse().map_err(|_| ConfigError::PublicUrl))
                .transpose()?,
            warming_read: warming_read.parse().map_err(|_| ConfigError::WarmingRead)?,
            quotas: quotas(lookup("LIVE_REQUESTS_PER_MINUTE"), lookup("TEST_REQUESTS_PER_MINUTE"))?,
            key_limits: key_limits(lookup("LIVE_KEYS_PER_ACCOUNT"), lookup("TEST_KEYS_PER_ACCOUNT"))?,
            sessions_per_member: lookup("SESSIONS_PER_MEMBER")
                .map(|limit| limit.parse().map_err(|_| ConfigError::SessionsPerMember))
                .transpose()?,
            ca_bundle: not_empty("AWS_CA_BUNDLE").map(PathBuf::from),
            log_level: level.parse().map_err(|_| ConfigError::LogLevel)?,
        })
    }
}

fn retention(days: &str) -> Result<PersonalDataRetention, ConfigError> {
    let days = days.parse::<i64>().ok().and_then(|days| days.try_into().ok());
    days.ok_or(ConfigError::PersonalDataRetention)
}

fn quotas(live: Option<String>, test: Option<String>) -> Result<Option<Quotas>, ConfigError> {
    let quota = |text: String| text.parse::<NonZeroU32>().map(Quota::new).map_err(|_| ConfigError::Quotas);
    match (live, test) {
        (None, None) => Ok(None),
        (Some(live), Some(test)) => Ok(Some(Quotas { live: quota(live)?, test: quota(test)? })),
        _ => Err(ConfigError::Quotas),
    }
}

fn key_limits(live: Option<String>, test: Option<String>) -> Result<Option<KeysPerAccount>, ConfigError> {
    let limit = |text: String| text.parse().map_err(|_| ConfigError::KeyLimits);
    match (live, test) {
        (None, None) => Ok(None),
        (Some(live), Some(test)) => Ok(Some(KeysPerAccount { live: limit(live)?, test: limit(test)? })),
        _ => Err(ConfigError::KeyLimits),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns a configuration with the required variables and these additional ones.
    pub(crate) fn config(additional: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_lookup(|variable| match variable {
            "AWS_LAMBDA_FUNCTION_NAME" | "STACK_NAME" | "TABLE_NAME" => Some("test".to_owned()),
            "ALLOWED_ORIGIN" => Some("https://app.example.com".to_owned()),
            "PERSONAL_DATA_RETENTION_DAYS" => Some("365".to_owned()),
            other => additional.iter().find(|(name, _)| *name == other).map(|(_, value)| (*value).to_owned()),
        })
    }

    #[test]
    fn public_url_is_absent_or_valid() {
        const NAME: &str = "PUBLIC_URL";
        assert_eq!(config(&[]).unwrap().public_url, None);
        assert_eq!(config(&[(NAME, "")]).unwrap().public_url, None);
        let url = "https://auth.example.com/live";
        assert_eq!(config(&[(NAME, url)]).unwrap().public_url, url.parse().ok());
        assert!(matches!(config(&[(NAME, "auth.example.com")]), Err(ConfigError::PublicUrl)));
    }

    #[test]
    fn sender_of_mails_is_absent_or_an_address() {
        const NAME: &str = "MAIL_FROM";
        for absent in [&[][..], &[(NAME, "")]] {
            assert!(config(absent).unwrap().mail_from.is_none());
        }
        let sender = config(&[(NAME, "service@example.com")]).unwrap().mail_from;
        assert_eq!(sender.unwrap().as_str(), "service@example.com");
        assert!(matches!(config(&[(NAME, "Service <service@example.com>")]), Err(ConfigError::MailFrom)));
    }

    #[test]
    fn ca_bundle_is_absent_or_a_path() {
        const NAME: &str = "AWS_CA_BUNDLE";
        for absent in [&[][..], &[(NAME, "")]] {
            assert_eq!(config(absent).unwrap().ca_bundle, None);
        }
        let bundle = config(&[(NAME, "/opt/authorities.pem")]).unwrap().ca_bundle;
        assert_eq!(bundle, Some(PathBuf::from("/opt/authorities.pem")));
    }

    #[test]
    fn retention_is_a_number_of_days() {
        assert_eq!(retention("1").unwrap().get(), 1);
        for invalid in ["", "0", "3651", "365 days"] {
            assert!(matches!(retention(invalid), Err(ConfigError::PersonalDataRetention)), "{invalid}");
        }
    }

    #[test]
    fn limit_of_sessions_is_absent_or_at_least_1() {
        const NAME: &str = "SESSIONS_PER_MEMBER";
        assert_eq!(config(&[]).unwrap().sessions_per_member, None);
        assert_eq!(config(&[(NAME, "1")]).unwrap().sessions_per_member, NonZeroU32::new(1));
        assert!(matches!(config(&[(NAME, "0")]), Err(ConfigError::SessionsPerMember)));
    }

    #[test]
    fn limits_of_keys_are_both_present_or_both_absent() {
        const LIVE: &str = "LIVE_KEYS_PER_ACCOUNT";
        const TEST: &str = "TEST_KEYS_PER_ACCOUNT";
        assert_eq!(config(&[]).unwrap().key_limits, None);
        let limits = Some(KeysPerAccount { live: 500, test: 0 });
        assert_eq!(config(&[(LIVE, "500"), (TEST, "0")]).unwrap().key_limits, limits);
        for incomplete in [&[(LIVE, "500")][..], &[(TEST, "20")], &[(LIVE, "500"), (TEST, "-1")]] {
            assert!(matches!(config(incomplete), Err(ConfigError::KeyLimits)), "{incomplete:?}");
        }
    }

    #[test]
    fn quotas_are_both_at_least_1_or_both_absent() {
        const LIVE: &str = "LIVE_REQUESTS_PER_MINUTE";
        const TEST: &str = "TEST_REQUESTS_PER_MINUTE";
        let quota = |requests: u32| Quota::new(requests.try_into().unwrap());
        assert_eq!(config(&[]).unwrap().quotas, None);
        assert_eq!(
            config(&[(LIVE, "6000"), (TEST, "100")]).unwrap().quotas,
            Some(Quotas { live: quota(6_000), test: quota(100) })
        );
        for incomplete in [&[(LIVE, "6000")][..], &[(TEST, "100")], &[(LIVE, "6000"), (TEST, "0")]] {
            assert!(matches!(config(incomplete), Err(ConfigError::Quotas)), "{incomplete:?}");
        }
    }
}
