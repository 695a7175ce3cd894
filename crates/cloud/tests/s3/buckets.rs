//! Operations on buckets.

use http::Method;

use crate::support::{Signed, Table, server, unsigned, verdict};

fn create(name: &str, constraint: &str) -> Signed {
    let body = match constraint {
        "" => String::new(),
        constraint => format!(
            "<CreateBucketConfiguration><LocationConstraint>{constraint}</LocationConstraint></CreateBucketConfiguration>"
        ),
    };
    Signed::put(&format!("/{name}"), body)
}

#[tokio::test]
async fn a_bucket_is_where_it_was_asked_to_be() {
    let server = server().await;
    let mut table = Table::default();
    for (name, endpoint, constraint, right, location, region) in [
        ("none", "us-east-1", "", (200, ""), "", "us-east-1"),
        ("old-name", "us-east-1", "EU", (200, ""), "EU", "eu-west-1"),
        ("west", "eu-west-1", "eu-west-1", (200, ""), "eu-west-1", "eu-west-1"),
        ("no-region", "us-east-1", "mars", (400, "InvalidLocationConstraint"), "", ""),
        ("no-such-region", "us-east-1", "eu-west-77", (400, "InvalidLocationConstraint"), "", ""),
        ("unspecified", "eu-west-1", "", (400, "IllegalLocationConstraintException"), "", ""),
        ("other", "eu-west-1", "us-west-2", (400, "IllegalLocationConstraintException"), "", ""),
        ("default", "eu-west-1", "us-east-1", (400, "IllegalLocationConstraintException"), "", ""),
        ("old-other", "us-west-2", "EU", (400, "IllegalLocationConstraintException"), "", ""),
    ] {
        let answer = server.send(create(name, constraint).region(endpoint)).await;
        table.row(name, verdict(&answer), (right.0, right.1.to_owned()));
        if right.0 == 200 {
            let found = server.send(Signed::get(&format!("/{name}?location"))).await;
            table.row(format!("{name}, location"), found.element("LocationConstraint"), location.to_owned());
            let head = server.send(Signed::new(Method::HEAD, &format!("/{name}"))).await;
            table.row(format!("{name}, region"), head.header("x-amz-bucket-region"), region);
            table.row(format!("{name}, ARN"), head.header("x-amz-bucket-arn"), &format!("arn:aws:s3:::{name}"));
        }
    }
    let answer = server.send(create("wrong", "mars")).await;
    table.row("constraint", answer.element("LocationConstraint"), "mars".to_owned());
    let list = server.send(Signed::get("/?bucket-region=eu-west-1")).await.text();
    for (name, shown) in [("old-name", true), ("west", true), ("data", false)] {
        table.row(
            format!("list, {name}"),
            list.contains(&format!("<BucketArn>arn:aws:s3:::{name}</BucketArn>")),
            shown,
        );
    }
    let pages = server.send(Signed::get("/?bucket-region=eu-west-1&max-buckets=1")).await;
    table.row("page", pages.element("ContinuationToken"), "old-name".to_owned());
    let answer = server.send(Signed::get("/?bucket-region=eu-west-77")).await;
    table.row("unknown region", verdict(&answer), (400, "InvalidArgument".to_owned()));
    table.row("unknown region", answer.element("ArgumentName"), "bucket-region".to_owned());
    for target in ["/old-name", "/old-name?list-type=2"] {
        table.row(target, server.send(Signed::get(target)).await.header("x-amz-bucket-region"), "eu-west-1");
    }
    table.check();
}

#[tokio::test]
async fn buckets_have_no_access_control_lists_but_their_owners() {
    let server = server().await;
    for acl in ["public-read", "public-read-write", "authenticated-read"] {
        let answer = server.send(create("public", "").header("x-amz-acl", acl)).await;
        answer.expect(400, "InvalidBucketAclWithObjectOwnership");
    }
    server.send(Signed::get("/public")).await.expect(404, "NoSuchBucket");
    let answer = server.send(Signed::get("/data?acl")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.element("Permission"), "FULL_CONTROL");
    assert_eq!(answer.text().matches(&format!("<ID>{}</ID>", answer.element("ID"))).count(), 2, "{answer:?}");
    server.send(Signed::get("/data?acl").access_key("AKIDOTHER")).await.expect(403, "AccessDenied");
}

#[tokio::test]
async fn who_does_not_sign_learns_whether_the_bucket_is_there() {
    let server = server().await;
    let mut table = Table::default();
    for (target, right) in [
        ("/data/a", (403, "AccessDenied")),
        ("/nowhere/a", (404, "NoSuchBucket")),
        ("/nowhere", (404, "NoSuchBucket")),
        ("/", (403, "AccessDenied")),
    ] {
        let answer = server.raw(unsigned(&server, "GET", target, &[], "")).await;
        table.row(target, verdict(&answer), (right.0, right.1.to_owned()));
    }
    table.check();
}
