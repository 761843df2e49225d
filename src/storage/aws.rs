//! One AWS configuration for S3, Glue and Athena: the region, the endpoints and one chain of credentials.

use super::fault::{Fault, Meaning};
use super::requests::Requests;
use crate::error::{Error, Result};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::service_config::ServiceConfigKey;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::OnceCell;

/// The region of endpoints that are not AWS's own, where nobody names one: such servers take any.
const ANY_REGION: &str = "us-east-1";

/// What flags and `firelake.toml` say about AWS. All else comes from where every AWS tool finds it: the environment, the
/// profile, SSO, an assumed role, a web identity, the container's or the machine's role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsOptions {
    /// `--region`.
    pub region: Option<String>,
    /// `--endpoint-url`, for all three services.
    pub endpoint_url: Option<String>,
    /// The profile that the environment names, for messages: the SDK finds it by itself.
    pub profile: Option<String>,
}

/// How long a busy service is asked again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// About half a minute: throttling passes.
    Service,
    /// A moment: a server on this machine does not get better.
    Test,
}

/// The configuration, loaded.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    patience: Patience,
    profile: Option<String>,
    requests: Arc<Requests>,
    identity: Arc<OnceCell<Option<String>>>,
    silence: Duration,
}

/// The longest silence of a server that has not answered, or not all.
const SILENCE: Duration = Duration::from_secs(60);

