//! The retry policy, and the classes of errors that it goes by.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::time::Duration;

use proptest::prelude::*;
use sagewright_engine::cloud::{Class, CloudError, Stage};
use sagewright_engine::retry::{Backoff, LONGEST_AFTER, next, next_of_command};

const CLASSES: [Class; 5] = [Class::Terminal, Class::Rejected, Class::Blocked, Class::Throttle, Class::Transient];

fn answer(code: &str, status: u16) -> CloudError {
    CloudError { status: Some(status), ..CloudError::new("sagemaker", "CreateModel", Stage::Service, code, "m") }
}

#[test]
fn an_error_is_classed_by_stage_code_and_status() {
    let stage = |stage, code: &str| CloudError::new("sagemaker", "CreateModel", stage, code, "m");
    let after_status = |code, status| CloudError { stage: Stage::Credentials, ..answer(code, status) };
    let table = [
        // Our own check of the input, before anything was sent.
        (stage(Stage::Input, "ValidationException"), Class::Terminal),
        (stage(Stage::Input, "AccessDenied"), Class::Terminal),
        // ACK's terminal codes.
        (answer("InvalidParameterValue", 400), Class::Terminal),
        (answer("InvalidParameterCombination", 400), Class::Terminal),
        (answer("MissingParameter", 400), Class::Terminal),
        // A quota is not a throttle, whatever the SDKs' list says.
        (answer("ResourceLimitExceeded", 400), Class::Blocked),
        (answer("LimitExceededException", 400), Class::Blocked),
        (answer("LimitExceeded", 409), Class::Blocked),
        (answer("ServiceQuotaExceededException", 402), Class::Blocked),
        (answer("AccessDeniedException", 400), Class::Blocked),
        (answer("AccessDenied", 403), Class::Blocked),
        (answer("Forbidden", 403), Class::Blocked),
        (answer("ThrottlingException", 400), Class::Throttle),
        (answer("RequestLimitExceeded", 503), Class::Throttle),
        (answer("SomethingNew", 429), Class::Throttle),
        (answer("ModelNotReadyException", 429), Class::Transient),
        (answer("InternalFailure", 500), Class::Transient),
        (answer("SomethingNew", 503), Class::Transient),
        (answer("NotImplemented", 501), Class::Rejected),
        (answer("ValidationException", 400), Class::Rejected),
        (answer("SomethingNew", 400), Class::Rejected),
        (stage(Stage::Queue, "QueueTooLong"), Class::Throttle),
        (stage(Stage::Transport, "TimedOut"), Class::Transient),
        (stage(Stage::Transport, "NotTrusted"), Class::Rejected),
        (stage(Stage::Answer, "UnreadableAnswer"), Class::Transient),
        (stage(Stage::Answer, "RepeatedToken"), Class::Rejected),
        // A role is not assumed: STS is slow, down, or refuses.
        (stage(Stage::Credentials, "CredentialsTimeout"), Class::Transient),
        (after_status("Throttling", 400), Class::Throttle),
        (after_status("ServiceUnavailable", 503), Class::Transient),
        (after_status("AccessDenied", 403), Class::Blocked),
        (stage(Stage::Credentials, "NoCredentials"), Class::Rejected),
        (stage(Stage::Credentials, "SsoSessionExpired"), Class::Rejected),
    ];
    for (error, class) in table {
        assert_eq!(error.class(), class, "{:?} {error}", error.stage);
        assert_eq!(error.is_throttle(), class == Class::Throttle);
    }
}

#[test]
fn a_failure_says_whether_the_service_may_have_acted() {
    let stage = |stage, code: &str| CloudError::new("sagemaker", "CreateModel", stage, code, "m");
    let table = [
        (stage(Stage::Answer, "UnreadableAnswer"), true),
        (stage(Stage::Transport, "TimedOut"), true),
        (stage(Stage::Transport, "AnswerBroken"), true),
        (stage(Stage::Transport, "ConnectionRefused"), false),
        (stage(Stage::Transport, "NotTrusted"), false),
        (answer("InternalFailure", 500), true),
        (answer("RequestLimitExceeded", 503), false),
        (answer("ThrottlingException", 400), false),
        (answer("ValidationException", 400), false),
        (stage(Stage::Queue, "QueueTooLong"), false),
        (stage(Stage::Credentials, "CredentialsTimeout"), false),
        (stage(Stage::Input, "ValidationException"), false),
    ];
    for (error, may) in table {
        assert_eq!(error.may_have_taken_effect(), may, "{:?} {error}", error.stage);
    }
}

