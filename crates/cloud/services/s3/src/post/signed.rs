//! Who signed a form, by signature version 4 or 2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::Hmac;
use hmac::digest::{KeyInit, Mac};
use s3s::{S3Error, S3ErrorCode, S3Result};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::super::access::{Authenticated, Identities};
use super::super::error::{not_implemented, plain, wrong_argument};
use super::fields::Form;

/// The identity whose signature of the policy the form carries.
pub(crate) async fn caller(form: &Form, identities: &Identities) -> S3Result<Authenticated> {
    let policy = form.required("policy")?;
    if form.get("signature").is_some() && form.get("x-amz-signature").is_none() {
        let key = form.required("awsaccesskeyid")?;
        let secret = identities.lookup(key).await?.secret_key;
        let signature = BASE64.encode(sign::<Hmac<Sha1>>(secret.as_bytes(), policy)?);
        return admit(form, identities, key, &signature, form.required("signature")?).await;
    }
    match form.required("x-amz-algorithm")? {
        "AWS4-HMAC-SHA256" => {}
        other => {
            return Err(not_implemented(format!(
                "Forms signed by {other} are not supported by the embedded cloud: sign with AWS4-HMAC-SHA256."
            )));
        }
    }
    let credential = form.required("x-amz-credential")?;
    let scope: Vec<&str> = credential.split('/').collect();
    let [key, date, region, "s3", "aws4_request"] = scope.as_slice() else {
        let message = "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";
        return Err(wrong_argument(message, "X-Amz-Credential", credential));
    };
    if !form.required("x-amz-date")?.starts_with(date) {
        return Err(plain(S3ErrorCode::SignatureDoesNotMatch));
    }
    let secret = format!("AWS4{}", identities.lookup(key).await?.secret_key);
    let mut signing = secret.into_bytes();
    for part in [*date, *region, "s3", "aws4_request"] {
        signing = sign::<Hmac<Sha256>>(&signing, part)?;
    }
    let signature = hex::encode(sign::<Hmac<Sha256>>(&signing, policy)?);
    admit(form, identities, key, &signature, form.required("x-amz-signature")?).await
}

async fn admit(form: &Form, identities: &Identities, key: &str, expected: &str, sent: &str) -> S3Result<Authenticated> {
    if !bool::from(expected.as_bytes().ct_eq(sent.as_bytes())) {
        return Err(plain(S3ErrorCode::SignatureDoesNotMatch));
    }
    identities.with_token(key, form.get("x-amz-security-token")).await
}

fn sign<M: KeyInit + Mac>(key: &[u8], text: &str) -> S3Result<Vec<u8>> {
    let mut mac = <M as KeyInit>::new_from_slice(key).map_err(S3Error::internal_error)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}
