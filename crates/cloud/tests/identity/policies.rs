//! Managed policies, AWS's and the account's own; and what is told of roles.

use serde_json::{Value, json};

use crate::support::{Cloud, HUB, SPOKE, trusts};

fn document(action: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}}).to_string()
}

#[tokio::test]
async fn only_policies_that_exist_attach() {
    let cloud = Cloud::new();
    let user = cloud.user(HUB).await;
    cloud.role(HUB, "r", trusts(HUB)).await;
    let attach = |arn: &str| json!({"RoleName": "r", "PolicyArn": arn});
    for good in ["AmazonSageMakerFullAccess", "AmazonS3ReadOnlyAccess", "service-role/AWSLambdaBasicExecutionRole"] {
        cloud.ok(&user, "iam:AttachRolePolicy", attach(&format!("arn:aws:iam::aws:policy/{good}"))).await;
    }
    for bad in [
        "arn:aws:iam::aws:policy/AmazonSageMakerFullAcess",
        "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole",
        "arn:aws:iam::000000000000:policy/none",
    ] {
        let told = cloud.refused(&user, "iam:AttachRolePolicy", attach(bad)).await;
        assert_eq!(told, format!("404 NoSuchEntity: Policy {bad} does not exist or is not attachable."));
    }
    let of_a_service = "arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy";
    let told = cloud.refused(&user, "iam:AttachRolePolicy", attach(of_a_service)).await;
    assert_eq!(told, "400 PolicyNotAttachable: Cannot attach a Service Role Policy to a Customer Role.");
    let attached = cloud.ok(&user, "iam:ListAttachedRolePolicies", json!({"RoleName": "r"})).await;
    assert_eq!(attached["AttachedPolicies"].as_array().unwrap().len(), 3);
    let told =
        cloud.ok(&user, "iam:GetPolicy", json!({"PolicyArn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"})).await;
    assert_eq!(
        (&told["Policy"]["PolicyName"], &told["Policy"]["AttachmentCount"]),
        (&json!("AmazonS3ReadOnlyAccess"), &json!(1))
    );
}

