//! The life of the embedded cloud.

use std::process::Command;

use crate::program::run_in;

#[test]
fn a_cloud_that_does_not_stop_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let local = |args: &[&str]| run_in(dir.path(), &[&["local"], args, &["--data", "data"]].concat(), b"", &[]);
    let up = local(&["up", "--detach", "--listen", "127.0.0.1:0"]);
    assert_eq!(up.code, 0, "{}", up.err);
    let pid = std::fs::read_to_string(dir.path().join("data/lock")).unwrap();
    // It hears no signal but the one that nobody can refuse.
    assert!(Command::new("kill").args(["-STOP", pid.trim()]).status().unwrap().success());
    let down = local(&["down", "--timeout", "1s"]);
    assert_eq!(down.code, 0, "{}", down.err);
    assert!(down.err.contains("did not stop within 1 s and was killed"), "{}", down.err);
    assert_eq!(local(&["status"]).code, 1);
    let again = local(&["up", "--detach", "--listen", "127.0.0.1:0"]);
    assert_eq!(again.code, 0, "{}", again.err);
    let down = local(&["down"]);
    assert!(down.code == 0 && down.err.contains("is down"), "{}", down.err);
}
