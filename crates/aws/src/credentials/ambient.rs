//! The ambient identity: the SDK's own chain of sources, made on first use.

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use sagewright_engine::cloud::CloudError;
use tokio::sync::OnceCell;

use super::{Held, Session, explain};

/// Where the ambient credentials come from.
#[derive(Debug)]
pub(crate) struct Ambient {
    source: Source,
    provider: OnceCell<Option<SharedCredentialsProvider>>,
    profile: Option<String>,
    shown_profile: String,
}

#[derive(Debug)]
enum Source {
    Fixed(SharedCredentialsProvider),
    Chain { http: SharedHttpClient, region: Option<String>, time: SharedTimeSource, sleep: SharedAsyncSleep },
}

impl Ambient {
    pub(crate) fn fixed(provider: SharedCredentialsProvider) -> Self {
        Self { source: Source::Fixed(provider), provider: OnceCell::new(), profile: None, shown_profile: String::new() }
    }

    pub(crate) fn chain(
        http: SharedHttpClient,
        profile: Option<String>,
        shown_profile: String,
        region: Option<String>,
        time: SharedTimeSource,
        sleep: SharedAsyncSleep,
    ) -> Self {
        Self { source: Source::Chain { http, region, time, sleep }, provider: OnceCell::new(), profile, shown_profile }
    }

    /// Asks the source.
    pub(crate) async fn fetch(&self, region: &str, place: (&str, &str)) -> Result<Held<Session>, CloudError> {
        let provider = self.provider.get_or_init(|| self.provider(region)).await;
        let Some(provider) = provider else { return Err(explain::no_source(&self.shown_profile, place)) };
        match provider.provide_credentials().await {
            Ok(credentials) => {
                let account = credentials.account_id().map(|id| id.as_str().to_owned());
                Ok(Held { expires: credentials.expiry(), value: Session { account, credentials } })
            }
            Err(error) => Err(explain::credentials(&error, &self.shown_profile, place)),
        }
    }

    async fn provider(&self, region: &str) -> Option<SharedCredentialsProvider> {
        match &self.source {
            Source::Fixed(provider) => Some(provider.clone()),
            Source::Chain { http, region: configured, time, sleep } => {
                // A region is given so that the loader does not ask the instance metadata service for one.
                let region = configured.clone().unwrap_or_else(|| region.to_owned());
                let mut loader = aws_config::defaults(BehaviorVersion::latest())
                    .region(Region::new(region))
                    .http_client(http.clone())
                    .time_source(time.clone())
                    .sleep_impl(sleep.clone());
                if let Some(profile) = &self.profile {
                    loader = loader.profile_name(profile);
                }
                loader.load().await.credentials_provider()
            }
        }
    }
}
