//! Keys that say that their value is a secret.

/// What a key that users choose, as of an environment variable, has in it where its value is a secret.
const SECRET_KEYS: &[&str] =
    &["SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "APIKEY", "ACCESSKEY", "PRIVATEKEY"];
/// Words that such a key consists of. `max_tokens` is none.
const SECRET_WORDS: &[&str] = &["PASS", "PGPASS", "PW", "PWD", "BEARER", "COOKIE", "WEBHOOK", "AUTHORIZATION", "CREDS"];
/// What stands before the word token where a token is a piece of text, as in `pad_token` and `stop-token`.
const TEXT_TOKENS: &[&str] = &[
    "PAD", "EOS", "BOS", "UNK", "SEP", "CLS", "MASK", "STOP", "START", "BEGIN", "END", "EOT", "SPECIAL", "IMAGE",
    "AUDIO", "MAX", "MIN", "NUM", "FIRST", "LAST", "PER",
];
/// What follows the word token where the value is about tokens and is none: `token_count`, `eos_token_id`.
const ABOUT_TOKENS: &[&str] =
    &["COUNT", "COUNTS", "ID", "IDS", "LENGTH", "LEN", "LIMIT", "SIZE", "BUDGET", "TYPE", "INDEX", "DIM", "RATIO"];
/// The last word of a key that says where a secret is and not what it is: `DB_SECRET_ARN`.
const WHERE_WORDS: &[&str] = &["ARN", "NAME"];

/// Whether a key that users choose, as of an environment variable or a tag, says that its value is a secret.
#[must_use]
pub fn is_secret_key(key: &str) -> bool {
    let words = words(key);
    if words.last().is_some_and(|last| WHERE_WORDS.contains(&last.as_str())) {
        return false;
    }
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    // `HF_HUB_AUTH` and `AUTH_HEADER`; `AUTH_MODE` is none.
    let authorizes = words.last().is_some_and(|w| w == "AUTH") || plain.ends_with("AUTHHEADER");
    authorizes
        || SECRET_KEYS.iter().any(|part| plain.contains(part))
        || (0..words.len()).any(|at| is_token(&words, at))
        || words.iter().any(|word| SECRET_WORDS.contains(&word.as_str()))
}

/// Whether a word of a key is a token that lets somebody in.
fn is_token(words: &[String], at: usize) -> bool {
    let Some(rest) = words.get(at).and_then(|word| word.strip_suffix("TOKEN")) else { return false };
    let before = if rest.is_empty() { at.checked_sub(1).and_then(|before| words.get(before)) } else { None };
    let before = before.map_or(rest, String::as_str);
    let after = words.get(at + 1).map_or("", String::as_str);
    !TEXT_TOKENS.contains(&before) && !ABOUT_TOKENS.contains(&after)
}

/// The words of a key in capitals: they end at signs, and where capitals begin.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for c in key.chars() {
        if !c.is_ascii_alphanumeric() || (small && c.is_ascii_uppercase()) {
            words.push(String::new());
        }
        small = c.is_ascii_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            word.push(c.to_ascii_uppercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_secret_by_their_words() {
        for key in ["HF_TOKEN", "accessToken", "GITHUBTOKEN", "DB_PASS", "PGPASS", "MYSQL_PWD", "dbPassword", "api-key"]
        {
            assert!(is_secret_key(key), "{key}");
        }
        for key in ["max_tokens", "tokenizer_name", "compass", "PASSES", "BYPASS", "keys", "EPOCHS", ""] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn tokens_of_text_and_places_of_secrets_are_none() {
        for key in [
            "pad_token",
            "eos_token",
            "bosToken",
            "mask-token",
            "PADTOKEN",
            "stop_token",
            "eos_token_id",
            "token_count",
            "token-limit",
            "tokenLength",
            "max_token",
            "num_token",
            "DB_SECRET_ARN",
            "SECRETS_MANAGER_NAME",
            "AUTH_MODE",
        ] {
            assert!(!is_secret_key(key), "{key}");
        }
        for key in [
            "HF_TOKEN",
            "TOKEN",
            "GITHUBTOKEN",
            "access_token",
            "token_secret",
            "TOKEN_FILE",
            "HF_HUB_AUTH",
            "AUTH_HEADER",
            "SESSION_COOKIE",
            "BEARER",
            "SLACK_WEBHOOK",
            "pad_token_password",
            "SECRET_ARN_KEY",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
    }
}
