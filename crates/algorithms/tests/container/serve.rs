//! Serving through the container contract.

use std::fs;
use std::io::{Read as _, Write as _};
use std::time::Duration;

use crate::support::{Job, Server, exchange, terminate, trained};
use serde_json::json;

fn softmax() -> Server {
    trained("multi:softmax").serve(&[])
}

#[test]
fn the_contracts_routes_answer() {
    let server = softmax();
    assert_eq!(server.request("GET", "/ping", &[], "").0, 200);
    let (status, mime, body) = server.request("GET", "/execution-parameters", &[], "");
    assert_eq!((status, mime.as_str()), (200, "application/json"));
    let parameters: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&parameters["BatchStrategy"], &parameters["MaxPayloadInMB"]), (&json!("MULTI_RECORD"), &json!(6)));
    for path in ["/nowhere", "/models", "/models/m", "/models/m/invoke"] {
        for method in ["GET", "POST", "DELETE"] {
            assert_eq!(server.request(method, path, &[], "").0, 404, "{method} {path} is for servers of many models");
        }
    }
    assert_eq!(server.request("GET", "/invocations", &[], "").0, 405);
}

#[test]
fn predictions_come_in_the_format_that_is_asked_for() {
    let server = softmax();
    let rows = "0.5,1\n1.5,\n2.5,3";
    let ask = |accept: &str| {
        let headers = [("Content-Type", "text/csv"), ("Accept", accept)];
        server.request("POST", "/invocations", &headers, rows)
    };
    let csv = |body: &str| (200, "text/csv; charset=utf-8".to_owned(), body.to_owned());
    assert_eq!(server.invoke("text/csv", rows), csv("0.0\n1.0\n2.0\n"));
    assert_eq!(server.invoke("text/csv", "2.5,3\n"), csv("2.0\n"));
    assert_eq!(server.invoke("text/libsvm", "0:0.5 1:1\n0:2.5"), csv("0.0\n2.0\n"));
    assert_eq!(ask("*/*"), csv("0.0\n1.0\n2.0\n"));
    assert_eq!(ask("application/json").2, r#"{"predictions": [{"score": 0.0}, {"score": 1.0}, {"score": 2.0}]}"#);
    assert_eq!(ask("application/jsonlines").2, "{\"score\": 0.0}\n{\"score\": 1.0}\n{\"score\": 2.0}\n");
    let (status, _, body) = ask("image/png");
    assert_eq!(status, 406);
    assert!(body.starts_with("Accept type image/png is not supported."), "{body}");
}

#[test]
fn columns_that_a_row_does_not_reach_are_missing_values() {
    let server = softmax();
    let expected = server.invoke("text/csv", "2.5,");
    assert_eq!(expected.0, 200);
    for (content, body) in [("text/csv", "2.5"), ("text/libsvm", "0:2.5"), ("text/libsvm", "1 0:2.5")] {
        assert_eq!(server.invoke(content, body), expected, "{content} {body}");
    }
    assert_eq!(server.invoke("text/libsvm", "1"), server.invoke("text/csv", ","), "a row of missing values");
    assert_eq!(server.invoke("text/csv", "0.5\n2.5\n").2, server.invoke("text/libsvm", "0:0.5\n0:2.5").2);
}

#[test]
fn probabilities_are_a_list_per_row() {
    let server = trained("multi:softprob").serve(&[]);
    let (status, _, body) = server.invoke("text/csv", "0.5,1\n2.5,1");
    assert_eq!(status, 200);
    let rows = body.lines().map(|row| row.split(',').map(|value| value.parse().expect("a number")).collect());
    let rows: Vec<Vec<f64>> = rows.collect();
    for (row, class) in rows.iter().zip([0, 2]) {
        assert_eq!(row.len(), 3);
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5 && row[class] > 0.6, "{row:?}");
    }
}

#[test]
fn selected_outputs_and_batch_lines_follow_the_environment() {
    let selected = trained("multi:softprob").serve(&[("SAGEMAKER_INFERENCE_OUTPUT", "predicted_label,labels")]);
    assert_eq!(selected.invoke("text/csv", "0.5,1\n2.5,1").2, "0,\"[0, 1, 2]\"\n2,\"[0, 1, 2]\"");
    let batch = trained("multi:softmax").serve(&[("SAGEMAKER_BATCH", "true")]);
    assert_eq!(batch.invoke("text/csv", "0.5,1\n2.5,1\n").2, "0.0\n2.0\n");
}

