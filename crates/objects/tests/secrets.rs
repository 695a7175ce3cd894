//! What is hidden of specs, inputs and tags.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use sagewright_kinds::{Kind, Path, find};
use sagewright_objects::secrets::{HIDDEN, Secrets, hide_at, hide_in_input, hide_in_manifest, is_secret, masked};
use serde_json::{Value, json};

fn kind(name: &str) -> &'static Kind {
    find(name).unwrap()
}

/// A model whose second container has secrets, under AWS names.
fn model() -> Value {
    json!({"ModelName": "m", "Containers": [
        {"Image": "i", "Environment": {"MODE": "fast"}},
        {"Image": "i", "Environment": {"PASSWORD": "p", "a/b~c_TOKEN": "t", "MODE": "slow"}},
    ]})
}

#[test]
fn secrets_are_found_from_wherever_one_looks() {
    let secrets = Secrets::of(kind("Model"), &model());
    let (password, token) = ("PASSWORD", "a~1b~0c_TOKEN");
    let inside = |prefix: &str| vec![format!("{prefix}/{password}"), format!("{prefix}/{token}")];
    for (at, expected) in [
        ("Containers", inside("/1/Environment")),
        ("Containers[1]", inside("/Environment")),
        ("Containers[1].Environment", inside("")),
        ("Containers[1].Environment.PASSWORD", vec![String::new()]),
        ("Containers[0]", Vec::new()),
        ("Containers[1].Environment.MODE", Vec::new()),
        ("ModelName", Vec::new()),
    ] {
        assert_eq!(secrets.at(&Path::parse(at)), expected, "{at}");
        let is = is_secret(kind("Model"), &model(), &Path::parse(at));
        assert_eq!(is, !expected.is_empty(), "{at}");
    }
    let manifest = secrets.in_manifest(kind("Model"), &Path::parse("Containers"));
    assert_eq!(manifest, inside("/1/environment"));
    // With those of what is there, each once.
    let both = Secrets::of(kind("Model"), &model()).and(Secrets::of(
        kind("Model"),
        &json!({"Containers": [{"Environment": {"API_KEY": "k"}}, {"Environment": {"PASSWORD": "p"}}]}),
    ));
    assert_eq!(both.at(&Path::parse("Containers[0].Environment")), ["/API_KEY"]);
    assert_eq!(both.at(&Path::parse("Containers[1].Environment")), inside(""));
}

#[test]
fn a_manifest_is_shown_without_its_secrets_and_with_all_else() {
    let mut spec = json!({"modelName": "m", "containers": [
        {"environment": {"MODE": "fast", "DB": "postgres://me:hunter2@host/db"}},
        {"environment": {"PASSWORD": "p", "a/b~c_TOKEN": "t", "HEADERS": "Bearer abcdefgh"}},
    ]});
    hide_in_manifest(kind("Model"), &mut spec);
    let shown = json!({"modelName": "m", "containers": [
        {"environment": {"MODE": "fast", "DB": "postgres://***@host/db"}},
        {"environment": {"PASSWORD": HIDDEN, "a/b~c_TOKEN": HIDDEN, "HEADERS": HIDDEN}},
    ]});
    assert_eq!(spec, shown);
    let mut spec = json!({"workforceName": "w", "oidcConfig": {"clientID": "c", "clientSecret": "s"}});
    hide_in_manifest(kind("Workforce"), &mut spec);
    assert_eq!(spec, json!({"workforceName": "w", "oidcConfig": {"clientID": "c", "clientSecret": HIDDEN}}));
}

#[test]
fn an_input_is_shown_without_its_secrets_and_with_all_else() {
    let mut input = model();
    hide_in_input(kind("Model"), "CreateModel", &mut input);
    let mut shown = model();
    shown["Containers"][1]["Environment"] = json!({"PASSWORD": HIDDEN, "a/b~c_TOKEN": HIDDEN, "MODE": "slow"});
    assert_eq!(input, shown);
    let mut input = json!({"WorkforceName": "w", "OidcConfig": {"ClientId": "c", "ClientSecret": "s"}});
    hide_in_input(kind("Workforce"), "UpdateWorkforce", &mut input);
    assert_eq!(input, json!({"WorkforceName": "w", "OidcConfig": {"ClientId": "c", "ClientSecret": HIDDEN}}));
}

#[test]
fn what_is_a_secret_by_the_model_or_the_row_is_hidden_in_a_value() {
    let secret = |value: Value| json!({"ClientId": "c", "ClientSecret": value});
    let workforce = kind("Workforce");
    assert_eq!(masked(workforce, &Path::parse("OidcConfig"), &secret(json!("s"))), secret(json!(HIDDEN)));
    assert_eq!(masked(workforce, &Path::parse("OidcConfig.ClientSecret"), &json!("s")), json!(HIDDEN));
    assert_eq!(masked(workforce, &Path::parse("OidcConfig.ClientId"), &json!("c")), json!("c"));
    let spec = json!({"OidcConfig": secret(json!("s"))});
    assert!(is_secret(workforce, &spec, &Path::parse("OidcConfig.ClientSecret")));
    assert!(!is_secret(workforce, &spec, &Path::parse("OidcConfig.ClientId")));
    assert_eq!(masked(kind("ModelCard"), &Path::parse("Content"), &json!("{}")), json!(HIDDEN));
}

#[test]
fn what_is_a_secret_by_its_form_is_hidden_wherever_it_stands() {
    let mut value =
        json!({"a": ["Bearer abcdefgh", {"b": "https://h/?X-Amz-Signature=1"}], "c": "plain", "d": "secret"});
    hide_at(&mut value, &["/d".to_owned(), "/none".to_owned()]);
    assert_eq!(value, json!({"a": [HIDDEN, {"b": HIDDEN}], "c": "plain", "d": HIDDEN}));
}
