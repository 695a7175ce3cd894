//! The error document: what `s3s` leaves out of it (a message, the members of its code, the request's id).

use std::fmt::Write as _;

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use super::message;

/// What the document says beside code and message.
#[derive(Debug, Default)]
pub(crate) struct ErrorContext<'a> {
    /// The bucket of the request.
    pub(crate) bucket: Option<&'a str>,
    /// The key of the request.
    pub(crate) key: Option<&'a str>,
    /// What the place that raised the error says of it.
    pub(crate) details: &'a [(String, String)],
    pub(crate) request_id: &'a str,
    pub(crate) host_id: &'a str,
}

/// Renders the error that `document`, as `s3s` wrote it, is about.
pub(crate) fn render(document: &[u8], context: &ErrorContext<'_>) -> String {
    let (code, said) = parse(document);
    let code = code.as_deref().unwrap_or("InternalError");
    let text = match said.as_deref() {
        Some(said) if !said.is_empty() => said,
        _ => message(code).unwrap_or(code),
    };
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    element(&mut xml, "Code", code);
    element(&mut xml, "Message", text);
    for (name, value) in context.details {
        element(&mut xml, name, value);
    }
    // What `s3s` could not read of a request's query or headers.
    if context.details.is_empty()
        && let ("InvalidArgument", Some(said)) = (code, said.as_deref())
        && let Some(argument) = said.strip_prefix("invalid query: ").or_else(|| said.strip_prefix("invalid header: "))
        && let Some((name, value)) = argument.split_once(": ")
    {
        element(&mut xml, "ArgumentName", name);
        element(&mut xml, "ArgumentValue", value.trim_matches('"'));
    }
    if let Some((name, value)) = about(code, context)
        && !context.details.iter().any(|(given, _)| given == name)
    {
        element(&mut xml, name, value);
    }
    element(&mut xml, "RequestId", context.request_id);
    element(&mut xml, "HostId", context.host_id);
    xml.push_str("</Error>");
    xml
}

/// What the code says of the request's own bucket or key.
fn about<'a>(code: &str, context: &ErrorContext<'a>) -> Option<(&'static str, &'a str)> {
    const OF_BUCKETS: &[&str] = &[
        "BucketAlreadyExists",
        "BucketAlreadyOwnedByYou",
        "BucketNotEmpty",
        "InvalidBucketName",
        "NoSuchBucket",
        "NoSuchTagSet",
    ];
    const OF_KEYS: &[&str] = &["NoSuchKey", "NoSuchVersion"];
    if OF_BUCKETS.contains(&code) {
        return context.bucket.map(|bucket| ("BucketName", bucket));
    }
    if OF_KEYS.contains(&code) { context.key.map(|key| ("Key", key)) } else { None }
}

fn element(xml: &mut String, name: &str, value: &str) {
    // Writing to a String does not fail.
    let _ = write!(xml, "<{name}>{}</{name}>", escape(value));
}

/// The code and message in `s3s`'s document.
fn parse(document: &[u8]) -> (Option<String>, Option<String>) {
    let mut reader = Reader::from_str(std::str::from_utf8(document).unwrap_or_default());
    let (mut code, mut message) = (None, None);
    let mut inside: Option<String> = None;
    let mut text = String::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                inside = Some(start.name().as_ref().to_owned());
                text.clear();
            }
            Ok(Event::Text(part)) => text.push_str(&part),
            Ok(Event::GeneralRef(reference)) => {
                if let Ok(Some(character)) = reference.resolve_char_ref() {
                    text.push(character);
                } else if let Some(value) = quick_xml::escape::resolve_predefined_entity(&reference) {
                    text.push_str(value);
                }
            }
            Ok(Event::End(_)) => match inside.take().as_deref() {
                Some("Code") => code = Some(std::mem::take(&mut text)),
                Some("Message") => message = Some(std::mem::take(&mut text)),
                _ => {}
            },
            Ok(Event::Eof) | Err(_) => return (code, message),
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_message_is_filled_in_and_text_is_escaped() {
        let details = [("VersionId".to_owned(), "v<1".to_owned())];
        let context =
            ErrorContext { bucket: Some("b"), key: Some("a<b"), details: &details, request_id: "R", host_id: "H" };
        let xml = render(b"<Error><Code>NoSuchKey</Code></Error>", &context);
        assert!(xml.contains("<Message>The specified key does not exist.</Message>"), "{xml}");
        assert!(xml.contains("<Key>a&lt;b</Key>"), "{xml}");
        assert!(xml.contains("<VersionId>v&lt;1</VersionId>"), "{xml}");
        assert!(xml.contains("<RequestId>R</RequestId>"), "{xml}");
    }

    #[test]
    fn a_message_given_is_kept() {
        let xml = render(
            b"<?xml version=\"1.0\"?><Error><Code>X</Code><Message>a &amp; &lt;b&gt;</Message></Error>",
            &ErrorContext::default(),
        );
        assert!(xml.contains("<Code>X</Code><Message>a &amp; &lt;b&gt;</Message>"), "{xml}");
    }
}