#[test]
fn a_failure_says_what_to_do_about_it() {
    let stage = |stage, code: &str| CloudError::new("sagemaker", "CreateModel", stage, code, "m");
    let no_embedded_cloud = CloudError {
        message: "no answer; is `sagewright local up` running?".into(),
        ..stage(Stage::Transport, "ConnectionRefused")
    };
    let signature = |code, message: &str| CloudError { message: message.into(), ..answer(code, 403) };
    let table = [
        (answer("RequestTimeTooSkewed", 403), "set the clock"),
        (answer("RequestExpired", 400), "set the clock"),
        (signature("InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier"), "set the clock"),
        (signature("SignatureDoesNotMatch", "Signature not yet current: 20260101T000000Z"), "set the clock"),
        (
            signature("InvalidSignatureException", "The request signature we calculated does not match"),
            "the secret key",
        ),
        (stage(Stage::Credentials, "NoCredentials"), "eval \"$(sagewright local env)\""),
        (stage(Stage::Credentials, "ExpiredToken"), "sign in again"),
        (answer("ExpiredTokenException", 403), "sign in again"),
        (stage(Stage::Credentials, "AccessDenied"), "check the AWS profile"),
        (stage(Stage::Transport, "TimedOut"), "check the network"),
        (no_embedded_cloud, ""),
        (answer("AccessDenied", 403), "a policy that allows it"),
        (answer("AccessDeniedException", 400), "a policy that allows it"),
        (answer("ResourceLimitExceeded", 400), "a higher quota"),
        (answer("SignatureDoesNotMatch", 403), "the secret key"),
        (answer("ValidationException", 400), "correct the value"),
        (stage(Stage::Input, "ValidationException"), "correct the value"),
        (stage(Stage::Answer, "ValidationException"), ""),
        (answer("NoSuchBucket", 404), "--make-bucket"),
        (answer("InternalFailure", 500), ""),
    ];
    for (error, advice) in table {
        assert!(error.advice().contains(advice), "{error}: {}", error.advice());
        assert_eq!(error.advice().is_empty(), advice.is_empty(), "{error}: {}", error.advice());
    }
}

#[test]
fn a_failure_names_its_service_operation_code_and_request() {
    let refused = answer("ValidationException", 400);
    assert_eq!(refused.to_string(), "sagemaker CreateModel: ValidationException: m");
    let refused = CloudError { request_id: Some("r-1".into()), ..refused };
    assert_eq!(refused.to_string(), "sagemaker CreateModel: ValidationException: m (request id r-1)");
}

#[test]
fn pauses_double_up_to_a_longest_and_a_command_gives_up() {
    let seconds = |class, failures| next(class, failures, None, None).map(|pause| pause.as_secs_f64());
    assert_eq!(seconds(Class::Terminal, 1), None);
    let table = [
        (Class::Transient, [0.5, 1.0, 2.0, 30.0]),
        (Class::Throttle, [0.5, 1.0, 2.0, 60.0]),
        (Class::Blocked, [5.0, 10.0, 20.0, 300.0]),
        (Class::Rejected, [30.0, 60.0, 120.0, 1000.0]),
    ];
    for (class, pauses) in table {
        let given = [1, 2, 3, u32::MAX].map(|failures| seconds(class, failures).unwrap());
        assert_eq!(given, pauses, "{class:?}");
    }
    // A service is heeded for a minute at most.
    for (after, pause) in [(20, 20), (60, 60), (3_600, 60)] {
        let given = next(Class::Transient, 1, Some(Duration::from_secs(after)), None);
        assert_eq!(given, Some(Duration::from_secs(pause)), "{after}");
    }
    let command = |class, spent| next_of_command(class, 1, None, Duration::from_secs(spent), None).is_some();
    assert!(!command(Class::Rejected, 0), "a command does not wait for its user");
    assert!(command(Class::Blocked, 20) && !command(Class::Blocked, 25));
    assert!(command(Class::Transient, 119) && !command(Class::Transient, 120));
}

proptest! {
    #[test]
    fn the_policy_keeps_the_deadline_and_heeds_the_service(
        class in 0..CLASSES.len(),
        failures in any::<u32>(),
        after in proptest::option::of(0_u64..10_000_000),
        left in proptest::option::of(0_u64..2_000_000),
        spent in 0_u64..200_000,
    ) {
        let class = CLASSES[class];
        let (after, left) = (after.map(Duration::from_millis), left.map(Duration::from_millis));
        let spent = Duration::from_millis(spent);
        if let Some(pause) = next(class, failures, after, left) {
            prop_assert!(left.is_none_or(|left| pause < left));
            prop_assert!(after.is_none_or(|after| pause >= after.min(LONGEST_AFTER)));
            prop_assert!(pause >= Backoff::of(class).unwrap().first);
            prop_assert!(next(class, failures.saturating_add(1), after, None).unwrap() >= pause);
        }
        if let Some(pause) = next_of_command(class, failures, after, spent, left) {
            prop_assert_eq!(Some(pause), next(class, failures, after, left));
            prop_assert!(spent + pause < Backoff::of(class).unwrap().patience);
        }
    }
}
