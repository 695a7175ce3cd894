//! The ambient identity: the SDK's own sources in the order of its chain, made on first use.

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use sagewright_engine::cloud::CloudError;
use tokio::sync::OnceCell;

use super::{Held, Session, explain};

/// Where credentials may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Given,
    Environment,
    Profile,
    WebIdentity,
    Container,
    Instance,
}

/// Where the ambient credentials come from.
#[derive(Debug)]
pub(crate) struct Ambient {
    made: OnceCell<Vec<(Source, SharedCredentialsProvider)>>,
    tools: Option<Tools>,
    profile: Option<String>,
    shown_profile: String,
}

/// What the sources need to ask for credentials.
#[derive(Debug)]
pub(crate) struct Tools {
    pub http: SharedHttpClient,
    /// Without TLS and without a proxy: what the machine itself answers must not pass through another.
    pub direct: SharedHttpClient,
    pub region: Option<String>,
    pub fips: bool,
    pub dual_stack: bool,
    pub time: SharedTimeSource,
    pub sleep: SharedAsyncSleep,
}

impl Ambient {
    pub(crate) fn fixed(provider: SharedCredentialsProvider) -> Self {
        let made = OnceCell::new_with(Some(vec![(Source::Given, provider)]));
        Self { made, tools: None, profile: None, shown_profile: String::new() }
    }

    /// `profile` is the one that the program was told to use; `shown_profile` the one that is selected in any case.
    pub(crate) fn chain(tools: Tools, profile: Option<String>, shown_profile: String) -> Self {
        Self { made: OnceCell::new(), tools: Some(tools), profile, shown_profile }
    }

    /// Asks the sources, each after those before it had nothing.
    pub(crate) async fn fetch(&self, region: &str, place: (&str, &str)) -> Result<Held<Session>, CloudError> {
        let made = async || self.tools.as_ref().map_or_else(Vec::new, |tools| self.make(tools, region));
        for (source, provider) in self.made.get_or_init(made).await {
            match provider.provide_credentials().await {
                Ok(credentials) => {
                    let account = credentials.account_id().map(|id| id.as_str().to_owned());
                    return Ok(Held { expires: credentials.expiry(), value: Session { account, credentials } });
                }
                Err(CredentialsError::CredentialsNotLoaded(_)) => {}
                Err(error) => return Err(explain::credentials(&error, *source, &self.shown_profile, place)),
            }
        }
        Err(explain::no_source(&self.shown_profile, place))
    }

    /// The SDK's chain. A profile that was asked for by name takes the place of what the environment says, as with the
    /// AWS command line: keys there may be of another account. One without credentials of its own means the machine's.
    fn make(&self, tools: &Tools, region: &str) -> Vec<(Source, SharedCredentialsProvider)> {
        let config = |http: &SharedHttpClient| {
            ProviderConfig::without_region()
                .with_behavior_version(Some(BehaviorVersion::latest()))
                .with_region(Some(Region::new(tools.region.clone().unwrap_or_else(|| region.to_owned()))))
                .with_use_fips(Some(tools.fips))
                .with_use_dual_stack(Some(tools.dual_stack))
                .with_http_client(http.clone())
                .with_time_source(tools.time.clone())
                .with_sleep_impl(tools.sleep.clone())
        };
        let (web, direct) = (config(&tools.http), config(&tools.direct));
        let mut profile = ProfileFileCredentialsProvider::builder().configure(&web);
        if let Some(name) = &self.profile {
            profile = profile.profile_name(name);
        }
        let profile = (Source::Profile, SharedCredentialsProvider::new(profile.build()));
        let mut sources = match self.profile {
            Some(_) => vec![profile],
            None => {
                let keys = EnvironmentVariableCredentialsProvider::new();
                let token = WebIdentityTokenCredentialsProvider::builder().configure(&web).build();
                vec![
                    (Source::Environment, SharedCredentialsProvider::new(keys)),
                    profile,
                    (Source::WebIdentity, SharedCredentialsProvider::new(token)),
                ]
            }
        };
        let over_tls = std::env::var("AWS_CONTAINER_CREDENTIALS_FULL_URI").is_ok_and(|uri| uri.starts_with("https:"));
        let container = EcsCredentialsProvider::builder().configure(if over_tls { &web } else { &direct }).build();
        let instance = ImdsCredentialsProvider::builder().configure(&direct).build();
        sources.push((Source::Container, SharedCredentialsProvider::new(container)));
        sources.push((Source::Instance, SharedCredentialsProvider::new(instance)));
        sources
    }
}
