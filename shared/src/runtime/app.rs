//! The state of a function that all its invocations share.

use std::{num::NonZeroU32, sync::Arc};

use tracing::{error, warn};

use crate::{
    credentials::{
        pepper::Peppers,
        token_mac::{ShortTokenMacKey, TokenMacKey},
    },
    error::Error,
    model::{
        account::{Account, KeysPerAccount},
        audit_event::PersonalDataRetention,
        mail::Mail,
        password_reset::ResetRequest,
    },
    primitives::{
        clock::Clock, email::EmailAddress, origin::Origin, public_url::PublicUrl, quota::Quotas,
        random::Random,
    },
    runtime::{
        async_function::AsyncFunction,
        aws::{Aws, SdkConfig},
        config::{Config, ConfigError},
        pepper_source::{PepperError, PepperSource},
        secret::{self, SecretError},
    },
    store::Store,
    telemetry::{
        error_chain::error_chain,
        failures::{self, Failure},
        log::TARGET,
    },
};

/// The state of a function, created when it starts and shared by all its invocations.
pub struct App {
    /// The function's name in Lambda.
    pub function_name: String,
    /// The name of the stack that the function belongs to.
    pub stack_name: String,
    pub store: Store,
    pub clock: Clock,
    pub random: Random,
    /// The web origin whose pages may read responses.
    pub allowed_origin: Origin,
    /// How long the IP addresses of audit events are stored.
    pub personal_data_retention: PersonalDataRetention,
    /// The settings of the client of SES.
    pub ses_config: SdkConfig,
    public_url: Option<PublicUrl>,
    mail_from: Option<EmailAddress>,
    /// Sends mails.
    mail_function: Option<AsyncFunction>,
    /// Creates and sends tokens of password resets.
    password_reset_function: Option<AsyncFunction>,
    quotas: Option<Quotas>,
    key_limits: Option<KeysPerAccount>,
    sessions_per_member: Option<NonZeroU32>,
    peppers: Option<PepperSource>,
    token_mac_key: Option<TokenMacKey>,
}

