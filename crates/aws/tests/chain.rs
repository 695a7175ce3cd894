//! The ambient sources of credentials. They read the real environment, so each case runs this test in a process of
//! its own, with an environment of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, clippy::type_complexity)]

mod support;

use std::path::Path;
use std::process::Command;

use sagewright_aws::{Aws, Retry};
use sagewright_port::cloud::{Call, Cloud as _, Target};
use serde_json::json;
use support::{Answer, Script, Sent, ok, target};

/// Runs in the child: makes a call and says which key signed it, or what went wrong.
#[tokio::test]
async fn child() {
    if std::env::var("SAGEWRIGHT_TEST_CHILD").is_err() {
        return;
    }
    let script = Script::by(|sent| {
        // A key that the services have forgotten once another one is there.
        let retired = std::env::var("SAGEWRIGHT_TEST_RETIRED")
            .is_ok_and(|file| std::fs::read_to_string(file).is_ok_and(|now| !now.contains("AKIDOLD")));
        if retired && sent.header("authorization").is_some() && support::signer(sent) == "AKIDOLD" {
            return support::status(
                403,
                r#"{"__type":"UnrecognizedClientException","message":"The security token included in the request is invalid."}"#,
            );
        }
        if std::env::var("SAGEWRIGHT_TEST_STS").is_ok() && sent.body.contains("AssumeRoleWithWebIdentity") {
            return support::status(
                400,
                "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
            );
        }
        if std::env::var("SAGEWRIGHT_TEST_SILENT").is_ok() && sent.uri.contains("latest/api/token") {
            return Answer::Reset;
        }
        if sent.body.contains("AssumeRoleWithWebIdentity") {
            let host = &sent.uri;
            assert!(host.starts_with("http://127.0.0.1:9"), "STS was asked at {host}");
            ok("<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
                <AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                <Expiration>2999-01-02T04:04:05Z</Expiration></Credentials><AssumedRoleUser>\
                <Arn>arn:aws:sts::111111111111:assumed-role/ci/x</Arn><AssumedRoleId>i:x</AssumedRoleId>\
                </AssumedRoleUser></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>")
        } else if sent.body.contains("Action=AssumeRole&") {
            let by = support::signer(sent);
            ok(&format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE-{by}</AccessKeyId>\
                 <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                 <Expiration>2999-01-02T04:04:05Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
            ))
        } else if sent.body.contains("Action=GetCallerIdentity") {
            ok("<GetCallerIdentityResponse><GetCallerIdentityResult><Account>222222222222</Account><Arn>a</Arn>\
                <UserId>u</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>")
        } else {
            served(sent).unwrap_or_else(|| ok("{}"))
        }
    });
    let mut builder = Aws::builder().http_client(script.clone()).retry(Retry::Off);
    if let Ok(profile) = std::env::var("SAGEWRIGHT_TEST_PROFILE") {
        builder = builder.profile(profile);
    }
    let aws = match builder.build().await {
        Ok(aws) => aws,
        Err(error) => return println!("RESULT error config {error}"),
    };
    assert_eq!(script.connectors(), 0, "something was connected before the first call");
    // Keys are changed for others while the program runs.
    if let Ok(change) = std::env::var("SAGEWRIGHT_TEST_CHANGE") {
        aws.call(Call::new(&target("us-east-1"), "sagemaker", "ListModels", json!({}))).await.unwrap();
        let (file, content) = change.split_once('=').unwrap();
        std::fs::write(file, content).unwrap();
    }
    let account = std::env::var("SAGEWRIGHT_TEST_ACCOUNT").ok().map(|account| account.parse().unwrap());
    let target = Target { account, ..target("us-east-1") };
    match aws.call(Call::new(&target, "sagemaker", "ListModels", json!({}))).await {
        Ok(_) => {
            println!("RESULT key {}", support::signer(&script.last()));
        }
        Err(error) => println!("RESULT error {} {:?} {}", error.code, error.class(), error.message),
    }
}

