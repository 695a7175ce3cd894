//! Credentials that no request can carry: most come with the end of the line that they were copied from.

use aws_credential_types::Credentials;

/// What is wrong with credentials, without showing any of them.
pub(crate) fn wrong(credentials: &Credentials) -> Option<String> {
    let parts = [
        ("access key ID", Some(credentials.access_key_id())),
        ("secret access key", Some(credentials.secret_access_key())),
        ("session token", credentials.session_token()),
    ];
    parts.into_iter().find_map(|(name, value)| {
        let value = value?;
        let odd = |c: char| !c.is_ascii_graphic();
        let what = match value.find(odd)? {
            _ if value.trim_end_matches(['\r', '\n']).chars().all(|c| !odd(c)) => "a line break at its end",
            at if value[at..].starts_with(char::is_whitespace) => "white space in it",
            at if value[at..].starts_with(char::is_control) => "a control character in it",
            _ => "a character in it that is not ASCII",
        };
        Some(format!("the {name} has {what}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_request_can_carry_is_named_and_not_shown() {
        let told = |id: &str, secret: &str, token: Option<&str>| {
            wrong(&Credentials::new(id, secret, token.map(str::to_owned), None, "test"))
        };
        assert_eq!(told("AKIA", "abc/+=", Some("t==")), None);
        let table = [
            (told("AKIA\n", "s", None), "the access key ID has a line break at its end"),
            (told("AKIA", "s\r\n", None), "the secret access key has a line break at its end"),
            (told("AKIA", "s", Some("to ken")), "the session token has white space in it"),
            (told("AKIA", "s", Some("t\r\nX: 1")), "the session token has white space in it"),
            (told("AKIA", "s\u{1}", None), "the secret access key has a control character in it"),
            (told("AKIÄ", "s", None), "the access key ID has a character in it that is not ASCII"),
        ];
        for (said, expected) in table {
            assert_eq!(said.as_deref(), Some(expected));
        }
    }
}
