//! Correction of a machine's wrong clock, by the time that an endpoint's refusals bear.
//!
//! The runtime believes every `Date`. A request that was accepted was signed at a good time, whatever date its answer bears;
//! and one endpoint's clock says nothing of another's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_runtime::service_clock_skew::ServiceClockSkewInterceptor;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

/// The corrections that have helped, by the endpoint's URL.
#[derive(Debug, Default)]
pub(super) struct Clocks(Mutex<HashMap<String, Clock>>);

impl Clocks {
    /// The correction that has helped at an endpoint, or a fresh one.
    pub(super) fn of(&self, url: &str) -> Clock {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned().unwrap_or_default()
    }

    /// Keeps a correction that has helped.
    pub(super) fn keep(&self, url: String, clock: Clock) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(url, clock);
    }
}

/// The correction of one endpoint's clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock(Arc<ServiceClockSkewInterceptor>);

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "Clock"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.modify_before_retry_loop(context, components, config)
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.read_before_transmit(context, components, config)
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match context.response().status().as_u16() {
            400..500 => self.0.modify_before_deserialization(context, components, config),
            _ => Ok(()),
        }
    }
}

/// Whether a refusal with this code may be for a wrong clock: those that the runtime makes again with another time.
pub(super) fn is_doubted(code: &str) -> bool {
    [
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "AuthFailure",
        "RequestTimeTooSkewed",
        "AccessDeniedException",
    ]
    .contains(&code)
}
