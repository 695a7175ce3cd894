//! Sends requests through the SDK's runtime: signing, retries, time-outs and clock-skew correction are its.

mod attempts;
mod body;
mod clock;
mod http;
mod reply;
mod retries;

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{PayloadSigningOverride, SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::invocation_id::InvocationIdInterceptor;
use aws_runtime::request_info::RequestInfoInterceptor;
use aws_runtime::service_clock_skew::ServiceClockSkewClassifier;
use aws_runtime::user_agent::{ApiMetadata, AwsUserAgent, UserAgentInterceptor};
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::TransientErrorClassifier;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, SensitiveOutput};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::{SharedRuntimePlugin, StaticRuntimePlugin};
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use aws_types::app_name::AppName;
use aws_types::os_shim_internal::Env;
use aws_types::region::{Region, SigningRegion};
use sagewright_model::Service;

use body::Bounds;
use clock::Clocks;

pub(crate) use attempts::{AttemptLog, Attempts};
pub(crate) use body::Halt;
pub(crate) use http::HttpClients;
pub(crate) use reply::{CallError, Reply, ReplyReader};
pub(crate) use retries::{Retries, is_read, is_repeatable};

use crate::builder::TimeOuts;
use crate::endpoint::Endpoint;
use crate::rate_limiter::{Key, Turns};

/// How the body is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodySigning {
    /// By its bytes, which are in memory.
    Bytes,
    /// Not at all: TLS protects it.
    Unsigned,
    /// By this SHA-256, in hexadecimal.
    Sha256(String),
}

/// A request and all that it needs to be sent.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub service: &'static Service,
    pub operation: &'static str,
    /// Whether a second request that takes effect changes nothing more.
    pub repeatable: bool,
    pub endpoint: Endpoint,
    pub credentials: Credentials,
    pub method: String,
    /// Path and query, as encoded.
    pub uri: String,
    pub headers: Vec<(String, String)>,
    pub body: SdkBody,
    pub signing: BodySigning,
    /// Hand the body over unread.
    pub streaming: bool,
    /// The body is large either way: wait longer.
    pub transfer: bool,
    pub key: Key,
    /// Attempts that are left of the call.
    pub attempts: u32,
}

/// Sends requests.
#[derive(Debug)]
pub(crate) struct Transport {
    clients: HttpClients,
    retry: RetryConfig,
    timeouts: TimeOuts,
    user_agent: AwsUserAgent,
    shared: SharedRuntimePlugin,
    turns: Arc<Turns>,
    sleep: SharedAsyncSleep,
    clocks: Clocks,
}

/// Bytes a second that an answer, and a transfer, has to come on by. What is over sooner may be slower.
const ANSWER_RATE: u64 = 8 << 10;
const TRANSFER_RATE: u64 = 1 << 10;

impl Transport {
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn new(
        clients: HttpClients,
        retry: RetryConfig,
        timeouts: TimeOuts,
        app_name: &str,
        env: &Env,
        time: SharedTimeSource,
        sleep: SharedAsyncSleep,
        turns: Arc<Turns>,
    ) -> Self {
        let api = ApiMetadata::new("sagewright", env!("CARGO_PKG_VERSION"));
        let mut user_agent = AwsUserAgent::new_from_environment(env.clone(), api);
        if let Ok(name) = AppName::new(app_name.to_owned()) {
            user_agent.set_app_name(name);
        }
        let components = RuntimeComponentsBuilder::new("sagewright")
            .with_auth_scheme(SigV4AuthScheme::new())
            .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
            .with_interceptor(InvocationIdInterceptor::new())
            .with_interceptor(RequestInfoInterceptor::new())
            .with_interceptor(UserAgentInterceptor::new())
            .with_retry_classifier(TransientErrorClassifier::<CallError>::new())
            .with_retry_classifier(ServiceClockSkewClassifier::<CallError>::new())
            .with_time_source(Some(time))
            .with_sleep_impl(Some(sleep.clone()));
        let plugin = StaticRuntimePlugin::new().with_runtime_components(components);
        let shared = SharedRuntimePlugin::new(plugin);
        Self { clients, retry, timeouts, user_agent, shared, turns, sleep, clocks: Clocks::default() }
    }

