//! IAM and STS over one database.

use std::path::Path;
use std::sync::Arc;

use sagewright_cloud::api::{Call, Caller, Handler};
use sagewright_cloud::clock::{SimTime, SystemWall};
use sagewright_cloud::identity::Identity;
use sagewright_cloud::records::SharedRecords;
use sagewright_cloud_iam::Iam;
use sagewright_cloud_store_sqlite::SqliteRecords;
use sagewright_cloud_sts::Sts;
use serde_json::{Value, json};

pub const HUB: &str = "000000000000";
pub const SPOKE: &str = "111111111111";

pub struct Cloud {
    pub store: SharedRecords,
    pub identity: Identity,
    iam: Iam,
    sts: Sts,
    pub region: String,
}

impl Cloud {
    pub fn new() -> Self {
        Self::over(SqliteRecords::in_memory().unwrap())
    }

    /// A cloud whose state is in a file, as after a restart.
    pub fn open(path: &Path) -> Self {
        Self::over(SqliteRecords::open(path).unwrap())
    }

    fn over(store: SqliteRecords) -> Self {
        let store: SharedRecords = Arc::new(store);
        let identity = Identity::new(Arc::clone(&store), Arc::new(SystemWall), "aws");
        let iam = Iam::new(Arc::clone(&store), identity.clone());
        let sts = Sts::new(Arc::clone(&store), identity.clone());
        Self { store, identity, iam, sts, region: "us-east-1".to_owned() }
    }

    pub async fn user(&self, account: &str) -> String {
        self.identity.credentials(account).await.unwrap().id
    }

    /// Calls `SERVICE:OPERATION` with a key: output, or `status code: message`.
    pub async fn run(&self, key: &str, operation: &str, input: Value) -> Result<Value, String> {
        let Some(principal) = self.identity.lookup(key).await.unwrap() else {
            return Err("403 InvalidClientTokenId: The security token included in the request is invalid.".to_owned());
        };
        let (service, operation) = operation.split_once(':').unwrap();
        let service = sagewright_model::service(service).unwrap();
        let call = Call {
            caller: Caller {
                account: principal.account.clone(),
                principal_arn: principal.arn.clone(),
                user_id: principal.user_id.clone(),
                access_key: key.to_owned(),
                source_ip: Some("127.0.0.1".parse().unwrap()),
            },
            region: self.region.clone(),
            service,
            operation: service.operation(operation).unwrap(),
            input,
            // Of another time: IAM and STS go by the machine's.
            now: SimTime::from_millisecond(0),
            wall: jiff::Timestamp::now(),
            request_id: "r".into(),
            payload: bytes::Bytes::new(),
        };
        let handler: &dyn Handler = if service.id == "sts" { &self.sts } else { &self.iam };
        handler.call(call).await.map(|o| o.value).map_err(|e| format!("{} {}: {}", e.status, e.code, e.message))
    }

    pub async fn ok(&self, key: &str, operation: &str, input: Value) -> Value {
        self.run(key, operation, input).await.unwrap()
    }

    pub async fn refused(&self, key: &str, operation: &str, input: Value) -> String {
        self.run(key, operation, input).await.unwrap_err()
    }

    /// A role of `account` that trusts as `statement` says; its ARN.
    pub async fn role(&self, account: &str, name: &str, statement: Value) -> String {
        let trust = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        let input = json!({"RoleName": name, "AssumeRolePolicyDocument": trust});
        let made = self.ok(&self.user(account).await, "iam:CreateRole", input).await;
        made["Role"]["Arn"].as_str().unwrap().to_owned()
    }

    /// A session of a role, by its access key.
    pub async fn assume(&self, key: &str, input: Value) -> Result<String, String> {
        let mut all = json!({"RoleSessionName": "s-1"});
        all.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
        let out = self.run(key, "sts:AssumeRole", all).await?;
        Ok(out["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned())
    }
}

/// Lets everybody in an account assume a role and tag the session.
pub fn trusts(account: &str) -> Value {
    trusts_where(account, json!({}))
}

pub fn trusts_where(account: &str, condition: Value) -> Value {
    json!({"Effect": "Allow", "Principal": {"AWS": account}, "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": condition})
}

pub const GONE: &str = "403 InvalidClientTokenId: The security token included in the request is invalid.";
