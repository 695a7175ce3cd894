//! Model servers that die, hang, or want a port.

use std::time::Duration;

use sagewright_cloud::sagemaker::ports::VariantPlan;

use super::support::*;
use crate::runner_support::{ACCOUNT, Machine, REGION, soon};

#[tokio::test]
async fn a_dead_server_is_started_again_and_meanwhile_there_is_none() {
    let (machine, image, hosting) = stage();
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    let error = invoke(&hosting, "die").await.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ModelError", 424));
    assert_eq!(error.members["OriginalStatusCode"], 0);
    machine.clock.sleeping(Duration::from_secs(1)).await;
    let error = invoke(&hosting, "x").await.unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("ServiceUnavailable", 503));
    machine.clock.advance(Duration::from_secs(1));
    assert_eq!(text(&until_answered(&hosting).await), "v(x)");
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_server_that_breaks_off_and_answers_no_more_pings_is_started_again() {
    let (machine, image, hosting) = stage();
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    let error = invoke(&hosting, "mute").await.unwrap_err();
    assert!(error.message.contains("Container primary closed the connection"), "{}", error.message);
    for wait in [Duration::from_secs(240), Duration::from_secs(1)] {
        soon("the supervisor", machine.clock.sleeping(wait)).await;
        machine.clock.advance(wait);
    }
    assert_eq!(text(&until_answered(&hosting).await), "v(x)");
    hosting.shutdown().await;
    assert_eq!(machine.lines(GROUP, "v/"), ["listening", "bye v", "listening", "bye v"]);
}

#[tokio::test]
async fn other_copies_take_the_requests_of_a_dead_one() {
    let (machine, image, hosting) = stage();
    let two = VariantPlan { copies: 5, ..named(&image, "v", 1.0) };
    deploy(&hosting, vec![two]).await.unwrap();
    let streams = machine.logs.streams(ACCOUNT, REGION, GROUP);
    assert_eq!(streams.len(), 2, "copies are capped: {streams:?}");
    let first = machine.lines(GROUP, "v/");
    assert_eq!(first[0], "variant v asks for 5 instances; this machine runs 2 of them");
    invoke(&hosting, "die").await.unwrap_err();
    for _ in 0..10 {
        assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "v(x)");
    }
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_server_that_lost_its_port_gets_another_one() {
    let mut machine = Machine::new();
    let once = machine.path("once");
    let server = format!(
        "import os, sys\nif not os.path.exists('{0}'):\n  open('{0}', 'w'); sys.exit('OSError: [Errno 98] Address already in use')\n{SERVER}",
        once.display()
    );
    let image = machine.python("server", &server);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    assert_eq!(machine.lines(GROUP, "v/"), ["OSError: [Errno 98] Address already in use", "listening"]);
    hosting.shutdown().await;
}

#[tokio::test]
async fn a_server_that_wants_its_port_for_itself_gets_it() {
    let mut machine = Machine::new();
    let server =
        SERVER.replace("    daemon_threads = True", "    daemon_threads = True\n    allow_reuse_address = False");
    let image = machine.python("server", &server);
    let hosting = hosting(&machine);
    deploy(&hosting, vec![named(&image, "v", 1.0)]).await.unwrap();
    assert_eq!(text(&invoke(&hosting, "x").await.unwrap()), "v(x)");
    hosting.shutdown().await;
}
