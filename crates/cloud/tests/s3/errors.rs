//! Error documents have the members of their code, and none that AWS's have not.

use http::Method;

use crate::support::{Server, Signed, Table, post, server, verdict};

/// What an upload with one small part is called.
async fn upload(server: &Server) -> String {
    let id = server.send(post("/data/m?uploads", "")).await.element("UploadId");
    server.send(Signed::put(&format!("/data/m?partNumber=1&uploadId={id}"), "x")).await;
    server.send(Signed::put(&format!("/data/m?partNumber=2&uploadId={id}"), "y")).await;
    id
}

fn complete(id: &str, parts: &[(u32, &str)]) -> Signed {
    let parts: String = parts
        .iter()
        .map(|(number, etag)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"))
        .collect();
    post(&format!("/data/m?uploadId={id}"), format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"))
}

/// What is done, its request, status and code, and the members of the document.
type Case<'t> = (&'t str, Signed, (u16, &'t str), Vec<(&'t str, &'t str)>);

#[tokio::test]
async fn errors_have_their_members() {
    let server = server().await;
    server.send(Signed::put("/data/a", "0123456789")).await;
    let id = upload(&server).await;
    let (x, y) = ("9dd4e461268c8034f5c8564e155c67a6", "415290769594460e2e485922904f345d");
    let long = format!("/data/{}", "k".repeat(1025));
    let large = "x".repeat(2049);
    let put = |target: &str| Signed::put(target, "x");
    let delete = |target: &str| Signed::new(Method::DELETE, target);
    let cases: Vec<Case<'_>> = vec![
        ("missing key", Signed::get("/data/b%20c"), (404, "NoSuchKey"), vec![("Key", "b c")]),
        ("missing bucket", Signed::get("/nowhere/a"), (404, "NoSuchBucket"), vec![("BucketName", "nowhere")]),
        (
            "missing source bucket",
            put("/data/c").header("x-amz-copy-source", "nowhere/a"),
            (404, "NoSuchBucket"),
            vec![("BucketName", "nowhere")],
        ),
        (
            "missing source key",
            put("/data/c").header("x-amz-copy-source", "data/other"),
            (404, "NoSuchKey"),
            vec![("Key", "other")],
        ),
        ("bucket not empty", delete("/data"), (409, "BucketNotEmpty"), vec![("BucketName", "data")]),
        (
            "condition of a write",
            put("/data/a").header("if-none-match", "*"),
            (412, "PreconditionFailed"),
            vec![("Condition", "If-None-Match")],
        ),
        (
            "condition of a read",
            Signed::get("/data/a").header("if-match", "\"other\""),
            (412, "PreconditionFailed"),
            vec![("Condition", "If-Match")],
        ),
        (
            "condition of a copy",
            put("/data/c").header("x-amz-copy-source", "data/a").header("x-amz-copy-source-if-match", "\"other\""),
            (412, "PreconditionFailed"),
            vec![("Condition", "x-amz-copy-source-If-Match")],
        ),
        (
            "range",
            Signed::get("/data/a").header("range", "bytes=10-20"),
            (416, "InvalidRange"),
            vec![("RangeRequested", "bytes=10-20"), ("ActualObjectSize", "10")],
        ),
        (
            "part of an object",
            Signed::get("/data/a?partNumber=2"),
            (416, "InvalidPartNumber"),
            vec![("ActualPartCount", "1"), ("PartNumberRequested", "2")],
        ),
        (
            "digest",
            put("/data/c").header("content-md5", "XUFAKrxLKna5cZ2REBfFkg=="),
            (400, "BadDigest"),
            vec![("ExpectedDigest", "XUFAKrxLKna5cZ2REBfFkg=="), ("CalculatedDigest", "ndTkYSaMgDT1yFZOFVxnpg==")],
        ),
        (
            "malformed digest",
            put("/data/c").header("content-md5", "?"),
            (400, "InvalidDigest"),
            vec![("Content-MD5", "?")],
        ),
        ("key", put(&long), (400, "KeyTooLongError"), vec![("Size", "1025"), ("MaxSizeAllowed", "1024")]),
        (
            "metadata",
            put("/data/c").header("x-amz-meta-a", &large),
            (400, "MetadataTooLarge"),
            vec![("Size", "2050"), ("MaxSizeAllowed", "2048")],
        ),
        (
            "storage class",
            put("/data/c").header("x-amz-storage-class", "WARM"),
            (400, "InvalidStorageClass"),
            vec![("StorageClassRequested", "WARM")],
        ),
        (
            "encryption",
            put("/data/c").header("x-amz-server-side-encryption", "ROT13"),
            (400, "InvalidEncryptionAlgorithmError"),
            vec![("ArgumentName", "x-amz-server-side-encryption"), ("ArgumentValue", "ROT13")],
        ),
        ("missing upload", complete("none", &[(1, x)]), (404, "NoSuchUpload"), vec![("UploadId", "none")]),
        ("missing upload without parts", complete("none", &[]), (404, "NoSuchUpload"), vec![("UploadId", "none")]),
        (
            "wrong part",
            complete(&id, &[(1, y)]),
            (400, "InvalidPart"),
            vec![("PartNumber", "1"), ("ETag", y), ("UploadId", &id)],
        ),
        ("order of parts", complete(&id, &[(2, y), (1, x)]), (400, "InvalidPartOrder"), vec![("UploadId", &id)]),
        (
            "small part",
            complete(&id, &[(1, x), (2, y)]),
            (400, "EntityTooSmall"),
            vec![("PartNumber", "1"), ("ETag", x), ("ProposedSize", "1"), ("MinSizeAllowed", "5242880")],
        ),
        (
            "part number",
            put(&format!("/data/m?partNumber=10001&uploadId={id}")),
            (400, "InvalidArgument"),
            vec![("ArgumentName", "partNumber"), ("ArgumentValue", "10001")],
        ),
        (
            "negative page",
            Signed::get("/data?list-type=2&max-keys=-1"),
            (400, "InvalidArgument"),
            vec![("ArgumentName", "max-keys"), ("ArgumentValue", "-1")],
        ),
        (
            "unreadable page",
            Signed::get("/data?list-type=2&max-keys=many"),
            (400, "InvalidArgument"),
            vec![("ArgumentName", "max-keys"), ("ArgumentValue", "many")],
        ),
        (
            "version",
            Signed::get("/data/a?versionId=v1"),
            (400, "InvalidArgument"),
            vec![("ArgumentName", "versionId"), ("ArgumentValue", "v1")],
        ),
        (
            "version that could be",
            Signed::get("/data/a?versionId=abcdefghijklmnopqrstuvwxyz012345"),
            (404, "NoSuchVersion"),
            vec![("VersionId", "abcdefghijklmnopqrstuvwxyz012345"), ("Key", "a")],
        ),
        (
            "unknown key",
            Signed::get("/data/a").access_key("AKIDNOBODY"),
            (403, "InvalidAccessKeyId"),
            vec![("AWSAccessKeyId", "AKIDNOBODY")],
        ),
        (
            "unsigned header",
            put("/data/c").unsigned("x-amz-tagging", "a=b"),
            (403, "AccessDenied"),
            vec![("HeadersNotSigned", "x-amz-tagging")],
        ),
        ("tags of a bucket", Signed::get("/data?tagging"), (404, "NoSuchTagSet"), vec![("BucketName", "data")]),
    ];
    let mut table = Table::default();
    for (case, request, (status, code), members) in cases {
        let answer = server.send(request).await;
        table.row(case, verdict(&answer), (status, code.to_owned()));
        for (name, value) in members {
            table.row(format!("{case}, {name}"), answer.element(name), value.to_owned());
        }
        table.row(format!("{case}, Resource"), answer.text().contains("<Resource>"), false);
        table.row(format!("{case}, header"), answer.header("x-sagewright-error-detail"), "");
    }
    table.check();
    assert_eq!(server.files(), 3);
}
