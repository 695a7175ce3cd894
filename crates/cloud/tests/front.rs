//! What comes before a request is believed: the go-ahead, bounds on what clients hold, and who may call at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use jiff::Timestamp;
use sagewright_cloud::config::Config;
use sagewright_cloud::server::{BodyError, RawService, Running, bind};
use support::{Client, Key, Outgoing};

const ACCOUNT: &str = "000000000000";
const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

struct Cloud {
    _data: tempfile::TempDir,
    running: Running,
}

/// Stands for S3: reads the body of PUT, answers all else unread.
fn raw() -> RawService {
    Arc::new(|request| {
        Box::pin(async move {
            let mut status = 200;
            if request.method() == http::Method::PUT {
                match request.into_body().collect().await {
                    Ok(body) => assert_ne!(body.to_bytes(), "never"),
                    Err(BodyError::Stalled { .. }) => status = 408,
                    Err(BodyError::Cut(_)) => status = 400,
                }
            }
            let empty = http_body_util::Empty::new().map_err(|never| match never {}).boxed();
            http::Response::builder().status(status).header("content-length", 0).body(empty).unwrap()
        })
    })
}

async fn cloud(change: impl FnOnce(&mut Config)) -> Cloud {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::new(data.path());
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    change(&mut config);
    let running = bind(config).await.unwrap().server().raw(raw()).start().unwrap();
    Cloud { _data: data, running }
}

impl Cloud {
    async fn key(&self) -> Key {
        let key = self.running.credentials(ACCOUNT).await.unwrap();
        Key { id: key.id, secret: key.secret.reveal().to_owned(), token: None }
    }

    fn client(&self) -> Client {
        Client::new(self.running.address())
    }

    fn socket(&self) -> Socket {
        let stream = TcpStream::connect(self.running.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Socket(stream)
    }
}

/// A connection, read byte by byte so that nothing behind an expected text is taken.
struct Socket(TcpStream);

impl Socket {
    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// Status line and headers of the next answer, interim ones included; its body has to be empty or is left.
    fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if self.0.read(&mut byte).unwrap() == 0 {
                break;
            }
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    fn status(&mut self) -> String {
        self.head().split(' ').nth(1).unwrap_or("closed").to_owned()
    }
}

async fn aside<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(f).await.unwrap()
}

