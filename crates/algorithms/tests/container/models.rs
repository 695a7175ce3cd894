//! Serving many models through SageMaker's contract of multi-model containers.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Job, Server, trained};

const ROWS: &str = "0.5,1\n2.5,3";
const CSV: (&str, &str) = ("Content-Type", "text/csv");

/// A server of many models, in a directory tree that has none.
struct Many {
    job: Job,
    server: Server,
}

impl Many {
    fn start() -> Self {
        let job = Job::new(json!({}));
        let server = job.serve(&[("SAGEMAKER_MULTI_MODEL", "True")]);
        Self { job, server }
    }

    fn load(&self, name: &str, url: &Path) -> (u16, Value) {
        self.json("POST", "/models", &json!({"model_name": name, "url": url}).to_string())
    }

    fn json(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, mime, body) = self.server.request(method, path, &[], body);
        assert_eq!(mime, "application/json", "{method} {path}: {status} {body}");
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    fn invoke(&self, name: &str, rows: &str) -> Answer {
        self.server.request("POST", &format!("/models/{name}/invoke"), &[CSV], rows)
    }

    /// A request is refused in the form of the multi-model-server.
    fn refused(&self, method: &str, path: &str, body: &str) -> (u16, String, String) {
        let (status, body) = self.json(method, path, body);
        assert_eq!(body["code"], json!(status));
        let text = |key: &str| body[key].as_str().expect(key).to_owned();
        (status, text("type"), text("message"))
    }
}

fn softmax() -> std::path::PathBuf {
    trained("multi:softmax").path().join("model")
}

