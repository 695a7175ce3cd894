//! Which instance gets a request: the one with the fewest, or the one of the request's session.

use std::collections::BTreeSet;
use std::time::Duration;

use sagewright_cloud::sagemaker::Serving;
use sagewright_cloud::sagemaker::ports::VariantPlan;
use serde_json::json;

use super::support::*;
use crate::runner_support::Machine;

#[tokio::test]
async fn a_request_goes_to_the_instance_with_the_fewest_where_that_is_asked_for() {
    let (machine, image, hosting) = stage();
    let serving = |least_outstanding| Serving { least_outstanding, ..Serving::default() };
    for (least, instances) in [(true, 1), (false, 2)] {
        deploy(&hosting, vec![VariantPlan { copies: 2, serving: serving(least), ..named(&image, "v", 1.0) }])
            .await
            .unwrap();
        let (late, seen) = tokio::join!(invoke(&hosting, "hang"), async {
            machine.clock.sleeping(Duration::from_secs(60)).await;
            let mut seen = BTreeSet::new();
            for _ in 0..6 {
                seen.insert(text(&invoke(&hosting, "pid").await.unwrap()).to_owned());
            }
            machine.clock.advance(Duration::from_secs(60));
            seen
        });
        late.unwrap_err();
        assert_eq!(seen.len(), instances, "least outstanding: {least}");
    }
    hosting.shutdown().await;
}

/// A stateful model: it opens and closes sessions, and tells who it is.
const STATEFUL: &str = r#"
import http.server, os, signal
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def log_message(self, *_): pass
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        session = self.headers.get("X-Amzn-SageMaker-Session-Id", "")
        me = str(os.getpid())
        self.send_response(200)
        if session == "NEW_SESSION":
            self.send_header("X-Amzn-SageMaker-New-Session-Id", "of-" + me + "; Expires=2999-01-01T00:00:00Z")
        if body == b"close": self.send_header("X-Amzn-SageMaker-Closed-Session-Id", session)
        self.send_header("Content-Length", str(len(me))); self.end_headers(); self.wfile.write(me.encode())
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"#;

#[tokio::test]
async fn requests_of_a_session_go_to_the_instance_that_opened_it() {
    let mut machine = Machine::new();
    let image = machine.python("stateful", STATEFUL);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![VariantPlan { copies: 2, ..named(&image, "v", 1.0) }]).await.unwrap();
    let opened = invoke_with(&hosting, json!({"SessionId": "NEW_SESSION"}), "x").await.unwrap();
    let owner = text(&opened).to_owned();
    let session = format!("of-{owner}");
    assert_eq!(opened.value["NewSessionId"], format!("{session}; Expires=2999-01-01T00:00:00Z"));
    for _ in 0..4 {
        let answer = invoke_with(&hosting, json!({"SessionId": session}), "x").await.unwrap();
        assert_eq!(text(&answer), owner);
    }
    let others: BTreeSet<_> = [invoke(&hosting, "x").await.unwrap(), invoke(&hosting, "x").await.unwrap()]
        .iter()
        .map(|answer| text(answer).to_owned())
        .collect();
    assert_eq!(others.len(), 2, "requests without a session go in turn");
    let closed = invoke_with(&hosting, json!({"SessionId": session}), "close").await.unwrap();
    assert_eq!(closed.value["ClosedSessionId"], session);
    let error = invoke_with(&hosting, json!({"SessionId": session}), "x").await.unwrap_err();
    assert_eq!((&*error.code, error.message.contains("was not found, or has ended")), ("ValidationError", true));
    hosting.shutdown().await;
}
