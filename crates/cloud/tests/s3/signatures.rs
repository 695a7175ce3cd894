//! How requests say that they are signed.

use crate::support::{Signed, Table, server, unsigned, verdict};

#[tokio::test]
async fn a_request_may_be_dated_by_date_alone() {
    let server = server().await;
    assert_eq!(server.send(Signed::put("/data/a", "x").dated()).await.status, 200);
    assert_eq!(server.send(Signed::get("/data/a").dated()).await.text(), "x");
    let (mut headers, target) = Signed::get("/data/a").dated().head(server.address);
    headers.retain(|(name, _)| name != "date");
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = server.raw(unsigned(&server, "GET", &target, &headers, "")).await;
    answer.expect(403, "AccessDenied");
}

#[tokio::test]
async fn another_algorithm_is_told_by_name() {
    let server = server().await;
    server.send(Signed::put("/data/a", "x")).await;
    let mut table = Table::default();
    for (algorithm, right) in [
        ("AWS4-HMAC-SHA256", (200, "")),
        ("AWS4-ECDSA-P256-SHA256", (501, "NotImplemented")),
        ("AWS4-HMAC-SHA512", (400, "InvalidArgument")),
        ("AWS4-HMAC-SHA1", (400, "InvalidArgument")),
        ("Bearer", (400, "InvalidArgument")),
        ("", (400, "InvalidArgument")),
    ] {
        let (headers, target) = Signed::get("/data/a").head(server.address);
        let headers: Vec<(String, String)> =
            headers.into_iter().map(|(name, value)| (name, value.replace("AWS4-HMAC-SHA256", algorithm))).collect();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = server.raw(unsigned(&server, "GET", &target, &headers, "")).await;
        table.row(algorithm, verdict(&answer), (right.0, right.1.to_owned()));
        // What proves who asked is not repeated.
        table.row(algorithm, answer.text().contains("Signature="), false);
    }
    table.check();
}

#[tokio::test]
async fn one_signature_is_enough() {
    let server = server().await;
    server.send(Signed::put("/data/a", "x")).await;
    for query in
        ["X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Signature=x", "AWSAccessKeyId=AKIDTEST&Expires=1&Signature=x"]
    {
        let answer = server.send(Signed::get(&format!("/data/a?{query}"))).await;
        answer.expect(400, "InvalidArgument");
        assert_eq!(answer.element("ArgumentName"), "Authorization", "{query}");
    }
}
