//! Counts the attempts of a call and tells the rate limiter how each ended.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use sagewright_port::cloud::Class;

use super::{CallError, clock};
use crate::protocol;
use crate::rate_limiter::{Key, Turns};

/// What happened in the attempts of one call.
#[derive(Debug, Default)]
pub(crate) struct AttemptLog {
    started: AtomicU32,
    attempts: AtomicU32,
    throttled: AtomicU32,
    skewed: AtomicBool,
    last: Mutex<Last>,
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Last {
    pub status: Option<u16>,
    pub request_id: Option<String>,
    pub code: Option<String>,
}

impl AttemptLog {
    /// Requests that were begun, the one under way included.
    pub(crate) fn started(&self) -> u32 {
        self.started.load(Ordering::Relaxed)
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts.load(Ordering::Relaxed)
    }

    pub(crate) fn throttled(&self) -> u32 {
        self.throttled.load(Ordering::Relaxed)
    }

    /// Whether an attempt was refused for what may be the machine's clock.
    pub(crate) fn is_skewed(&self) -> bool {
        self.skewed.load(Ordering::Relaxed)
    }

    pub(crate) fn last(&self) -> Last {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The interceptor of one call.
#[derive(Debug)]
pub(crate) struct Attempts {
    log: Arc<AttemptLog>,
    turns: Arc<Turns>,
    key: Key,
    began: Mutex<Duration>,
}

impl Attempts {
    pub(crate) fn new(log: Arc<AttemptLog>, turns: Arc<Turns>, key: Key) -> Self {
        Self { log, turns, key, began: Mutex::default() }
    }
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.log.started.fetch_add(1, Ordering::Relaxed);
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = self.turns.now();
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let attempt = self.log.attempts.fetch_add(1, Ordering::Relaxed) + 1;
        let response = context.response();
        let status = response.map(|r| r.status().as_u16());
        let request_id = response.and_then(|r| protocol::error::request_id(&r.headers().iter().collect()));
        let error = match context.output_or_error() {
            Some(Err(error)) => error.as_operation_error().and_then(|e| e.downcast_ref::<CallError>()),
            _ => None,
        };
        let throttled = error.is_some_and(|e| e.0.class() == Class::Throttle);
        if throttled {
            self.log.throttled.fetch_add(1, Ordering::Relaxed);
        }
        if error.is_some_and(|e| clock::is_doubted(&e.0.code)) {
            self.log.skewed.store(true, Ordering::Relaxed);
        }
        if response.is_some() {
            let began = *self.began.lock().unwrap_or_else(PoisonError::into_inner);
            self.turns.answered(&self.key, began, throttled);
        }
        tracing::trace!(
            service = self.key.service,
            operation = self.key.operation,
            region = self.key.region,
            attempt,
            status,
            request_id,
            code = error.map(|e| e.0.code.as_str()),
            "attempt"
        );
        *self.log.last.lock().unwrap_or_else(PoisonError::into_inner) =
            Last { status, request_id, code: error.map(|e| e.0.code.clone()) };
        Ok(())
    }
}
