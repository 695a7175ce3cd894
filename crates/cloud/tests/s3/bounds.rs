//! What a request may cost.

use crate::support::{Signed, Table, post, server, verdict};

#[tokio::test]
async fn documents_have_a_bound() {
    let server = server().await;
    let id = server.send(post("/data/m?uploads", "")).await.element("UploadId");
    let part = "<Part><PartNumber>1</PartNumber><ETag>x</ETag></Part>";
    let wrap = |name: &str, length: usize| format!("<{name}>{}</{name}>", " ".repeat(length));
    let mut table = Table::default();
    for (case, request) in [
        ("parts", post(&format!("/data/m?uploadId={id}"), wrap("CompleteMultipartUpload", 9 << 20))),
        ("keys", post("/data?delete", wrap("Delete", 9 << 20))),
        ("tags", Signed::put("/data/a?tagging", wrap("Tagging", 9 << 20))),
        ("bucket", Signed::put("/new", wrap("CreateBucketConfiguration", 9 << 20))),
    ] {
        let answer = server.send(request).await;
        table.row(case, verdict(&answer), (400, "MaxMessageLengthExceeded".to_owned()));
    }
    // As many parts as there may be fit well.
    let parts = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", part.repeat(10_000));
    let answer = server.send(post(&format!("/data/m?uploadId={id}"), parts)).await;
    table.row("10,000 parts", verdict(&answer), (400, "InvalidPart".to_owned()));
    let parts = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", part.repeat(10_001));
    let answer = server.send(post(&format!("/data/m?uploadId={id}"), parts)).await;
    table.row("10,001 parts", verdict(&answer), (400, "MalformedXML".to_owned()));
    table.check();
}

#[tokio::test]
async fn pages_of_uploads_and_parts_have_a_bound() {
    let server = server().await;
    for index in 0..1001 {
        server.send(post(&format!("/data/k{index:04}?uploads"), "")).await;
    }
    let page = server.send(Signed::get("/data?uploads&max-uploads=5000")).await;
    assert_eq!(page.text().matches("<Upload>").count(), 1000);
    assert_eq!((page.element("IsTruncated").as_str(), page.element("NextKeyMarker").as_str()), ("true", "k0999"));
    let (key, id) = (page.element("NextKeyMarker"), page.element("NextUploadIdMarker"));
    let rest = server.send(Signed::get(&format!("/data?uploads&key-marker={key}&upload-id-marker={id}"))).await;
    assert_eq!(rest.text().matches("<Upload>").count(), 1);
    assert_eq!((rest.element("IsTruncated").as_str(), rest.element("Key").as_str()), ("false", "k1000"));
}

#[tokio::test]
async fn a_document_is_what_was_signed() {
    let server = server().await;
    server.send(Signed::put("/data/a", "x")).await;
    let delete = "<Delete><Object><Key>a</Key></Object></Delete>";
    let answer = server.send(post("/data?delete", delete).payload(&"0".repeat(64))).await;
    answer.expect(400, "XAmzContentSHA256Mismatch");
    assert_eq!(server.send(Signed::get("/data/a")).await.status, 200);
}