    /// What is wrong with the certificates that an endpoint would be trusted by.
    pub(crate) fn distrust(&self, endpoint: &Endpoint) -> Option<String> {
        self.clients.distrust(endpoint)
    }

    /// How often a request is sent at most.
    pub(crate) fn max_attempts(&self) -> u32 {
        if self.retry.has_retry() { self.retry.max_attempts() } else { 1 }
    }

    /// Sends a request, again where that may help at once.
    pub(crate) async fn send(
        &self,
        outgoing: Outgoing,
        log: &Arc<AttemptLog>,
    ) -> Result<Reply, SdkError<CallError, HttpResponse>> {
        let mut request = HttpRequest::new(outgoing.body);
        request.set_method(&outgoing.method).map_err(SdkError::construction_failure)?;
        request.set_uri(outgoing.uri).map_err(SdkError::construction_failure)?;
        for (name, value) in outgoing.headers {
            // Checked insertion: the name and the value come from the caller.
            request.headers_mut().try_insert(name, value).map_err(SdkError::construction_failure)?;
        }
        let s3 = outgoing.service.id == "s3";
        let mut layer = Layer::new("request");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(self.user_agent.clone());
        // The runtime would log bodies at trace level; those of STS hold secrets.
        layer.store_put(SensitiveOutput);
        let mut options = SigningOptions::default();
        options.double_uri_encode = !s3;
        options.normalize_uri_path = !s3;
        options.content_sha256_header = s3;
        layer.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(Region::new(outgoing.endpoint.signing_region.clone()))),
            region_set: None,
            name: Some(SigningName::from(outgoing.endpoint.signing_name.clone())),
            signing_options: options,
        });
        match outgoing.signing {
            BodySigning::Bytes => {}
            BodySigning::Unsigned => {
                layer.store_put(PayloadSigningOverride::UnsignedPayload);
            }
            BodySigning::Sha256(digest) => {
                layer.store_put(PayloadSigningOverride::Precomputed(digest));
            }
        }
        // The credentials were resolved (and cached) before: a failure there is not a failure of this request.
        let identity = RuntimeComponentsBuilder::new("identity")
            .with_identity_resolver(SCHEME_ID, SharedCredentialsProvider::new(outgoing.credentials));
        let identity = StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(
            identity.with_identity_cache(Some(aws_smithy_runtime::client::identity::IdentityCache::no_cache())),
        );
        let read = if outgoing.transfer { self.timeouts.transfer } else { self.timeouts.read };
        let timeouts = TimeoutConfig::builder().connect_timeout(self.timeouts.connect).read_timeout(read).build();
        // Retry quotas are per service, region and identity: one throttled account must not use up another's.
        let partition = format!("{}/{}/{}", outgoing.service.id, outgoing.key.region, outgoing.key.identity);
        let stall = StalledStreamProtectionConfig::enabled().grace_period(Duration::from_secs(60)).build();
        let (rate, within) = (if outgoing.transfer { TRANSFER_RATE } else { ANSWER_RATE }, self.timeouts.progress);
        let least = rate.saturating_mul(within.as_secs()).max(1);
        let bounds = Bounds { most: None, least, within, sleep: self.sleep.clone() };
        let url = outgoing.endpoint.url.clone();
        let clock = self.clocks.of(&url);
        let result = Operation::builder()
            .service_name(partition)
            .operation_name(outgoing.operation)
            .behavior_version(BehaviorVersion::latest())
            .http_client(self.clients.of(&outgoing.endpoint))
            .endpoint_url(&outgoing.endpoint.url)
            .standard_retry(&self.retry.clone().with_max_attempts(outgoing.attempts.max(1)))
            .timeout_config(timeouts)
            .stalled_stream_protection(stall)
            .with_connection_poisoning()
            .interceptor(clock.clone())
            .interceptor(Attempts::new(Arc::clone(log), Arc::clone(&self.turns), outgoing.key))
            .retry_classifier(Retries { repeatable: outgoing.repeatable })
            .runtime_plugin(self.shared.clone())
            .runtime_plugin(identity)
            .serializer(|request: HttpRequest| Ok(request))
            .deserializer_impl::<Reply, CallError>(ReplyReader::new(outgoing.service, outgoing.streaming, bounds))
            .build()
            .invoke(request)
            .await;
        if result.is_ok() && log.is_skewed() {
            self.clocks.keep(url, clock);
        }
        result
    }
}
