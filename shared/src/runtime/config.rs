//! The only code that reads the environment: what a function is told by Lambda and the template.

use std::num::NonZeroU32;

use tracing::level_filters::LevelFilter;

use crate::primitives::{
    origin::Origin,
    quota::{Quota, Quotas},
};

/// What a function is told by Lambda and the template.
#[derive(Debug, Clone)]
pub struct Config {
    /// `AWS_LAMBDA_FUNCTION_NAME`: the function's name, which Lambda sets.
    pub function_name: String,
    /// `TABLE_NAME`: the table that holds everything.
    pub table_name: String,
    /// `PEPPER_SECRET_ID`: the secret with the pepper, for functions that need it.
    pub pepper_secret_id: Option<String>,
    /// `ALLOWED_ORIGIN`: the web origin whose pages may read answers.
    pub allowed_origin: Origin,
    /// `WARMING_READ`: whether to read from the table once at the start, `false` where it is not set. The template
    /// says `true` of functions each of whose requests does a `BatchGetItem`.
    pub warming_read: bool,
    /// `LIVE_REQUESTS_PER_MINUTE`, `TEST_REQUESTS_PER_MINUTE`: the quotas of keys, for the function that counts.
    pub quotas: Option<Quotas>,
    /// `LOG_LEVEL`: the least level of what is logged besides the lines of invocations, `info` where it is not set.
    pub log_level: LevelFilter,
}

/// Why the environment makes no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable that is needed is not set.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// `WARMING_READ` is neither yes nor no.
    #[error("the environment variable WARMING_READ is neither true nor false")]
    WarmingRead,
    /// A quota is none, or stands alone.
    #[error(
        "the environment variables LIVE_REQUESTS_PER_MINUTE and TEST_REQUESTS_PER_MINUTE are not both at least 1"
    )]
    Quotas,
    /// `ALLOWED_ORIGIN` is not one origin.
    #[error("the environment variable ALLOWED_ORIGIN is not an origin such as https://app.example.com")]
    AllowedOrigin,
    /// `LOG_LEVEL` names no level.
    #[error("the environment variable LOG_LEVEL is none of error, warn, info, debug")]
    LogLevel,
}

impl Config {
    /// The configuration that the process's environment gives.
    ///
    /// # Errors
    /// When it is incomplete or malformed.
    #[expect(clippy::disallowed_methods, reason = "this is the one home of the environment")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// The configuration that `lookup` gives.
    ///
    /// # Errors
    /// When it is incomplete or malformed.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let needed = |name| lookup(name).ok_or(ConfigError::Missing(name));
        let warming_read = lookup("WARMING_READ").unwrap_or_else(|| "false".to_owned());
        let level = lookup("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
        Ok(Self {
            function_name: needed("AWS_LAMBDA_FUNCTION_NAME")?,
            table_name: needed("TABLE_NAME")?,
            pepper_secret_id: lookup("PEPPER_SECRET_ID"),
            allowed_origin: needed("ALLOWED_ORIGIN")?.parse().map_err(|_| ConfigError::AllowedOrigin)?,
            warming_read: warming_read.parse().map_err(|_| ConfigError::WarmingRead)?,
            quotas: quotas(lookup("LIVE_REQUESTS_PER_MINUTE"), lookup("TEST_REQUESTS_PER_MINUTE"))?,
            log_level: level.parse().map_err(|_| ConfigError::LogLevel)?,
        })
    }
}

fn quotas(live: Option<String>, test: Option<String>) -> Result<Option<Quotas>, ConfigError> {
    let quota = |text: String| text.parse::<NonZeroU32>().map(Quota::new).map_err(|_| ConfigError::Quotas);
    match (live, test) {
        (None, None) => Ok(None),
        (Some(live), Some(test)) => Ok(Some(Quotas { live: quota(live)?, test: quota(test)? })),
        _ => Err(ConfigError::Quotas),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What each function is told, and `more`.
    pub(crate) fn config(more: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_lookup(|variable| match variable {
            "AWS_LAMBDA_FUNCTION_NAME" | "TABLE_NAME" => Some("test".to_owned()),
            "ALLOWED_ORIGIN" => Some("https://app.example.com".to_owned()),
            other => more.iter().find(|(name, _)| *name == other).map(|(_, value)| (*value).to_owned()),
        })
    }

    #[test]
    fn quotas_are_both_at_least_1_or_neither_is_there() {
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
