//! How a client is made.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, default_async_sleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};
use aws_smithy_runtime_api::shared::IntoShared as _;
use aws_smithy_types::retry::RetryConfig;
use aws_types::os_shim_internal::{Env, Fs};
use sagewright_port::cloud::Role;

use crate::call_record::Observe;
use crate::client::{Aws, Inner};
use crate::config::{ConfigError, Settings};
use crate::credentials::{Ambient, Sessions, Tools};
use crate::rate_limiter::{Stopwatch, Turns};
use crate::transport::{HttpClients, Transport};

/// How failed attempts are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Retry {
    /// Every request is sent once.
    Off,
    /// The SDKs' standard mode: back-off with jitter and a retry quota; `AWS_MAX_ATTEMPTS` (3) attempts.
    #[default]
    Standard,
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOuts {
    /// For a connection.
    pub connect: Duration,
    /// For the first byte of an answer, per attempt. SageMaker lets a model take 60 seconds.
    pub read: Duration,
    /// The same for file transfers, where it includes sending the body.
    pub transfer: Duration,
    /// For a body to come on: 8 KiB a second of it at least, 1 KiB of a file transfer, or its end.
    pub progress: Duration,
}

impl Default for TimeOuts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(70),
            transfer: Duration::from_secs(15 * 60),
            progress: Duration::from_secs(30),
        }
    }
}

/// Makes an [`Aws`] client.
#[derive(Default)]
pub struct Builder {
    region: Option<String>,
    profile: Option<String>,
    endpoint_url: Option<String>,
    app_name: Option<String>,
    retry: Retry,
    timeouts: TimeOuts,
    observer: Option<Arc<dyn Observe>>,
    credentials: Option<Credentials>,
    role_chain: Vec<Role>,
    session_duration: Option<Duration>,
    fips: Option<bool>,
    dual_stack: Option<bool>,
    http_client: Option<SharedHttpClient>,
    sleep: Option<SharedAsyncSleep>,
    time: Option<SharedTimeSource>,
    passed: Option<SharedTimeSource>,
    env: Option<Env>,
    fs: Option<Fs>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("region", &self.region).field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl Builder {
    /// The default region, instead of what environment and profile say.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// The profile of the shared config files, instead of `AWS_PROFILE`. Its credentials go before those of the
    /// environment, as with the AWS command line's `--profile`.
    #[must_use]
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = Some(profile.into());
        self
    }

    /// One URL for all services, before every setting of the environment.
    #[must_use]
    pub fn endpoint_url(mut self, url: impl Into<String>) -> Self {
        self.endpoint_url = Some(url.into());
        self
    }

    /// The program's name in the user agent and in role sessions; `sagewright` otherwise.
    #[must_use]
    pub fn app_name(mut self, name: impl Into<String>) -> Self {
        self.app_name = Some(name.into());
        self
    }

