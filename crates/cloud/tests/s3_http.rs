//! S3 over HTTP: what stock clients cannot be made to send.

#![allow(clippy::unwrap_used)]

mod s3_support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Method;
use s3_support::{ACCOUNT, Server, Signed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn server() -> Server {
    let server = Server::start().await;
    server.store.create_bucket(ACCOUNT, "data", "us-east-1").unwrap();
    server
}

fn crc32(data: &[u8]) -> String {
    BASE64.encode(crc32fast::hash(data).to_be_bytes())
}

/// An upload whose checksum follows the content.
fn trailing(target: &str, chunks: &[&[u8]], length: usize, trailers: &str) -> Signed {
    let mut body = Vec::new();
    for chunk in chunks {
        body.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        body.extend(*chunk);
        body.extend(b"\r\n");
    }
    body.extend(b"0\r\n");
    body.extend(trailers.as_bytes());
    body.extend(b"\r\n");
    Signed::put(target, body)
        .payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        .header("content-encoding", "aws-chunked")
        .header("x-amz-decoded-content-length", &length.to_string())
        .header("x-amz-sdk-checksum-algorithm", "CRC32")
        .header("x-amz-trailer", "x-amz-checksum-crc32")
}

#[tokio::test]
async fn a_trailing_checksum_is_verified_and_kept() {
    let server = server().await;
    let trailer = format!("x-amz-checksum-crc32:{}\r\n", crc32(b"hello world"));
    let put = trailing("/data/a", &[b"hello ", b"world"], 11, &trailer);
    let answer = server.send(put).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-amz-checksum-crc32"), crc32(b"hello world"));
    let get = Signed::get("/data/a").header("x-amz-checksum-mode", "ENABLED");
    let answer = server.send(get).await;
    assert_eq!(answer.text(), "hello world");
    assert_eq!(answer.header("x-amz-checksum-crc32"), crc32(b"hello world"));
    // The transfer's encoding is not the object's.
    assert_eq!(answer.header("content-encoding"), "");
}

#[tokio::test]
async fn what_the_signature_does_not_cover_is_refused() {
    let server = server().await;
    server.send(Signed::put("/data/secret", "secret")).await;
    for (name, value) in [("x-amz-copy-source", "/data/secret"), ("x-amz-meta-note", "x"), ("x-amz-tagging", "a=b")] {
        let answer = server.send(Signed::put("/data/upload", "").unsigned(name, value)).await;
        answer.expect(403, "AccessDenied");
        assert!(answer.text().contains(name), "{answer:?}");
        server.send(Signed::get("/data/upload")).await.expect(404, "NoSuchKey");
    }
    // Other headers are the transport's and may be added on the way.
    let put = Signed::put("/data/upload", "").unsigned("x-forwarded-for", "::1").unsigned("content-type", "text/plain");
    assert_eq!(server.send(put).await.status, 200);
}

#[tokio::test]
async fn a_large_single_chunk_is_taken() {
    let server = server().await;
    let data: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
    let trailer = format!("x-amz-checksum-crc32:{}\r\n", crc32(&data));
    let answer = server.send(trailing("/data/a", &[&data], data.len(), &trailer)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(server.send(Signed::get("/data/a")).await.body, data);
}

#[tokio::test]
async fn a_wrong_or_missing_trailer_is_refused() {
    let server = server().await;
    let wrong = format!("x-amz-checksum-crc32:{}\r\n", crc32(b"other"));
    let answer = server.send(trailing("/data/a", &[b"hello"], 5, &wrong)).await;
    answer.expect(400, "BadDigest");
    let answer = server.send(trailing("/data/a", &[b"hello"], 5, "")).await;
    answer.expect(400, "MalformedTrailerError");
    let answer = server.send(trailing("/data/a", &[b"hello"], 5, "x-amz-checksum-crc32:?\r\n")).await;
    answer.expect(400, "InvalidRequest");
    assert_eq!(server.files(), 0);
    server.send(Signed::get("/data/a")).await.expect(404, "NoSuchKey");
}

#[tokio::test]
async fn a_body_of_another_length_than_said_is_refused() {
    let server = server().await;
    let trailer = format!("x-amz-checksum-crc32:{}\r\n", crc32(b"hello"));
    for length in [4, 6] {
        let answer = server.send(trailing("/data/a", &[b"hello"], length, &trailer)).await;
        answer.expect(400, "IncompleteBody");
    }
    // Cut off inside a chunk.
    let cut = Signed::put("/data/a", b"ff\r\nshort".to_vec())
        .payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        .header("x-amz-decoded-content-length", "255")
        .header("x-amz-trailer", "x-amz-checksum-crc32");
    server.send(cut).await.expect(400, "IncompleteBody");
    assert_eq!(server.files(), 0);
}

#[tokio::test]
async fn content_other_than_signed_is_refused() {
    let server = server().await;
    let put = Signed::put("/data/a", "hello").payload(&"0".repeat(64));
    server.send(put).await.expect(400, "XAmzContentSHA256Mismatch");
    assert_eq!(server.files(), 0);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing_and_keeps_the_old() {
    let server = server().await;
    server.store.put_bytes(ACCOUNT, "data", "a", b"old").unwrap();
    let request = Signed::put("/data/a", "").payload("UNSIGNED-PAYLOAD");
    let (headers, target) = request.head(server.address);
    let mut text = format!("PUT {target} HTTP/1.1\r\ncontent-length: 3000000\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.write_all(&vec![0; 2_000_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    // The server closes once it has given up on the upload.
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    // Whatever is left of the upload goes when the handler is dropped, shortly after.
    let gone = async {
        while server.files() > 1 {
            tokio::task::yield_now().await;
        }
    };
    let gone = tokio::time::timeout(std::time::Duration::from_secs(30), gone).await;
    assert!(gone.is_ok(), "the upload that broke off is still there");
    assert_eq!(server.send(Signed::get("/data/a")).await.text(), "old");
}

#[tokio::test]
async fn a_refused_upload_still_gets_its_answer() {
    let server = server().await;
    let put = Signed::put("/no-such-bucket/a", vec![0; 8 << 20]);
    let answer = server.send(put).await;
    answer.expect(404, "NoSuchBucket");
    assert!(answer.text().contains("<BucketName>no-such-bucket</BucketName>"));
    let put = Signed::put("/data/a", vec![0; 8 << 20]).access_key("AKIDNOBODY");
    server.send(put).await.expect(403, "InvalidAccessKeyId");
}

#[tokio::test]
async fn session_keys_need_their_token() {
    let server = server().await;
    let list = || Signed::get("/data?list-type=2");
    let token = "x-amz-security-token";
    server.send(list().access_key("ASIATEST")).await.expect(400, "InvalidToken");
    let wrong = list().access_key("ASIATEST").header(token, "wrong");
    server.send(wrong).await.expect(400, "InvalidToken");
    let right = list().access_key("ASIATEST").header(token, "token");
    assert_eq!(server.send(right).await.status, 200);
    let expired = list().access_key("ASIAEXPIRED").header(token, "token");
    server.send(expired).await.expect(400, "ExpiredToken");
    // A token with a key that has none.
    server.send(list().header(token, "token")).await.expect(400, "InvalidToken");
}

#[tokio::test]
async fn accounts_are_apart() {
    let server = server().await;
    server.store.put_bytes(ACCOUNT, "data", "a", b"x").unwrap();
    let other = |method: Method, target: &str| Signed::new(method, target).access_key("AKIDOTHER");
    for (method, target) in [
        (Method::GET, "/data/a"),
        (Method::PUT, "/data/a"),
        (Method::DELETE, "/data/a"),
        (Method::GET, "/data?list-type=2"),
        (Method::GET, "/data"),
        (Method::GET, "/data?location"),
        (Method::GET, "/data/a?tagging"),
        (Method::POST, "/data/a?uploads"),
        (Method::DELETE, "/data"),
    ] {
        let answer = server.send(other(method.clone(), target)).await;
        assert_eq!(answer.status, 403, "{method} {target}: {answer:?}");
        assert_eq!(answer.code(), "AccessDenied");
    }
    assert_eq!(server.send(other(Method::HEAD, "/data")).await.status, 403);
    server.send(other(Method::PUT, "/data")).await.expect(409, "BucketAlreadyExists");
    let list = server.send(other(Method::GET, "/")).await;
    assert!(!list.text().contains("<Name>data</Name>"), "{list:?}");
    // A copy out of another's bucket.
    server.store.create_bucket("444455556666", "theirs", "us-east-1").unwrap();
    let copy = other(Method::PUT, "/theirs/a").header("x-amz-copy-source", "data/a");
    server.send(copy).await.expect(403, "AccessDenied");
    assert_eq!(server.files(), 1);
}

#[tokio::test]
async fn hosts_name_buckets() {
    let server = server().await;
    server.store.put_bytes(ACCOUNT, "data", "dir/a", b"x").unwrap();
    let port = server.address.port();
    for (host, target) in [
        (format!("data.s3.localhost:{port}"), "/dir/a"),
        (format!("data.localhost:{port}"), "/dir/a"),
        (format!("s3.localhost:{port}"), "/data/dir/a"),
        (format!("localhost:{port}"), "/data/dir/a"),
        ("host.docker.internal:4599".to_owned(), "/data/dir/a"),
    ] {
        let answer = server.send(Signed::get(target).host(&host)).await;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "x"), "{host}");
    }
    let missing = Signed::get("/dir/b").host(&format!("data.s3.localhost:{port}"));
    let answer = server.send(missing).await;
    answer.expect(404, "NoSuchKey");
    assert!(answer.text().contains("<Key>dir/b</Key>"), "{answer:?}");
}

#[tokio::test]
async fn answers_without_a_body_have_none() {
    let server = server().await;
    let put = server.send(Signed::put("/data/a", "hello")).await;
    let etag = put.header("etag").to_owned();
    let unchanged = Signed::get("/data/a").header("if-none-match", &etag);
    let answer = server.send(unchanged).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (304, 0));
    assert_eq!(answer.header("etag"), etag);
    assert!(!answer.header("last-modified").is_empty());
    let head = server.send(Signed::new(Method::HEAD, "/data/a")).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), "5");
    let missing = server.send(Signed::new(Method::HEAD, "/data/b")).await;
    assert_eq!((missing.status.as_u16(), missing.body.len()), (404, 0));
    assert!(!missing.header("x-amz-request-id").is_empty());
    let range = server.send(Signed::get("/data/a").header("range", "bytes=9-")).await;
    range.expect(416, "InvalidRange");
    assert_eq!(range.header("content-range"), "bytes */5");
}

#[tokio::test]
async fn a_bucket_deleted_under_an_upload_refuses_it() {
    let server = server().await;
    let upload = server.send(Signed::new(Method::POST, "/data/m?uploads")).await.text();
    let id = upload.split("<UploadId>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let part = format!("/data/m?partNumber=1&uploadId={id}");
    assert_eq!(server.send(Signed::put(&part, "x")).await.status, 200);
    assert_eq!(server.send(Signed::new(Method::DELETE, "/data")).await.status, 204);
    assert_eq!(server.files(), 0);
    server.send(Signed::put(&part, "x")).await.expect(404, "NoSuchBucket");
    // One of the same name is another bucket.
    server.store.create_bucket(ACCOUNT, "data", "us-east-1").unwrap();
    server.send(Signed::put(&part, "x")).await.expect(404, "NoSuchUpload");
    assert_eq!(server.files(), 0);
}
