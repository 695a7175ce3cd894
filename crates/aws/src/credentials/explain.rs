//! Why there are no credentials, and what to do. Never shows a secret: only sources and causes.

use aws_credential_types::provider::error::CredentialsError;
use sagewright_port::cloud::{Class, CloudError};

use super::ambient::Source;
use crate::config::chain;
use crate::failure::credentials as error;

pub(crate) fn no_source(profile: &str, place: (&str, &str)) -> CloudError {
    let message = format!(
        "no AWS credentials were found. Looked in: the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), \
         profile '{profile}' of the shared config files, a web identity token (AWS_WEB_IDENTITY_TOKEN_FILE and \
         AWS_ROLE_ARN), the container's credentials, the EC2 instance's role. \
         Set one of them, choose a profile with AWS_PROFILE, or sign in with `aws sso login --profile {profile}`"
    );
    error(place, "NoCredentials", message)
}

/// A failure of one of the SDK's credential sources.
/// `expected` says that the source is known to be there.
pub(super) fn credentials(
    cause: &CredentialsError,
    source: Source,
    profile: &str,
    place: (&str, &str),
    expected: bool,
) -> CloudError {
    let why = chain(cause);
    let from = match source {
        Source::Given => "the program".to_owned(),
        Source::Environment => "the environment (AWS_ACCESS_KEY_ID and the like)".to_owned(),
        Source::Profile => format!("profile '{profile}' of the shared config files"),
        Source::WebIdentity => "the web identity token (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN)".to_owned(),
        Source::Container => "the container (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI)".to_owned(),
        Source::Instance => "the EC2 instance's metadata service".to_owned(),
    };
    match cause {
        _ if is_sso(&why.to_ascii_lowercase()) && !passes(cause, &why) => {
            let message = format!(
                "the SSO session of profile '{profile}' is missing or has expired: run `aws sso login --profile {profile}` \
                 and try again ({why})"
            );
            error(place, "SsoSessionExpired", message)
        }
        CredentialsError::CredentialsNotLoaded(_) if !expected => no_source(profile, place),
        // The last source: all the others have nothing. On most machines there is no such service, and what answers in
        // its place is something else.
        _ if source == Source::Instance && !expected => {
            let error = no_source(profile, place);
            CloudError { message: format!("{} ({from} says: {why})", error.message), ..error }
        }
        CredentialsError::ProviderTimedOut(_) => {
            let message = format!("the AWS credentials of {from} timed out: {why}");
            error(place, "CredentialsTimeout", message)
        }
        CredentialsError::InvalidConfiguration(_) => {
            let message = format!(
                "the AWS credentials of {from} are not set up correctly: {why}. \
                 Check ~/.aws/config and the AWS_* environment variables"
            );
            error(place, "InvalidCredentialsConfiguration", message)
        }
        _ => {
            let message = format!("the AWS credentials of {from} could not be loaded: {why}");
            error(place, code_of_failure(&why), message)
        }
    }
}

/// The code of a source's failure: that of the service behind it where the cause names one; otherwise whether it passes.
fn code_of_failure(why: &str) -> &str {
    // "Forbidden" is a word of other sentences too.
    let is_code = |word: &str| word != "Forbidden" && Class::of_code(word).is_some();
    if let Some(code) = why.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| is_code(word)) {
        return code;
    }
    let lower = why.to_ascii_lowercase();
    // What the SDK says of answers that did not come, and of those without a code.
    let silent =
        ["timed out", "timeout", "dispatch failure", "could not communicate"].iter().any(|t| lower.contains(t));
    let status = |word: &str| ["429", "500", "502", "503", "504"].contains(&word);
    let passes = silent || lower.split(|c: char| !c.is_ascii_alphanumeric()).any(status);
    if passes { "CredentialsUnavailable" } else { "CredentialsFailed" }
}

/// Whether a failure passes by itself: an outage is no session that has ended.
fn passes(cause: &CredentialsError, why: &str) -> bool {
    let class = error(("", ""), code_of_failure(why), String::new()).class();
    matches!(cause, CredentialsError::ProviderTimedOut(_)) || matches!(class, Class::Transient | Class::Throttle)
}

fn is_sso(lower: &str) -> bool {
    let named = lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "sso");
    named && ["expired", "token", "unauthorized"].iter().any(|w| lower.contains(w))
}

#[cfg(test)]
mod tests {
    use sagewright_port::Stage;

    use super::*;

    #[test]
    fn each_cause_says_what_to_do() {
        let place = ("sagemaker", "ListModels");
        let told = |cause: &CredentialsError, source| credentials(cause, source, "dev", place, false);
        let none = told(&CredentialsError::not_loaded_no_source(), Source::Profile);
        assert_eq!(
            (none.code.as_str(), none.stage, none.class()),
            ("NoCredentials", Stage::Credentials, Class::Rejected)
        );
        for source in ["AWS_ACCESS_KEY_ID", "profile 'dev'", "AWS_WEB_IDENTITY_TOKEN_FILE", "EC2", "aws sso login"] {
            assert!(none.message.contains(source), "{source}: {}", none.message);
        }
        let sso = CredentialsError::provider_error("the SSO token has expired and cannot be refreshed");
        let sso = told(&sso, Source::Profile);
        assert_eq!(sso.code, "SsoSessionExpired");
        assert!(sso.message.contains("`aws sso login --profile dev`"), "{}", sso.message);
        for outage in [
            "failed to refresh the SSO token: dispatch failure: io error",
            "failed to refresh the SSO token: request has timed out",
            "the SSO token service answered 503",
            "the SSO portal refused the token: TooManyRequestsException",
        ] {
            let outage = told(&CredentialsError::provider_error(outage), Source::Profile);
            assert!(matches!(outage.class(), Class::Transient | Class::Throttle), "{outage}");
            assert!(!outage.message.contains("sso login"), "{outage}");
        }
        let refused =
            CredentialsError::provider_error("the SSO session is over: UnauthorizedException: token not found");
        assert_eq!(told(&refused, Source::Profile).code, "SsoSessionExpired");
        let other = CredentialsError::provider_error("the token's issuer is not associated with this account");
        let other = told(&other, Source::WebIdentity);
        assert_eq!(other.code, "CredentialsFailed", "no word of SSO");
        assert!(other.message.contains("AWS_WEB_IDENTITY_TOKEN_FILE"), "{other}");
        let no_instance = CredentialsError::provider_error("failed to load IMDS session token: request forbidden");
        let no_instance = told(&no_instance, Source::Instance);
        assert_eq!((no_instance.code.as_str(), no_instance.class()), ("NoCredentials", Class::Rejected));
        let message = no_instance.message;
        assert!(message.contains("AWS_ACCESS_KEY_ID") && message.contains("request forbidden"), "{message}");
        let slow = CredentialsError::provider_timed_out(std::time::Duration::from_secs(5));
        assert_eq!(told(&slow, Source::Container).class(), Class::Transient);
    }
}
