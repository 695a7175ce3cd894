//! Multipart uploads: checksums of parts, conflicts, markers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use sha2::{Digest as _, Sha256};

use crate::support::{Answer, Server, Signed, Table, post, server, verdict};

const HEADER: &str = "x-amz-checksum-sha256";

fn sha256(data: &[u8]) -> String {
    BASE64.encode(Sha256::digest(data))
}

async fn create(server: &Server, key: &str, headers: &[(&str, &str)]) -> String {
    let mut request = post(&format!("/data/{key}?uploads"), "");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    server.send(request).await.element("UploadId")
}

fn part(key: &str, id: &str, number: u32, data: impl Into<Vec<u8>>) -> Signed {
    Signed::put(&format!("/data/{key}?partNumber={number}&uploadId={id}"), data)
}

/// Completes with these parts: number, ETag and, where there is one, the SHA-256.
fn complete(key: &str, id: &str, parts: &[(u32, &str, Option<&str>)]) -> Signed {
    let parts: String = parts
        .iter()
        .map(|(number, etag, checksum)| {
            let checksum = checksum.map(|sum| format!("<ChecksumSHA256>{sum}</ChecksumSHA256>")).unwrap_or_default();
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag>{checksum}</Part>")
        })
        .collect();
    post(&format!("/data/{key}?uploadId={id}"), format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"))
}

fn head(target: &str) -> Signed {
    Signed::new(Method::HEAD, target)
}

#[tokio::test]
async fn a_composite_checksum_needs_those_of_the_parts() {
    let server = server().await;
    let id = create(&server, "a", &[("x-amz-checksum-algorithm", "SHA256")]).await;
    let answer = server.send(part("a", &id, 1, "abc")).await;
    answer.expect(400, "InvalidRequest");
    let message = "Checksum Type mismatch occurred, expected checksum Type: sha256, actual checksum Type: null";
    assert_eq!(answer.element("Message"), message);
    let sum = sha256(b"abc");
    let answer = server.send(part("a", &id, 1, "abc").header(HEADER, &sum)).await;
    assert_eq!((answer.status.as_u16(), answer.header(HEADER)), (200, sum.as_str()));
    let etag = answer.header("etag").to_owned();
    let answer = server.send(complete("a", &id, &[(1, &etag, None)])).await;
    answer.expect(400, "InvalidRequest");
    let message = "The upload was created using a sha256 checksum. The complete request must include the checksum for each part. It was missing for part 1 in the request.";
    assert_eq!(answer.element("Message"), message);
    let other = complete("a", &id, &[(1, &etag, Some(&sum))]).header("x-amz-checksum-type", "FULL_OBJECT");
    server.send(other).await.expect(400, "InvalidRequest");
    let answer = server.send(complete("a", &id, &[(1, &etag, Some(&sum))])).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.element("ChecksumSHA256").ends_with("-1"), "{answer:?}");
    // The checksum of the whole needs none of the parts.
    let full = [("x-amz-checksum-algorithm", "CRC32"), ("x-amz-checksum-type", "FULL_OBJECT")];
    let id = create(&server, "b", &full).await;
    let etag = server.send(part("b", &id, 1, "abc")).await.header("etag").to_owned();
    assert_eq!(server.send(complete("b", &id, &[(1, &etag, None)])).await.status, 200);
}

#[tokio::test]
async fn an_upload_needs_a_part() {
    let server = server().await;
    let id = create(&server, "a", &[]).await;
    let answer = server.send(complete("a", &id, &[])).await;
    answer.expect(400, "InvalidRequest");
    assert_eq!(answer.element("Message"), "You must specify at least one part");
    server.send(post(&format!("/data/a?uploadId={id}"), "")).await.expect(400, "InvalidRequest");
}

