//! Sessions: what they begin with, and when they end.

use serde_json::{Value, json};

use crate::support::{Cloud, GONE, HUB, SPOKE, trusts, trusts_where};

const WHO: &str = "sts:GetCallerIdentity";

#[tokio::test]
async fn a_session_ends_with_its_role_and_the_next_role_of_the_name_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.sqlite");
    let cloud = Cloud::open(&path);
    let role = cloud.role(SPOKE, "deploy", trusts(HUB)).await;
    let session = cloud.assume(&cloud.user(HUB).await, json!({"RoleArn": role})).await.unwrap();
    cloud.ok(&session, WHO, json!({})).await;
    cloud.ok(&cloud.user(SPOKE).await, "iam:DeleteRole", json!({"RoleName": "deploy"})).await;
    assert_eq!(cloud.refused(&session, WHO, json!({})).await, GONE);
    cloud.role(SPOKE, "deploy", trusts(HUB)).await;
    assert_eq!(cloud.refused(&session, WHO, json!({})).await, GONE);
    // Nor does a restart bring it back.
    drop(cloud);
    let cloud = Cloud::open(&path);
    assert_eq!(cloud.refused(&session, WHO, json!({})).await, GONE);
    let again = cloud.assume(&cloud.user(HUB).await, json!({"RoleArn": role})).await.unwrap();
    cloud.ok(&again, WHO, json!({})).await;
}

#[tokio::test]
async fn sessions_and_keys_of_a_user_end_with_the_user() {
    let cloud = Cloud::new();
    let admin = cloud.user(HUB).await;
    let name = json!({"UserName": "ann"});
    cloud.ok(&admin, "iam:CreateUser", name.clone()).await;
    let made = cloud.ok(&admin, "iam:CreateAccessKey", name.clone()).await;
    let key = made["AccessKey"]["AccessKeyId"].as_str().unwrap().to_owned();
    let out = cloud.ok(&key, "sts:GetSessionToken", json!({})).await;
    let session = out["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned();
    cloud.ok(&session, WHO, json!({})).await;
    let inactive = json!({"UserName": "ann", "AccessKeyId": key, "Status": "Inactive"});
    cloud.ok(&admin, "iam:UpdateAccessKey", inactive).await;
    assert_eq!(cloud.refused(&key, WHO, json!({})).await, GONE);
    cloud.ok(&admin, "iam:DeleteAccessKey", json!({"UserName": "ann", "AccessKeyId": key})).await;
    cloud.ok(&admin, "iam:DeleteUser", name.clone()).await;
    assert_eq!(cloud.refused(&session, WHO, json!({})).await, GONE);
    cloud.ok(&admin, "iam:CreateUser", name).await;
    assert_eq!(cloud.refused(&session, WHO, json!({})).await, GONE);
}

#[tokio::test]
async fn transitive_tags_go_on_to_the_next_role_and_others_do_not() {
    let cloud = Cloud::new();
    let first = cloud.role(SPOKE, "first", trusts(HUB)).await;
    let red = trusts_where(SPOKE, json!({"StringEquals": {"aws:PrincipalTag/team": "red"}}));
    let second = cloud.role(SPOKE, "second", red).await;
    let alone = trusts_where(
        SPOKE,
        json!({"Null": {"aws:PrincipalTag/stage": "true"},
        "StringEquals": {"aws:PrincipalTag/team": "red"}}),
    );
    let third = cloud.role(SPOKE, "third", alone).await;
    let tags = json!([{"Key": "team", "Value": "red"}, {"Key": "stage", "Value": "test"}]);
    let user = cloud.user(HUB).await;
    let ask = |keys: Value| json!({"RoleArn": first, "Tags": tags, "TransitiveTagKeys": keys});
    let one = cloud.assume(&user, ask(json!(["team"]))).await.unwrap();
    let two = cloud.assume(&one, json!({"RoleArn": second})).await.unwrap();
    cloud.assume(&two, json!({"RoleArn": third})).await.unwrap();
    // Not transitive: the second session has no tags.
    let one = cloud.assume(&user, ask(json!([]))).await.unwrap();
    let two = cloud.assume(&one, json!({"RoleArn": second})).await.unwrap();
    assert!(cloud.assume(&two, json!({"RoleArn": third})).await.unwrap_err().starts_with("403 AccessDenied"));
    // An inherited tag cannot be replaced, whatever the case of its letters.
    let one = cloud.assume(&user, ask(json!(["team"]))).await.unwrap();
    let over = json!({"RoleArn": second, "Tags": [{"Key": "Team", "Value": "blue"}]});
    let told = cloud.assume(&one, over).await.unwrap_err();
    assert!(told.starts_with("400 ValidationError: One of the specified transitive tag keys can't be set"), "{told}");
    let told = cloud.assume(&user, ask(json!(["other"]))).await.unwrap_err();
    assert!(told.starts_with("400 ValidationError: The specified transitive tag key 'other'"), "{told}");
    let twice = json!([{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]);
    let told = cloud.assume(&user, json!({"RoleArn": first, "Tags": twice})).await.unwrap_err();
    assert!(told.starts_with("400 ValidationError: Duplicate tag keys"), "{told}");
}

#[tokio::test]
async fn session_policies_are_checked_kept_and_counted() {
    let cloud = Cloud::new();
    let role = cloud.role(SPOKE, "deploy", trusts(HUB)).await;
    let user = cloud.user(HUB).await;
    let ask = |more: Value| {
        let mut input = json!({"RoleArn": role, "RoleSessionName": "s-1"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let policy = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}});
    let read_only = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
    let given = ask(json!({"Policy": policy.to_string(), "PolicyArns": [{"arn": read_only}]}));
    let out = cloud.ok(&user, "sts:AssumeRole", given).await;
    assert!(out["PackedPolicySize"].as_u64().is_some_and(|n| (1..100).contains(&n)), "{out}");
    let key = out["Credentials"]["AccessKeyId"].as_str().unwrap();
    let session = cloud.identity.lookup(key).await.unwrap().unwrap().session.clone().unwrap();
    assert_eq!(session.further.policy, Some(policy.to_string()));
    assert_eq!(session.further.policy_arns, [read_only]);
    let bare = cloud.ok(&user, "sts:AssumeRole", ask(json!({}))).await;
    assert!(bare["PackedPolicySize"].is_null(), "{bare}");

    let told = cloud.refused(&user, "sts:AssumeRole", ask(json!({"Policy": "{}"}))).await;
    assert!(told.starts_with("400 MalformedPolicyDocument: "), "{told}");
    let unknown = ask(json!({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/None"}]}));
    let told = cloud.refused(&user, "sts:AssumeRole", unknown).await;
    assert!(told.contains("policy/None does not exist"), "{told}");
    let long = json!({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": format!("arn:aws:s3:::{}", "b".repeat(2048))}});
    let told = cloud.refused(&user, "sts:AssumeRole", ask(json!({"Policy": long.to_string()}))).await;
    assert!(told.starts_with("400 PackedPolicyTooLarge: Packed policy consumes 1"), "{told}");
}
