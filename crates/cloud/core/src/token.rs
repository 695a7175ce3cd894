//! Page tokens: a position in a listing, with a check over itself and the request that it belongs to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::api::Call;

/// The check guards against mistakes and edits, not against forgery: a forged token shows its maker nothing that
/// the listing without a token does not.
const KEY: &[u8] = b"sagewright list token v1";

/// The token of a page that ends at `position`, and among its equals at `tie`.
#[must_use]
pub fn seal(call: &Call, position: &Value, tie: &str) -> String {
    let payload = json!([position, tie]).to_string();
    let mut bytes = check(call, payload.as_bytes());
    bytes.extend_from_slice(payload.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where the page of a token ended. `None`: no request with the same filters and order returned it.
#[must_use]
pub fn open(call: &Call, token: &str) -> Option<(Value, String)> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (mac, payload) = bytes.split_at_checked(MAC)?;
    if !bool::from(mac.ct_eq(&check(call, payload))) {
        return None;
    }
    serde_json::from_slice(payload).ok()
}

const MAC: usize = 12;

/// Members that may differ between the pages of a listing.
const OF_A_PAGE: [&str; 5] = ["NextToken", "MaxResults", "PaginationToken", "ResourcesPerPage", "TagsPerPage"];

fn check(call: &Call, payload: &[u8]) -> Vec<u8> {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(KEY) else { return vec![0; MAC] };
    for part in [&*call.caller.account, &*call.region, &*call.operation.name] {
        mac.update(part.as_bytes());
        mac.update(b"\n");
    }
    if let Value::Object(input) = &call.input {
        let mut members: Vec<_> =
            input.iter().filter(|(name, value)| !value.is_null() && !OF_A_PAGE.contains(&name.as_str())).collect();
        members.sort_by_key(|(name, _)| *name);
        for (name, value) in members {
            mac.update(format!("{name}={value}\n").as_bytes());
        }
    }
    mac.update(payload);
    mac.finalize().into_bytes()[..MAC].to_vec()
}
