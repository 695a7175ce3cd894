//! Resource Groups Tagging through the port, beside the services whose resources it finds.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::net::{Ipv4Addr, SocketAddr};

use jiff::Timestamp;
use sagewright_cloud::config::Config;
use sagewright_cloud::server::bind;
use serde_json::{Value, json};
use support::{Client, Key, Outgoing};

const ACCOUNT: &str = "000000000000";

struct Caller {
    client: Client,
    key: Key,
    region: &'static str,
}

impl Caller {
    fn json(&mut self, service: &str, target: &str, input: &Value) -> (u16, Value) {
        let body = input.to_string();
        let headers =
            vec![("content-type", "application/x-amz-json-1.1".to_owned()), ("x-amz-target", target.to_owned())];
        let out = Outgoing { service, path: "/", headers, body: body.as_bytes(), at: Timestamp::now() };
        let answer = self.client.send(&self.client.signed_for(&self.key, &out, self.region, &[]));
        (answer.status, if answer.body.is_empty() { Value::Null } else { answer.json() })
    }

    fn tagging(&mut self, operation: &str, input: &Value) -> Value {
        let (status, answer) = self.json("tagging", &format!("ResourceGroupsTaggingAPI_20170126.{operation}"), input);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The last part of the ARNs found.
    fn found(&mut self, input: &Value) -> Vec<String> {
        let answer = self.tagging("GetResources", input);
        let items = answer["ResourceTagMappingList"].as_array().unwrap().iter();
        items.map(|item| item["ResourceARN"].as_str().unwrap().rsplit([':', '/']).next().unwrap().to_owned()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_callers_find_and_tag_what_other_services_have() {
    let data = tempfile::tempdir().unwrap();
    let mut config = Config::new(data.path());
    config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let running = bind(config).await.unwrap().server().start().unwrap();
    let credentials = running.credentials(ACCOUNT).await.unwrap();
    let key = Key { id: credentials.id, secret: credentials.secret.reveal().to_owned(), token: None };
    let address = running.address();
    let caller = |region| Caller { client: Client::new(address), key: key.clone(), region };
    let (mut east, mut west) = (caller("us-east-1"), caller("us-west-2"));

    for name in ["a", "b", "c"] {
        let caller = if name == "c" { &mut west } else { &mut east };
        let input = json!({"logGroupName": name, "tags": {"env": "prod", "name": name}});
        let (status, answer) = caller.json("logs", "Logs_20140328.CreateLogGroup", &input);
        assert_eq!(status, 200, "{answer}");
    }
    let user = "Action=CreateUser&Version=2010-05-08&UserName=u&Tags.member.1.Key=env&Tags.member.1.Value=prod";
    assert_eq!(east.client.query("iam", &key, user).status, 200);

    let env = json!({"TagFilters": [{"Key": "env", "Values": ["prod"]}]});
    assert_eq!(east.found(&env), ["a", "b"], "AWS does not find users by their tags");
    assert_eq!(west.found(&env), ["c"]);
    assert_eq!(east.found(&json!({"ResourceTypeFilters": ["logs:log-group"]})), ["a", "b"]);
    assert_eq!(east.found(&json!({"ResourceTypeFilters": ["logs:log"]})), <[String; 0]>::default());
    let last = east.tagging("GetResources", &env);
    assert_eq!(last["PaginationToken"], "", "the last page has an empty token");

    // What has no region is tagged in the first region of its partition.
    let users = json!({"ResourceARNList": [format!("arn:aws:iam::{ACCOUNT}:user/u")], "Tags": {"team": "x"}});
    assert_eq!(east.tagging("TagResources", &users)["FailedResourcesMap"], json!({}));
    let failed = west.tagging("TagResources", &users)["FailedResourcesMap"].clone();
    assert_eq!(failed[format!("arn:aws:iam::{ACCOUNT}:user/u")]["ErrorCode"], "InvalidParameterException");
    let list = east.client.query("iam", &key, "Action=ListUserTags&Version=2010-05-08&UserName=u");
    assert!(list.text().contains("<Key>team</Key>"), "{}", list.text());
    // SageMaker is not among the services of this server.
    let model = format!("arn:aws:sagemaker:us-east-1:{ACCOUNT}:model/m");
    let answer = east.tagging("TagResources", &json!({"ResourceARNList": [model], "Tags": {"a": "b"}}));
    assert_eq!(answer["FailedResourcesMap"][&model]["ErrorCode"], "NotImplemented");
    running.shutdown().await;
}
