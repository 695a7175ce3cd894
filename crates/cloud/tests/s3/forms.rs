//! Uploads by HTML forms.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use serde_json::{Value, json};

use crate::s3_support::sign;
use crate::support::{Answer, Server, Signed, Table, server, unsigned, verdict};

const BOUNDARY: &str = "b0undary";

/// A form in the making: fields in order, a policy that allows what they say.
struct Form {
    fields: Vec<(String, String)>,
    /// Conditions beside those of the fields.
    conditions: Vec<Value>,
    expiration: Value,
    /// Fields that no condition names.
    unnamed: Vec<&'static str>,
    file: Option<(&'static str, Vec<u8>)>,
    session: bool,
}

impl Form {
    fn new(key: &str) -> Self {
        Self {
            fields: vec![("key".to_owned(), key.to_owned())],
            conditions: vec![json!({"bucket": "data"})],
            expiration: json!((jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string()),
            unnamed: Vec::new(),
            file: Some(("a.txt", b"content".to_vec())),
            session: false,
        }
    }

    fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn condition(mut self, condition: Value) -> Self {
        self.conditions.push(condition);
        self
    }

    fn expires(mut self, expiration: Value) -> Self {
        self.expiration = expiration;
        self
    }

    fn file(mut self, name: &'static str, content: impl Into<Vec<u8>>) -> Self {
        self.file = Some((name, content.into()));
        self
    }

    /// The fields with a signature of version 4.
    fn signed(&self) -> Vec<(String, String)> {
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = &time[..8];
        let mut fields = self.fields.clone();
        let credential = format!("AKIDTEST/{date}/us-east-1/s3/aws4_request");
        for (name, value) in
            [("x-amz-algorithm", "AWS4-HMAC-SHA256"), ("x-amz-credential", &credential), ("x-amz-date", &time)]
        {
            fields.push((name.to_owned(), value.to_owned()));
        }
        if self.session {
            fields.push(("x-amz-security-token".to_owned(), "token".to_owned()));
        }
        let mut conditions = self.conditions.clone();
        for (name, value) in &fields {
            // A field with a condition of its own is not named twice.
            let own = conditions.iter().any(|condition| condition[1] == json!(format!("${name}")));
            if !own && !self.unnamed.contains(&name.as_str()) {
                conditions.push(json!({name: value}));
            }
        }
        let policy = BASE64.encode(json!({"expiration": self.expiration, "conditions": conditions}).to_string());
        let mut key = b"AWS4secret".to_vec();
        for part in [date, "us-east-1", "s3", "aws4_request"] {
            key = sign(&key, part);
        }
        fields.push(("x-amz-signature".to_owned(), hex::encode(sign(&key, &policy))));
        fields.push(("Policy".to_owned(), policy));
        fields
    }

    async fn send(self, server: &Server) -> Answer {
        send(server, &self.signed(), self.file.as_ref()).await
    }
}

async fn send(server: &Server, fields: &[(String, String)], file: Option<&(&'static str, Vec<u8>)>) -> Answer {
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes(),
        );
    }
    if let Some((name, content)) = file {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: text/plain\r\n\r\n"
        );
        body.extend(head.into_bytes());
        body.extend(content);
        body.extend(b"\r\n");
    }
    // What comes after the file does not count.
    body.extend(
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"x-amz-meta-late\"\r\n\r\nlate\r\n")
            .into_bytes(),
    );
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    server.raw(unsigned(server, "POST", "/data", &[("content-type", &kind)], body)).await
}