/// What the credential services of a machine, a container and a single sign-on answer, to those who show what they ask for.
fn served(sent: &Sent) -> Option<Answer> {
    let path = sent.uri.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path)?;
    let keys = |id: &str| {
        ok(&format!(
            r#"{{"Code":"Success","Type":"AWS-HMAC","LastUpdated":"2026-01-01T00:00:00Z","AccessKeyId":"{id}",
                "SecretAccessKey":"s","Token":"t","Expiration":"2999-01-02T04:04:05Z"}}"#
        ))
    };
    let shows = |header: &str, value: &str| sent.header(header) == Some(value);
    Some(match (sent.method.as_str(), path) {
        ("PUT", "latest/api/token") => {
            let lasts = ("x-aws-ec2-metadata-token-ttl-seconds", "21600".to_owned());
            Answer::Http(200, vec![lasts], "machine-token".to_owned())
        }
        ("GET", "latest/meta-data/iam/security-credentials/") => ok("worker"),
        ("GET", "latest/meta-data/iam/security-credentials/worker")
            if shows("x-aws-ec2-metadata-token", "machine-token") =>
        {
            keys("ASIAIMDS")
        }
        ("GET", "container/keys") if shows("authorization", "container-token") => keys("ASIACONTAINER"),
        ("GET", path)
            if path.starts_with("federation/credentials?") && shows("x-amz-sso_bearer_token", "signed-in") =>
        {
            assert!(sent.uri.contains("account_id=111111111111") && sent.uri.contains("role_name=r"), "{}", sent.uri);
            ok(
                r#"{"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"s","sessionToken":"t","expiration":32503680000000}}"#,
            )
        }
        _ => return None,
    })
}

fn run(home: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture"]).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", home).env("USERPROFILE", home).env("SAGEWRIGHT_TEST_CHILD", "1");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let result = text.lines().find_map(|l| l.split_once("RESULT ")).map(|(_, r)| r.to_owned());
    result.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

fn home(config: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    home
}

#[test]
fn the_environment_goes_first() {
    let home = home("[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = s\n");
    let variables = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "s")];
    assert_eq!(run(home.path(), &variables), "key AKIDENV");
    assert_eq!(run(home.path(), &[]), "key AKIDFILE");
}

#[test]
fn whose_keys_these_are_only_sts_says() {
    let keys = "aws_access_key_id = AKIDFILE\naws_secret_access_key = s\n";
    let said = home(&format!("[default]\naws_account_id = 111111111111\n{keys}"));
    let ci = ("AWS_ACCOUNT_ID", "111111111111");
    let environment = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "s"), ci];
    for (home, variables) in [(said.path(), &[][..]), (home("").path(), &environment[..])] {
        let for_account = |account| run(home, &[variables, &[("SAGEWRIGHT_TEST_ACCOUNT", account)]].concat());
        let refused = for_account("111111111111");
        assert!(refused.starts_with("error WrongAccount"), "{refused}");
        let sent = for_account("222222222222");
        assert!(sent.starts_with("key AKID"), "{sent}");
    }
}

#[test]
fn a_profile_asked_for_by_name_goes_before_the_environment() {
    let home = home(
        "[default]\naws_access_key_id = AKIDFILE\naws_secret_access_key = s\n\
         [profile prod]\naws_access_key_id = AKIDPROD\naws_secret_access_key = s\n\
         [profile hub]\nrole_arn = arn:aws:iam::111111111111:role/r\nsource_profile = prod\n\
         [profile here]\nrole_arn = arn:aws:iam::111111111111:role/r\ncredential_source = Environment\n",
    );
    let with = |profile: &'static str| {
        [
            ("AWS_ACCESS_KEY_ID", "AKIDENV"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere"),
            ("AWS_ROLE_ARN", "arn:aws:iam::111111111111:role/ci"),
            ("SAGEWRIGHT_TEST_PROFILE", profile),
        ]
    };
    assert_eq!(run(home.path(), &with("prod")), "key AKIDPROD");
    assert_eq!(run(home.path(), &with("default")), "key AKIDFILE");
    assert_eq!(run(home.path(), &with("hub")), "key ASIAROLE-AKIDPROD");
    assert_eq!(run(home.path(), &with("here")), "key ASIAROLE-AKIDENV");
    let missing = run(home.path(), &with("prdo"));
    assert!(missing.starts_with("error config there is no profile 'prdo'"), "{missing}");
    assert!(missing.contains("they hold: default, here, hub, prod"), "{missing}");
    let missing =
        run(home.path(), &[("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_PROFILE", "prdo")]);
    assert!(missing.starts_with("error config there is no profile 'prdo'"), "{missing}");
    // AWS_PROFILE only says where to look after the environment.
    let variables = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_PROFILE", "prod")];
    assert_eq!(run(home.path(), &variables), "key AKIDENV");
}

