//! Who may ask the server. The port is open to every process of the machine, and to every page in a browser on it.

use std::fmt;

use http::header::{HeaderMap, ORIGIN};
use subtle::ConstantTimeEq as _;

/// The variable that holds the secret. Whoever starts the server knows it, and nobody else.
const VARIABLE: &str = "SAGEWRIGHT_SERVER_SECRET";
/// The header by which a request shows that it comes from there.
const HEADER: &str = "x-sagewright-server-secret";

/// What a request must show. Without a secret, as in a container of its own, every program may ask.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Access {
    secret: Option<String>,
}

/// The secret is nothing for a log.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("secret", &self.secret.as_ref().map(|_| "…")).finish()
    }
}

impl Access {
    /// Reads the secret through `variable`.
    pub(super) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        Self { secret: variable(VARIABLE).filter(|secret| !secret.is_empty()) }
    }

    /// Checks a request by its headers alone.
    ///
    /// # Errors
    /// Why it is refused.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), String> {
        if headers.contains_key(ORIGIN) {
            return Err("This server does not answer pages in a browser: the request has an Origin header".to_owned());
        }
        let Some(secret) = &self.secret else { return Ok(()) };
        let shown = headers.get(HEADER).map_or(&[][..], |value| value.as_bytes());
        if bool::from(shown.ct_eq(secret.as_bytes())) {
            return Ok(());
        }
        Err(format!(
            "This server answers its endpoint alone: {HEADER} is missing or wrong; call InvokeEndpoint instead"
        ))
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_request_shows_the_secret_and_comes_from_no_browser() {
        let secret = |name: &str| (name == VARIABLE).then(|| "s3cret".to_owned());
        let (open, guarded) = (Access::default(), Access::from_variables(secret));
        assert!(!format!("{guarded:?}").contains("s3cret"));
        for (shown, origin, by_open, by_guarded) in [
            (None, false, true, false),
            (Some("s3cret"), false, true, true),
            (Some("s3cre"), false, true, false),
            (Some("s3cretx"), false, true, false),
            (Some(""), false, true, false),
            (Some("s3cret"), true, false, false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(shown) = shown {
                headers.insert(HEADER, HeaderValue::from_static(shown));
            }
            if origin {
                headers.insert(ORIGIN, HeaderValue::from_static("null"));
            }
            let found = (open.check(&headers).is_ok(), guarded.check(&headers).is_ok());
            assert_eq!(found, (by_open, by_guarded), "{shown:?}, from a browser: {origin}");
        }
    }
}
