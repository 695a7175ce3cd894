//! Transfers through a network that fails: 40% of what is sent or answered is lost, refused or replaced.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

mod support;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use sagewright_aws::{Aws, Retry, TimeOuts, s3};
use support::{Answer, Clock, Script, builder, ok, request, status, target};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

type Objects = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// A few operations of S3 behind a proxy that spoils two requests of five.
async fn faulty_s3() -> (String, Objects) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let objects = Objects::default();
    let (held, count) = (Arc::clone(&objects), Arc::new(AtomicU64::new(0)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (held, count) = (Arc::clone(&held), Arc::clone(&count));
            tokio::spawn(async move { converse(stream, &held, &count).await });
        }
    });
    (url, objects)
}

async fn converse(mut stream: TcpStream, objects: &Objects, count: &AtomicU64) {
    let mut buffer = Vec::new();
    while let Some((head, body)) = request(&mut stream, &mut buffer).await {
        let n = count.fetch_add(1, Ordering::Relaxed);
        let fault = n.wrapping_mul(7_919).wrapping_add(n / 10) % 10;
        let garbage = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\nhello";
        match fault {
            0 => return,
            1 => {
                let unavailable = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(unavailable.as_bytes()).await.unwrap();
                continue;
            }
            2 => {
                stream.write_all(garbage.as_bytes()).await.unwrap();
                continue;
            }
            _ => {}
        }
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let mut answer = Vec::new();
        if head.starts_with("PUT") {
            objects.lock().unwrap().insert(path, body);
            answer.extend(b"HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: 0\r\n\r\n");
        } else {
            let object = objects.lock().unwrap()[&path].clone();
            let from =
                head.to_ascii_lowercase().lines().find_map(|l| Some(l.strip_prefix("range:")?.trim().to_owned()));
            let from = from.map(|r| r.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
            let rest = &object[from.unwrap_or(0)..];
            let status = if from.is_some() { "206 Partial Content" } else { "200 OK" };
            let head = format!("HTTP/1.1 {status}\r\netag: \"e\"\r\ncontent-length: {}\r\n\r\n", rest.len());
            answer.extend(head.into_bytes());
            answer.extend(rest);
        }
        // The service has done it, and the answer is lost, or half of it.
        if fault == 3 {
            let half = answer.len() / 2;
            let _ = stream.write_all(&answer[..half]).await;
            return;
        }
        stream.write_all(&answer).await.unwrap();
    }
}

#[tokio::test]
async fn files_arrive_whole_through_forty_percent_of_faults() {
    let (url, objects) = faulty_s3().await;
    let aws =
        Aws::builder().environment(&[], &[]).endpoint_url(&url).credentials("a", "b", None).build().await.unwrap();
    let (here, folder) = (target("us-east-1"), tempfile::tempdir().unwrap());
    for i in 0..5_u8 {
        let content: Vec<u8> = (0..20_000_u32).map(|n| (n % 251) as u8 ^ i).collect();
        let (from, to, key) = (folder.path().join("from"), folder.path().join("to"), format!("k-{i}"));
        std::fs::write(&from, &content).unwrap();
        s3::put_file(&aws, &here, &from, "b-1", &key, None).await.unwrap();
        assert_eq!(objects.lock().unwrap()[&format!("/b-1/{key}")], content);
        s3::get_to_file(&aws, &here, "b-1", &key, &to).await.unwrap();
        assert!(std::fs::read(&to).unwrap() == content, "what arrived is not what was sent");
        s3::put_bytes(&aws, &here, "b-1", &key, Bytes::from_static(b"short"), None).await.unwrap();
        assert_eq!(s3::get_bytes(&aws, &here, "b-1", &key).await.unwrap().body, "short");
    }
}

#[tokio::test]
async fn an_upload_in_parts_goes_on_and_one_that_was_completed_unheard_is_done() {
    completed_unheard(65 << 20).await;
}

#[tokio::test]
async fn an_object_of_another_size_is_not_the_upload_that_was_completed_unheard() {
    completed_unheard(64 << 20).await;
}

/// An upload of 65 MB whose completion is not heard, and after which an object of this size is there.
async fn completed_unheard(there: u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    std::fs::File::create(&path).unwrap().set_len(65 << 20).unwrap();
    let (count, completions) = (AtomicU64::new(0), AtomicU64::new(0));
    let etag = || vec![("etag", "\"e\"".to_owned())];
    let script = Script::by(move |sent| {
        let fault = count.fetch_add(1, Ordering::Relaxed) % 5;
        if sent.method == "POST" && sent.uri.contains("uploadId=") {
            return match completions.fetch_add(1, Ordering::Relaxed) {
                0 => Answer::Reset,
                _ => status(404, "<Error><Code>NoSuchUpload</Code><Message>gone</Message></Error>"),
            };
        }
        match (sent.method.as_str(), fault) {
            (_, 1) => Answer::Reset,
            (_, 3) => status(503, "<Error><Code>ServiceUnavailable</Code></Error>"),
            ("POST", _) => {
                ok("<InitiateMultipartUploadResult><UploadId>u-1</UploadId></InitiateMultipartUploadResult>")
            }
            ("HEAD", _) => Answer::Http(
                200,
                vec![("etag", "\"whole-5\"".to_owned()), ("content-length", there.to_string())],
                String::new(),
            ),
            _ => Answer::Http(200, etag(), String::new()),
        }
    });
    let aws = builder(&script, &Clock::default()).build().await.unwrap();
    let put = s3::put_file(&aws, &target("us-east-1"), &path, "b-1", "large", None).await;
    if there != 65 << 20 {
        assert_eq!(put.unwrap_err().code, "NoSuchUpload");
        return;
    }
    let info = put.unwrap();
    assert_eq!((info.size, info.etag.as_deref()), (65 << 20, Some("\"whole-5\"")));
    aws.tidied().await;
    assert!(!script.sent().iter().any(|s| s.method == "DELETE"), "a finished upload was taken away");
}

#[tokio::test]
async fn a_connection_that_breaks_after_minutes_of_work_is_not_the_end() {
    let clock = Clock::default();
    let (network, count) = (clock.clone(), AtomicU64::new(0));
    let script = Script::by(move |_| {
        network.advance(Duration::from_secs(130));
        // Each is all the requests that the runtime makes at once.
        if count.fetch_add(1, Ordering::Relaxed) % 4 < 3 {
            return Answer::Reset;
        }
        Answer::Http(200, vec![("etag", "\"e\"".to_owned())], "short".to_owned())
    });
    let aws = builder(&script, &clock).build().await.unwrap();
    let here = target("us-east-1");
    s3::put_bytes(&aws, &here, "b-1", "k", Bytes::from_static(b"short"), None).await.unwrap();
    assert_eq!(s3::get_bytes(&aws, &here, "b-1", "k").await.unwrap().body, "short");
}

#[tokio::test]
async fn only_what_carries_a_body_is_waited_for_like_a_transfer() {
    let script = Script::by(|sent| {
        let listing = if sent.uri.contains("list-type") { "<ListBucketResult/>" } else { "" };
        Answer::Http(200, vec![("etag", "\"e\"".to_owned())], listing.to_owned())
    });
    let aws = builder(&script, &Clock::default()).build().await.unwrap();
    let here = target("us-east-1");
    s3::head(&aws, &here, "b-1", "k").await.unwrap();
    s3::list(&aws, &here, "b-1", "k").await.unwrap();
    s3::create_bucket(&aws, &here, "b-1").await.unwrap();
    let small = script.patience();
    assert!(!small.is_empty() && small.iter().all(|p| *p == Some(TimeOuts::default().read)), "{small:?}");
    s3::put_bytes(&aws, &here, "b-1", "k", Bytes::new(), None).await.unwrap();
    s3::get_bytes(&aws, &here, "b-1", "k").await.unwrap();
    let large = script.patience().split_off(small.len());
    assert!(!large.is_empty() && large.iter().all(|p| *p == Some(TimeOuts::default().transfer)), "{large:?}");
}

#[tokio::test]
async fn an_object_that_is_replaced_during_its_download_is_told_as_that() {
    let script = Script::by(|sent| match sent.header("range") {
        None => Answer::Http(
            200,
            vec![("etag", "\"e\"".to_owned()), ("content-length", "10".to_owned())],
            "short".to_owned(),
        ),
        Some(_) => status(412, "<Error><Code>PreconditionFailed</Code><Message>At least one</Message></Error>"),
    });
    let aws = builder(&script, &Clock::default()).build().await.unwrap();
    let to = tempfile::tempdir().unwrap().path().with_extension("to");
    let error = s3::get_to_file(&aws, &target("us-east-1"), "b-1", "k", &to).await.unwrap_err();
    assert_eq!(error.message, "s3://b-1/k changed during the download; run it again");
    assert!(!to.exists());
}

#[tokio::test]
async fn an_empty_answer_and_a_page_are_not_an_empty_bucket() {
    for body in ["", " \n", "<html><body>sign in</body></html>"] {
        let script = Script::by(move |_| ok(body));
        let aws = builder(&script, &Clock::default()).retry(Retry::Off).build().await.unwrap();
        let error = s3::list(&aws, &target("us-east-1"), "b-1", "").await.unwrap_err();
        assert_eq!(error.code, "UnreadableAnswer", "{body}");
    }
}