#[tokio::test]
async fn forms_are_held_to_their_policy() {
    let server = server().await;
    let denied = (403, "AccessDenied");
    let size = |min: Value, max: Value| Form::new("a").condition(json!(["content-length-range", min, max]));
    let other_key = Form::new("a").condition(json!(["eq", "$key", "b"]));
    let mut extra = Form::new("a").field("x-amz-meta-note", "x");
    extra.unnamed.push("x-amz-meta-note");
    let mut session = Form::new("a");
    session.session = true;
    let mut none = Form::new("a");
    none.file = None;
    let mut table = Table::default();
    for (case, form, right, says) in [
        ("plain", Form::new("a"), (204, ""), ""),
        ("ignored field", Form::new("a").field("x-ignore-this", "x"), (204, ""), ""),
        ("prefix", Form::new("a").condition(json!(["starts-with", "$key", "a"])), (204, ""), ""),
        ("sizes as text", size(json!("1"), json!("100")), (204, ""), ""),
        (
            "other key",
            other_key,
            denied,
            "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$key\", \"b\"]",
        ),
        (
            "other prefix",
            Form::new("a").condition(json!(["starts-with", "$key", "b/"])),
            denied,
            "Invalid according to Policy: Policy Condition failed: [\"starts-with\", \"$key\", \"b/\"]",
        ),
        (
            "other bucket",
            Form::new("a").condition(json!({"bucket": "other"})),
            denied,
            "Invalid according to Policy: Policy Condition failed: [\"eq\", \"$bucket\", \"other\"]",
        ),
        ("field without condition", extra, denied, "Invalid according to Policy: Extra input fields: x-amz-meta-note"),
        (
            "expired",
            Form::new("a").expires(json!("2020-01-01T00:00:00.000Z")),
            denied,
            "Invalid according to Policy: Policy expired.",
        ),
        (
            "malformed expiration",
            Form::new("a").expires(json!("tomorrow")),
            (400, "InvalidPolicyDocument"),
            "Invalid Policy: Invalid 'expiration' value: \"tomorrow\"",
        ),
        (
            "malformed condition",
            Form::new("a").condition(json!(["like", "$key", "b"])),
            (400, "InvalidPolicyDocument"),
            "Invalid Policy: Invalid Condition: [\"like\",\"$key\",\"b\"]",
        ),
        ("too large", size(json!(1), json!(6)), (400, "EntityTooLarge"), ""),
        ("too small", size(json!(8), json!(100)), (400, "EntityTooSmall"), ""),
        ("wrong token", session, (400, "InvalidToken"), ""),
        ("no file", none, (400, "InvalidArgument"), "POST requires exactly one file upload per request."),
        (
            "fields without end",
            Form::new("a").field("x-ignore-this", &"x".repeat(30_000)),
            (400, "MaxPostPreDataLengthExceededError"),
            "",
        ),
        ("object lock", Form::new("a").field("x-amz-object-lock-mode", "GOVERNANCE"), (501, "NotImplemented"), ""),
        ("checksum", Form::new("a").field("x-amz-checksum-crc32", "AAAAAA=="), (400, "BadDigest"), ""),
        ("list", Form::new("a").field("acl", "public-read"), (400, "AccessControlListNotSupported"), ""),
    ] {
        let answer = form.send(&server).await;
        let seen = verdict(&answer);
        table.row(case, seen.clone(), (right.0, right.1.to_owned()));
        if !says.is_empty() {
            let message = answer.element("Message").replace("&quot;", "\"").replace("&apos;", "'");
            table.row(case, message, says.to_owned());
        }
        let there = server.send(Signed::get("/data/a")).await.status == 200;
        table.row(format!("{case}, stored"), there, right.0 == 204);
        server.send(Signed::new(Method::DELETE, "/data/a")).await;
    }
    table.check();
    assert_eq!(server.files(), 0);
}

#[tokio::test]
async fn forms_are_answered_as_they_ask() {
    let server = server().await;
    let port = server.address;
    let (location, etag) = (format!("http://{port}/data/dir%2Fa%20b"), "\"9a0364b9e99bb480dd25e1f0284c8555\"");
    let mut table = Table::default();
    for (case, name, value, status, to) in [
        ("default", "x-ignore", "", 204, location.clone()),
        ("200", "success_action_status", "200", 200, location.clone()),
        ("201", "success_action_status", "201", 201, location.clone()),
        ("unknown status", "success_action_status", "404", 204, location.clone()),
        ("relative redirect", "success_action_redirect", "/done", 204, location.clone()),
        ("script", "success_action_redirect", "javascript:alert(1)", 204, location.clone()),
        (
            "redirect",
            "success_action_redirect",
            "http://here.test/done?x=1#end",
            303,
            "http://here.test/done?x=1&bucket=data&key=dir%2Fa%20b&etag=%229a0364b9e99bb480dd25e1f0284c8555%22#end"
                .to_owned(),
        ),
        (
            "old redirect",
            "redirect",
            "http://here.test",
            303,
            "http://here.test?bucket=data&key=dir%2Fa%20b&etag=%229a0364b9e99bb480dd25e1f0284c8555%22".to_owned(),
        ),
    ] {
        let mut form = Form::new("dir/a b");
        if !value.is_empty() {
            form = form.field(name, value);
        }
        let answer = form.send(&server).await;
        table.row(case, answer.status.as_u16(), status);
        table.row(case, answer.header("location"), &to);
        table.row(case, answer.header("etag"), etag);
        table.row(case, answer.header("x-amz-checksum-crc64nvme").len(), 12);
        table.row(case, answer.header("x-amz-server-side-encryption"), "AES256");
        if status == 201 {
            table.row(case, answer.element("Location"), location.clone());
            table.row(case, answer.element("ETag").replace("&quot;", "\""), etag.to_owned());
            table.row(case, answer.element("Key"), "dir/a b".to_owned());
        }
    }
    table.check();
}

