//! Simulations.

use serde_json::{Value, json};

use crate::support::{Cloud, HUB, trusts};

fn policy(statements: Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn decisions(answer: &Value) -> Vec<(String, String, String)> {
    let text = |result: &Value, member: &str| result[member].as_str().unwrap().to_owned();
    let results = answer["EvaluationResults"].as_array().unwrap().iter();
    results.map(|r| (text(r, "EvalActionName"), text(r, "EvalResourceName"), text(r, "EvalDecision"))).collect()
}

#[tokio::test]
async fn a_roles_policies_decide() {
    let cloud = Cloud::new();
    let user = cloud.user(HUB).await;
    let role = cloud.role(HUB, "r", trusts(HUB)).await;
    let inline = policy(json!([
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::data/*"},
        {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::data/raw/*"},
    ]));
    cloud.ok(&user, "iam:PutRolePolicy", json!({"RoleName": "r", "PolicyName": "p", "PolicyDocument": inline})).await;
    let attach = json!({"RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"});
    cloud.ok(&user, "iam:AttachRolePolicy", attach).await;
    let ask = json!({"PolicySourceArn": role, "ActionNames": ["s3:PutObject", "s3:DeleteBucket", "s3:GetObject"],
        "ResourceArns": ["arn:aws:s3:::data/raw/x", "arn:aws:s3:::data/y"]});
    let answer = cloud.ok(&user, "iam:SimulatePrincipalPolicy", ask.clone()).await;
    let expected = [
        ("s3:PutObject", "arn:aws:s3:::data/raw/x", "explicitDeny"),
        ("s3:PutObject", "arn:aws:s3:::data/y", "allowed"),
        ("s3:DeleteBucket", "arn:aws:s3:::data/raw/x", "implicitDeny"),
        ("s3:DeleteBucket", "arn:aws:s3:::data/y", "implicitDeny"),
        ("s3:GetObject", "arn:aws:s3:::data/raw/x", "allowed"),
        ("s3:GetObject", "arn:aws:s3:::data/y", "allowed"),
    ];
    let expected: Vec<_> = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())).into();
    assert_eq!(decisions(&answer), expected);
    assert_eq!(answer["EvaluationResults"][1]["MatchedStatements"][0]["SourcePolicyId"], "role_r_p");
    // Page by page, the same.
    let mut paged = ask;
    paged["MaxItems"] = json!(4);
    let first = cloud.ok(&user, "iam:SimulatePrincipalPolicy", paged.clone()).await;
    paged["Marker"] = first["Marker"].clone();
    let second = cloud.ok(&user, "iam:SimulatePrincipalPolicy", paged).await;
    assert_eq!([decisions(&first), decisions(&second)].concat(), expected);
}

#[tokio::test]
async fn the_execution_role_of_an_account_may_train() {
    let cloud = Cloud::new();
    let user = cloud.user(HUB).await;
    let role = "arn:aws:iam::000000000000:role/sagewright-execution";
    // What version 3 of the SageMaker SDK asks before it trains.
    let asked = [
        "ecr:GetAuthorizationToken",
        "cloudwatch:PutMetricData",
        "ec2:CreateNetworkInterface",
        "ec2:CreateNetworkInterfacePermission",
        "ec2:DeleteNetworkInterface",
        "ec2:DeleteNetworkInterfacePermission",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeVpcs",
        "ec2:DescribeDhcpOptions",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
    ];
    let answer =
        cloud.ok(&user, "iam:SimulatePrincipalPolicy", json!({"PolicySourceArn": role, "ActionNames": asked})).await;
    for (action, _, decision) in decisions(&answer) {
        assert_eq!(decision, "allowed", "{action}");
    }
    let ask = json!({"PolicySourceArn": role, "ActionNames": ["sagemaker:CreateTrainingJob", "iam:CreateUser"]});
    let answer = cloud.ok(&user, "iam:SimulatePrincipalPolicy", ask).await;
    let said: Vec<String> = decisions(&answer).into_iter().map(|(_, _, decision)| decision).collect();
    assert_eq!(said, ["allowed", "implicitDeny"]);
    let pass = |entries: Value| json!({"PolicySourceArn": role, "ActionNames": ["iam:PassRole"], "ResourceArns": [role], "ContextEntries": entries});
    let answer = cloud.ok(&user, "iam:SimulatePrincipalPolicy", pass(json!([]))).await;
    assert_eq!(answer["EvaluationResults"][0]["EvalDecision"], "implicitDeny");
    assert_eq!(answer["EvaluationResults"][0]["MissingContextValues"], json!(["iam:PassedToService"]));
    let entry = json!([{"ContextKeyName": "iam:PassedToService", "ContextKeyType": "string",
        "ContextKeyValues": ["sagemaker.amazonaws.com"]}]);
    let answer = cloud.ok(&user, "iam:SimulatePrincipalPolicy", pass(entry)).await;
    assert_eq!(answer["EvaluationResults"][0]["EvalDecision"], "allowed");
}

#[tokio::test]
async fn policies_of_the_call_decide_and_know_the_principal() {
    let cloud = Cloud::new();
    let user = cloud.user(HUB).await;
    let own = policy(json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::home/${aws:username}/*"}));
    let me = "arn:aws:iam::000000000000:user/sagewright";
    let ask = |object: &str| {
        json!({"PolicySourceArn": me, "PolicyInputList": [own], "ActionNames": ["s3:GetObject"],
            "ResourceArns": [format!("arn:aws:s3:::home/{object}")]})
    };
    let answer = cloud.ok(&user, "iam:SimulatePrincipalPolicy", ask("sagewright/x")).await;
    assert_eq!(answer["EvaluationResults"][0]["EvalDecision"], "allowed");
    let answer = cloud.ok(&user, "iam:SimulatePrincipalPolicy", ask("other/x")).await;
    assert_eq!(answer["EvaluationResults"][0]["EvalDecision"], "implicitDeny");
    let mut custom = ask("other/x");
    custom.as_object_mut().unwrap().remove("PolicySourceArn");
    custom["ContextEntries"] = json!([{"ContextKeyName": "aws:username", "ContextKeyValues": ["other"]}]);
    let answer = cloud.ok(&user, "iam:SimulateCustomPolicy", custom).await;
    assert_eq!(answer["EvaluationResults"][0]["EvalDecision"], "allowed");
}

#[tokio::test]
async fn what_cannot_be_simulated_is_refused() {
    let cloud = Cloud::new();
    let user = cloud.user(HUB).await;
    let role = cloud.role(HUB, "r", trusts(HUB)).await;
    let ask = |arn: &str| json!({"PolicySourceArn": arn, "ActionNames": ["s3:GetObject"]});
    let attach = json!({"RoleName": "r", "PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"});
    cloud.ok(&user, "iam:AttachRolePolicy", attach).await;
    let told = cloud.refused(&user, "iam:SimulatePrincipalPolicy", ask(&role)).await;
    assert!(told.starts_with("501 NotImplemented: The document of arn:aws:iam::aws:policy/ReadOnlyAccess"), "{told}");
    let session = "arn:aws:sts::000000000000:assumed-role/r/s";
    let told = cloud.refused(&user, "iam:SimulatePrincipalPolicy", ask(session)).await;
    assert!(told.starts_with("400 InvalidInput: Invalid Entity Arn: "), "{told}");
    let none = "arn:aws:iam::000000000000:role/none";
    assert!(cloud.refused(&user, "iam:SimulatePrincipalPolicy", ask(none)).await.starts_with("404 NoSuchEntity"));
    let mut bounded = ask(&role);
    bounded["PermissionsBoundaryPolicyInputList"] = json!(["{}"]);
    let told = cloud.refused(&user, "iam:SimulatePrincipalPolicy", bounded).await;
    assert!(told.starts_with("501 NotImplemented: PermissionsBoundaryPolicyInputList of IAM"), "{told}");
}
