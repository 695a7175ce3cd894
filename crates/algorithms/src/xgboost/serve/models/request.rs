//! What a request about models says: its path, its query, its body.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::refusal::Refusal;

/// How many models a page has by default, and at most.
const MAX_PAGE: usize = 100;

/// What a path is about.
#[derive(Debug, PartialEq)]
pub(super) enum Target {
    /// `/models`
    All,
    /// `/models/NAME`
    One(String),
    /// `/models/NAME/invoke`
    Invoke(String),
}

impl Target {
    pub(super) fn parse(path: &str) -> Result<Self, Refusal> {
        let mut segments = path.split('/').skip(1);
        let found = (segments.next(), segments.next(), segments.next(), segments.next());
        match found {
            (Some("models"), None, ..) => Ok(Self::All),
            (Some("models"), Some(name), None, _) if !name.is_empty() => decode(name).map(Self::One),
            (Some("models"), Some(name), Some("invoke"), None) if !name.is_empty() => decode(name).map(Self::Invoke),
            _ => Err(Refusal::no_resource(format!(
                "{path} is no route of this server; models are at /models, /models/NAME and /models/NAME/invoke"
            ))),
        }
    }
}

fn decode(text: &str) -> Result<String, Refusal> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| Refusal::bad(format!("'{text}' is not UTF-8 in percent-encoding")))
}

/// Which part of the list of models is asked for.
#[derive(Debug, PartialEq)]
pub(super) struct Page {
    /// The last name of the page before.
    pub(super) after: Option<String>,
    pub(super) limit: usize,
}

impl Page {
    /// Reads `limit` and `next_page_token`; other parameters mean nothing here.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Refusal> {
        let mut page = Self { after: None, limit: MAX_PAGE };
        for parameter in query.unwrap_or_default().split('&') {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = decode(value)?;
            match key {
                "limit" if !value.is_empty() => page.limit = limit(&value)?,
                "next_page_token" if !value.is_empty() => page.after = Some(name(&value)?),
                _ => {}
            }
        }
        Ok(page)
    }

    /// The token of the page behind a name: in hexadecimal, because clients may send it unescaped.
    pub(super) fn token(last: &str) -> String {
        hex::encode(last)
    }
}

fn limit(value: &str) -> Result<usize, Refusal> {
    let number = value.bytes().all(|byte| byte.is_ascii_digit());
    // Larger than any number is larger than a page.
    let limit = if number { value.parse().unwrap_or(usize::MAX) } else { 0 };
    if limit == 0 {
        return Err(Refusal::bad(format!("limit must be a number from 1 on, found {value:?}")));
    }
    Ok(limit.min(MAX_PAGE))
}

fn name(token: &str) -> Result<String, Refusal> {
    let name = hex::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| {
        Refusal::bad(format!("next_page_token must be the nextPageToken of an earlier answer, found {token:?}"))
    })
}

/// The body of `POST /models`.
#[derive(Debug, PartialEq)]
pub(super) struct LoadRequest {
    pub(super) name: String,
    /// The folder of the model, as the request has it.
    pub(super) url: String,
}

impl LoadRequest {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_slice(body)
            .map_err(|error| Refusal::bad(format!("The body is not valid JSON: {error}")))?;
        if !value.is_object() {
            return Err(Refusal::bad(format!(
                "The body must be an object with model_name and url, found {}",
                kind(&value)
            )));
        }
        let (name, url) = (member(&value, "model_name")?, member(&value, "url")?);
        if !url.starts_with('/') {
            return Err(Refusal::bad(format!(
                "url must be the absolute path of a folder, as /opt/ml/models/NAME/model, found {url:?}"
            )));
        }
        Ok(Self { name, url })
    }
}