#[test]
fn two_models_answer_with_their_own_predictions() {
    let many = Many::start();
    let softprob = trained("multi:softprob");
    assert_eq!(many.server.request("GET", "/ping", &[], "").0, 200);
    assert_eq!(many.server.request("GET", "/execution-parameters", &[], "").0, 200);
    assert_eq!(many.load("classes", &softmax()).0, 200);
    assert_eq!(many.load("probabilities", &softprob.path().join("model")).0, 200);

    assert_eq!(many.invoke("classes", ROWS), (200, "text/csv; charset=utf-8".to_owned(), "0.0\n2.0\n".to_owned()));
    let alone = softprob.serve(&[]);
    assert_eq!(many.invoke("probabilities", ROWS), alone.invoke("text/csv", ROWS));
    let headers = [CSV, ("Accept", "application/json"), ("X-Amzn-SageMaker-Target-Model", "tenant-a.tar.gz")];
    let answer = many.server.request("POST", "/models/classes/invoke", &headers, ROWS);
    assert_eq!((answer.0, answer.2.as_str()), (200, r#"{"predictions": [{"score": 0.0}, {"score": 2.0}]}"#));

    // Wrong requests for predictions are answered as a server of one model answers them.
    assert_eq!(many.invoke("probabilities", "1,2,3"), alone.invoke("text/csv", "1,2,3"));
    assert_eq!(many.invoke("probabilities", ""), alone.invoke("text/csv", ""));
}

#[test]
fn a_name_has_one_model_until_it_is_unloaded() {
    let many = Many::start();
    let (url, missing) = (softmax(), (404, "ModelNotFoundException".to_owned()));
    let absent = |method: &str, path: &str| {
        let (status, class, message) = many.refused(method, path, ROWS);
        assert!(message.contains(r#"Model "m" is not loaded"#), "{message}");
        assert_eq!((status, class), missing, "{method} {path}");
    };
    absent("GET", "/models/m");
    absent("DELETE", "/models/m");
    absent("POST", "/models/m/invoke");

    assert_eq!(many.load("m", &url).0, 200);
    let (status, body) = many.load("m", Path::new("/elsewhere"));
    assert_eq!((status, &body["type"]), (409, &json!("ConflictStatusException")));
    assert!(body["message"].as_str().expect("a sentence").contains(r#"Model "m" is loaded already"#), "{body}");
    assert_eq!(many.json("GET", "/models/m", ""), (200, json!({"modelName": "m", "modelUrl": url})));
    assert_eq!(many.invoke("m", ROWS).2, "0.0\n2.0\n");

    assert_eq!(many.json("DELETE", "/models/m", "").0, 200);
    absent("GET", "/models/m");
    absent("DELETE", "/models/m");
    absent("POST", "/models/m/invoke");
    assert_eq!(many.json("GET", "/models", ""), (200, json!({"models": []})));
    assert_eq!(many.load("m", &url).0, 200);
    assert_eq!(many.invoke("m", ROWS).2, "0.0\n2.0\n");
}

#[test]
fn the_list_has_pages() {
    let many = Many::start();
    let url = softmax();
    for name in ["c", "a", "e", "b/ä", "d"] {
        assert_eq!(many.load(name, &url).0, 200);
    }
    let names = |body: &Value| -> Vec<String> {
        let models = body["models"].as_array().expect("a list");
        assert!(models.iter().all(|model| model["modelUrl"] == json!(url)), "{body}");
        models.iter().map(|model| model["modelName"].as_str().expect("a name").to_owned()).collect()
    };
    let (status, all) = many.json("GET", "/models", "");
    assert_eq!((status, names(&all)), (200, ["a", "b/ä", "c", "d", "e"].map(str::to_owned).to_vec()));
    assert_eq!(all.get("nextPageToken"), None);

    let mut pages = Vec::new();
    let mut path = "/models?limit=2".to_owned();
    loop {
        let (status, page) = many.json("GET", &path, "");
        assert_eq!(status, 200, "{page}");
        pages.push(names(&page));
        let Some(token) = page.get("nextPageToken") else { break };
        let token = token.as_str().expect("a text");
        path = format!("/models?limit=2&next_page_token={token}");
        // The page goes on where it was, also when what it ended with is gone.
        many.json("DELETE", "/models/b%2F%C3%A4", "");
    }
    assert_eq!(pages, [vec!["a", "b/ä"], vec!["c", "d"], vec!["e"]]);
    assert_eq!(names(&many.json("GET", "/models?limit=4", "").1).len(), 4);
    assert_eq!(many.json("GET", "/models?limit=4", "").1.get("nextPageToken"), None, "exactly the last page");
    assert_eq!(many.refused("GET", "/models?limit=none", "").0, 400);
    assert_eq!(many.refused("GET", "/models?next_page_token=none", "").0, 400);
}

#[test]
fn names_in_paths_are_percent_decoded() {
    let many = Many::start();
    assert_eq!(many.load("a/b c%", &softmax()).0, 200);
    assert_eq!(many.json("GET", "/models/a%2Fb%20c%25", "").1["modelName"], json!("a/b c%"));
    assert_eq!(many.invoke("a%2Fb%20c%25", ROWS).2, "0.0\n2.0\n");
    assert_eq!(many.json("DELETE", "/models/a%2fb%20c%25", "").0, 200);
    assert_eq!(many.invoke("a%2Fb%20c%25", ROWS).0, 404);
}

#[test]
fn the_contracts_paths_are_below_the_base_directory() {
    let many = Many::start();
    let folder = many.job.path().join("models/m/model");
    fs::create_dir_all(&folder).expect("the folder is made");
    fs::copy(softmax().join("xgboost-model"), folder.join("xgboost-model")).expect("the model is copied");
    assert_eq!(many.load("m", Path::new("/opt/ml/models/m/model")).0, 200);
    assert_eq!(many.json("GET", "/models/m", "").1["modelUrl"], json!("/opt/ml/models/m/model"));
    assert_eq!(many.invoke("m", ROWS).2, "0.0\n2.0\n");
}

#[test]
fn a_model_that_cannot_be_loaded_is_told_with_its_reason_and_can_be_loaded_later() {
    let many = Many::start();
    let folder = many.job.path().join("broken");
    let failed = |part: &str| {
        let (status, body) = many.load("m", &folder);
        assert_eq!((status, &body["code"], &body["type"]), (500, &json!(500), &json!("InternalServerException")));
        let message = body["message"].as_str().expect("a sentence");
        assert!(message.starts_with(r#"Model "m" is not loaded: Unable to load model"#), "{message}");
        assert!(message.contains(part) && message.contains(" /opt/ml/broken"), "{message}");
        assert_eq!(many.json("GET", "/models", "").1, json!({"models": []}));
    };
    failed("cannot read the folder");
    fs::create_dir(&folder).expect("the folder is made");
    failed("has no file");
    fs::write(folder.join("xgboost-model"), [0x80, 4, 0x95]).expect("the file is written");
    failed("is a Python pickle");
    fs::write(folder.join("xgboost-model"), "no model").expect("the file is written");
    failed("xgboost-model: ");
    fs::copy(softmax().join("xgboost-model"), folder.join("xgboost-model")).expect("the model is copied");
    assert_eq!(many.load("m", &folder).0, 200);
    assert_eq!(many.invoke("m", ROWS).2, "0.0\n2.0\n");
}

#[test]
fn wrong_requests_are_refused_in_one_form() {
    let many = Many::start();
    assert_eq!(many.load("m", &softmax()).0, 200);
    let large = json!({"model_name": "x".repeat(64 * 1024), "url": "/x"}).to_string();
    for (method, path, body, status, class, part) in [
        ("POST", "/models", "{", 400, "BadRequestException", "The body is not valid JSON"),
        ("POST", "/models", r#"{"url": "/x"}"#, 400, "BadRequestException", "model_name is missing"),
        ("POST", "/models", r#"{"model_name": "n", "url": ["/x"]}"#, 400, "BadRequestException", "found a list"),
        ("POST", "/models", r#"{"model_name": "n", "url": "x"}"#, 400, "BadRequestException", "absolute path"),
        ("POST", "/models", &large, 413, "RequestEntityTooLargeException", "at most 65536 bytes"),
        ("PUT", "/models", "", 405, "MethodNotAllowedException", "/models does not answer PUT"),
        ("POST", "/models/m", "", 405, "MethodNotAllowedException", "/models/m does not answer POST"),
        ("GET", "/models/m/invoke", "", 405, "MethodNotAllowedException", "/models/m/invoke does not answer GET"),
        ("GET", "/models/%FF", "", 400, "BadRequestException", "'%FF' is not UTF-8"),
        ("GET", "/models/m/predict", "", 404, "ResourceNotFoundException", "/models/NAME/invoke"),
        ("GET", "/nowhere", "", 404, "ResourceNotFoundException", "/nowhere"),
        ("POST", "/invocations", ROWS, 404, "ResourceNotFoundException", "send the request to /models/NAME/invoke"),
    ] {
        let answer = many.refused(method, path, body);
        assert_eq!((answer.0, answer.1.as_str()), (status, class), "{method} {path}: {answer:?}");
        assert!(answer.2.contains(part), "{method} {path}: {answer:?}");
    }
    assert_eq!(many.server.request("GET", "/invocations", &[], "").0, 405);
}

#[test]
fn a_large_request_to_a_model_that_is_not_loaded_is_heard_out() {
    let many = Many::start();
    // Without that, the closed connection would break the client's sending.
    let rows = "2.5,1\n".repeat(500_000);
    assert_eq!(many.refused("POST", "/models/m/invoke", &rows).0, 404);
    assert_eq!(many.refused("POST", "/invocations", &rows).0, 404);
}

#[test]
fn requests_for_one_name_at_once_load_it_once() {
    let many = Many::start();
    let url = softmax();
    for round in 0..5 {
        let name = format!("m{round}");
        let start = Barrier::new(8);
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let load = || {
                start.wait();
                many.load(&name, &url).0
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409, 409, 409, 409, 409, 409]);
        assert_eq!(many.invoke(&name, ROWS).2, "0.0\n2.0\n");
    }
}

#[test]
fn a_request_that_has_begun_ends_although_its_model_is_unloaded() {
    let many = Many::start();
    assert_eq!(many.load("m", &softmax()).0, 200);
    let mut stream = many.server.connect();
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time-out");
    let head = "POST /models/m/invoke HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nConnection: close\r\n\
                Content-Length: 11\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("the request is begun");
    // The server says so when it has taken the request up.
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).expect("an interim answer");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(many.json("DELETE", "/models/m", "").0, 200);
    assert_eq!(many.invoke("m", ROWS).0, 404);
    stream.write_all(ROWS.as_bytes()).expect("the request is completed");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("0.0\n2.0\n"), "{answer}");
}