/// An object of two parts with composite checksums: 5 MiB, and `end`.
async fn composite(server: &Server, key: &str) -> (String, String) {
    let first = vec![7; 5 << 20];
    let (sums, mut etags) = ([sha256(&first), sha256(b"end")], Vec::new());
    let id = create(server, key, &[("x-amz-checksum-algorithm", "SHA256")]).await;
    for (number, data) in [(1, first), (2, b"end".to_vec())] {
        let sum = sums[number as usize - 1].clone();
        let answer = server.send(part(key, &id, number, data).header(HEADER, &sum)).await;
        etags.push(answer.header("etag").to_owned());
    }
    let [first, second] = sums;
    let parts = [(1, etags[0].as_str(), Some(first.as_str())), (2, etags[1].as_str(), Some(second.as_str()))];
    assert_eq!(server.send(complete(key, &id, &parts)).await.status, 200);
    (first, second)
}

fn checksum(answer: &Answer) -> (u16, &str, &str) {
    (answer.status.as_u16(), answer.header(HEADER), answer.header("x-amz-checksum-type"))
}

#[tokio::test]
async fn a_part_of_an_object_has_its_checksum() {
    let server = server().await;
    let (_, second) = composite(&server, "a").await;
    let mut table = Table::default();
    for mode in ["ENABLED", "enabled", "Enabled"] {
        for (case, request) in [("get", Signed::get("/data/a?partNumber=2")), ("head", head("/data/a?partNumber=2"))] {
            let answer = server.send(request.header("x-amz-checksum-mode", mode)).await;
            table.row(format!("{case} {mode}"), checksum(&answer), (206, second.as_str(), "COMPOSITE"));
            table.row(format!("{case} {mode}"), answer.header("x-amz-mp-parts-count"), "2");
        }
    }
    let whole = server.send(head("/data/a").header("x-amz-checksum-mode", "enabled")).await;
    table.row("whole", whole.header(HEADER).ends_with("-2"), true);
    let range = head("/data/a").header("range", "bytes=0-1").header("x-amz-checksum-mode", "ENABLED");
    table.row("range", checksum(&server.send(range).await), (206, "", ""));
    let sum = sha256(b"x");
    server.send(Signed::put("/data/b", "x").header(HEADER, &sum)).await;
    let one = server.send(Signed::get("/data/b?partNumber=1").header("x-amz-checksum-mode", "ENABLED")).await;
    table.row("object of one piece", checksum(&one), (206, sum.as_str(), "FULL_OBJECT"));
    table.check();
}

#[tokio::test]
async fn parts_show_the_checksums_that_were_asked_for() {
    let server = server().await;
    server.send(Signed::put("/data/source", "abc")).await;
    let copy = |id: &str| {
        let target = format!("/data/m?partNumber=1&uploadId={id}");
        Signed::put(&target, "").header("x-amz-copy-source", "data/source")
    };
    let mut table = Table::default();
    for (algorithm, shown) in [(None, false), (Some(("x-amz-checksum-algorithm", "SHA256")), true)] {
        let id = create(&server, "m", algorithm.as_slice()).await;
        let copied = server.send(copy(&id)).await;
        table.row(format!("{algorithm:?} copy"), copied.text().contains("<Checksum"), shown);
        let listed = server.send(Signed::get(&format!("/data/m?uploadId={id}&part-number-marker="))).await;
        table.row(format!("{algorithm:?} list"), listed.element("PartNumber"), "1".to_owned());
        table.row(format!("{algorithm:?} list"), listed.text().contains("<ChecksumSHA256>"), shown);
        table.row(format!("{algorithm:?} list"), listed.text().contains("<ChecksumCRC64NVME>"), false);
    }
    // Attributes: parts without checksums are counted, no more.
    let id = create(&server, "plain", &[]).await;
    let etag = server.send(part("plain", &id, 1, "abc")).await.header("etag").to_owned();
    server.send(complete("plain", &id, &[(1, &etag, None)])).await;
    composite(&server, "composite").await;
    for (key, count, others) in [("plain", "1", false), ("composite", "2", true)] {
        let request = Signed::get(&format!("/data/{key}?attributes")).header("x-amz-object-attributes", "ObjectParts");
        let answer = server.send(request).await;
        let counted = answer.text().contains(&format!("<PartsCount>{count}</PartsCount>"));
        table.row(format!("{key}, {answer:?}"), counted, true);
        for name in ["IsTruncated", "MaxParts", "PartNumberMarker", "Part>"] {
            table.row(format!("{key}, {name}"), answer.text().contains(&format!("<{name}")), others);
        }
    }
    table.check();
}

