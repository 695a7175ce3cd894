//! Why there are no credentials, and what to do. Never shows a secret: only sources and causes.

use aws_credential_types::provider::error::CredentialsError;
use sagewright_engine::cloud::{CloudError, Stage};

use crate::config::chain;

/// A failure before anything was sent in the caller's name.
pub(crate) fn error((service, operation): (&str, &str), code: &str, message: String, retryable: bool) -> CloudError {
    CloudError {
        service: service.to_owned(),
        operation: operation.to_owned(),
        stage: Stage::Credentials,
        code: code.to_owned(),
        message,
        status: None,
        request_id: None,
        retryable,
        retry_after: None,
    }
}

pub(crate) fn no_source(profile: &str, place: (&str, &str)) -> CloudError {
    let message = format!(
        "no AWS credentials were found. Looked in: the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), \
         profile '{profile}' of the shared config files, a web identity token (AWS_WEB_IDENTITY_TOKEN_FILE and \
         AWS_ROLE_ARN), the container's credentials, the EC2 instance's role. \
         Set one of them, choose a profile with AWS_PROFILE, or sign in with `aws sso login --profile {profile}`"
    );
    error(place, "NoCredentials", message, false)
}

/// A failure of the SDK's credential sources.
pub(crate) fn credentials(cause: &CredentialsError, profile: &str, place: (&str, &str)) -> CloudError {
    let why = chain(cause);
    let lower = why.to_ascii_lowercase();
    match cause {
        _ if is_sso(&lower) => {
            let message = format!(
                "the SSO session of profile '{profile}' is missing or has expired: run `aws sso login --profile {profile}` \
                 and try again ({why})"
            );
            error(place, "SsoSessionExpired", message, false)
        }
        CredentialsError::CredentialsNotLoaded(_) => no_source(profile, place),
        // The last source of the chain: all the others have nothing. On most machines there is no such service, and
        // what answers in its place is a proxy.
        _ if lower.contains("imds") => {
            let error = no_source(profile, place);
            let message = format!("{} ({why})", error.message);
            CloudError { message, ..error }
        }
        CredentialsError::ProviderTimedOut(_) => {
            let message = format!("the source of the AWS credentials did not answer in time: {why}");
            error(place, "CredentialsTimeout", message, true)
        }
        CredentialsError::InvalidConfiguration(_) => {
            let message = format!(
                "the AWS credentials are not set up correctly for profile '{profile}': {why}. \
                 Check ~/.aws/config and the AWS_* environment variables"
            );
            error(place, "InvalidCredentialsConfiguration", message, false)
        }
        _ => error(place, "CredentialsFailed", format!("the AWS credentials could not be loaded: {why}"), false),
    }
}

fn is_sso(lower: &str) -> bool {
    let named = lower.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "sso");
    named && ["expired", "token", "unauthorized"].iter().any(|w| lower.contains(w))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_says_what_to_do() {
        let place = ("sagemaker", "ListModels");
        let none = credentials(&CredentialsError::not_loaded_no_source(), "dev", place);
        assert_eq!((none.code.as_str(), none.stage, none.retryable), ("NoCredentials", Stage::Credentials, false));
        for source in ["AWS_ACCESS_KEY_ID", "profile 'dev'", "AWS_WEB_IDENTITY_TOKEN_FILE", "EC2", "aws sso login"] {
            assert!(none.message.contains(source), "{source}: {}", none.message);
        }
        let sso = CredentialsError::provider_error("the SSO token has expired and cannot be refreshed");
        let sso = credentials(&sso, "dev", place);
        assert_eq!(sso.code, "SsoSessionExpired");
        assert!(sso.message.contains("`aws sso login --profile dev`"), "{}", sso.message);
        let other = CredentialsError::provider_error("the token's issuer is not associated with this account");
        assert_eq!(credentials(&other, "dev", place).code, "CredentialsFailed", "no word of SSO");
        let proxy = CredentialsError::provider_error("failed to load IMDS session token: request forbidden");
        let proxy = credentials(&proxy, "dev", place);
        assert_eq!((proxy.code.as_str(), proxy.retryable), ("NoCredentials", false));
        assert!(proxy.message.contains("AWS_ACCESS_KEY_ID") && proxy.message.contains("request forbidden"), "{proxy}");
        let slow = credentials(&CredentialsError::provider_timed_out(std::time::Duration::from_secs(5)), "dev", place);
        assert!(slow.retryable);
    }
}
