//! Uploads in parts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

mod support;

use sagewright_aws::{Aws, Retry, s3};
use sagewright_port::cloud::Stage;
use support::{Answer, Clock, Script, builder, ok, status, target};

/// A file that is more than one part, without taking room on the disk.
fn large(folder: &tempfile::TempDir) -> std::path::PathBuf {
    let path = folder.path().join("large");
    std::fs::File::create(&path).unwrap().set_len(65 << 20).unwrap();
    path
}

async fn client(script: &Script) -> Aws {
    builder(script, &Clock::default()).retry(Retry::Off).build().await.unwrap()
}

fn script(part: impl Fn() -> Answer + Send + Sync + 'static) -> Script {
    Script::by(move |sent| match sent.method.as_str() {
        "POST" => ok("<InitiateMultipartUploadResult><UploadId>u-1</UploadId></InitiateMultipartUploadResult>"),
        "DELETE" => Answer::Http(204, vec![], String::new()),
        _ => part(),
    })
}

fn removed(script: &Script) -> usize {
    let sent = script.sent();
    sent.iter().filter(|s| s.method == "DELETE" && s.uri.ends_with("/large?uploadId=u-1")).count()
}

#[tokio::test]
async fn an_upload_that_is_cut_off_takes_its_parts_away() {
    let folder = tempfile::tempdir().unwrap();
    let script = script(|| Answer::Http(200, vec![("etag", "\"e\"".to_owned())], String::new()));
    let aws = client(&script).await;
    let (path, here) = (large(&folder), target("us-east-1"));
    let mut upload = Box::pin(s3::put_file(&aws, &here, &path, "b-1", "large", None));
    let part_is_sent = async {
        while !script.sent().iter().any(|s| s.method == "PUT") {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        outcome = &mut upload => panic!("the upload ended: {outcome:?}"),
        () = part_is_sent => {}
    }
    drop(upload);
    aws.tidied().await;
    assert_eq!(removed(&script), 1);
}

#[tokio::test]
async fn an_upload_whose_part_is_refused_takes_its_parts_away_once() {
    let folder = tempfile::tempdir().unwrap();
    let script = script(|| status(403, "<Error><Code>AccessDenied</Code></Error>"));
    let aws = client(&script).await;
    let error = s3::put_file(&aws, &target("us-east-1"), large(&folder), "b-1", "large", None).await.unwrap_err();
    assert_eq!(error.code, "AccessDenied");
    assert_eq!(removed(&script), 0, "the failure waits for what a dead network would not answer");
    aws.tidied().await;
    assert_eq!(removed(&script), 1);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_uploaded_in_parts_is_not_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = large(&folder);
    let written = path.clone();
    let script = script(move || {
        std::fs::File::options().write(true).open(&written).unwrap().set_len(66 << 20).unwrap();
        Answer::Http(200, vec![("etag", "\"e\"".to_owned())], String::new())
    });
    let aws = client(&script).await;
    let error = s3::put_file(&aws, &target("us-east-1"), &path, "b-1", "large", None).await.unwrap_err();
    assert_eq!((error.code.as_str(), error.stage), ("ChangedFile", Stage::Input));
    assert!(error.message.contains("changed while it was uploaded; run it again"), "{error}");
    aws.tidied().await;
    assert_eq!(removed(&script), 1);
    assert!(!script.sent().iter().any(|s| s.method == "POST" && s.uri.contains("uploadId=")), "it was put together");
}
