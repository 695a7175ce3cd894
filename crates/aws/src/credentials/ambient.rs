//! The ambient identity: the SDK's own chain of sources, made on first use.

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
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
    Chain(Tools),
}

/// What the sources need to ask for credentials.
#[derive(Debug)]
pub(crate) struct Tools {
    pub http: SharedHttpClient,
    pub region: Option<String>,
    pub fips: bool,
    pub dual_stack: bool,
    pub time: SharedTimeSource,
    pub sleep: SharedAsyncSleep,
}

impl Ambient {
    pub(crate) fn fixed(provider: SharedCredentialsProvider) -> Self {
        Self { source: Source::Fixed(provider), provider: OnceCell::new(), profile: None, shown_profile: String::new() }
    }

    /// `profile` is the one that the program was told to use; `shown_profile` the one that is selected in any case.
    pub(crate) fn chain(tools: Tools, profile: Option<String>, shown_profile: String) -> Self {
        Self { source: Source::Chain(tools), provider: OnceCell::new(), profile, shown_profile }
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
            Source::Chain(tools) => {
                // A region is given so that the loader does not ask the instance metadata service for one.
                let region = Region::new(tools.region.clone().unwrap_or_else(|| region.to_owned()));
                match &self.profile {
                    Some(profile) => Some(of_profile(profile, region, tools)),
                    None => {
                        let loader = aws_config::defaults(BehaviorVersion::latest())
                            .region(region)
                            .use_fips(tools.fips)
                            .use_dual_stack(tools.dual_stack)
                            .http_client(tools.http.clone())
                            .time_source(tools.time.clone())
                            .sleep_impl(tools.sleep.clone());
                        loader.load().await.credentials_provider()
                    }
                }
            }
        }
    }
}

/// The chain of a profile that was asked for by name. As with the AWS command line, keys in the environment do not go
/// before it: they may be of another account. A profile without credentials of its own means those of the machine.
fn of_profile(profile: &str, region: Region, tools: &Tools) -> SharedCredentialsProvider {
    let config = ProviderConfig::without_region()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_region(Some(region))
        .with_use_fips(Some(tools.fips))
        .with_use_dual_stack(Some(tools.dual_stack))
        .with_http_client(tools.http.clone())
        .with_time_source(tools.time.clone())
        .with_sleep_impl(tools.sleep.clone());
    let files = ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build();
    let container = EcsCredentialsProvider::builder().configure(&config).build();
    let instance = ImdsCredentialsProvider::builder().configure(&config).build();
    SharedCredentialsProvider::new(
        CredentialsProviderChain::first_try("Profile", files)
            .or_else("EcsContainer", container)
            .or_else("Ec2InstanceMetadata", instance),
    )
}