#[test]
fn profiles_give_keys_or_run_a_process() {
    let home = home(
        "[profile keys]\naws_access_key_id = AKIDKEYS\naws_secret_access_key = s\n\
         [profile process]\ncredential_process = echo \
         '{\"Version\":1,\"AccessKeyId\":\"AKIDPROC\",\"SecretAccessKey\":\"s\"}'\n",
    );
    assert_eq!(run(home.path(), &[("AWS_PROFILE", "keys")]), "key AKIDKEYS");
    assert_eq!(run(home.path(), &[("AWS_PROFILE", "process")]), "key AKIDPROC");
}

#[test]
fn a_web_identity_token_is_exchanged_at_the_configured_endpoint() {
    let home = home("");
    let token = home.path().join("token");
    std::fs::write(&token, "header.payload.signature").unwrap();
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::111111111111:role/ci"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ];
    assert_eq!(run(home.path(), &variables), "key ASIAWEB");
}

#[test]
fn a_source_that_fails_is_named() {
    let home = home("[profile half]\naws_access_key_id = AKIDHALF\n");
    let missing = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere"), ("AWS_ROLE_ARN", "arn:aws:iam::111111111111:role/ci")];
    let table: [(&[(&str, &str)], &str); 2] = [
        (
            &missing,
            "error CredentialsFailed Rejected the AWS credentials of the web identity token (AWS_WEB_IDENTITY_TOKEN_FILE",
        ),
        (
            &[("AWS_PROFILE", "half")],
            "error InvalidCredentialsConfiguration Rejected the AWS credentials of profile 'half' of the shared config files",
        ),
    ];
    for (variables, expected) in table {
        let result = run(home.path(), variables);
        assert!(result.starts_with(expected), "{result}");
    }
}

#[test]
fn without_any_source_the_error_names_them_all() {
    let result = run(home("").path(), &[]);
    assert!(result.starts_with("error NoCredentials "), "{result}");
    for part in ["AWS_ACCESS_KEY_ID", "profile 'default'", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_PROFILE"] {
        assert!(result.contains(part), "{part}: {result}");
    }
}

#[test]
fn the_machine_and_the_container_give_keys() {
    let home = home("");
    let machine = [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")];
    assert_eq!(run(home.path(), &machine), "key ASIAIMDS");
    let container = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/container/keys"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "container-token"),
    ];
    assert_eq!(run(home.path(), &container), "key ASIACONTAINER");
    assert_eq!(run(home.path(), &[container, machine].concat()), "key ASIACONTAINER", "the container goes first");
}