#[test]
fn wrong_requests_are_answered_as_the_image_answers_them() {
    let server = softmax();
    assert_eq!(server.invoke("text/csv", ""), (204, "text/html; charset=utf-8".to_owned(), String::new()));
    for (content, body, status, part) in [
        (
            "text/csv",
            "1,2,3",
            400,
            "Feature size of csv inference data 3 is not consistent with feature size of trained model 2.",
        ),
        (
            "text/libsvm",
            "0:1 7:2",
            400,
            "Feature size of libsvm inference data 8 is larger than feature size of trained model 2.",
        ),
        (
            "text/csv",
            "1,abc",
            415,
            "Loading csv data failed with Exception, please ensure data is in csv format:\n line 1, column 2",
        ),
        ("text/csv", "1,2\n3", 415, "expected 2 columns as in the first row, found 1"),
        ("text/csv", "\n \n", 415, "only blank lines"),
        ("text/csv", "1,1e400", 415, "Input data contains `inf` or a value too large"),
        ("text/libsvm", "0:inf", 415, "Input data contains `inf` or a value too large"),
        ("application/x-recordio-protobuf", "x", 415, "application/x-recordio-protobuf is not supported"),
        ("application/json", "{}", 415, "application/json is not an accepted ContentType"),
    ] {
        let answer = server.invoke(content, body);
        assert_eq!(answer.0, status, "{content} {body}: {answer:?}");
        assert!(answer.2.contains(part), "{answer:?}");
    }
    let small = trained("multi:softmax").serve(&[("MAX_CONTENT_LENGTH", "10")]);
    assert_eq!(small.invoke("text/csv", "0.5,1\n0.5,1\n").0, 413);
}

#[test]
fn a_connection_is_kept_and_many_threads_get_their_own_answers() {
    let server = softmax();
    std::thread::scope(|scope| {
        for class in 0..3 {
            let mut stream = server.connect();
            scope.spawn(move || {
                for _ in 0..200 {
                    let body = format!("{class}.5,1");
                    let answer = exchange(&mut stream, "POST", "/invocations", &[("Content-Type", "text/csv")], &body);
                    assert_eq!((answer.0, answer.2), (200, format!("{class}.0\n")));
                }
            });
        }
    });
}

#[test]
fn sigterm_lets_a_running_request_end() {
    let mut server = softmax();
    let mut stream = server.connect();
    let body = "2.5,1\n".repeat(20_000);
    write!(
        stream,
        "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    )
    .expect("the request is begun");
    // The server says so when it has taken the request up.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).expect("an interim answer");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    terminate(&server.child);
    stream.write_all(body.as_bytes()).expect("the request is completed");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer, then the end");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("2.0\n2.0\n"),
        "{}",
        &answer[..answer.len().min(200)]
    );
    assert!(server.child.wait().expect("it ends").success());
}

#[test]
fn a_model_folder_without_one_model_is_refused() {
    let job = Job::new(json!({}));
    let folder = job.path().join("model");
    fs::create_dir(&folder).expect("the folder is made");
    let refused = || {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_sagewright-algorithm"))
            .args(["xgboost", "serve"])
            .env("SAGEMAKER_BASE_DIR", job.path())
            .env("SAGEWRIGHT_XGBOOST_LIBRARY", crate::support::library())
            .output()
            .expect("the program runs");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused().contains("has no file; the model artifact must hold one file, xgboost-model"));
    fs::write(folder.join("model.pkl"), [0x80, 4, 0x95]).expect("the file is written");
    assert!(refused().contains("it is a Python pickle, but it is cut off"));
    fs::write(folder.join("other"), "{}").expect("the file is written");
    assert!(refused().contains("has 2 files and none is called xgboost-model"));
    fs::write(folder.join("xgboost-model"), "no model").expect("the file is written");
    assert!(refused().contains("Unable to load model"));
}

#[test]
fn a_server_with_a_secret_answers_who_shows_it_and_no_page_in_a_browser() {
    let secret = ("X-Sagewright-Server-Secret", "s3cret");
    let one = trained("multi:softmax").serve(&[("SAGEWRIGHT_SERVER_SECRET", "s3cret")]);
    let many =
        trained("multi:softmax").serve(&[("SAGEWRIGHT_SERVER_SECRET", "s3cret"), ("SAGEMAKER_MULTI_MODEL", "true")]);
    let load = json!({"model_name": "m", "url": trained("multi:softmax").path().join("model")}).to_string();
    for (server, method, path, body) in [
        (&one, "GET", "/ping", ""),
        (&one, "POST", "/invocations", "0.5,1"),
        (&many, "GET", "/models", ""),
        (&many, "POST", "/models", &load),
        (&many, "DELETE", "/models/m", ""),
    ] {
        let ask = |headers: &[(&str, &str)]| {
            server.request(method, path, &[&[("Content-Type", "text/csv")], headers].concat(), body)
        };
        let (status, _, text) = ask(&[]);
        assert_eq!(status, 403, "{method} {path} without the secret");
        assert!(text.contains("call InvokeEndpoint instead") && !text.contains("s3cret"), "{text}");
        assert_eq!(ask(&[("X-Sagewright-Server-Secret", "s3cret2")]).0, 403, "{method} {path} with a wrong one");
        assert_eq!(ask(&[secret, ("Origin", "https://example.com")]).0, 403, "{method} {path} from a page");
        assert_eq!(ask(&[secret]).0, 200, "{method} {path} with the secret");
    }
    let open = softmax();
    assert_eq!(
        open.request("POST", "/invocations", &[("Content-Type", "text/csv"), ("Origin", "null")], "0.5,1").0,
        403
    );
}
