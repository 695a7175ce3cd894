//! Who may assume a role.

use sagewright_cloud::identity::{ServiceAsks, assumable_by_service};
use serde_json::json;

use crate::support::{Cloud, HUB, SPOKE, trusts_where};

#[tokio::test]
async fn a_trust_policys_variables_are_those_of_the_caller() {
    let cloud = Cloud::new();
    let named = json!({"StringEquals": {"sts:RoleSessionName": "${aws:username}"}});
    let role = cloud.role(SPOKE, "named", trusts_where(HUB, named)).await;
    let user = cloud.user(HUB).await;
    let ask = |name: &str| json!({"RoleArn": role, "RoleSessionName": name});
    assert!(cloud.assume(&user, ask("sagewright")).await.is_ok());
    assert!(cloud.assume(&user, ask("somebody")).await.unwrap_err().starts_with("403 AccessDenied"));

    // Compared literally, this held for everybody.
    let not_self = json!({"StringNotEquals": {"sts:RoleSessionName": "${aws:username}"}});
    let role = cloud.role(SPOKE, "others", trusts_where(HUB, not_self)).await;
    let ask = |name: &str| json!({"RoleArn": role, "RoleSessionName": name});
    assert!(cloud.assume(&user, ask("sagewright")).await.unwrap_err().starts_with("403 AccessDenied"));
    assert!(cloud.assume(&user, ask("somebody")).await.is_ok());
}

#[tokio::test]
async fn the_request_is_known_to_conditions() {
    let cloud = Cloud::new();
    let user = cloud.user(HUB).await;
    cloud.ok(&user, "iam:TagUser", json!({"UserName": "sagewright", "Tags": [{"Key": "team", "Value": "red"}]})).await;
    for (n, (condition, expected)) in [
        (json!({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}), true),
        (json!({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}), false),
        (json!({"StringEquals": {"aws:PrincipalTag/team": "red"}}), true),
        (json!({"StringEquals": {"aws:PrincipalTag/team": "blue"}}), false),
        (json!({"StringEquals": {"aws:ResourceAccount": SPOKE}}), true),
        (json!({"Bool": {"aws:ViaAWSService": "false"}}), true),
        (json!({"StringEquals": {"aws:SourceAccount": HUB}}), false),
        (json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), false),
        (json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}), true),
        // What AWS would know and the embedded cloud does not.
        (json!({"StringNotEquals": {"aws:UserAgent": "curl"}}), false),
    ]
    .into_iter()
    .enumerate()
    {
        let role = cloud.role(SPOKE, &format!("r{n}"), trusts_where(HUB, condition.clone())).await;
        let assumed = cloud.assume(&user, json!({"RoleArn": role})).await;
        assert_eq!(assumed.is_ok(), expected, "{condition}");
    }
}

#[tokio::test]
async fn services_ask_on_behalf_of_a_resource() {
    let cloud = Cloud::new();
    let job = "arn:aws:sagemaker:us-east-1:000000000000:training-job/t";
    for (n, (condition, expected)) in [
        (json!({"StringEquals": {"aws:SourceAccount": HUB}}), true),
        (json!({"StringEquals": {"aws:SourceAccount": SPOKE}}), false),
        (json!({"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*:000000000000:*"}}), true),
        (json!({"ArnEquals": {"aws:SourceArn": job}}), true),
        (json!({"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*:000000000000:endpoint/*"}}), false),
        (json!({"StringEquals": {"aws:SourceAccount": "${aws:ResourceAccount}"}}), true),
    ]
    .into_iter()
    .enumerate()
    {
        let trust = json!({"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole", "Condition": condition});
        let role = cloud.role(HUB, &format!("r{n}"), trust).await;
        let now = jiff::Timestamp::now();
        let asks = ServiceAsks { service: "sagemaker.amazonaws.com", account: HUB, source_arn: job, now };
        let answer = assumable_by_service(&cloud.store, &role, &asks).await;
        assert_eq!(answer.is_ok(), expected, "{condition}");
    }
}

#[tokio::test]
async fn every_accounts_own_role_trusts_sagemaker_and_nobody_else() {
    let cloud = Cloud::new();
    cloud.user(HUB).await;
    let role = "arn:aws:iam::000000000000:role/sagewright-execution";
    let ask = async |account: &str, role: &str, service: &str| {
        let now = jiff::Timestamp::now();
        assumable_by_service(&cloud.store, role, &ServiceAsks { service, account, source_arn: "arn:x", now }).await
    };
    assert_eq!(ask(HUB, role, "sagemaker.amazonaws.com").await, Ok(()));
    // An account is in every partition.
    assert_eq!(ask(HUB, &role.replace("aws", "aws-cn"), "sagemaker.amazonaws.com").await, Ok(()));
    assert_eq!(
        ask(HUB, role, "ec2.amazonaws.com").await.unwrap_err(),
        format!(
            "Could not assume role {role}. Please ensure that the role exists and allows principal 'ec2.amazonaws.com' to \
             assume the role."
        )
    );
    let none = "arn:aws:iam::000000000000:role/none";
    assert!(ask(HUB, none, "sagemaker.amazonaws.com").await.unwrap_err().starts_with("Could not assume role"));
    assert_eq!(
        ask(SPOKE, role, "sagemaker.amazonaws.com").await.unwrap_err(),
        "Cross-account pass role is not allowed."
    );
}

#[tokio::test]
async fn what_cannot_be_a_condition_is_refused_and_changes_nothing() {
    let cloud = Cloud::new();
    let user = cloud.user(HUB).await;
    let trust = json!({"Statement": trusts_where(HUB, json!({"StringIs": {"aws:username": "x"}}))}).to_string();
    let input = json!({"RoleName": "r", "AssumeRolePolicyDocument": trust});
    let told = "400 MalformedPolicyDocument: Invalid Condition type : StringIs.";
    assert_eq!(cloud.refused(&user, "iam:CreateRole", input).await, told);
    assert!(cloud.refused(&user, "iam:GetRole", json!({"RoleName": "r"})).await.starts_with("404 NoSuchEntity"));
    let policy = json!({"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringIs": {"aws:username": "x"}}}});
    let input = json!({"PolicyName": "p", "PolicyDocument": policy.to_string()});
    assert_eq!(cloud.refused(&user, "iam:CreatePolicy", input).await, told);
}

#[tokio::test]
async fn answers_are_in_the_partition_of_the_callers_region() {
    let mut cloud = Cloud::new();
    cloud.region = "cn-northwest-1".to_owned();
    let user = cloud.user(HUB).await;
    let who = cloud.ok(&user, "sts:GetCallerIdentity", json!({})).await;
    assert_eq!(who["Arn"], "arn:aws-cn:iam::000000000000:user/sagewright");
    let trusting = json!({"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws-cn:iam::000000000000:user/sagewright"}});
    let role = cloud.role(HUB, "r", trusting).await;
    assert_eq!(role, "arn:aws-cn:iam::000000000000:role/r");
    let ask = json!({"RoleArn": role, "RoleSessionName": "s-1"});
    let out = cloud.ok(&user, "sts:AssumeRole", ask).await;
    assert_eq!(out["AssumedRoleUser"]["Arn"], "arn:aws-cn:sts::000000000000:assumed-role/r/s-1");
    let own = cloud.ok(&user, "iam:GetRole", json!({"RoleName": "sagewright-execution"})).await;
    assert_eq!(own["Role"]["Arn"], "arn:aws-cn:iam::000000000000:role/sagewright-execution");
}