#[tokio::test]
async fn a_write_between_is_a_conflict() {
    let server = server().await;
    let put = |data: &str| Signed::put("/data/a", data);
    let etag_of = |answer: &Answer| answer.header("etag").to_owned();
    let first = etag_of(&server.send(put("1")).await);
    let mut table = Table::default();
    let uploaded = async || {
        let id = create(&server, "a", &[]).await;
        let etag = etag_of(&server.send(part("a", &id, 1, "x")).await);
        (id, etag)
    };
    // The same content again is another write.
    let (id, etag) = uploaded().await;
    server.send(put("1")).await;
    let answer = server.send(complete("a", &id, &[(1, &etag, None)]).header("if-match", &first)).await;
    table.row("match", verdict(&answer), (409, "ConditionalRequestConflict".to_owned()));
    table.row("match", answer.element("Condition"), "If-Match".to_owned());
    // Deleted while the upload was in progress.
    let (id, etag) = uploaded().await;
    server.send(Signed::new(Method::DELETE, "/data/a")).await;
    let answer = server.send(complete("a", &id, &[(1, &etag, None)]).header("if-none-match", "*")).await;
    table.row("absent", verdict(&answer), (409, "ConditionalRequestConflict".to_owned()));
    // Written while it was: the condition itself fails.
    let (id, etag) = uploaded().await;
    server.send(put("2")).await;
    let answer = server.send(complete("a", &id, &[(1, &etag, None)]).header("if-none-match", "*")).await;
    table.row("there", verdict(&answer), (412, "PreconditionFailed".to_owned()));
    // Nothing came between.
    let (id, etag) = uploaded().await;
    let second = server.send(head("/data/a")).await.header("etag").to_owned();
    let answer = server.send(complete("a", &id, &[(1, &etag, None)]).header("if-match", &second)).await;
    table.row("unchanged", verdict(&answer), (200, String::new()));
    table.check();
}

#[tokio::test]
async fn lists_of_uploads_have_their_markers() {
    let server = server().await;
    let mut table = Table::default();
    let empty = server.send(Signed::get("/data?uploads")).await;
    for name in ["KeyMarker", "UploadIdMarker", "NextKeyMarker", "NextUploadIdMarker"] {
        let text = empty.text();
        table.row(name, text.contains(&format!("<{name}></{name}>")) || text.contains(&format!("<{name}/>")), true);
    }
    let mut ids = Vec::new();
    for key in ["a", "a", "b"] {
        ids.push(create(&server, key, &[]).await);
    }
    let list = async |query: &str| server.send(Signed::get(&format!("/data?uploads{query}"))).await;
    let all = list("").await;
    table.row("last", all.element("NextKeyMarker"), "b".to_owned());
    table.row("last", all.element("NextUploadIdMarker"), ids[2].clone());
    let wrong = list("&key-marker=a&upload-id-marker=wrong").await;
    table.row("wrong", verdict(&wrong), (400, "InvalidArgument".to_owned()));
    table.row("wrong", wrong.element("ArgumentName"), "upload-id-marker".to_owned());
    // Page by page, and the upload that marks a page is aborted before the next.
    let (mut seen, mut markers) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page = list(&format!("&max-uploads=1{markers}")).await;
        let (key, id) = (page.element("Key"), page.element("UploadId"));
        markers = format!(
            "&key-marker={}&upload-id-marker={}",
            page.element("NextKeyMarker"),
            page.element("NextUploadIdMarker")
        );
        server.send(Signed::new(Method::DELETE, &format!("/data/{key}?uploadId={id}"))).await;
        seen.push(key);
    }
    table.row("pages", seen, ["a", "a", "b"].map(str::to_owned).to_vec());
    table.check();
}