/// The reason why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Pepper(#[from] PepperError),
    #[error("cannot get the key of the token MACs from Secrets Manager: {0}")]
    TokenMacKey(#[from] SecretError),
    #[error(transparent)]
    ShortTokenMacKey(#[from] ShortTokenMacKey),
}

impl App {
    /// Creates the state of a function. Fetches the peppers and the key of the token MACs if `config` names their secrets,
    /// and makes one read from the table if `config` enables the warming read. A cold start waits for all of this, so it
    /// happens concurrently.
    ///
    /// A failed warming read is only logged, because the table may be available again when the first request arrives.
    ///
    /// # Errors
    /// If the peppers or the key cannot be fetched: without them, no credential can be verified.
    pub async fn new(config: Config, aws: Aws, clock: Clock, random: Random) -> Result<Self, StartError> {
        let store = Store::new(aws.dynamodb, config.table_name, &random);
        let fetch_peppers = async {
            match config.pepper_secret_id {
                Some(id) => {
                    PepperSource::open(aws.secrets_manager.clone(), id, clock.clone()).await.map(Some)
                }
                None => Ok(None),
            }
        };
        let fetch_token_mac_key = async {
            match config.token_mac_secret_id {
                Some(id) => fetch_token_mac_key(&aws.secrets_manager, &id).await.map(Some),
                None => Ok(None),
            }
        };
        // Boxed, because the SDK's futures are large.
        let warm = async { if config.warming_read { Box::pin(store.warm_up()).await } else { Ok(()) } };
        let (peppers, token_mac_key, warmed) = tokio::join!(fetch_peppers, fetch_token_mac_key, warm);
        if let Err(error) = warmed {
            warn!(target: TARGET, reason = error_chain(&error), "the warming read failed");
        }
        let Config {
            function_name,
            stack_name,
            allowed_origin,
            public_url,
            personal_data_retention,
            mail_function,
            password_reset_function,
            mail_from,
            quotas,
            key_limits,
            sessions_per_member,
            ..
        } = config;
        let (peppers, token_mac_key) = (peppers?, token_mac_key?);
        let asynchronous = |name| AsyncFunction::new(aws.lambda.clone(), name);
        Ok(Self {
            function_name,
            stack_name,
            store,
            clock,
            random,
            allowed_origin,
            personal_data_retention,
            ses_config: aws.ses_config,
            public_url,
            mail_from,
            mail_function: mail_function.map(asynchronous),
            password_reset_function: password_reset_function.map(asynchronous),
            quotas,
            key_limits,
            sessions_per_member,
            peppers,
            token_mac_key,
        })
    }

    /// Returns the peppers for new digests and hashes.
    ///
    /// # Errors
    /// If the template gives this function no peppers.
    pub async fn peppers(&self) -> Result<Arc<Peppers>, Error> {
        Ok(self.pepper_source()?.peppers().await)
    }

    /// Returns the peppers for the verification of digests and hashes that were computed with these pepper versions.
    /// Fetches the peppers again if one of the versions is not cached.
    ///
    /// A caller that found nothing to verify passes no versions.
    ///
    /// # Errors
    /// If the template gives this function no peppers.
    pub async fn peppers_with(
        &self,
        versions: impl IntoIterator<Item = &str>,
    ) -> Result<Arc<Peppers>, Error> {
        Ok(self.pepper_source()?.peppers_with(versions).await)
    }

    /// Returns true if each of the pepper versions is available, or is known to be lost. [`peppers_with`](Self::peppers_with) finds
    /// out which are lost.
    ///
    /// # Errors
    /// If the template gives this function no peppers.
    pub fn are_peppers_available_or_lost<'a>(
        &self,
        versions: impl IntoIterator<Item = &'a str>,
    ) -> Result<bool, Error> {
        Ok(self.pepper_source()?.are_cached_or_lost(versions))
    }

    /// Returns the key of the token MACs. It never changes while the function runs.
    ///
    /// # Errors
    /// If the configuration has no secret with such a key.
    pub fn token_mac_key(&self) -> Result<&TokenMacKey, Error> {
        let missing = || Error::internal("TOKEN_MAC_SECRET_ID is not set for this function");
        self.token_mac_key.as_ref().ok_or_else(missing)
    }

    /// Returns the URL at which people open the service, if the stack has one and the template gives it to this function.
    #[must_use]
    pub fn public_url(&self) -> Option<&PublicUrl> {
        self.public_url.as_ref()
    }

    /// Returns the sender of mails, if the stack sends mails and the template gives this function its address.
    #[must_use]
    pub fn mail_from(&self) -> Option<&EmailAddress> {
        self.mail_from.as_ref()
    }

    /// Returns true if the stack sends mails.
    #[must_use]
    pub fn sends_mail(&self) -> bool {
        self.mail_function.is_some()
    }

    /// Hands `mail` over to the function that sends it. Does nothing if the stack sends no mails.
    ///
    /// Call this after the change that the mail is about. A failure is logged and counted, and changes nothing else.
    pub async fn send_mail(&self, mail: &Mail) {
        if let Err(error) = self.try_send_mail(mail).await {
            let (reason, mail) = (error.reason(), mail.message.name());
            error!(target: TARGET, reason, mail, "a mail could not be handed over");
        }
    }

    /// Like [`send_mail`](Self::send_mail), for a caller whose work is to send the mail. A failure is counted.
    ///
    /// # Errors
    /// 503 if the mail could not be handed over.
    pub async fn try_send_mail(&self, mail: &Mail) -> Result<(), Error> {
        let Some(function) = &self.mail_function else { return Ok(()) };
        function.hand_over(mail).await.map_err(|error| {
            failures::count(Failure::Mail);
            Error::unavailable(error)
        })
    }

    /// Hands a request for a password reset over to the function that creates and sends the token. Does nothing if the stack sends
    /// no mails.
    ///
    /// # Errors
    /// 503 if the request could not be handed over.
    pub async fn send_password_reset(&self, request: &ResetRequest) -> Result<(), Error> {
        let Some(function) = &self.password_reset_function else { return Ok(()) };
        function.hand_over(request).await.map_err(Error::unavailable)
    }

    /// Returns the quotas of API keys whose account has no quotas of its own.
    ///
    /// # Errors
    /// If the template gives this function no quotas.
    pub fn quotas(&self) -> Result<Quotas, Error> {
        self.quotas.ok_or_else(|| Error::internal("the template gives this function no quotas"))
    }

    /// Returns the maximum numbers of keys of an account that has no limits of its own.
    ///
    /// # Errors
    /// If the template gives this function no limits.
    pub fn key_limits(&self) -> Result<KeysPerAccount, Error> {
        self.key_limits.ok_or_else(|| Error::internal("the template gives this function no limits of keys"))
    }

    /// Returns the maximum number of sessions of each member of `account`.
    ///
    /// # Errors
    /// If the account has no limit of its own, and the template gives this function no limit.
    pub fn sessions_per_member(&self, account: &Account) -> Result<NonZeroU32, Error> {
        let missing = || Error::internal("the template gives this function no limit of sessions");
        account.limits.sessions_per_member.or(self.sessions_per_member).ok_or_else(missing)
    }

    fn pepper_source(&self) -> Result<&PepperSource, Error> {
        self.peppers.as_ref().ok_or_else(|| Error::internal("the template gives this function no peppers"))
    }
}

async fn fetch_token_mac_key(
    client: &aws_sdk_secretsmanager::Client,
    secret_id: &str,
) -> Result<TokenMacKey, StartError> {
    Ok(TokenMacKey::new(secret::current(client, secret_id).await?.value)?)
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_config::BehaviorVersion;

    use super::*;
    use crate::runtime::{aws::AwsConfigs, config::tests::config};

    /// Returns the state of a function that makes no calls to AWS.
    pub(crate) async fn app() -> Arc<App> {
        let aws = SdkConfig::builder().behavior_version(BehaviorVersion::v2026_01_12()).build();
        let app = App::new(
            config(&[]).unwrap(),
            Aws::new(&AwsConfigs::all(aws)),
            Clock::system(),
            Random::system(),
        );
        Arc::new(app.await.unwrap())
    }
}