#[tokio::test]
async fn what_a_form_says_is_kept() {
    let server = server().await;
    let tags = "<Tagging><TagSet><Tag><Key>k</Key><Value>v w</Value></Tag></TagSet></Tagging>";
    let form = Form::new("up/${filename}")
        .condition(json!(["starts-with", "$key", "up/"]))
        .field("Content-Type", "text/x")
        .field("x-amz-meta-note", "${filename}!")
        .condition(json!(["starts-with", "$x-amz-meta-note", ""]))
        .field("x-amz-storage-class", "STANDARD_IA");
    assert_eq!(form.file("C:\\dir\\b.txt", "content").send(&server).await.status, 204);
    let answer = server.send(Signed::get("/data/up/b.txt")).await;
    let mut table = Table::default();
    table.row("content", answer.text(), "content".to_owned());
    table.row("type", answer.header("content-type"), "text/x");
    table.row("metadata", answer.header("x-amz-meta-note"), "b.txt!");
    table.row("class", answer.header("x-amz-storage-class"), "STANDARD_IA");
    table.row("late field", answer.header("x-amz-meta-late"), "");
    let tagged = |tags: &str| Form::new("t").field("tagging", tags).condition(json!(["starts-with", "$tagging", "<"]));
    table.row("tags", tagged(tags).send(&server).await.status.as_u16(), 204);
    let found = server.send(Signed::get("/data/t?tagging")).await;
    table.row("tags", (found.element("Key"), found.element("Value")), ("k".to_owned(), "v w".to_owned()));
    for (case, tags, code) in [
        ("malformed tags", "<Tagging>", "MalformedXML"),
        ("wrong tags", "<Tagging><TagSet><Tag><Key>aws:x</Key><Value/></Tag></TagSet></Tagging>", "InvalidTag"),
    ] {
        table.row(case, verdict(&tagged(tags).send(&server).await), (400, code.to_owned()));
    }
    table.check();
}

#[tokio::test]
async fn files_that_look_like_their_end_are_kept_whole() {
    let server = server().await;
    for content in [
        Vec::new(),
        b"\r\n--b0undar".to_vec(),
        b"--b0undary--".to_vec(),
        b"\r\n\r\n--\r\n--b0".repeat(50_000),
        vec![b'\r'; 300_000],
    ] {
        let answer = Form::new("a").file("a.txt", content.clone()).send(&server).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        assert!(server.send(Signed::get("/data/a")).await.body == content, "{} bytes", content.len());
    }
}

#[tokio::test]
async fn what_is_no_signed_form_is_refused() {
    let server = server().await;
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let file = ("a.txt", b"content".to_vec());
    let key = [("key".to_owned(), "a".to_owned())];
    let mut table = Table::default();
    table.row("anonymous", verdict(&send(&server, &key, Some(&file)).await), (403, "AccessDenied".to_owned()));
    let mut fields = Form::new("a").signed();
    for (name, value) in &mut fields {
        if name == "x-amz-signature" {
            value.replace_range(..1, if value.starts_with('0') { "1" } else { "0" });
        }
    }
    table.row(
        "signature",
        verdict(&send(&server, &fields, Some(&file)).await),
        (403, "SignatureDoesNotMatch".to_owned()),
    );
    let mut fields = Form::new("a").signed();
    fields.retain(|(name, _)| name != "x-amz-credential");
    let answer = send(&server, &fields, Some(&file)).await;
    table.row("credential", verdict(&answer), (400, "InvalidArgument".to_owned()));
    for (case, kind, body, right) in [
        ("content type", "text/plain", "x", (412, "PreconditionFailed")),
        ("boundary", "multipart/form-data", "x", (412, "PreconditionFailed")),
        ("body", kind.as_str(), "x", (400, "MalformedPOSTRequest")),
        (
            "cut off",
            kind.as_str(),
            "--b0undary\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na",
            (400, "MalformedPOSTRequest"),
        ),
    ] {
        let answer = server.raw(unsigned(&server, "POST", "/data", &[("content-type", kind)], body)).await;
        table.row(case, verdict(&answer), (right.0, right.1.to_owned()));
    }
    table.check();
    assert_eq!(server.files(), 0);
}
