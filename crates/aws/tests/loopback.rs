//! The real HTTP client against a server of a few lines: kept connections, time-outs, broken answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use sagewright_aws::runtime::InvokeRequest;
use sagewright_aws::{Aws, Retry, TimeOuts, runtime, s3};
use sagewright_port::cloud::{Call, Cloud as _, Stage};
use serde_json::json;
use support::{request, target};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

/// A server that hands each request's head to a function; no answer keeps the caller waiting.
struct Server {
    url: String,
    connections: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An answer, and whether the connection is kept.
type Reply = Option<(String, bool)>;

async fn serve(reply: impl Fn(u32, &str) -> Reply + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (reply, connections, requests) = (Arc::new(reply), Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let counted = Arc::clone(&connections);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let (reply, requests) = (Arc::clone(&reply), Arc::clone(&requests));
            tokio::spawn(async move { converse(stream, &*reply, &requests).await });
        }
    });
    Server { url, connections, task }
}

async fn converse(mut stream: TcpStream, reply: &(impl Fn(u32, &str) -> Reply + ?Sized), requests: &AtomicU32) {
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some((head, _)) = request(&mut stream, &mut buffer).await {
        let head = head.to_ascii_lowercase();
        let Some((answer, keep)) = reply(requests.fetch_add(1, Ordering::Relaxed), &head) else {
            std::future::pending::<()>().await;
            return;
        };
        // What comes after a form feed comes a byte at a time.
        let (at_once, slowly) = answer.split_once('\x0c').unwrap_or((&answer, ""));
        let mut failed = stream.write_all(at_once.as_bytes()).await.is_err();
        for byte in slowly.as_bytes() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            failed = failed || stream.write_all(&[*byte]).await.is_err();
        }
        if failed || !keep {
            return;
        }
    }
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

