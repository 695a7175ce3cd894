//! Reads and writes of objects.

use http::Method;

use crate::support::{Server, Signed, Table, post, server, verdict};

fn head(target: &str) -> Signed {
    Signed::new(Method::HEAD, target)
}

/// The text of every element of this name.
fn all(text: &str, name: &str) -> Vec<String> {
    let start = format!("<{name}>");
    let parts = text.split(&start).skip(1);
    parts.map(|rest| rest.split('<').next().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn every_time_is_in_whole_seconds() {
    let server = server().await;
    for key in ["a", "b", "c"] {
        server.send(Signed::put(&format!("/data/{key}"), "x")).await;
        server.send(post(&format!("/data/{key}?uploads"), "")).await;
    }
    let uploads = server.send(Signed::get("/data?uploads")).await;
    let id = uploads.element("UploadId");
    server.send(Signed::put(&format!("/data/a?partNumber=1&uploadId={id}"), "x")).await;
    let mut table = Table::default();
    for (target, name) in [
        ("/data", "LastModified"),
        ("/data?list-type=2", "LastModified"),
        ("/data?versions", "LastModified"),
        ("/data?uploads", "Initiated"),
        (&format!("/data/a?uploadId={id}"), "LastModified"),
        ("/", "CreationDate"),
    ] {
        let times = all(&server.send(Signed::get(target)).await.text(), name);
        assert!(!times.is_empty(), "{target}");
        table.row(target, times.iter().all(|time| time.ends_with(".000Z")), true);
    }
    let copy = server.send(Signed::put("/data/d", "").header("x-amz-copy-source", "data/a")).await;
    table.row("copy", copy.element("LastModified").ends_with(".000Z"), true);
    table.check();
}

#[tokio::test]
async fn everything_is_said_to_be_encrypted() {
    let server = server().await;
    let mut table = Table::default();
    let name = "x-amz-server-side-encryption";
    let create = server.send(post("/data/m?uploads", "")).await;
    let id = create.element("UploadId");
    let part = server.send(Signed::put(&format!("/data/m?partNumber=1&uploadId={id}"), "x")).await;
    let etag = part.header("etag").to_owned();
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let complete = server.send(post(&format!("/data/m?uploadId={id}"), list)).await;
    for (case, answer) in [
        ("put", server.send(Signed::put("/data/a", "x")).await),
        ("get", server.send(Signed::get("/data/a")).await),
        ("head", server.send(head("/data/a")).await),
        ("copy", server.send(Signed::put("/data/b", "").header("x-amz-copy-source", "data/a")).await),
        ("create", create),
        ("part", part),
        ("complete", complete),
    ] {
        table.row(case, (answer.status.as_u16(), answer.header(name)), (200, "AES256"));
    }
    // What was asked for is kept, and is the target's own.
    let kms = Signed::put("/data/k", "x").header(name, "aws:kms");
    server.send(kms.header("x-amz-server-side-encryption-aws-kms-key-id", "alias/mine")).await;
    table.row("kms", server.send(head("/data/k")).await.header(name), "aws:kms");
    let copy = server.send(Signed::put("/data/l", "").header("x-amz-copy-source", "data/k")).await;
    table.row("copy of kms", copy.header(name), "AES256");
    table.check();
}

#[tokio::test]
async fn a_range_that_cannot_be_read_is_no_range() {
    let server = server().await;
    server.send(Signed::put("/data/a", "0123456789")).await;
    let mut table = Table::default();
    for (range, status, content) in [
        ("bytes=0-3", 206, "0123"),
        ("bytes=-3", 206, "789"),
        ("bytes=8-99999999999999999999999", 206, "89"),
        ("bytes=-99999999999999999999999", 206, "0123456789"),
        ("bytes=1-0", 200, "0123456789"),
        ("bytes=0--1", 200, "0123456789"),
        ("bytes=0-1,3-4", 200, "0123456789"),
        ("items=0-1", 200, "0123456789"),
        ("bytes=-", 416, ""),
        ("bytes=-0", 416, ""),
        ("bytes=10-", 416, ""),
        ("bytes=99999999999999999999999-", 416, ""),
    ] {
        let answer = server.send(Signed::get("/data/a").header("range", range)).await;
        let seen = if answer.status.is_success() { answer.text() } else { String::new() };
        table.row(range, (answer.status.as_u16(), seen), (status, content.to_owned()));
        let answer = server.send(head("/data/a").header("range", range)).await;
        table.row(format!("head {range}"), answer.status.as_u16(), status);
    }
    table.check();
}

#[tokio::test]
async fn a_date_in_the_future_is_no_condition() {
    let server = server().await;
    server.send(Signed::put("/data/a", "x")).await;
    let later = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1)).strftime("%a, %d %b %Y %H:%M:%S GMT");
    for request in [Signed::get("/data/a"), head("/data/a")] {
        let answer = server.send(request.header("if-modified-since", &later.to_string())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn archived_objects_are_not_read() {
    let server = server().await;
    for class in ["GLACIER", "DEEP_ARCHIVE"] {
        server.send(Signed::put("/data/a", "x").header("x-amz-storage-class", class)).await;
        let answer = server.send(Signed::get("/data/a")).await;
        answer.expect(403, "InvalidObjectState");
        assert_eq!(answer.element("StorageClass"), class);
        let copy = Signed::put("/data/b", "").header("x-amz-copy-source", "data/a");
        server.send(copy).await.expect(403, "InvalidObjectState");
        assert_eq!(server.send(head("/data/a")).await.header("x-amz-storage-class"), class);
    }
    server.send(Signed::put("/data/a", "x").header("x-amz-storage-class", "GLACIER_IR")).await;
    assert_eq!(server.send(Signed::get("/data/a")).await.text(), "x");
}

#[tokio::test]
async fn headers_come_back_as_aws_writes_them() {
    let server = server().await;
    let put = Signed::put("/data/a%20b", "x")
        .header("content-encoding", "gzip, deflate")
        .header("x-amz-meta-plain", "plain")
        .header("x-amz-meta-other", "=?UTF-8?B?w6QgYg==?=")
        .header("x-amz-tagging", "a=1&b=2");
    assert_eq!(server.send(put).await.status, 200);
    let mut table = Table::default();
    for (case, answer) in
        [("get", server.send(Signed::get("/data/a%20b")).await), ("head", server.send(head("/data/a%20b")).await)]
    {
        table.row(case, answer.header("content-encoding"), "gzip, deflate");
        table.row(case, answer.header("x-amz-meta-plain"), "plain");
        table.row(case, answer.header("x-amz-meta-other"), "=?UTF-8?Q?=C3=A4_b?=");
        table.row(case, answer.header("x-amz-tagging-count"), "2");
    }
    // A plus is a blank in the source of a copy.
    let copy = Signed::put("/data/c", "").header("x-amz-copy-source", "/data/a+b");
    table.row("copy", server.send(copy).await.status.as_u16(), 200);
    let copy = Signed::put("/data/d", "").header("x-amz-copy-source", "/data/a%2Bb");
    table.row("copy of a plus", verdict(&server.send(copy).await), (404, "NoSuchKey".to_owned()));
    table.check();
}

#[tokio::test]
async fn tags_are_held_to_their_rules() {
    let server = server().await;
    let mut table = Table::default();
    for (tags, right) in [
        ("a=1&b=%2B+c", (200, "")),
        ("empty=", (200, "")),
        ("%C3%BC=%C3%A4", (200, "")),
        ("", (200, "")),
        ("a=1,b=2", (400, "InvalidArgument")),
        ("a=1&a=2", (400, "InvalidArgument")),
        ("a%3F=1", (400, "InvalidArgument")),
        ("aws:x=1", (400, "InvalidTag")),
        (&format!("{}=1", "k".repeat(129)), (400, "InvalidTag")),
        (&format!("k={}", "v".repeat(257)), (400, "InvalidTag")),
    ] {
        let answer = server.send(Signed::put("/data/a", "x").header("x-amz-tagging", tags)).await;
        table.row(tags, verdict(&answer), (right.0, right.1.to_owned()));
    }
    for (case, tags, right) in [
        ("plain", "<Tag><Key>a</Key><Value>1</Value></Tag>", (200, "")),
        ("of AWS", "<Tag><Key>aws:x</Key><Value>1</Value></Tag>", (400, "InvalidTag")),
        ("other characters", "<Tag><Key>a?</Key><Value>1</Value></Tag>", (400, "InvalidTag")),
        ("other characters in a value", "<Tag><Key>a</Key><Value>1,2</Value></Tag>", (400, "InvalidTag")),
        (
            "twice",
            "<Tag><Key>a</Key><Value>1</Value></Tag><Tag><Key>a</Key><Value>2</Value></Tag>",
            (400, "InvalidTag"),
        ),
    ] {
        let document = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
        let answer = server.send(Signed::put("/data/a?tagging", document)).await;
        table.row(case, verdict(&answer), (right.0, right.1.to_owned()));
    }
    table.check();
}

#[tokio::test]
async fn contradictions_are_refused() {
    let server = server().await;
    server.send(Signed::put("/data/a", "x")).await;
    let sse = "x-amz-server-side-encryption";
    let put = || Signed::put("/data/b", "x");
    let delete = Signed::new(Method::DELETE, "/data/a").header("x-amz-bypass-governance-retention", "true");
    let many = post("/data?delete", "<Delete><Object><Key>a</Key></Object></Delete>");
    let mut table = Table::default();
    for (case, request) in [
        ("key without algorithm", put().header("x-amz-server-side-encryption-customer-key", "a2V5")),
        (
            "source's key without algorithm",
            put()
                .header("x-amz-copy-source", "data/a")
                .header("x-amz-copy-source-server-side-encryption-customer-key", "a2V5"),
        ),
        ("encryption on get", Signed::get("/data/a").header(sse, "AES256")),
        ("encryption on head", head("/data/a").header(sse, "AES256")),
        ("AES256 with a KMS key", put().header(sse, "AES256").header(&format!("{sse}-aws-kms-key-id"), "k")),
        ("a KMS key alone", put().header(&format!("{sse}-aws-kms-key-id"), "k")),
        ("bypass", delete),
        ("bypass for many", many.header("x-amz-bypass-governance-retention", "true")),
    ] {
        let answer = server.send(request).await;
        let code = if case.ends_with("head") { String::new() } else { "InvalidArgument".to_owned() };
        table.row(case, verdict(&answer), (400, code));
    }
    table.check();
    assert_eq!(server.send(Signed::get("/data/a")).await.status, 200);
    server.send(Signed::get("/data/b")).await.expect(404, "NoSuchKey");
}

/// What a listing shows as common prefixes and keys.
async fn listed(server: &Server, target: &str) -> Vec<String> {
    let text = server.send(Signed::get(target)).await.text();
    let shown = text.split("<CommonPrefixes>").skip(1).flat_map(|rest| all(rest, "Prefix"));
    shown.chain(all(&text, "Key")).collect()
}

#[tokio::test]
async fn a_marker_under_a_prefix_does_not_repeat_the_prefix() {
    let server = server().await;
    for key in ["a/1", "a/2", "b"] {
        server.send(Signed::put(&format!("/data/{key}"), "x")).await;
        server.send(post(&format!("/data/{key}?uploads"), "")).await;
    }
    let mut table = Table::default();
    for target in [
        "/data?delimiter=%2F&marker=a%2F1",
        "/data?delimiter=%2F&marker=a%2F",
        "/data?versions&delimiter=%2F&key-marker=a%2F1",
        "/data?uploads&delimiter=%2F&key-marker=a%2F1",
        "/data?uploads&delimiter=%2F&key-marker=a%2F",
    ] {
        table.row(target, listed(&server, target).await, vec!["b".to_owned()]);
    }
    table.check();
}

#[tokio::test]
async fn torn_content_is_told_and_not_sent() {
    let server = server().await;
    server.send(Signed::put("/data/a", "x".repeat(100))).await;
    let shards = std::fs::read_dir(server.root.path().join("objects")).unwrap();
    for shard in shards {
        for file in std::fs::read_dir(shard.unwrap().path()).unwrap() {
            std::fs::write(file.unwrap().path(), "x").unwrap();
        }
    }
    for request in [
        Signed::get("/data/a"),
        Signed::get("/data/a").header("range", "bytes=0-0"),
        Signed::put("/data/b", "").header("x-amz-copy-source", "data/a"),
    ] {
        let answer = server.send(request).await;
        answer.expect(500, "InternalError");
        assert!(answer.text().contains("1 bytes on the disk instead of 100"), "{answer:?}");
    }
}
