use serde_json::Value;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SIGNED_AT: &str = "20260304T050607Z";

/// Requests that botocore 1.43 signed.
fn vectors() -> Vec<(String, Parts, [u8; 32])> {
    let cases: Vec<Value> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    cases
        .iter()
        .map(|case| {
            let mut request =
                http::Request::builder().method(case["method"].as_str().unwrap()).uri(case["uri"].as_str().unwrap());
            for header in case["headers"].as_array().unwrap() {
                request = request.header(header[0].as_str().unwrap(), header[1].as_str().unwrap());
            }
            let parts = request.body(()).unwrap().into_parts().0;
            let hash = Sha256::digest(case["body"].as_str().unwrap()).into();
            (case["name"].as_str().unwrap().to_owned(), parts, hash)
        })
        .collect()
}

fn at(text: &str) -> Timestamp {
    parse_basic(text).unwrap()
}

fn check(parts: &Parts, hash: &[u8; 32], secret: &str, now: &str) -> Result<(), AuthError> {
    let claim = Claim::of(parts)?.ok_or(AuthError::Missing)?;
    check_time(&claim, at(now))?;
    verify(&KeyCache::default(), parts, hash, &claim, secret)
}

#[test]
fn requests_signed_by_botocore_pass() {
    for (name, parts, hash) in vectors() {
        assert_eq!(check(&parts, &hash, SECRET, SIGNED_AT), Ok(()), "{name}");
        assert_eq!(scope_service(&parts).as_deref(), Some("sagemaker"), "{name}");
    }
}

#[test]
fn anything_changed_does_not_pass() {
    let mismatch = Err(AuthError::Mismatch(DOES_NOT_MATCH.to_owned()));
    for (name, parts, hash) in vectors() {
        assert_eq!(check(&parts, &hash, "another secret", SIGNED_AT), mismatch, "{name}: secret");
        assert_eq!(check(&parts, &Sha256::digest("x").into(), SECRET, SIGNED_AT), mismatch, "{name}: body");
        let mut other = parts.clone();
        other.method = http::Method::DELETE;
        assert_eq!(check(&other, &hash, SECRET, SIGNED_AT), mismatch, "{name}: method");
        let mut other = parts.clone();
        other.headers.insert("host", "elsewhere".parse().unwrap());
        assert_eq!(check(&other, &hash, SECRET, SIGNED_AT), mismatch, "{name}: host");
        let mut other = parts.clone();
        let uri = format!("{}&more=1", if parts.uri.query().is_some() { parts.uri.to_string() } else { "/?".into() });
        other.uri = uri.parse().unwrap();
        assert_eq!(check(&other, &hash, SECRET, SIGNED_AT), mismatch, "{name}: query");
    }
}

/// Cases of the public signing suite (`aws-signing-test-suite`, version 4): name, method, URI, headers, body. Left out is
/// what cannot come over HTTP (a header of several lines, a path with a space or other letters that is signed as it is), what
/// asks for paths as S3 signs them (`unnormalized`), and a token that is in the query and not signed.
fn suite() -> Vec<(String, Parts, String)> {
    type Case = (String, String, String, Vec<(String, String)>, String);
    let cases: Vec<Case> = serde_json::from_str(include_str!("suite.json")).unwrap();
    let read = |(name, method, uri, headers, body): Case| {
        let mut request = http::Request::builder().method(&*method).uri(uri);
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        (name, request.body(()).unwrap().into_parts().0, body)
    };
    cases.into_iter().map(read).collect()
}

fn check_suite(parts: &Parts, body: &[u8]) -> Result<(), AuthError> {
    check(parts, &Sha256::digest(body).into(), SECRET, "20150830T123600Z")
}

/// The text with one byte changed, for each of its letters and digits.
fn flipped(text: &str) -> impl Iterator<Item = String> + '_ {
    let changeable = text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_alphanumeric());
    changeable.map(|(at, byte)| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if matches!(byte, b'9' | b'z' | b'Z') { b'0' } else { byte + 1 };
        String::from_utf8(bytes).unwrap()
    })
}

#[test]
fn the_public_suite_passes() {
    let suite = suite();
    assert_eq!(suite.len(), 55);
    for (name, parts, body) in suite {
        assert_eq!(check_suite(&parts, body.as_bytes()), Ok(()), "{name}");
    }
}

