//! Answers of `s3s` that are not as S3 writes them, put right.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderValue};
use sagewright_cloud_core::region;

/// The ETag of GetObjectAttributes, alone of all, has no quotes.
pub(crate) fn without_quotes(document: &str) -> String {
    document
        .replace("<ETag>\"", "<ETag>")
        .replace("\"</ETag>", "</ETag>")
        .replace("<ETag>&quot;", "<ETag>")
        .replace("&quot;</ETag>", "</ETag>")
}

/// The list of buckets with their ARNs, for which `s3s` has no field. Names and regions need no escapes.
pub(crate) fn with_arns(document: &str) -> String {
    let mut buckets = document.split("<Bucket>");
    let mut text = buckets.next().unwrap_or_default().to_owned();
    for bucket in buckets {
        let value = |name: &str| {
            let (_, rest) = bucket.split_once(&format!("<{name}>"))?;
            rest.split_once('<').map(|(value, _)| value)
        };
        let (region, name) = (value("BucketRegion").unwrap_or_default(), value("Name").unwrap_or_default());
        let partition = region::partition(region);
        text.push_str(&format!("<Bucket><BucketArn>arn:{partition}:s3:::{name}</BucketArn>{bucket}"));
    }
    text
}

/// Metadata with other letters than ASCII's is answered in the Q encoding of RFC 2047; `s3s` writes B.
pub(crate) fn encode_metadata(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        if !name.as_str().starts_with("x-amz-meta-") {
            continue;
        }
        if let Some(text) = value.to_str().ok().and_then(decode_words)
            && let Ok(encoded) = HeaderValue::from_str(&encode_word(&text))
        {
            *value = encoded;
        }
    }
}

/// The text of words in B encoding; `None` when there is anything else.
fn decode_words(value: &str) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    for word in value.split(' ') {
        let word = word.strip_prefix("=?UTF-8?B?")?.strip_suffix("?=")?;
        text.extend(BASE64.decode(word).ok()?);
    }
    Some(text)
}

fn encode_word(text: &[u8]) -> String {
    let mut word = "=?UTF-8?Q?".to_owned();
    for byte in text {
        match byte {
            b' ' => word.push('_'),
            b'=' | b'?' | b'_' => word.push_str(&format!("={byte:02X}")),
            0x21..=0x7e => word.push(char::from(*byte)),
            _ => word.push_str(&format!("={byte:02X}")),
        }
    }
    word + "?="
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_in_q() {
        let decoded = decode_words("=?UTF-8?B?w6TDtiA9IF8=?=").unwrap();
        assert_eq!(encode_word(&decoded), "=?UTF-8?Q?=C3=A4=C3=B6_=3D_=5F?=");
        assert_eq!(decode_words("plain"), None);
        assert_eq!(decode_words("=?UTF-8?B?w6Q=?= plain"), None);
    }
}
