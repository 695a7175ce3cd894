//! The ambient identity: the SDK's own sources in the order of its chain, made on first use.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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
use futures_util::FutureExt as _;
use sagewright_port::cloud::CloudError;

use super::files::{Files, Stamp};
use super::{Held, Session, check, explain};
use crate::config::chain;

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

/// Why a source failed that ended abnormally.
const UNUSABLE: &str = "the keys that it signs its own requests with hold characters that no request can carry";

/// Where the ambient credentials come from.
#[derive(Debug)]
pub(crate) struct Ambient {
    made: Mutex<Option<Arc<Made>>>,
    tools: Option<Tools>,
    profile: Option<String>,
    shown_profile: String,
    files: Files,
    /// Whether this machine has a metadata service: credentials have come from it, or the environment names it.
    on_instance: AtomicBool,
}

/// The sources, and the files as they were when the sources were made, which read them once.
#[derive(Debug)]
struct Made {
    sources: Vec<(Source, SharedCredentialsProvider)>,
    files: Stamp,
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

impl Made {
    fn none() -> Self {
        Self { sources: Vec::new(), files: Stamp::default() }
    }
}

impl Ambient {
    pub(crate) fn fixed(provider: SharedCredentialsProvider) -> Self {
        let made = Made { sources: vec![(Source::Given, provider)], files: Stamp::default() };
        Self::new(Some(made), None, None, String::new())
    }

    /// `profile` is the one that the program was told to use; `shown_profile` the one that is selected in any case.
    pub(crate) fn chain(tools: Tools, profile: Option<String>, shown_profile: String) -> Self {
        Self::new(None, Some(tools), profile, shown_profile)
    }

    fn new(made: Option<Made>, tools: Option<Tools>, profile: Option<String>, shown_profile: String) -> Self {
        let named = std::env::var_os("AWS_EC2_METADATA_SERVICE_ENDPOINT").is_some();
        let made = Mutex::new(made.map(Arc::new));
        let files = Files::of_environment();
        Self { made, tools, profile, shown_profile, files, on_instance: AtomicBool::new(named) }
    }

    /// Whether the files that a session's keys were read from are still those.
    pub(crate) fn is_current(&self, session: &Session) -> bool {
        session.files.is_none_or(|files| files == self.files.stamp())
    }

    /// Makes the sources anew for the next session: keys were refused, and others may have taken their place.
    pub(crate) fn reread(&self) {
        if self.tools.is_some() {
            *self.made.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn made(&self, region: &str) -> Arc<Made> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(tools) = &self.tools else { return made.clone().unwrap_or_else(|| Arc::new(Made::none())) };
        let files = self.files.stamp();
        match &*made {
            Some(made) if made.files == files => Arc::clone(made),
            _ => Arc::clone(made.insert(Arc::new(Made { sources: self.make(tools, region), files }))),
        }
    }

    /// Asks the sources, each after those before it had nothing.
    pub(crate) async fn fetch(&self, region: &str, place: (&str, &str)) -> Result<Held<Session>, CloudError> {
        let made = self.made(region);
        for (source, provider) in &made.sources {
            let explain = |error, expected| explain::credentials(error, *source, &self.shown_profile, place, expected);
            // Sources sign requests of their own, with keys of other sources: what the signing cannot take makes it panic.
            let asked = AssertUnwindSafe(provider.provide_credentials()).catch_unwind().await;
            let asked = asked.unwrap_or_else(|_| Err(CredentialsError::invalid_configuration(UNUSABLE)));
            match asked {
                Ok(credentials) => {
                    if let Some(why) = check::wrong(&credentials) {
                        return Err(explain(&CredentialsError::invalid_configuration(why), true));
                    }
                    if *source == Source::Instance {
                        self.on_instance.store(true, Ordering::Relaxed);
                    }
                    // Whose keys these are only STS can say: an account that the environment or a file names may be the
                    // one that is meant.
                    let files = (*source == Source::Profile).then_some(made.files);
                    return Ok(Held {
                        expires: credentials.expiry(),
                        value: Session { account: None, credentials, files },
                    });
                }
                Err(error) => {
                    let expected = *source == Source::Instance && self.is_on_instance();
                    let none = matches!(error, CredentialsError::CredentialsNotLoaded(_));
                    // The SDK says "nothing here" also of a service that does not answer.
                    if !none || expected && chain(&error).contains("could not communicate") {
                        return Err(explain(&error, expected));
                    }
                }
            }
        }
        Err(explain::no_source(&self.shown_profile, place))
    }

    /// Whether the metadata service is there, and a silence of it will pass.
    fn is_on_instance(&self) -> bool {
        // Documented by AWS as the way to tell an EC2 instance from within.
        const VENDOR: &str = "/sys/devices/virtual/dmi/id/sys_vendor";
        self.on_instance.load(Ordering::Relaxed)
            || std::fs::read_to_string(VENDOR).is_ok_and(|vendor| vendor.trim() == "Amazon EC2")
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