#[tokio::test]
async fn who_asks_for_the_go_ahead_gets_it_before_anything_else() {
    let cloud = cloud(|_| {}).await;
    let mut socket = cloud.socket();
    aside(move || {
        let request = |method: &str, host: &str, length: usize| {
            format!("{method} /bucket/key HTTP/1.1\r\nhost: {host}\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n")
        };
        for (method, length, status) in
            [("PUT", 0, "200"), ("PUT", 5, "200"), ("PUT", 0, "200"), ("POST", 0, "200"), ("POST", 0, "200")]
        {
            socket.send(&request(method, "localhost", length));
            assert_eq!(socket.head(), "HTTP/1.1 100 Continue\r\n\r\n", "{method} {length}");
            socket.send(&"x".repeat(length));
            assert_eq!(socket.status(), status, "{method} {length}");
        }
        // Those before it are answered first, also when all come at once.
        let plain = "PUT /bucket/key HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n";
        socket.send(&format!("{plain}{}{plain}", request("PUT", "localhost", 0)));
        let statuses = [(); 4].map(|()| socket.status());
        assert_eq!(statuses, ["200", "100", "200", "200"]);
        // Who is refused gets it as well, and an older protocol has none.
        socket.send(&request("PUT", "evil.example", 0));
        assert_eq!((socket.status(), socket.status()), ("100".to_owned(), "403".to_owned()));
    })
    .await;
    let mut socket = cloud.socket();
    aside(move || {
        socket.send("PUT /b/k HTTP/1.1\r\nhost: evil.example\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n");
        assert_eq!(socket.status(), "100");
        socket.send("abc");
        assert_eq!(socket.status(), "403");
    })
    .await;
    let mut socket = cloud.socket();
    aside(move || {
        socket.send("PUT /b/k HTTP/1.0\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(socket.status(), "200");
    })
    .await;
}

#[tokio::test]
async fn a_request_of_a_key_that_is_not_known_is_refused_before_its_body_is_there() {
    let cloud = cloud(|config| config.limits.refused_within = Duration::ZERO).await;
    let (mut client, key) = (cloud.client(), cloud.key().await);
    aside(move || {
        let unknown = Key { id: "AKIAIOSFODNN7EXAMPLE".into(), ..key };
        let body = vec![b'x'; 1 << 20];
        let headers = vec![(FORM.0, FORM.1.to_owned())];
        let out = Outgoing { service: "iam", path: "/", headers, body: &body, at: Timestamp::now() };
        let whole = client.signed(&unknown, &out);
        client.write(&whole[..whole.len() - body.len()]);
        let answer = client.receive().unwrap();
        assert_eq!((answer.status, answer.element("Code").as_str()), (403, "InvalidClientTokenId"));
        assert_eq!(answer.header("connection"), Some("close"));
    })
    .await;
}

#[tokio::test]
async fn a_body_that_stalls_is_ended() {
    let cloud = cloud(|config| {
        config.limits.body_window = Duration::from_millis(100);
        config.limits.refused_within = Duration::ZERO;
    })
    .await;
    let (mut client, mut socket, key) = (cloud.client(), cloud.socket(), cloud.key().await);
    aside(move || {
        let body = "x".repeat(1000);
        let headers = vec![(FORM.0, FORM.1.to_owned())];
        let out = Outgoing { service: "iam", path: "/", headers, body: body.as_bytes(), at: Timestamp::now() };
        let whole = client.signed(&key, &out);
        client.write(&whole[..whole.len() - 1]);
        let answer = client.receive().unwrap();
        assert_eq!((answer.status, answer.element("Code").as_str()), (408, "RequestTimeout"));
        assert!(client.receive().is_none(), "the connection is closed");
        socket.send("PUT /bucket/key HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\nx");
        assert_eq!(socket.status(), "408");
    })
    .await;
}

#[tokio::test]
async fn headers_that_do_not_come_end_a_connection() {
    let cloud = cloud(|config| config.limits.headers_within = Duration::from_millis(100)).await;
    let mut socket = cloud.socket();
    aside(move || {
        socket.send("GET / HTTP/1.1\r\nhost:");
        assert!(!socket.head().contains("200"));
    })
    .await;
}

#[tokio::test]
async fn what_is_held_of_bodies_before_they_are_believed_is_bounded() {
    let cloud = cloud(|config| {
        config.limits.unverified_bytes = 100_000;
        config.limits.room_within = Duration::from_millis(10);
    })
    .await;
    let (mut holder, mut client, key) = (cloud.client(), cloud.client(), cloud.key().await);
    aside(move || {
        let body = format!("{WHO}&Filler={}", "x".repeat(90_000));
        let headers = vec![(FORM.0, FORM.1.to_owned())];
        let out = Outgoing { service: "sts", path: "/", headers, body: body.as_bytes(), at: Timestamp::now() };
        let whole = holder.signed(&key, &out);
        holder.write(&whole[..whole.len() - 1]);
        let until = Instant::now() + PATIENCE;
        let refused = loop {
            let answer = client.query("sts", &key, &body);
            if answer.status != 200 || Instant::now() > until {
                break answer;
            }
        };
        assert_eq!((refused.status, refused.element("Code").as_str()), (503, "ServiceUnavailable"));
        // Small ones need no room, and what is believed gives its room back.
        assert_eq!(client.query("sts", &key, WHO).status, 200);
        assert_eq!(holder.send(&whole[whole.len() - 1..]).status, 200);
        assert_eq!(client.query("sts", &key, &body).status, 200);
    })
    .await;
}

#[tokio::test]
async fn idle_connections_make_room_for_new_ones() {
    let cloud = cloud(|config| config.limits.connections = 2).await;
    let key = cloud.key().await;
    let connect = || cloud.client();
    let (mut used, mut mute) = (connect(), connect());
    let used = {
        let key = key.clone();
        aside(move || {
            assert_eq!(used.query("sts", &key, WHO).status, 200);
            used
        })
        .await
    };
    // The other has never said anything, and is the one that has been idle for longest.
    let mut third = connect();
    let mut used = {
        let key = key.clone();
        aside(move || {
            assert_eq!(third.query("sts", &key, WHO).status, 200);
            assert!(mute.receive().is_none(), "it is closed");
            drop(third);
            used
        })
        .await
    };
    let (mut more, address) = (Vec::new(), cloud.running.address());
    aside(move || {
        assert_eq!(used.query("sts", &key, WHO).status, 200);
        for _ in 0..100 {
            more.push(Client::new(address));
        }
        assert_eq!(Client::new(address).query("sts", &key, WHO).status, 200);
    })
    .await;
}

#[tokio::test]
async fn connections_in_the_middle_of_a_head_make_room() {
    let cloud = cloud(|config| config.limits.connections = 2).await;
    let key = cloud.key().await;
    let mut halves = [cloud.socket(), cloud.socket()];
    let mut client = cloud.client();
    aside(move || {
        for half in &mut halves {
            half.send("POST / HTTP/1.1\r\nhost: localhost\r\nx: ");
        }
        assert_eq!(client.query("sts", &key, WHO).status, 200);
        drop(halves);
    })
    .await;
}

#[tokio::test]
async fn a_connection_at_work_does_not_make_room() {
    let cloud = cloud(|config| config.limits.connections = 1).await;
    let mut working = cloud.socket();
    aside(move || {
        working
            .send("PUT /bucket/key HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n");
        assert_eq!(working.status(), "100");
        let mut other = cloud.socket();
        other.send("PUT /bucket/key HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n");
        working.send("x");
        assert_eq!((working.status(), other.status()), ("200".to_owned(), "200".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn pages_and_foreign_hosts_are_refused() {
    let cloud = cloud(|config| config.hosts = vec!["build.example".to_owned()]).await;
    let mut client = cloud.client();
    aside(move || {
        let mut get = |path: &str, headers: &str| {
            client.write(format!("GET {path} HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes());
            client.receive().unwrap()
        };
        let health = "/_sagewright/health";
        assert_eq!(get(health, "host: localhost").status, 200);
        assert_eq!(get(health, "host: build.example:80").status, 200);
        assert_eq!(
            get("/bucket/key?X-Amz-Signature=0", "host: bucket.s3.localhost\r\nsec-fetch-site: none").status,
            200
        );
        for headers in ["host: evil.example", "host: localhost\r\norigin: http://evil.example"] {
            let answer = get(health, headers);
            assert_eq!((answer.status, answer.element("Code").as_str()), (403, "AccessDenied"));
            assert!(answer.element("Message").contains("evil.example"), "{}", answer.text());
            assert_eq!(get("/bucket/key", headers).status, 403);
            let answer = get("/", &format!("{headers}\r\nx-amz-target: SageMaker.ListModels"));
            assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, Some("AccessDeniedException")));
        }
    })
    .await;
}
