//! The only code that reads the environment: what a function is told by the template.

use tracing::level_filters::LevelFilter;

use crate::origin::Origin;

/// What a function is told by the template.
#[derive(Debug, Clone)]
pub struct Config {
    /// `TABLE_NAME`: the table that holds everything.
    pub table_name: String,
    /// `PEPPER_SECRET_ID`: the secret with the pepper, for functions that need it.
    pub pepper_secret_id: Option<String>,
    /// `ALLOWED_ORIGIN`: the web origin whose pages may read answers.
    pub allowed_origin: Origin,
    /// `LOG_LEVEL`: the least level of what is logged, `info` where it is not set.
    pub log_level: LevelFilter,
}

/// Why the environment makes no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable that is needed is not set.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
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
        let origin = lookup("ALLOWED_ORIGIN").ok_or(ConfigError::Missing("ALLOWED_ORIGIN"))?;
        let level = lookup("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
        Ok(Self {
            table_name: lookup("TABLE_NAME").ok_or(ConfigError::Missing("TABLE_NAME"))?,
            pepper_secret_id: lookup("PEPPER_SECRET_ID"),
            allowed_origin: origin.parse().map_err(|_| ConfigError::AllowedOrigin)?,
            log_level: level.parse().map_err(|_| ConfigError::LogLevel)?,
        })
    }
}
