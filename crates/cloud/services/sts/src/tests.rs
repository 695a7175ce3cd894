use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use sagewright_cloud_core::api::Caller;
use sagewright_cloud_core::clock::{SimTime, SystemWall};
use sagewright_cloud_iam::Iam;
use sagewright_cloud_store_sqlite::SqliteRecords;

const AT: &str = "2026-03-04T05:06:07Z";

struct Cloud {
    sts: Sts,
    iam: Iam,
    identity: Identity,
}

fn cloud() -> Cloud {
    let store: SharedRecords = Arc::new(SqliteRecords::in_memory().unwrap());
    let identity = Identity::new(Arc::clone(&store), Arc::new(SystemWall), "aws");
    let iam = Iam::new(store.clone(), identity.clone());
    Cloud { sts: Sts::new(store, identity.clone()), iam, identity }
}

impl Cloud {
    async fn run(&self, service: &str, key: &str, operation: &str, input: Value) -> Result<Value, String> {
        let principal = self.identity.lookup(key).await.unwrap().unwrap();
        let service = sagewright_model::service(service).unwrap();
        let call = Call {
            caller: Caller {
                account: principal.account.clone(),
                principal_arn: principal.arn.clone(),
                user_id: principal.user_id.clone(),
                access_key: key.to_owned(),
                source_ip: Some("127.0.0.1".parse().unwrap()),
            },
            region: "us-east-1".into(),
            service,
            operation: service.operation(operation).unwrap(),
            input,
            // Of another time: no part of STS goes by it.
            now: SimTime::from_millisecond(0),
            wall: AT.parse().unwrap(),
            request_id: "r".into(),
            payload: bytes::Bytes::new(),
        };
        let handler: &dyn Handler = if service.id == "sts" { &self.sts } else { &self.iam };
        handler.call(call).await.map(|o| o.value).map_err(|e| format!("{} {}: {}", e.status, e.code, e.message))
    }

    /// A role in account 1 that trusts account 0, for up to `max` seconds.
    async fn role(&self, name: &str, max: i64) -> String {
        let owner = self.identity.credentials("111111111111").await.unwrap().id;
        let trust = json!({"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}});
        let input = json!({"RoleName": name, "AssumeRolePolicyDocument": trust.to_string(), "MaxSessionDuration": max});
        let role = self.run("iam", &owner, "CreateRole", input).await.unwrap();
        role["Role"]["Arn"].as_str().unwrap().to_owned()
    }

    async fn user(&self) -> String {
        self.identity.credentials("000000000000").await.unwrap().id
    }
}

#[tokio::test]
async fn a_role_is_assumed_across_accounts() {
    let cloud = cloud();
    let role = cloud.role("deploy", 7200).await;
    let out = cloud
        .run(
            "sts",
            &cloud.user().await,
            "AssumeRole",
            json!({"RoleArn": role, "RoleSessionName": "ci", "DurationSeconds": 7200}),
        )
        .await
        .unwrap();
    let at: jiff::Timestamp = AT.parse().unwrap();
    assert_eq!(out["Credentials"]["Expiration"], at.as_second() + 7200);
    let id = out["Credentials"]["AccessKeyId"].as_str().unwrap();
    assert!(id.starts_with("ASIA"), "{id}");
    let who = cloud.run("sts", id, "GetCallerIdentity", json!({})).await.unwrap();
    assert_eq!(who["Arn"], "arn:aws:sts::111111111111:assumed-role/deploy/ci");
    assert_eq!(who["Account"], "111111111111");
    assert_eq!(who["UserId"], out["AssumedRoleUser"]["AssumedRoleId"]);
}

#[tokio::test]
async fn durations_are_bounded_by_the_role_and_by_chaining() {
    let cloud = cloud();
    let short = cloud.role("short", 3600).await;
    let ask = |role: &str, seconds: i64| json!({"RoleArn": role, "RoleSessionName": "s-1", "DurationSeconds": seconds});
    assert_eq!(
        cloud.run("sts", &cloud.user().await, "AssumeRole", ask(&short, 3601)).await.unwrap_err(),
        "400 ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    );
    let long = cloud.role("long", 43_200).await;
    let first = cloud.run("sts", &cloud.user().await, "AssumeRole", ask(&long, 43_200)).await.unwrap();
    let session = first["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned();
    let owner = cloud.identity.credentials("111111111111").await.unwrap().id;
    let trust = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": long}, "Action": "sts:AssumeRole"}});
    let update = json!({"RoleName": "long", "PolicyDocument": trust.to_string()});
    cloud.run("iam", &owner, "UpdateAssumeRolePolicy", update).await.unwrap();
    assert_eq!(
        cloud.run("sts", &session, "AssumeRole", ask(&long, 3601)).await.unwrap_err(),
        "400 ValidationError: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    );
    cloud.run("sts", &session, "AssumeRole", ask(&long, 3600)).await.unwrap();
}

#[tokio::test]
async fn who_is_not_trusted_learns_nothing() {
    let cloud = cloud();
    let role = cloud.role("deploy", 3600).await;
    let stranger = cloud.identity.credentials("222222222222").await.unwrap().id;
    for arn in [role.as_str(), "arn:aws:iam::111111111111:role/none"] {
        assert_eq!(
            cloud
                .run("sts", &stranger, "AssumeRole", json!({"RoleArn": arn, "RoleSessionName": "s-1"}))
                .await
                .unwrap_err(),
            format!(
                "403 AccessDenied: User: arn:aws:iam::222222222222:user/sagewright is not authorized to perform: \
                 sts:AssumeRole on resource: {arn}"
            )
        );
    }
    let tagged = json!({"RoleArn": role, "RoleSessionName": "s-1", "Tags": [{"Key": "a", "Value": "b"}]});
    let error = cloud.run("sts", &cloud.user().await, "AssumeRole", tagged).await.unwrap_err();
    assert!(error.contains("not authorized to perform: sts:TagSession"), "{error}");
}

#[tokio::test]
async fn what_is_not_built_is_refused_by_name() {
    let cloud = cloud();
    let role = cloud.role("deploy", 3600).await;
    let input = json!({"RoleArn": role, "RoleSessionName": "s-1", "TokenCode": "123456"});
    let error = cloud.run("sts", &cloud.user().await, "AssumeRole", input).await.unwrap_err();
    assert!(error.starts_with("501 NotImplemented: TokenCode of STS AssumeRole is not supported"), "{error}");
    let error = cloud.run("sts", &cloud.user().await, "GetFederationToken", json!({"Name": "x"})).await.unwrap_err();
    assert!(error.starts_with("501 NotImplemented: STS GetFederationToken is not supported"), "{error}");
}
