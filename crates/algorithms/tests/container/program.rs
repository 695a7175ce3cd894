//! What the programs say before they can start.

use std::process::Command;

fn run(arguments: &[&str], library: &str) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sagewright-algorithm"))
        .args(arguments)
        .env("SAGEWRIGHT_XGBOOST_LIBRARY", library)
        .output()
        .expect("the program runs");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn unknown_algorithms_and_programs_are_named() {
    let (code, log) = run(&["kmeans", "train"], "");
    assert_eq!(code, Some(2));
    assert!(log.contains("algorithm 'kmeans' is not built in; the built-in algorithms are: xgboost"), "{log}");
    let here = env!("CARGO_MANIFEST_PATH");
    let (code, log) = run(&["xgboost", "tune"], here);
    assert_eq!(code, Some(2));
    assert!(log.contains("xgboost has no program 'tune'; use train or serve"), "{log}");
}

#[test]
fn a_library_that_cannot_be_loaded_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let serve = |library: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_sagewright-algorithm"))
            .args(["xgboost", "serve"])
            .env("SAGEMAKER_BASE_DIR", folder.path())
            .env("SAGEWRIGHT_XGBOOST_LIBRARY", library)
            .output()
            .expect("the program runs");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let log = serve("/no/such/libxgboost.so");
    assert!(log.contains("SAGEWRIGHT_XGBOOST_LIBRARY names /no/such/libxgboost.so, which is not a file"), "{log}");
    let log = serve(env!("CARGO_MANIFEST_PATH"));
    assert!(log.contains("cannot load the XGBoost library"), "{log}");
}
