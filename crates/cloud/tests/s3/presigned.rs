//! Presigned URLs of signature version 4.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::s3_support::sign;
use crate::support::{Answer, Server, Signed, Table, server, unsigned, verdict};

const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string()
}

/// A URL's path and query. `changes` replace or add parameters before the URL is signed; none is left out by "".
fn presign(server: &Server, method: &str, path: &str, changes: &[(&str, &str)]) -> String {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let scope = format!("{}/us-east-1/s3/aws4_request", &time[..8]);
    let credential = format!("AKIDTEST/{scope}");
    let mut parameters = vec![
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", credential.as_str()),
        ("X-Amz-Date", time.as_str()),
        ("X-Amz-Expires", "60"),
        ("X-Amz-SignedHeaders", "host"),
    ];
    parameters.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    parameters.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    let mut pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.sort();
    let query = pairs.join("&");
    let canonical = format!("{method}\n{path}\n{query}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD", server.address);
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let mut key = b"AWS4secret".to_vec();
    for part in [&time[..8], "us-east-1", "s3", "aws4_request"] {
        key = sign(&key, part);
    }
    format!("{path}?{query}&X-Amz-Signature={}", hex::encode(sign(&key, &to_sign)))
}

async fn send(server: &Server, method: &str, target: &str, body: &'static str) -> Answer {
    server.raw(unsigned(server, method, target, &[], body)).await
}

#[tokio::test]
async fn what_a_presigned_query_has_to_say() {
    let server = server().await;
    server.send(Signed::put("/data/a", "secret")).await;
    let wrong = (400, "AuthorizationQueryParametersError");
    let today = jiff::Timestamp::now().strftime("%Y%m%d").to_string();
    let encoded = encode(&format!("AKIDTEST/{today}/us-east-1/s3/aws4_request"));
    let short = format!("AKIDTEST/{today}/us-east-1/s3");
    let mut table = Table::default();
    for (change, right, says) in [
        (("X-Amz-Expires", "60"), (200, ""), ""),
        (("X-Amz-Expires", "604800"), (200, ""), ""),
        (("X-Amz-Expires", "604801"), wrong, "less than a week"),
        (("X-Amz-Expires", "99999999999999999999"), wrong, "less than a week"),
        (("X-Amz-Expires", "-1"), wrong, "non-negative"),
        (("X-Amz-Expires", "soon"), wrong, "should be a number"),
        (("X-Amz-Expires", ""), wrong, "requires the X-Amz-Algorithm"),
        (("X-Amz-Credential", encoded.as_str()), wrong, "mal-formed"),
        (("X-Amz-Credential", short.as_str()), wrong, "mal-formed"),
        (("X-Amz-Credential", ""), wrong, "requires the X-Amz-Algorithm"),
        (("X-Amz-Date", "yesterday"), wrong, "ISO8601"),
        (("X-Amz-Algorithm", "AWS4-HMAC-SHA512"), wrong, "X-Amz-Algorithm only supports"),
        (("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256"), (501, "NotImplemented"), "4A"),
        (("X-Amz-SignedHeaders", ""), wrong, "requires the X-Amz-Algorithm"),
    ] {
        let answer = send(&server, "GET", &presign(&server, "GET", "/data/a", &[change]), "").await;
        table.row(format!("{change:?}"), verdict(&answer), (right.0, right.1.to_owned()));
        table.row(format!("{change:?}: {answer:?}"), answer.element("Message").contains(says), true);
    }
    table.check();
}

#[tokio::test]
async fn headers_may_be_signed_in_the_query() {
    let server = server().await;
    server.send(Signed::put("/data/a", "old")).await;
    let etag = server.send(Signed::get("/data/a")).await.header("etag").to_owned();
    let mut table = Table::default();
    for (case, changes, right) in [
        ("absent", vec![("If-None-Match", "*")], (412, "PreconditionFailed")),
        ("absent, small letters", vec![("if-none-match", "*")], (412, "PreconditionFailed")),
        ("another", vec![("If-Match", "\"other\"")], (412, "PreconditionFailed")),
        ("tags", vec![("x-amz-tagging", "a=1,b=2")], (400, "InvalidArgument")),
        ("checksum", vec![("x-amz-checksum-crc32", "AAAAAA==")], (400, "BadDigest")),
        ("unknown header", vec![("x-amz-checksum-xxhash64", "x")], (501, "NotImplemented")),
        ("this", vec![("If-Match", etag.as_str()), ("x-amz-meta-note", "a b+c")], (200, "")),
    ] {
        let answer = send(&server, "PUT", &presign(&server, "PUT", "/data/a", &changes), "new").await;
        table.row(case, verdict(&answer), (right.0, right.1.to_owned()));
    }
    let answer = server.send(Signed::get("/data/a")).await;
    table.row("metadata", answer.header("x-amz-meta-note"), "a b+c");
    table.row("content", answer.text(), "new".to_owned());
    // What is not signed does not count, wherever it stands.
    let target = presign(&server, "PUT", "/data/a", &[]);
    let answer = send(&server, "PUT", &format!("{target}&x-amz-meta-note=other"), "other").await;
    table.row("not signed", verdict(&answer), (403, "SignatureDoesNotMatch".to_owned()));
    table.check();
}

#[tokio::test]
async fn a_query_of_version_2_carries_no_headers() {
    let server = server().await;
    server.send(Signed::put("/data/secret", "secret")).await;
    let expires = (jiff::Timestamp::now().as_second() + 60).to_string();
    let mut mac = Hmac::<Sha1>::new_from_slice(b"secret").unwrap();
    mac.update(format!("PUT\n\n\n{expires}\n/data/a").as_bytes());
    let signature = encode(&BASE64.encode(mac.finalize().into_bytes()));
    let target = format!("/data/a?AWSAccessKeyId=AKIDTEST&Expires={expires}&Signature={signature}");
    // Version 2 covers neither of these: the upload must not become the copy of another object.
    for added in ["", "&x-amz-copy-source=/data/secret", "&x-amz-meta-note=x"] {
        let answer = send(&server, "PUT", &format!("{target}{added}"), "mine").await;
        assert!(matches!(answer.status.as_u16(), 200 | 403), "{added}: {answer:?}");
        let found = server.send(Signed::get("/data/a")).await;
        assert_eq!((found.text().as_str(), found.header("x-amz-meta-note")), ("mine", ""), "{added}");
    }
}