    /// How failed attempts are repeated.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// How long to wait.
    #[must_use]
    pub fn timeouts(mut self, timeouts: TimeOuts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Is told of every call.
    #[must_use]
    pub fn observer(mut self, observer: impl Observe + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Fixed credentials instead of the environment's.
    #[must_use]
    pub fn credentials(mut self, access_key_id: &str, secret_access_key: &str, session_token: Option<&str>) -> Self {
        let token = session_token.map(str::to_owned);
        self.credentials = Some(Credentials::new(access_key_id, secret_access_key, token, None, "fixed"));
        self
    }

    /// Roles to assume, in order, before the role of a target: hub accounts.
    #[must_use]
    pub fn role_chain(mut self, roles: Vec<Role>) -> Self {
        self.role_chain = roles;
        self
    }

    /// How long role sessions last; STS's default is an hour, which is the most for chained roles.
    #[must_use]
    pub fn session_duration(mut self, duration: Duration) -> Self {
        self.session_duration = Some(duration);
        self
    }

    /// FIPS endpoints, instead of what environment and profile say.
    #[must_use]
    pub fn fips(mut self, fips: bool) -> Self {
        self.fips = Some(fips);
        self
    }

    /// Dual-stack endpoints, instead of what environment and profile say.
    #[must_use]
    pub fn dual_stack(mut self, dual_stack: bool) -> Self {
        self.dual_stack = Some(dual_stack);
        self
    }

    /// Another HTTP client, for tests.
    #[must_use]
    pub fn http_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.http_client = Some(client.into_shared());
        self
    }

    /// Another way to sleep, for tests.
    #[must_use]
    pub fn sleep(mut self, sleep: impl AsyncSleep + 'static) -> Self {
        self.sleep = Some(SharedAsyncSleep::new(sleep));
        self
    }

    /// Another clock, for tests. It measures waits too, unless [`Builder::stopwatch`] gives another measure.
    #[must_use]
    pub fn time_source(mut self, time: impl TimeSource + 'static) -> Self {
        self.time = Some(SharedTimeSource::new(time));
        self
    }

    /// Another measure of waits and time limits, for tests; only the time between two readings of it counts.
    #[must_use]
    pub fn stopwatch(mut self, time: impl TimeSource + 'static) -> Self {
        self.passed = Some(SharedTimeSource::new(time));
        self
    }

    /// Another environment (variables and files), for tests. Credentials other than fixed ones still come from the
    /// real one.
    #[must_use]
    pub fn environment(mut self, variables: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
        self.env = Some(Env::from_slice(variables));
        self.fs = Some(Fs::from_slice(files));
        self
    }

    /// Makes the client. Reads the config files; loads no certificates and no credentials, and connects nowhere.
    ///
    /// # Errors
    /// The config files could not be read, or hold no profile of the name asked for.
    pub async fn build(self) -> Result<Aws, ConfigError> {
        let env = self.env.unwrap_or_else(Env::real);
        let fs = self.fs.unwrap_or_else(Fs::real);
        let settings =
            Settings::load(env, &fs, self.profile.clone(), self.endpoint_url, self.credentials.is_some()).await?;
        let stopwatch = self.passed.or_else(|| self.time.clone()).map_or_else(Stopwatch::start, Stopwatch::Given);
        let time = self.time.unwrap_or_default();
        let sleep = self
            .sleep
            .or_else(default_async_sleep)
            .unwrap_or_else(|| SharedAsyncSleep::new(aws_smithy_async::rt::sleep::TokioSleep::new()));
        let app_name = self.app_name.unwrap_or_else(|| "sagewright".to_owned());
        let clients = match self.http_client {
            Some(client) => HttpClients::fixed(client),
            None => HttpClients::new(settings.env("AWS_CA_BUNDLE")),
        };
        let region = self.region.or_else(|| settings.region());
        let fips = self.fips.unwrap_or_else(|| settings.fips());
        let dual_stack = self.dual_stack.unwrap_or_else(|| settings.dual_stack());
        let retry = match self.retry {
            Retry::Off => RetryConfig::disabled(),
            Retry::Standard => RetryConfig::standard().with_max_attempts(settings.max_attempts().unwrap_or(3)),
        };
        let ambient = match self.credentials {
            Some(credentials) => Ambient::fixed(SharedCredentialsProvider::new(credentials)),
            None => {
                let tools = Tools {
                    http: clients.https(),
                    direct: clients.direct(),
                    region: region.clone(),
                    fips,
                    dual_stack,
                    time: time.clone(),
                    sleep: sleep.clone(),
                };
                Ambient::chain(tools, self.profile, settings.profile().to_owned())
            }
        };
        let turns = Arc::new(Turns::new(stopwatch, sleep.clone()));
        let transport = Transport::new(
            clients,
            retry,
            self.timeouts,
            &app_name,
            settings.environment(),
            time.clone(),
            sleep.clone(),
            Arc::clone(&turns),
        );
        Ok(Aws::from_inner(Inner {
            settings,
            region,
            fips,
            dual_stack,
            transport,
            turns,
            sleep,
            ambient,
            sessions: Sessions::new(time.clone()),
            identities: Sessions::new(time.clone()),
            role_chain: self.role_chain,
            session_duration: self.session_duration,
            session_name: session_name(&app_name),
            observer: self.observer,
            tidying: Mutex::default(),
        }))
    }
}

/// STS takes letters, digits and `_=,.@-`, 2 to 64 of them.
fn session_name(app: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_=,.@-".contains(c);
    let name: String = app.chars().map(|c| if allowed(c) { c } else { '-' }).take(64).collect();
    if name.len() < 2 { "sagewright".to_owned() } else { name }
}