#[test]
fn no_case_of_the_public_suite_passes_with_a_byte_flipped() {
    for (name, parts, body) in suite() {
        let refused = |parts: &Parts, body: &str, what: &str| {
            assert!(check_suite(parts, body.as_bytes()).is_err(), "{name}: {what}");
        };
        flipped(&body).for_each(|body| refused(&parts, &body, &body));
        let uri = parts.uri.to_string();
        // What `..` takes away may be anything.
        let (kept, text) = if uri.contains("/..") { uri.split_at(uri.rfind("/..").unwrap()) } else { ("", &*uri) };
        for changed in flipped(text) {
            let mut parts = parts.clone();
            parts.uri = format!("{kept}{changed}").parse().unwrap();
            refused(&parts, &body, &changed);
        }
        let claim = Claim::of(&parts).unwrap().unwrap();
        for (header, value) in &parts.headers {
            if !claim.signs(header.as_str()) && header != "authorization" {
                continue;
            }
            let value = value.to_str().unwrap();
            // Whose key it is, is looked up and not signed.
            let text = value.split_once("Credential=AKIDEXAMPLE").map_or(value, |(_, text)| text);
            let kept = &value[..value.len() - text.len()];
            for changed in flipped(text) {
                let mut parts = parts.clone();
                // All values of a header that comes several times are replaced, which changes it as well.
                parts.headers.insert(header.clone(), format!("{kept}{changed}").parse().unwrap());
                refused(&parts, &body, &changed);
            }
        }
    }
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    let (_, parts, hash) = vectors().remove(0);
    let cases = [
        ("20260304T051107Z", None),
        (
            "20260304T051108Z",
            Some(
                "Signature expired: 20260304T050607Z is now earlier than 20260304T050608Z (20260304T051108Z - 5 min.)",
            ),
        ),
        ("20260304T050107Z", None),
        (
            "20260304T050106Z",
            Some(
                "Signature not yet current: 20260304T050607Z is still later than 20260304T050606Z (20260304T050106Z + 5 min.)",
            ),
        ),
    ];
    for (now, expected) in cases {
        let expected = expected.map_or(Ok(()), |text| Err(AuthError::Mismatch(text.to_owned())));
        assert_eq!(check(&parts, &hash, SECRET, now), expected, "{now}");
    }
}

#[test]
fn a_presigned_url_lives_as_long_as_it_says() {
    let (_, parts, hash) = vectors().into_iter().find(|(name, ..)| name == "presigned").unwrap();
    assert_eq!(check(&parts, &hash, SECRET, "20260304T050807Z"), Ok(()));
    let expected = "Signature expired: 20260304T050807Z is now earlier than 20260304T050808Z";
    assert_eq!(check(&parts, &hash, SECRET, "20260304T050808Z"), Err(AuthError::Mismatch(expected.to_owned())));
}

#[test]
fn what_is_missing_or_malformed_is_named() {
    let good = "Credential=A/20260304/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=00";
    let cases = [
        (
            "AWS4-HMAC-SHA256".to_owned(),
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. \
             Authorization header requires 'SignedHeaders' parameter. Authorization=AWS4-HMAC-SHA256",
        ),
        (format!("AWS4-HMAC-SHA256 {good}, x"), "'x' not a valid key=value pair (missing equal-sign)"),
        (format!("Basic {good}"), "Unsupported AWS 'algorithm': 'Basic'"),
        (format!("AWS4-HMAC-SHA256 {}", good.replace("sts/", "")), "exactly 5 slash-delimited elements"),
        (format!("AWS4-HMAC-SHA256 {}", good.replace("aws4_request", "aws5")), "valid terminator"),
        (format!("AWS4-HMAC-SHA256 {}", good.replace("us-east-1", "")), "valid region"),
        (format!("AWS4-HMAC-SHA256 {}", good.replace("0304", "0305")), "Date in Credential scope does not match"),
        (format!("AWS4-HMAC-SHA256 {}", good.replace("=host", "=x-amz-date")), "must be a 'SignedHeader'"),
    ];
    for (header, expected) in cases {
        let request = http::Request::builder().header("authorization", &header).header("x-amz-date", SIGNED_AT);
        let parts = request.body(()).unwrap().into_parts().0;
        let error = Claim::of(&parts).unwrap_err().to_string();
        assert!(error.contains(expected), "{header}: {error}");
    }
    let parts = http::Request::builder().uri("/?X-Amz-Credential=A").body(()).unwrap().into_parts().0;
    let error = Claim::of(&parts).unwrap_err().to_string();
    assert!(error.starts_with("AWS query-string parameters must include 'X-Amz-Algorithm'."), "{error}");
    let parts = http::Request::builder().uri("/").body(()).unwrap().into_parts().0;
    assert_eq!(Claim::of(&parts), Ok(None));
}

proptest::proptest! {
    #[test]
    fn no_header_or_query_panics(header in "[ -~]{0,80}", query in "[!-~]{0,60}") {
        let uri = format!("/?X-Amz-Credential={query}");
        for request in [
            http::Request::builder().header("authorization", format!("AWS4-HMAC-SHA256 {header}")).header("x-amz-date", SIGNED_AT),
            http::Request::builder().uri(uri),
        ] {
            if let Ok(request) = request.body(()) {
                let parts = request.into_parts().0;
                let _ = scope_service(&parts);
                let _ = check(&parts, &[0; 32], SECRET, SIGNED_AT);
            }
        }
    }
}