#[test]
fn a_single_sign_on_gives_keys() {
    let home = home(SSO);
    sign_in(home.path(), r#"{"accessToken":"signed-in","expiresAt":"2999-01-01T00:00:00Z","region":"us-east-1"}"#);
    assert_eq!(run(home.path(), &[("AWS_PROFILE", "dev")]), "key ASIASSO");
}

const SSO: &str = "[profile dev]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = r\n\
     [sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.awsapps.com/start\n";

/// Writes the token of the session `corp` as `aws sso login` does.
fn sign_in(home: &Path, token: &str) {
    // The cache's file name is the SHA-1 of the session's name.
    let cache = home.join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::write(cache.join("ee0bfd2552fbd840c02cc48b6e823320543c450f.json"), token).unwrap();
}

#[test]
fn a_missing_or_expired_sso_session_says_how_to_sign_in() {
    let home = home(SSO);
    let result = run(home.path(), &[("AWS_PROFILE", "dev")]);
    assert!(result.starts_with("error SsoSessionExpired "), "{result}");
    assert!(result.contains("`aws sso login --profile dev`"), "{result}");
    sign_in(home.path(), r#"{"accessToken":"very-secret","expiresAt":"2020-01-01T00:00:00Z","region":"us-east-1"}"#);
    let result = run(home.path(), &[("AWS_PROFILE", "dev")]);
    assert!(result.contains("`aws sso login --profile dev`") && !result.contains("very-secret"), "{result}");
}

#[test]
fn keys_in_a_file_that_change_are_read_again() {
    let home = home("");
    let file = home.path().join(".aws/credentials");
    let keys = |id: &str| format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = s\n");
    std::fs::write(&file, keys("AKIDOLD")).unwrap();
    let change = |content: &str| format!("{}={content}", file.display());
    assert_eq!(run(home.path(), &[("SAGEWRIGHT_TEST_CHANGE", &change(&keys("AKIDNEWER")))]), "key AKIDNEWER");
    // Half a file, as it is while it is written: the keys before it go on.
    std::fs::write(&file, keys("AKIDOLD")).unwrap();
    let half = change("[default]\naws_access_key_id = AKID");
    assert_eq!(run(home.path(), &[("SAGEWRIGHT_TEST_CHANGE", &half)]), "key AKIDOLD");
}

#[test]
fn keys_that_a_service_no_longer_knows_are_asked_for_again() {
    let home = home("[profile process]\ncredential_process = sh -c 'cat $HOME/keys'\n");
    let keys = |id: &str| format!(r#"{{"Version":1,"AccessKeyId":"{id}","SecretAccessKey":"s"}}"#);
    let file = home.path().join("keys");
    std::fs::write(&file, keys("AKIDOLD")).unwrap();
    let change = format!("{}={}", file.display(), keys("AKIDNEW"));
    let variables = [
        ("AWS_PROFILE", "process"),
        ("SAGEWRIGHT_TEST_RETIRED", file.to_str().unwrap()),
        ("SAGEWRIGHT_TEST_CHANGE", &change),
    ];
    assert_eq!(run(home.path(), &variables), "key AKIDNEW");
}

#[test]
fn a_source_that_is_slow_or_silent_is_worth_another_try() {
    let home = home("");
    let token = home.path().join("token");
    std::fs::write(&token, "header.payload.signature").unwrap();
    let web = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::111111111111:role/ci"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("SAGEWRIGHT_TEST_STS", "1"),
    ];
    let result = run(home.path(), &web);
    assert!(result.starts_with("error Throttling Throttle the AWS credentials of the web identity token"), "{result}");
    let machine = [
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9"),
        ("SAGEWRIGHT_TEST_SILENT", "1"),
    ];
    let result = run(home.path(), &machine);
    assert!(result.starts_with("error CredentialsUnavailable Transient "), "{result}");
}

#[test]
fn keys_that_no_request_can_carry_are_refused_in_words() {
    let good = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "s3cr3t"), ("AWS_SESSION_TOKEN", "t0k3n")];
    let told = "error InvalidCredentialsConfiguration";
    for (name, value, why) in [
        ("AWS_ACCESS_KEY_ID", "AKIDENV\n", "the access key ID has a line break at its end"),
        ("AWS_SECRET_ACCESS_KEY", "s3cr3t\r\n", "the secret access key has a line break at its end"),
        ("AWS_SESSION_TOKEN", "t0k3n\r\nX-Evil: 1", "the session token has white space in it"),
        ("AWS_SESSION_TOKEN", "t0k\u{1}3n", "the session token has a control character in it"),
    ] {
        let variables = [&good[..], &[(name, value)]].concat();
        let said = run(home("").path(), &variables);
        assert!(said.starts_with(told) && said.contains(why) && said.contains("the environment"), "{name}: {said}");
        assert!(!said.contains("s3cr3t") && !said.contains("t0k3n"), "{said}");
        // A profile that signs with them, for a role's sake.
        let config = "[default]\nrole_arn = arn:aws:iam::111111111111:role/r\ncredential_source = Environment\n";
        let said = run(home(config).path(), &[&variables[..], &[("AWS_PROFILE", "default")]].concat());
        assert!(said.starts_with("error ") && !said.contains("s3cr3t"), "{said}");
    }
    let process = r#"[default]
credential_process = printf '{"Version":1,"AccessKeyId":"AKIA\\n","SecretAccessKey":"s3cr3t"}'
[profile hub]
role_arn = arn:aws:iam::111111111111:role/r
source_profile = default
"#;
    for profile in ["default", "hub"] {
        let said = run(home(process).path(), &[("AWS_PROFILE", profile)]);
        assert!(said.starts_with(told) && !said.contains("s3cr3t"), "{profile}: {said}");
    }
}
