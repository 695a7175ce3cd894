//! Texts that are secrets, or have some in them, by their form.

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// What a text has in it where it carries a signature: a presigned URL.
const SIGNED: &[&str] = &["X-Amz-Signature=", "X-Amz-Security-Token=", "X-Amz-Credential=", "AWS4-HMAC-SHA256 "];

/// Whether a text is a secret by its form: a presigned URL, or what stands in an `Authorization` header.
#[must_use]
pub fn is_secret_text(text: &str) -> bool {
    let authorizes = |(scheme, rest): (&str, &str)| {
        let is_scheme = ["basic", "bearer"].iter().any(|s| scheme.eq_ignore_ascii_case(s));
        is_scheme && rest.len() >= 8 && !rest.contains(char::is_whitespace)
    };
    SIGNED.iter().any(|mark| text.contains(mark)) || text.split_once(' ').is_some_and(authorizes)
}

/// A text without the user names and passwords of the URLs in it; `None` where it has none: `postgres://***@host/db`.
#[must_use]
pub fn without_logins(text: &str) -> Option<String> {
    let mut shown = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        rest = after;
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>');
        let url = after.split(ends).next().unwrap_or_default();
        if let Some(host) = login(before, url).and_then(|length| after.get(length..)) {
            shown.push_str(MASK);
            rest = host;
            found = true;
        }
    }
    shown.push_str(rest);
    found.then_some(shown)
}

/// How long the user name and password of a URL are, of which the text before and behind `://` is given.
fn login(before: &str, url: &str) -> Option<usize> {
    let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
    let is_port = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let end = match authority.rfind('@') {
        Some(end) => end,
        // A password that has a `/` in it, and was not encoded.
        None if authority.rsplit_once(':').is_some_and(|(_, port)| !is_port(port)) => url.rfind('@')?,
        None => return None,
    };
    let is_web = ["http", "https"].iter().any(|scheme| before.to_ascii_lowercase().ends_with(scheme));
    // `ssh://git@host` tells nothing; `https://KEY@host` does.
    (is_web || url.get(..end)?.contains(':')).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_in_urls_are_not_shown_and_the_rest_is() {
        for (text, shown) in [
            ("postgres://user:pw@host:5432/db", "postgres://***@host:5432/db"),
            ("https://KEY@o1.ingest.sentry.io/2", "https://***@o1.ingest.sentry.io/2"),
            ("HTTPS://a@b", "HTTPS://***@b"),
            ("redis://:pw@h", "redis://***@h"),
            ("amqp://u:p@ss@h/v", "amqp://***@h/v"),
            ("postgres://user:p/w?x@host/db", "postgres://***@host/db"),
            ("jdbc:mysql://u:p@a and http://b:c@d?e", "jdbc:mysql://***@a and http://***@d?e"),
            ("[\"https://é:ö@h\"]", "[\"https://***@h\"]"),
        ] {
            assert_eq!(without_logins(text).as_deref(), Some(shown));
        }
        for text in [
            "ssh://git@github.com/a/b",
            "https://host:8080/a@b",
            "s3://bucket/a:b@c",
            "a@b",
            "https://host/a:b@c",
            "://",
            "x://",
            "http://h \"u:p@i\"",
            "https://h?m=a@b",
        ] {
            assert_eq!(without_logins(text), None, "{text}");
        }
    }

    #[test]
    fn what_authorizes_is_known_by_its_form() {
        for text in ["Basic dXNlcjpwdw==", "bearer abcdefgh", "https://b/k?X-Amz-Signature=abc"] {
            assert!(is_secret_text(text), "{text}");
        }
        for text in ["Basic auth", "basic training of dogs", "Bearers abcdefghij", "Basic"] {
            assert!(!is_secret_text(text), "{text}");
        }
    }
}
