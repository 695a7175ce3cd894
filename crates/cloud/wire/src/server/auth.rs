//! Whose request it is: what its headers claim before the body is read, and its signature after.

use std::sync::Arc;

use http::request::Parts;
use sagewright_model::Service;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::dispatch::Dispatcher;
use crate::protocol::Wire;
use crate::sigv4::{self, AuthError, Claim};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::identity::Principal;

/// A request that is not believed, or a database that cannot be asked.
pub(super) enum Refusal {
    Auth(AuthError),
    Store(sagewright_cloud_core::records::StoreError),
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        Self::Auth(error)
    }
}

impl From<sagewright_cloud_core::records::StoreError> for Refusal {
    fn from(error: sagewright_cloud_core::records::StoreError) -> Self {
        Self::Store(error)
    }
}

impl Dispatcher {
    /// Whose signature a request claims to bear: all that can be judged without the body.
    pub(super) async fn identify<'p>(
        &self,
        service: &Service,
        parts: &'p Parts,
        now: jiff::Timestamp,
    ) -> Result<(Claim<'p>, Arc<Principal>), Refusal> {
        let claim = Claim::of(parts)?.ok_or(AuthError::Missing)?;
        // A signature for one service must not do for another, nor one call's for another operation.
        let signing_name = service.metadata.signing_name();
        if claim.service != signing_name {
            let text = format!("Credential should be scoped to correct service: '{signing_name}'.");
            return Err(AuthError::Mismatch(text).into());
        }
        if parts.headers.contains_key("x-amz-target") && !claim.signs("x-amz-target") {
            let text = "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.";
            return Err(AuthError::Mismatch(text.to_owned()).into());
        }
        let principal = self.identity.lookup(&claim.access_key).await?.ok_or(AuthError::UnknownKey)?;
        let expected = principal.session.as_ref().map(|s| s.token.reveal());
        let fits = match (expected, claim.token.as_deref()) {
            (None, None) => true,
            (Some(expected), Some(given)) => bool::from(expected.as_bytes().ct_eq(given.as_bytes())),
            _ => false,
        };
        if !fits {
            return Err(AuthError::UnknownKey.into());
        }
        sigv4::check_time(&claim, now)?;
        if principal.expired(now) {
            return Err(AuthError::ExpiredToken.into());
        }
        Ok((claim, principal))
    }

    /// Whether the signature is that of the principal, over this body.
    pub(super) fn verify(
        &self,
        parts: &Parts,
        body: &[u8],
        claim: &Claim<'_>,
        principal: &Principal,
    ) -> Result<(), Refusal> {
        let hash: [u8; 32] = Sha256::digest(body).into();
        Ok(sigv4::verify(&self.keys, parts, &hash, claim, principal.secret.reveal())?)
    }
}

/// AWS's code and status for a signature that is not believed; they differ by protocol family.
pub(super) fn auth_error(refusal: &Refusal, wire: Wire) -> ApiError {
    let error = match refusal {
        Refusal::Auth(error) => error,
        Refusal::Store(error) => return ApiError::internal(error.to_string()),
    };
    let query = wire.is_xml();
    let code = match error {
        AuthError::Missing if query => "MissingAuthenticationToken",
        AuthError::Missing => "MissingAuthenticationTokenException",
        AuthError::Incomplete(_) if query => "IncompleteSignature",
        AuthError::Incomplete(_) => "IncompleteSignatureException",
        AuthError::UnknownKey if query => "InvalidClientTokenId",
        AuthError::UnknownKey => "UnrecognizedClientException",
        AuthError::Mismatch(_) if query => "SignatureDoesNotMatch",
        AuthError::Mismatch(_) => "InvalidSignatureException",
        AuthError::ExpiredToken if query => "ExpiredToken",
        AuthError::ExpiredToken => "ExpiredTokenException",
    };
    let message = match error {
        AuthError::Missing if query => "Request is missing Authentication Token".to_owned(),
        other => other.to_string(),
    };
    let status = match (wire, error) {
        (Wire::Json | Wire::RpcV2Cbor, _) | (_, AuthError::Incomplete(_)) => 400,
        _ => 403,
    };
    ApiError::new(code, status, message)
}
