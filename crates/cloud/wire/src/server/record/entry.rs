//! What is noted of a request while it is answered. Nothing is copied that could be long, and nothing is masked yet.

use http::request::Parts;
use jiff::Timestamp;
use sagewright_cloud_core::api::{ApiError, Output};
use sagewright_cloud_core::weight;
use sagewright_model::{Operation, Service};
use serde_json::Value;

use super::tap::Tap;
use super::{LONGEST, Recorder, line};

/// A request that is being answered.
pub(in crate::server) struct Entry {
    recorder: Recorder,
    pub(super) number: u64,
    pub(super) time: Timestamp,
    pub(super) principal: String,
    pub(super) region: String,
    pub(super) asked: Asked,
    pub(super) answer: Answer,
}

/// What was asked.
pub(super) enum Asked {
    /// Nothing that was understood.
    Unknown,
    /// An operation, with its input, unless that is too long, and the length of its payload.
    Operation(&'static Service, &'static Operation, Option<Value>, usize),
    /// A request to S3, which is read when it has been answered.
    S3(Box<Parts>, Tap),
}

/// How it was answered.
pub(super) enum Answer {
    /// By status alone.
    None,
    Output(Value),
    /// With an output that is too long to be kept.
    OutputLeftOut,
    Code(String),
    /// An answer of S3.
    S3(Tap),
}

/// A request that has been answered.
pub(in crate::server) struct Finished {
    pub(super) entry: Entry,
    pub(super) account: String,
    pub(super) what: String,
    pub(super) status: u16,
    pub(super) headers: http::HeaderMap,
    pub(super) milliseconds: u64,
    pub(super) whole: bool,
}

impl Finished {
    /// Bytes of memory that it holds, about.
    pub(super) fn weight(&self) -> usize {
        let asked = match &self.entry.asked {
            Asked::Unknown | Asked::Operation(_, _, None, _) => 0,
            Asked::Operation(_, _, Some(input), _) => weight::of(input),
            Asked::S3(parts, tap) => tap.held() + uri_bytes(&parts.uri) + header_bytes(&parts.headers),
        };
        let answered = match &self.entry.answer {
            Answer::None | Answer::OutputLeftOut => 0,
            Answer::Output(output) => weight::of(output),
            Answer::Code(code) => code.len(),
            Answer::S3(tap) => tap.held(),
        };
        let names = self.account.len() + self.what.len() + self.entry.principal.len() + self.entry.region.len();
        size_of::<Self>() + names + header_bytes(&self.headers) + asked + answered
    }
}

fn header_bytes(headers: &http::HeaderMap) -> usize {
    headers.iter().map(|(name, value)| 2 * size_of::<usize>() + name.as_str().len() + value.len()).sum()
}

fn uri_bytes(uri: &http::Uri) -> usize {
    uri.path_and_query().map_or(0, |path| path.as_str().len()) + uri.authority().map_or(0, |host| host.as_str().len())
}

impl Entry {
    pub(in crate::server) fn new(recorder: &Recorder) -> Self {
        Self {
            number: recorder.number(),
            recorder: recorder.clone(),
            time: Timestamp::now(),
            principal: String::new(),
            region: String::new(),
            asked: Asked::Unknown,
            answer: Answer::None,
        }
    }

    pub(in crate::server) fn by(&mut self, principal: &str, region: &str) {
        principal.clone_into(&mut self.principal);
        region.clone_into(&mut self.region);
    }

    /// `length` is that of the body that the input was read from.
    pub(in crate::server) fn operation(
        &mut self,
        service: &'static Service,
        operation: &'static Operation,
        (input, payload): (&Value, usize),
        length: usize,
    ) {
        let input = (length <= LONGEST || payload > 0).then(|| input.clone());
        self.asked = Asked::Operation(service, operation, input, payload);
    }

    pub(in crate::server) fn output(&mut self, result: &Result<Output, ApiError>) {
        self.answer = match result {
            Ok(output) if line::is_short(&output.value) => Answer::Output(output.value.clone()),
            Ok(_) => Answer::OutputLeftOut,
            Err(error) => Answer::Code(error.code.to_string()),
        };
    }

    pub(in crate::server) fn refused(&mut self, error: &ApiError) {
        self.answer = Answer::Code(error.code.to_string());
    }

    /// Sees a request to S3 and its answer go by.
    pub(in crate::server) fn s3(&mut self, parts: &Parts) -> Tap {
        let tap = Tap::default();
        self.asked = Asked::S3(Box::new(parts.clone()), tap.clone());
        self.answer = Answer::S3(Tap::default());
        tap
    }

    /// What sees the answer's body, where it is wanted.
    pub(in crate::server) fn tap(&self) -> Option<Tap> {
        if let Answer::S3(tap) = &self.answer { Some(tap.clone()) } else { None }
    }

    pub(in crate::server) fn finish(
        self,
        account: String,
        what: String,
        (status, headers): (u16, http::HeaderMap),
        milliseconds: u64,
        whole: bool,
    ) {
        let recorder = self.recorder.clone();
        recorder.take(Finished { entry: self, account, what, status, headers, milliseconds, whole });
    }
}