#[tokio::test]
async fn a_policy_of_ones_own_lives_from_create_to_delete() {
    let cloud = Cloud::new();
    let user = cloud.user(HUB).await;
    cloud.role(HUB, "r", trusts(HUB)).await;
    let input = json!({"PolicyName": "p", "Path": "/team/", "Description": "d", "PolicyDocument": document("s3:Get*"),
        "Tags": [{"Key": "a", "Value": "1"}]});
    let made = cloud.ok(&user, "iam:CreatePolicy", input.clone()).await;
    let arn = made["Policy"]["Arn"].as_str().unwrap().to_owned();
    assert_eq!(arn, "arn:aws:iam::000000000000:policy/team/p");
    assert!(made["Policy"]["PolicyId"].as_str().unwrap().starts_with("ANPA"));
    assert_eq!(
        cloud.refused(&user, "iam:CreatePolicy", input).await,
        "409 EntityAlreadyExists: A policy called p already exists. Duplicate names are not allowed."
    );
    let named = json!({"PolicyArn": arn});
    let version = |id: &str| json!({"PolicyArn": arn, "VersionId": id});
    cloud.ok(&user, "iam:AttachRolePolicy", json!({"RoleName": "r", "PolicyArn": arn})).await;
    let got = cloud.ok(&user, "iam:GetPolicy", named.clone()).await["Policy"].clone();
    assert_eq!((&got["DefaultVersionId"], &got["AttachmentCount"]), (&json!("v1"), &json!(1)));
    assert_eq!((&got["Description"], &got["Tags"][0]["Value"]), (&json!("d"), &json!("1")));
    let users = cloud.ok(&user, "iam:ListEntitiesForPolicy", named.clone()).await;
    assert_eq!(users["PolicyRoles"][0]["RoleName"], "r");
    let second = json!({"PolicyArn": arn, "PolicyDocument": document("s3:*"), "SetAsDefault": true});
    assert_eq!(cloud.ok(&user, "iam:CreatePolicyVersion", second).await["PolicyVersion"]["VersionId"], "v2");
    let listed = cloud.ok(&user, "iam:ListPolicyVersions", named.clone()).await;
    assert_eq!(listed["Versions"].as_array().unwrap().len(), 2);
    let text = cloud.ok(&user, "iam:GetPolicyVersion", version("v1")).await["PolicyVersion"].clone();
    assert_eq!(text["IsDefaultVersion"], false);
    assert!(text["Document"].as_str().unwrap().contains("s3%3AGet%2A"), "{text}");
    let own = cloud.ok(&user, "iam:ListPolicies", json!({"Scope": "Local", "OnlyAttached": true})).await;
    assert_eq!(own["Policies"][0]["Arn"], json!(arn));
    let told = cloud.refused(&user, "iam:DeletePolicy", named.clone()).await;
    assert_eq!(told, "409 DeleteConflict: Cannot delete a policy attached to entities.");
    cloud.ok(&user, "iam:DetachRolePolicy", json!({"RoleName": "r", "PolicyArn": arn})).await;
    assert!(cloud.refused(&user, "iam:DeletePolicy", named.clone()).await.contains("more than one version"));
    assert!(cloud.refused(&user, "iam:DeletePolicyVersion", version("v2")).await.contains("default version"));
    cloud.ok(&user, "iam:SetDefaultPolicyVersion", version("v1")).await;
    cloud.ok(&user, "iam:DeletePolicyVersion", version("v2")).await;
    // Another account has no part in it.
    let stranger = cloud.user(SPOKE).await;
    assert!(cloud.refused(&stranger, "iam:GetPolicy", named.clone()).await.starts_with("404 NoSuchEntity"));
    cloud.ok(&user, "iam:DeletePolicy", named.clone()).await;
    let told = cloud.refused(&user, "iam:GetPolicy", named).await;
    assert_eq!(told, format!("404 NoSuchEntity: Policy {arn} was not found."));
}

#[tokio::test]
async fn policies_are_listed_page_by_page() {
    let cloud = Cloud::new();
    let user = cloud.user(HUB).await;
    let mut arns: Vec<Value> = Vec::new();
    let mut input = json!({"Scope": "AWS", "MaxItems": 1000});
    loop {
        let page = cloud.ok(&user, "iam:ListPolicies", input.clone()).await;
        arns.extend(page["Policies"].as_array().unwrap().iter().map(|p| p["Arn"].clone()));
        if page["IsTruncated"] == false {
            break;
        }
        input["Marker"] = page["Marker"].clone();
    }
    assert!(arns.len() > 1000 && arns.contains(&json!("arn:aws:iam::aws:policy/AdministratorAccess")));
    let before = arns.len();
    arns.dedup();
    assert_eq!(arns.len(), before);
}

#[tokio::test]
async fn a_new_role_is_told_as_aws_tells_it() {
    let cloud = Cloud::new();
    let user = cloud.user(HUB).await;
    let trust = json!({"Statement": trusts(HUB)}).to_string();
    let made = cloud.ok(&user, "iam:CreateRole", json!({"RoleName": "r", "AssumeRolePolicyDocument": trust})).await;
    assert!(made["Role"]["MaxSessionDuration"].is_null() && made["Role"]["Tags"].is_null(), "{made}");
    let got = cloud.ok(&user, "iam:GetRole", json!({"RoleName": "r"})).await;
    assert_eq!(got["Role"]["MaxSessionDuration"], 3600);
    let profiles = cloud.ok(&user, "iam:ListInstanceProfilesForRole", json!({"RoleName": "r"})).await;
    assert_eq!(profiles["InstanceProfiles"], json!([]));
    let none = cloud.refused(&user, "iam:ListInstanceProfilesForRole", json!({"RoleName": "none"})).await;
    assert_eq!(none, "404 NoSuchEntity: The role with name none cannot be found.");
}