fn member(body: &Value, key: &str) -> Result<String, Refusal> {
    match body.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::String(_)) => Err(Refusal::bad(format!("{key} must not be empty"))),
        Some(other) => Err(Refusal::bad(format!("{key} must be a text, found {}", kind(other)))),
        None => Err(Refusal::bad(format!("{key} is missing; the body has model_name and url"))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::Value;

    use super::super::refusal::Refusal;
    use super::{LoadRequest, Page, Target};

    fn told(refusal: Refusal) -> (StatusCode, String) {
        let answer = refusal.into_answer();
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        (answer.status, body["message"].as_str().expect("a sentence").to_owned())
    }

    #[test]
    fn paths_name_models_in_percent_encoding() {
        for (path, target) in [
            ("/models", Target::All),
            ("/models/a", Target::One("a".to_owned())),
            ("/models/invoke", Target::One("invoke".to_owned())),
            ("/models/a%2Fb%20c%C3%A4", Target::One("a/b cä".to_owned())),
            ("/models/a%2Finvoke", Target::One("a/invoke".to_owned())),
            ("/models/100%25/invoke", Target::Invoke("100%".to_owned())),
        ] {
            assert_eq!(Target::parse(path), Ok(target), "{path}");
        }
        for path in
            ["/", "/models/", "/models//invoke", "/models/a/", "/models/a/predict", "/models/a/invoke/", "/model"]
        {
            let (status, message) = told(Target::parse(path).expect_err(path));
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
            assert!(message.starts_with(&format!("{path} is no route of this server")), "{message}");
        }
        let (status, message) = told(Target::parse("/models/%FF").expect_err("no UTF-8"));
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(message, "'%FF' is not UTF-8 in percent-encoding");
    }

    #[test]
    fn pages_have_a_limit_and_a_token() {
        let page = |after: Option<&str>, limit| Ok(Page { after: after.map(str::to_owned), limit });
        let token = format!("next_page_token={}&limit=7", Page::token("a/b ä&c"));
        for (query, expected) in [
            (None, page(None, 100)),
            (Some(""), page(None, 100)),
            (Some("limit=&next_page_token="), page(None, 100)),
            (Some("limit=2&other=x"), page(None, 2)),
            (Some("limit=%32"), page(None, 2)),
            (Some("limit=101"), page(None, 100)),
            (Some("limit=99999999999999999999999999"), page(None, 100)),
            (Some(token.as_str()), page(Some("a/b ä&c"), 7)),
        ] {
            assert_eq!(Page::parse(query), expected, "{query:?}");
        }
        for (query, part) in [
            ("limit=0", r#"limit must be a number from 1 on, found "0""#),
            ("limit=-1", r#"found "-1""#),
            ("limit=ten", r#"found "ten""#),
            ("next_page_token=2x", r#"next_page_token must be the nextPageToken of an earlier answer, found "2x""#),
            ("next_page_token=ff", r#"found "ff""#),
        ] {
            let (status, message) = told(Page::parse(Some(query)).expect_err(query));
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_request_to_load_has_a_name_and_an_absolute_path() {
        let body = br#"{"model_name": "m", "url": "/opt/ml/models/m/model", "more": 1}"#;
        let expected = LoadRequest { name: "m".to_owned(), url: "/opt/ml/models/m/model".to_owned() };
        assert_eq!(LoadRequest::parse(body), Ok(expected));
        for (body, part) in [
            ("", "The body is not valid JSON"),
            (r#"{"model_name": "m", "url": "/m",}"#, "The body is not valid JSON"),
            ("[]", "The body must be an object with model_name and url, found a list"),
            (r#"{"url": "/m"}"#, "model_name is missing"),
            (r#"{"model_name": "m"}"#, "url is missing"),
            (r#"{"model_name": "", "url": "/m"}"#, "model_name must not be empty"),
            (r#"{"model_name": "m", "url": ""}"#, "url must not be empty"),
            (r#"{"model_name": 1, "url": "/m"}"#, "model_name must be a text, found a number"),
            (r#"{"model_name": "m", "url": null}"#, "url must be a text, found null"),
            (r#"{"model_name": "m", "url": "models/m"}"#, "url must be the absolute path of a folder"),
            (r#"{"model_name": "m", "url": "file:///m"}"#, r#"found "file:///m""#),
        ] {
            let (status, message) = told(LoadRequest::parse(body.as_bytes()).expect_err(body));
            assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
            assert!(message.contains(part), "{body}: {message}");
        }
    }
}