impl Aws {
    /// Reads the environment and the profile. Asks nobody for credentials yet.
    pub async fn load(options: &AwsOptions) -> Self {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client())
            .retry_config(RetryConfig::standard().with_max_attempts(6))
            .timeout_config(timeouts(SILENCE));
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(url) = &options.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        Aws { profile: options.profile.clone(), ..Self::of(loader.load().await, Patience::Service) }
    }

    /// A server that stands in for AWS, with fixed credentials: nothing is read from the environment, and
    /// connections are its own: they end with the runtime that made them.
    pub fn standing_in(endpoint_url: &str, access_key_id: &str, secret_access_key: &str) -> Self {
        let keys =
            aws_credential_types::Credentials::new(access_key_id, secret_access_key, None, None, "the caller's keys");
        let sleep = aws_smithy_async::rt::sleep::SharedAsyncSleep::new(aws_smithy_async::rt::sleep::TokioSleep::new());
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(ANY_REGION))
            .endpoint_url(endpoint_url)
            .http_client(http_client())
            .sleep_impl(sleep)
            .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(20)))
            .timeout_config(timeouts(SILENCE))
            .identity_cache(aws_config::identity::IdentityCache::lazy().build())
            .credentials_provider(SharedCredentialsProvider::new(keys));
        Self::of(config.build(), Patience::Test)
    }

    fn of(config: SdkConfig, patience: Patience) -> Self {
        let (requests, identity) = Default::default();
        Aws { config, patience, profile: None, requests, identity, silence: SILENCE }
    }

    /// The same with another bound for the silence of a server, in the place of a minute.
    #[must_use]
    pub fn with_silence(self, silence: Duration) -> Self {
        let config = self.config.into_builder().timeout_config(timeouts(silence)).build();
        Aws { config, silence, ..self }
    }

    #[cfg(test)]
    pub(super) fn with_credentials(self, provider: impl ProvideCredentials + 'static) -> Self {
        let config = self.config.into_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build();
        Aws { config, ..self }
    }

    /// The same with connections that are kept apart from all others: those of one test's runtime end with it.
    #[cfg(test)]
    pub(crate) fn with_connections(self, connections: &TestConnections) -> Self {
        let config = self.config.into_builder().http_client(connections.0.clone()).build();
        Aws { config, ..self }
    }

    /// For the clients of the SDK. A region is set even where only an endpoint was given.
    ///
    /// # Errors
    /// Usage where nothing says which region.
    pub fn sdk(&self) -> Result<SdkConfig> {
        self.config.endpoint_url().map_or(Ok(()), check_endpoint)?;
        Ok(self.config.to_builder().region(Region::new(self.region()?)).build())
    }

    /// How many requests went to which service.
    pub fn requests(&self) -> &Arc<Requests> {
        &self.requests
    }

    /// The region that requests are signed for.
    ///
    /// # Errors
    /// Usage where nothing says which.
    pub fn region(&self) -> Result<String> {
        match self.config.region() {
            Some(region) => Ok(region.to_string()),
            None if self.config.endpoint_url().is_some() || self.s3_endpoint().is_some() => Ok(ANY_REGION.into()),
            None => Err(Error::usage("which AWS region?")
                .hint("pass --region, set AWS_REGION, or write region = \"…\" into firelake.toml or the AWS profile")),
        }
    }

    /// Where S3 is, if not at its own address: `AWS_ENDPOINT_URL_S3`, the profile's `services`, then what counts for all.
    pub(super) fn s3_endpoint(&self) -> Option<String> {
        let own = || {
            let key = ServiceConfigKey::builder().service_id("s3").env("AWS_ENDPOINT_URL").profile("endpoint_url");
            self.config.service_config()?.load_config(key.build().ok()?)
        };
        // What the caller said counts more than what the environment says of one service.
        let told = self.config.get_origin("endpoint_url").is_client_config();
        let general = self.config.endpoint_url().map(str::to_owned);
        if told { general } else { own().or(general) }
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    /// The clock that requests are signed by.
    pub(crate) fn now(&self) -> SystemTime {
        self.config.time_source().unwrap_or_default().now()
    }

    pub(super) fn credentials(&self) -> Option<SharedCredentialsProvider> {
        self.config.credentials_provider()
    }

    /// There are none; `error` says why, as the SDK has it.
    pub(super) fn no_credentials(&self, error: Option<&CredentialsError>) -> Fault {
        let resource = self.profile.clone().unwrap_or_default();
        Fault { resource, ..Fault::no_credentials(error) }
    }

    /// Who the credentials are: the ARN that STS gives, else the key's id; `None` where there are none.
    pub async fn identity(&self) -> Option<String> {
        self.identity.get_or_init(|| self.ask_identity()).await.clone()
    }

    async fn ask_identity(&self) -> Option<String> {
        let key = self.credentials()?.provide_credentials().await.ok()?.access_key_id().to_owned();
        let once = self.sdk().ok()?.into_builder().retry_config(RetryConfig::disabled()).build();
        let asked = aws_sdk_sts::Client::new(&once).get_caller_identity().send();
        let answer = tokio::time::timeout(Duration::from_secs(5), asked).await;
        let arn = answer.ok().and_then(Result::ok).and_then(|answer| answer.arn);
        Some(arn.unwrap_or_else(|| format!("access key {key}")))
    }

    /// An SDK error in words: who may not do what, where; or what is wrong with the credentials.
    ///
    /// `action` is the IAM action (`glue:GetTable`), `resource` what it was meant for (`table logs.access`).
    pub async fn error<E, R>(
        &self,
        action: &str,
        resource: &str,
        error: aws_smithy_runtime_api::client::result::SdkError<E, R>,
    ) -> Error
    where
        E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let mut fault = Fault::of_sdk(action, resource, error);
        if fault.meaning == Meaning::NoCredentials {
            fault.resource = self.profile.clone().unwrap_or_default();
        }
        if fault.meaning == Meaning::Denied {
            fault.identity = self.identity().await;
        }
        fault.into()
    }
}

/// # Errors
/// Usage for what is no URL of HTTP: the libraries below would take it for a mistake of ours.
pub(super) fn check_endpoint(url: &str) -> Result<()> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")).unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    match host.is_empty() || host.contains(char::is_whitespace) {
        true => Err(Error::usage(format!("the endpoint {url:?} is no URL"))
            .hint("write http://host:port or https://host, in --endpoint-url, firelake.toml or AWS_ENDPOINT_URL")),
        false => Ok(()),
    }
}

fn timeouts(silence: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(silence)
        .operation_attempt_timeout(Duration::from_secs(90))
        .build()
}

/// Connections of their own, for [`Aws::with_connections`].
#[cfg(test)]
#[derive(Debug, Clone)]
pub(crate) struct TestConnections(SharedHttpClient);

#[cfg(test)]
impl Default for TestConnections {
    fn default() -> Self {
        TestConnections(http_client())
    }
}

/// The one TLS stack, with the proxy that the environment names. One for each configuration: connections belong to the
/// runtime that opened them.
fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().build_with_connector_fn(|settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .proxy_config(ProxyConfig::from_env());
        if let Some(settings) = settings {
            connector = connector.connector_settings(settings.clone());
        }
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    })
}