async fn client(server: &Server, retry: Retry, read: Duration) -> Aws {
    Aws::builder()
        .environment(&[], &[])
        .endpoint_url(&server.url)
        .credentials("a", "b", None)
        .retry(retry)
        .timeouts(TimeOuts { read, transfer: read, ..TimeOuts::default() })
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_thousand_invocations_share_one_connection() {
    let server = serve(|_, _| Some((http("200 OK", "content-type: text/csv\r\n", "0.5"), true))).await;
    let aws = client(&server, Retry::Standard, Duration::from_secs(30)).await;
    let target = target("us-east-1");
    let started = std::time::Instant::now();
    for _ in 0..1_000 {
        let body = Bytes::from_static(b"1,2,3");
        let request = InvokeRequest { endpoint: "e", content_type: Some("text/csv"), body, ..Default::default() };
        let answer = runtime::invoke(&aws, &target, request).await.unwrap();
        assert_eq!(&answer.body[..], b"0.5");
    }
    println!("1,000 invocations in {:?}", started.elapsed());
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    let server =
        serve(|n, _| Some(if n == 0 { (String::new(), false) } else { (http("200 OK", "", "{}"), true) })).await;
    let aws = client(&server, Retry::Standard, Duration::from_secs(30)).await;
    aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap();
    assert!(server.connections.load(Ordering::Relaxed) > 1);
}

#[tokio::test]
async fn a_server_that_never_answers_is_a_time_out() {
    let server = serve(|_, _| None).await;
    let aws = client(&server, Retry::Off, Duration::from_millis(50)).await;
    let error = aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert_eq!((error.stage, error.code.as_str(), error.class().is_retryable()), (Stage::Transport, "TimedOut", true));
    assert!(error.message.contains(&server.url), "{error}");
}

#[tokio::test]
async fn a_body_that_hardly_comes_on_is_not_waited_for() {
    let drip =
        |head: &str| format!("HTTP/1.1 200 OK\r\n{head}content-length: 100000\r\n\r\n\x0c{}", "x".repeat(100_000));
    let server = serve(move |_, _| Some((drip("etag: \"e\"\r\n"), true))).await;
    let aws = Aws::builder()
        .environment(&[], &[])
        .endpoint_url(&server.url)
        .credentials("a", "b", None)
        .retry(Retry::Off)
        .timeouts(TimeOuts { progress: Duration::from_millis(1_100), ..TimeOuts::default() });
    let aws = aws.build().await.unwrap();
    let error = aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert_eq!(
        (error.stage, error.code.as_str(), error.class().is_retryable()),
        (Stage::Transport, "AnswerBroken", true)
    );
    assert!(error.message.contains("fewer than 8192 bytes arrived within 1.1 s"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let error = s3::get_to_file(&aws, &target("us-east-1"), "b-1", "k", folder.path().join("out")).await.unwrap_err();
    assert!(error.message.contains("fewer than 1024 bytes arrived within 1.1 s"), "{error}");
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off_and_not_asked_for_again() {
    let requests = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&requests);
    let body = "x".repeat(33 << 20);
    let server = serve(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        Some((http("200 OK", "", &body), false))
    })
    .await;
    let aws = client(&server, Retry::Standard, Duration::from_secs(30)).await;
    let error = aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert_eq!(
        (error.stage, error.code.as_str(), error.class().is_retryable()),
        (Stage::Answer, "AnswerTooLarge", false)
    );
    assert!(error.message.contains("longer than 32 MiB"), "{error}");
    assert_eq!(requests.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_refused_connection() {
    let url = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let aws = Aws::builder().environment(&[("AWS_ENDPOINT_URL", &url)], &[]).credentials("a", "b", None);
    let aws = aws.retry(Retry::Off).build().await.unwrap();
    let error = aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap_err();
    assert_eq!(error.code, "ConnectionRefused", "{error}");
    assert!(error.message.contains(&url) && error.message.contains("local up"), "{error}");
}

#[tokio::test]
async fn a_broken_download_is_taken_up_where_it_broke() {
    let server = serve(|n, head| {
        let etag = "etag: \"e1\"\r\n";
        Some(match n {
            0 => (format!("HTTP/1.1 200 OK\r\n{etag}content-length: 10\r\n\r\n01234"), false),
            _ => {
                assert!(head.contains("range: bytes=5-") && head.contains("if-match: \"e1\""), "{head}");
                (http("206 Partial Content", etag, "56789"), true)
            }
        })
    })
    .await;
    let aws = client(&server, Retry::Standard, Duration::from_secs(30)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let info = s3::get_to_file(&aws, &target("us-east-1"), "b-1", "k", &path).await.unwrap();
    assert_eq!((info.size, std::fs::read_to_string(&path).unwrap().as_str()), (10, "0123456789"));
}

#[tokio::test]
async fn a_download_takes_the_place_of_files_only() {
    let server = serve(|_, _| Some((http("200 OK", "etag: \"e\"\r\n", "new"), true))).await;
    let aws = client(&server, Retry::Off, Duration::from_secs(30)).await;
    let folder = tempfile::tempdir().unwrap();
    let (target, file) = (target("us-east-1"), folder.path().join("file"));
    std::fs::write(&file, "old").unwrap();
    s3::get_to_file(&aws, &target, "b-1", "k", &file).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for path in [folder.path(), &socket] {
        let error = s3::get_to_file(&aws, &target, "b-1", "k", path).await.unwrap_err();
        assert_eq!((error.stage, error.code.as_str()), (Stage::Input, "UnwritableFile"));
        assert!(error.message.contains("is not a regular file"), "{error}");
    }
    assert!(std::os::unix::net::UnixStream::connect(&socket).is_ok(), "the socket is gone");
}

#[tokio::test]
async fn a_download_that_cannot_be_finished_leaves_no_file() {
    let server =
        serve(|_, _| Some(("HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: 10\r\n\r\n01234".to_owned(), false)))
            .await;
    let aws = client(&server, Retry::Off, Duration::from_secs(30)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    let error = s3::get_to_file(&aws, &target("us-east-1"), "b-1", "k", &path).await.unwrap_err();
    assert_eq!((error.stage, error.code.as_str()), (Stage::Transport, "AnswerBroken"));
    assert!(error.message.contains("s3://b-1/k"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
