"""STS, IAM and CloudWatch Logs of the embedded cloud, as stock boto3 sees them."""

import datetime
import json
import threading
import time
import uuid

import botocore.auth
import botocore.exceptions
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from harness import OTHER, XGBOOST, Cloud


def name(prefix="t"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def refused(call, code, status=None):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    response = caught.value.response
    assert response["Error"]["Code"] == code, response
    if status is not None:
        assert response["ResponseMetadata"]["HTTPStatusCode"] == status, response
    assert response["ResponseMetadata"]["RequestId"]
    return response["Error"]["Message"]


def trust(principal, condition=None, action="sts:AssumeRole"):
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


SAGEMAKER = trust({"Service": "sagemaker.amazonaws.com"})


# --- who is asking -----------------------------------------------------------------------------------------------


def test_caller_identity_tells_the_account_of_the_key(cloud):
    for account in (cloud.account, OTHER):
        who = cloud.client("sts", account).get_caller_identity()
        assert who["Account"] == account
        assert who["Arn"] == f"arn:aws:iam::{account}:user/sagewright"
        assert who["UserId"].startswith("AIDA")


def test_a_presigned_caller_identity_is_answered_and_a_changed_one_is_not(cloud):
    url = cloud.client("sts").generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    session = URLLib3Session()
    answer = session.send(AWSRequest("GET", url).prepare())
    assert answer.status_code == 200 and b"user/sagewright" in answer.content
    answer = session.send(AWSRequest("GET", url + "&More=1").prepare())
    assert answer.status_code == 403 and b"SignatureDoesNotMatch" in answer.content


def test_a_wrong_secret_is_told_in_awss_words(cloud):
    wrong = {"aws_secret_access_key": "wrong"}
    text = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )
    assert refused(cloud.client("sts", **wrong).get_caller_identity, "SignatureDoesNotMatch", 403) == text
    assert refused(cloud.client("iam", **wrong).list_roles, "SignatureDoesNotMatch", 403) == text
    assert refused(cloud.client("logs", **wrong).describe_log_groups, "InvalidSignatureException", 400) == text


def test_an_unknown_key_is_told_in_awss_words(cloud):
    unknown = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE"}
    text = "The security token included in the request is invalid."
    assert refused(cloud.client("sts", **unknown).get_caller_identity, "InvalidClientTokenId", 403) == text
    assert refused(cloud.client("logs", **unknown).describe_log_groups, "UnrecognizedClientException", 400) == text


def test_a_token_that_does_not_belong_to_the_key_is_refused(cloud):
    refused(cloud.client("sts", aws_session_token="made up").get_caller_identity, "InvalidClientTokenId", 403)
    session = cloud.client("sts").get_session_token()["Credentials"]
    bare = {"aws_access_key_id": session["AccessKeyId"], "aws_secret_access_key": session["SecretAccessKey"]}
    refused(cloud.client("sts", **bare).get_caller_identity, "InvalidClientTokenId", 403)


@pytest.mark.parametrize(
    ("minutes", "text"), [(-6, "Signature expired: "), (6, "Signature not yet current: ")]
)
def test_a_skewed_clock_is_told(cloud, minutes, text, monkeypatch):
    moved = lambda *a, **k: datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(
        minutes=minutes
    )
    monkeypatch.setattr(botocore.auth, "get_current_datetime", moved)
    message = refused(cloud.client("sts").get_caller_identity, "SignatureDoesNotMatch", 403)
    assert message.startswith(text) and message.endswith("5 min.)"), message
    refused(cloud.client("logs").describe_log_groups, "InvalidSignatureException", 400)


def test_an_unsigned_call_is_refused(cloud):
    session = URLLib3Session()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = "Action=GetCallerIdentity&Version=2011-06-15"
    answer = session.send(AWSRequest("POST", cloud.endpoint_url + "/", headers=form, data=body).prepare())
    assert answer.status_code == 403 and b"MissingAuthenticationToken" in answer.content
    target = {"X-Amz-Target": "Logs_20140328.DescribeLogGroups", "Content-Type": "application/x-amz-json-1.1"}
    answer = session.send(AWSRequest("POST", cloud.endpoint_url + "/", headers=target, data="{}").prepare())
    assert json.loads(answer.content)["__type"] == "MissingAuthenticationTokenException"


def test_what_is_not_there_is_refused_by_name(cloud):
    message = refused(cloud.client("sqs").list_queues, "NotImplemented", 501)
    assert message.startswith("The service sqs is not part of the embedded cloud")
    message = refused(lambda: cloud.client("sts").get_federation_token(Name="someone"), "NotImplemented", 501)
    assert message.startswith("STS GetFederationToken is not supported by the embedded cloud")
    message = refused(lambda: cloud.client("iam").create_group(GroupName="g"), "NotImplemented", 501)
    assert message.startswith("IAM CreateGroup is not supported by the embedded cloud")
    message = refused(
        lambda: cloud.client("sts").assume_role_with_web_identity(
            RoleArn="arn:aws:iam::000000000000:role/x", RoleSessionName="s-1", WebIdentityToken="abcd"
        ),
        "NotImplemented",
        501,
    )
    assert message.startswith("STS AssumeRoleWithWebIdentity is not supported")


def test_health_needs_no_signature(cloud):
    answer = URLLib3Session().send(AWSRequest("GET", cloud.endpoint_url + "/_sagewright/health").prepare())
    health = json.loads(answer.content)
    assert health["status"] == "ok" and {"sts", "iam", "logs"} <= set(health["services"]) and health["version"]


# --- protocols, sent raw -----------------------------------------------------------------------------------------


def raw(cloud, target, body, service="logs"):
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", cloud.endpoint_url + "/", headers=headers, data=body)
    botocore.auth.SigV4Auth(Credentials(cloud.access_key, cloud.secret_key), service, cloud.region).add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    return answer, json.loads(answer.content)


def test_json_that_cannot_be_read_and_operations_that_do_not_exist(cloud):
    answer, error = raw(cloud, "Logs_20140328.DescribeLogGroups", '{"limit": ')
    assert (answer.status_code, error["__type"]) == (400, "SerializationException")
    assert answer.headers["x-amzn-ErrorType"] == "SerializationException" and answer.headers["x-amzn-RequestId"]
    answer, error = raw(cloud, "Logs_20140328.DescribeLogGroups", '{"limit": "many"}')
    assert (answer.status_code, error["__type"]) == (400, "SerializationException")
    answer, error = raw(cloud, "Logs_20140328.Nothing", "{}")
    assert (answer.status_code, error["__type"]) == (400, "UnknownOperationException")
    answer, output = raw(cloud, "Logs_20140328.DescribeLogGroups", "")
    assert answer.status_code == 200 and "logGroups" in output


def test_input_is_validated_in_awss_words(cloud):
    iam = cloud.client("iam")
    message = refused(lambda: iam.get_role(RoleName="not a role!"), "ValidationError", 400)
    assert message == (
        "1 validation error detected: Value 'not a role!' at 'roleName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\w+=,.@-]+"
    )
    message = refused(
        lambda: cloud.client("logs").put_retention_policy(logGroupName="a b", retentionInDays=1),
        "InvalidParameterException",
        400,
    )
    assert message.startswith("1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint")


# --- roles and sessions ------------------------------------------------------------------------------------------


def test_a_role_lives_from_create_to_delete(cloud):
    iam = cloud.client("iam")
    role = name("role")
    made = iam.create_role(
        RoleName=role,
        Path="/team/",
        AssumeRolePolicyDocument=SAGEMAKER,
        Description="é <&>",
        MaxSessionDuration=7200,
        Tags=[{"Key": "a", "Value": "1"}],
    )["Role"]
    assert made["Arn"] == f"arn:aws:iam::{cloud.account}:role/team/{role}"
    assert made["RoleId"].startswith("AROA")
    assert made["AssumeRolePolicyDocument"] == json.loads(SAGEMAKER)
    assert abs(made["CreateDate"].timestamp() - time.time()) < 60
    got = iam.get_role(RoleName=role)["Role"]
    assert got["Description"] == "é <&>" and got["MaxSessionDuration"] == 7200
    assert got["Tags"] == [{"Key": "a", "Value": "1"}]
    message = refused(
        lambda: iam.create_role(RoleName=role, AssumeRolePolicyDocument=SAGEMAKER), "EntityAlreadyExists", 409
    )
    assert message == f"Role with name {role} already exists."
    iam.update_role(RoleName=role, Description="new", MaxSessionDuration=3600)
    got = iam.get_role(RoleName=role)["Role"]
    assert (got["Description"], got["MaxSessionDuration"]) == ("new", 3600)
    iam.tag_role(RoleName=role, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}])
    iam.untag_role(RoleName=role, TagKeys=["b"])
    assert iam.list_role_tags(RoleName=role)["Tags"] == [{"Key": "a", "Value": "2"}]
    assert [r["RoleName"] for r in iam.list_roles(PathPrefix="/team/")["Roles"]] == [role]
    iam.delete_role(RoleName=role)
    message = refused(lambda: iam.get_role(RoleName=role), "NoSuchEntity", 404)
    assert message == f"The role with name {role} cannot be found."
    refused(lambda: iam.delete_role(RoleName=role), "NoSuchEntity", 404)


def test_policies_keep_a_role_from_being_deleted(cloud):
    iam = cloud.client("iam")
    role = name("role")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=SAGEMAKER)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="inline", PolicyDocument=json.dumps(policy))
    assert iam.get_role_policy(RoleName=role, PolicyName="inline")["PolicyDocument"] == policy
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["inline"]
    message = refused(lambda: iam.delete_role(RoleName=role), "DeleteConflict", 409)
    assert message == "Cannot delete entity, must delete policies first."
    iam.delete_role_policy(RoleName=role, PolicyName="inline")
    refused(lambda: iam.get_role_policy(RoleName=role, PolicyName="inline"), "NoSuchEntity", 404)
    managed = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    iam.attach_role_policy(RoleName=role, PolicyArn=managed)
    iam.attach_role_policy(RoleName=role, PolicyArn=managed)
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == [
        {"PolicyName": "AmazonSageMakerFullAccess", "PolicyArn": managed}
    ]
    message = refused(lambda: iam.delete_role(RoleName=role), "DeleteConflict", 409)
    assert message == "Cannot delete entity, must detach all policies first."
    iam.detach_role_policy(RoleName=role, PolicyArn=managed)
    refused(lambda: iam.detach_role_policy(RoleName=role, PolicyArn=managed), "NoSuchEntity", 404)
    own = f"arn:aws:iam::{cloud.account}:policy/mine"
    message = refused(lambda: iam.attach_role_policy(RoleName=role, PolicyArn=own), "NoSuchEntity", 404)
    assert message == f"Policy {own} does not exist or is not attachable."
    iam.delete_role(RoleName=role)


def test_malformed_policies_change_nothing(cloud):
    iam = cloud.client("iam")
    role = name("role")
    create = lambda document: iam.create_role(RoleName=role, AssumeRolePolicyDocument=document)
    assert refused(lambda: create("{"), "MalformedPolicyDocument", 400) == "This policy contains invalid Json"
    message = refused(lambda: create(trust({"AWS": "nobody"})), "MalformedPolicyDocument", 400)
    assert message == 'Invalid principal in policy: "AWS":"nobody"'
    refused(lambda: iam.get_role(RoleName=role), "NoSuchEntity")


def test_listings_are_paged(cloud):
    iam = cloud.client("iam")
    roles = sorted(name("paged") for _ in range(5))
    for role in roles:
        iam.create_role(RoleName=role, Path="/paged/", AssumeRolePolicyDocument=SAGEMAKER)
    pages = list(iam.get_paginator("list_roles").paginate(PathPrefix="/paged/", PaginationConfig={"PageSize": 2}))
    assert [len(p["Roles"]) for p in pages] == [2, 2, 1]
    assert [r["RoleName"] for p in pages for r in p["Roles"]] == roles


def test_every_account_has_an_execution_role(cloud):
    for account in (cloud.account, OTHER):
        role = cloud.client("iam", account).get_role(RoleName="sagewright-execution")["Role"]
        assert role["Arn"] == f"arn:aws:iam::{account}:role/sagewright-execution"
        assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"Service": "sagemaker.amazonaws.com"}


def test_a_role_of_another_account_is_assumed_with_its_external_id(cloud):
    role = name("deploy")
    document = trust(
        {"AWS": f"arn:aws:iam::{cloud.account}:root"}, {"StringEquals": {"sts:ExternalId": "agreed-1"}}
    )
    arn = cloud.client("iam", OTHER).create_role(RoleName=role, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    sts = cloud.client("sts")
    ask = {"RoleArn": arn, "RoleSessionName": "ci-42"}
    expected = (
        f"User: arn:aws:iam::{cloud.account}:user/sagewright is not authorized to perform: sts:AssumeRole "
        f"on resource: {arn}"
    )
    assert refused(lambda: sts.assume_role(**ask), "AccessDenied", 403) == expected
    assert refused(lambda: sts.assume_role(ExternalId="guessed", **ask), "AccessDenied", 403) == expected
    session = sts.assume_role(ExternalId="agreed-1", **ask)
    assert session["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{OTHER}:assumed-role/{role}/ci-42"
    left = session["Credentials"]["Expiration"].timestamp() - time.time()
    assert 3500 < left <= 3600
    who = cloud.session_client("sts", session["Credentials"]).get_caller_identity()
    assert (who["Account"], who["Arn"]) == (OTHER, session["AssumedRoleUser"]["Arn"])
    # The session sees the other account's state, and not its own account's.
    seen = cloud.session_client("iam", session["Credentials"]).get_role(RoleName=role)["Role"]["Arn"]
    assert seen == arn
    refused(lambda: cloud.client("iam").get_role(RoleName=role), "NoSuchEntity")
    refused(
        lambda: cloud.session_client("sts", session["Credentials"]).get_session_token(), "AccessDenied", 403
    )


def test_sessions_of_users(cloud):
    session = cloud.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    who = cloud.session_client("sts", session).get_caller_identity()
    assert who["Arn"] == f"arn:aws:iam::{cloud.account}:user/sagewright"
    assert cloud.client("sts").get_access_key_info(AccessKeyId=session["AccessKeyId"])["Account"] == cloud.account


def test_variables_of_a_trust_policy_are_those_of_the_caller(cloud):
    iam, sts = cloud.client("iam"), cloud.client("sts")
    for operator, mine, others in [("StringEquals", True, False), ("StringNotEquals", False, True)]:
        document = trust({"AWS": cloud.account}, {operator: {"sts:RoleSessionName": "${aws:username}"}})
        arn = iam.create_role(RoleName=name("role"), AssumeRolePolicyDocument=document)["Role"]["Arn"]
        for session, allowed in [("sagewright", mine), ("somebody", others)]:
            assume = lambda: sts.assume_role(RoleArn=arn, RoleSessionName=session)
            if allowed:
                assume()
            else:
                refused(assume, "AccessDenied", 403)
    document = trust({"AWS": cloud.account}, {"StringIs": {"aws:username": "x"}})
    create = lambda: iam.create_role(RoleName=name("role"), AssumeRolePolicyDocument=document)
    assert refused(create, "MalformedPolicyDocument", 400) == "Invalid Condition type : StringIs."


def test_the_address_of_the_caller_is_known(cloud):
    iam, sts = cloud.client("iam"), cloud.client("sts")
    for operator, allowed in [("IpAddress", True), ("NotIpAddress", False)]:
        document = trust({"AWS": cloud.account}, {operator: {"aws:SourceIp": ["127.0.0.0/8", "::1"]}})
        arn = iam.create_role(RoleName=name("role"), AssumeRolePolicyDocument=document)["Role"]["Arn"]
        assume = lambda: sts.assume_role(RoleArn=arn, RoleSessionName="s-1")
        assume() if allowed else refused(assume, "AccessDenied", 403)


def test_sagemaker_asks_for_roles_on_behalf_of_a_resource(cloud):
    iam, sagemaker = cloud.client("iam"), cloud.client("sagemaker")
    container = {"Image": XGBOOST}
    for condition, allowed in [
        ({"StringEquals": {"aws:SourceAccount": cloud.account}}, True),
        ({"StringEquals": {"aws:SourceAccount": OTHER}}, False),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:*:{cloud.account}:model/*"}}, True),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:*:{cloud.account}:training-job/*"}}, False),
    ]:
        document = trust({"Service": "sagemaker.amazonaws.com"}, condition)
        arn = iam.create_role(RoleName=name("role"), AssumeRolePolicyDocument=document)["Role"]["Arn"]
        create = lambda: sagemaker.create_model(ModelName=name(), ExecutionRoleArn=arn, PrimaryContainer=container)
        if allowed:
            create()
        else:
            assert refused(create, "ValidationException", 400).startswith(f"Could not assume role {arn}.")


def test_sessions_end_with_their_role(cloud):
    iam, role = cloud.client("iam"), name("role")
    create = lambda: iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust({"AWS": cloud.account}))
    arn = create()["Role"]["Arn"]
    session = cloud.client("sts").assume_role(RoleArn=arn, RoleSessionName="s-1")["Credentials"]
    clients = {service: cloud.session_client(service, session) for service in ("sts", "logs", "s3")}
    clients["sts"].get_caller_identity()
    iam.delete_role(RoleName=role)

    def ended():
        refused(clients["sts"].get_caller_identity, "InvalidClientTokenId", 403)
        refused(clients["logs"].describe_log_groups, "UnrecognizedClientException", 400)
        refused(clients["s3"].list_buckets, "InvalidAccessKeyId", 403)

    ended()
    # The next role of that name has sessions of its own.
    create()
    ended()


def test_sessions_of_a_deleted_user_end(cloud):
    iam, user = cloud.client("iam"), name("user")
    iam.create_user(UserName=user)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    mine = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    session = cloud.session_client("sts", cloud.client("sts", **mine).get_session_token()["Credentials"])
    session.get_caller_identity()
    iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName=user)
    refused(session.get_caller_identity, "InvalidClientTokenId", 403)


def test_sessions_take_policies_and_transitive_tags(cloud):
    iam, sts = cloud.client("iam"), cloud.client("sts")
    actions = ["sts:AssumeRole", "sts:TagSession"]
    open_to_all = trust({"AWS": cloud.account}, action=actions)
    red_only = trust({"AWS": cloud.account}, {"StringEquals": {"aws:PrincipalTag/team": "red"}}, action=actions)
    make = lambda document: iam.create_role(RoleName=name("role"), AssumeRolePolicyDocument=document)["Role"]["Arn"]
    first, second, third = make(open_to_all), make(red_only), make(red_only)
    tags = {"Tags": [{"Key": "team", "Value": "red"}]}
    ask = lambda client, arn, **more: client.assume_role(RoleArn=arn, RoleSessionName="s-1", **more)
    client_of = lambda answer: cloud.session_client("sts", answer["Credentials"])
    two = client_of(ask(client_of(ask(sts, first, **tags, TransitiveTagKeys=["team"])), second))
    ask(two, third)
    two = client_of(ask(client_of(ask(sts, first, **tags)), second))
    refused(lambda: ask(two, third), "AccessDenied", 403)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    read_only = [{"arn": "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"}]
    answer = ask(sts, first, Policy=json.dumps(policy), PolicyArns=read_only)
    assert 0 < answer["PackedPolicySize"] < 100
    assert "PackedPolicySize" not in ask(sts, first)
    refused(lambda: ask(sts, first, Policy="{}"), "MalformedPolicyDocument", 400)
    refused(lambda: ask(sts, first, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/None"}]), "ValidationError", 400)


def test_answers_are_in_the_partition_of_the_region(cloud):
    sts = cloud.client("sts", region="cn-northwest-1")
    assert sts.get_caller_identity()["Arn"] == f"arn:aws-cn:iam::{cloud.account}:user/sagewright"
    iam = cloud.client("iam", region="cn-north-1")
    made = iam.create_role(RoleName=name("role"), AssumeRolePolicyDocument=trust({"AWS": cloud.account}))["Role"]
    assert made["Arn"].startswith(f"arn:aws-cn:iam::{cloud.account}:role/")
    session = sts.assume_role(RoleArn=made["Arn"], RoleSessionName="s-1")
    assert session["AssumedRoleUser"]["Arn"].startswith(f"arn:aws-cn:sts::{cloud.account}:assumed-role/")


# --- policies ----------------------------------------------------------------------------------------------------


def test_a_new_role_is_told_as_aws_tells_it(cloud):
    iam, role = cloud.client("iam"), name("role")
    made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=SAGEMAKER)["Role"]
    assert set(made) == {"Path", "RoleName", "RoleId", "Arn", "CreateDate", "AssumeRolePolicyDocument"}
    assert iam.get_role(RoleName=role)["Role"]["MaxSessionDuration"] == 3600
    assert iam.list_instance_profiles_for_role(RoleName=role)["InstanceProfiles"] == []
    refused(lambda: iam.list_instance_profiles_for_role(RoleName=name("none")), "NoSuchEntity", 404)
    assert "Tags" not in iam.create_user(UserName=name("user"))["User"]


def test_only_managed_policies_that_exist_attach(cloud):
    iam, role = cloud.client("iam"), name("role")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=SAGEMAKER)
    for good in ("AmazonSageMakerFullAccess", "AmazonS3ReadOnlyAccess", "service-role/AWSLambdaBasicExecutionRole"):
        iam.attach_role_policy(RoleName=role, PolicyArn=f"arn:aws:iam::aws:policy/{good}")
    bad = "arn:aws:iam::aws:policy/AmazonSageMakerFullAcess"
    message = refused(lambda: iam.attach_role_policy(RoleName=role, PolicyArn=bad), "NoSuchEntity", 404)
    assert message == f"Policy {bad} does not exist or is not attachable."
    got = iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")["Policy"]
    assert got["PolicyName"] == "AmazonS3ReadOnlyAccess" and got["AttachmentCount"] >= 1
    document = iam.get_policy_version(PolicyArn=got["Arn"], VersionId=got["DefaultVersionId"])["PolicyVersion"]["Document"]
    assert document["Statement"][0]["Effect"] == "Allow"
    refused(lambda: iam.get_policy(PolicyArn=bad), "NoSuchEntity", 404)


def test_a_policy_of_ones_own_lives_from_create_to_delete(cloud):
    iam, policy, role = cloud.client("iam"), name("policy"), name("role")
    text = lambda action: json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
    )
    made = iam.create_policy(PolicyName=policy, Path="/own/", PolicyDocument=text("s3:GetObject"))["Policy"]
    arn = made["Arn"]
    assert arn == f"arn:aws:iam::{cloud.account}:policy/own/{policy}" and made["DefaultVersionId"] == "v1"
    refused(lambda: iam.create_policy(PolicyName=policy, PolicyDocument=text("s3:*")), "EntityAlreadyExists", 409)
    refused(lambda: iam.create_policy(PolicyName=name(), PolicyDocument="{}"), "MalformedPolicyDocument", 400)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=SAGEMAKER)
    iam.attach_role_policy(RoleName=role, PolicyArn=arn)
    assert iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"] == 1
    assert arn in [p["Arn"] for p in iam.list_policies(Scope="Local", PathPrefix="/own/")["Policies"]]
    refused(lambda: iam.delete_policy(PolicyArn=arn), "DeleteConflict", 409)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=text("s3:PutObject"), SetAsDefault=True)
    document = iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"]
    assert document == json.loads(text("s3:PutObject"))
    simulate = lambda: [
        r["EvalDecision"]
        for r in iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{cloud.account}:role/{role}", ActionNames=["s3:GetObject", "s3:PutObject"]
        )["EvaluationResults"]
    ]
    assert simulate() == ["implicitDeny", "allowed"]
    iam.put_role_policy(RoleName=role, PolicyName="no", PolicyDocument=text("s3:*").replace("Allow", "Deny"))
    assert simulate() == ["explicitDeny", "explicitDeny"]
    iam.detach_role_policy(RoleName=role, PolicyArn=arn)
    iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
    iam.delete_policy(PolicyArn=arn)
    refused(lambda: iam.get_policy(PolicyArn=arn), "NoSuchEntity", 404)


# --- users and keys ----------------------------------------------------------------------------------------------


def test_a_new_key_works_at_once_and_not_after_its_end(cloud):
    iam = cloud.client("iam")
    user = name("user")
    assert iam.create_user(UserName=user)["User"]["Arn"] == f"arn:aws:iam::{cloud.account}:user/{user}"
    refused(lambda: iam.create_user(UserName=user), "EntityAlreadyExists", 409)
    key = iam.create_access_key(UserName=user)["AccessKey"]
    mine = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    sts = cloud.client("sts", **mine)
    assert sts.get_caller_identity()["Arn"].endswith(f":user/{user}")
    assert cloud.client("iam", **mine).get_user()["User"]["UserName"] == user
    iam.create_access_key(UserName=user)
    message = refused(lambda: iam.create_access_key(UserName=user), "LimitExceeded", 409)
    assert message == "Cannot exceed quota for AccessKeysPerUser: 2"
    iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Inactive")
    refused(sts.get_caller_identity, "InvalidClientTokenId", 403)
    iam.update_access_key(UserName=user, AccessKeyId=key["AccessKeyId"], Status="Active")
    sts.get_caller_identity()
    assert refused(lambda: iam.delete_user(UserName=user), "DeleteConflict", 409).endswith("must delete access keys first.")
    iam.tag_user(UserName=user, Tags=[{"Key": "team", "Value": "a"}])
    for listed in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=user, AccessKeyId=listed["AccessKeyId"])
    assert iam.list_user_tags(UserName=user)["Tags"] == [{"Key": "team", "Value": "a"}]
    refused(sts.get_caller_identity, "InvalidClientTokenId", 403)
    iam.delete_user(UserName=user)
    refused(lambda: iam.get_user(UserName=user), "NoSuchEntity", 404)


# --- logs --------------------------------------------------------------------------------------------------------


def now_ms():
    return int(time.time() * 1000)


@pytest.fixture
def group(cloud):
    logs = cloud.client("logs")
    group = "/test/" + name("group")
    logs.create_log_group(logGroupName=group)
    return group


def put(logs, group, stream, messages, start):
    events = [{"timestamp": start + i, "message": m} for i, m in enumerate(messages)]
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_groups_and_streams_live_from_create_to_delete(cloud, group):
    logs = cloud.client("logs")
    message = refused(lambda: logs.create_log_group(logGroupName=group), "ResourceAlreadyExistsException", 400)
    assert message == "The specified log group already exists"
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["retentionInDays"] == 7 and abs(found["creationTime"] - now_ms()) < 60_000
    assert found["arn"] == f"arn:aws:logs:{cloud.region}:{cloud.account}:log-group:{group}:*"
    logs.delete_retention_policy(logGroupName=group)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    logs.tag_resource(resourceArn=found["logGroupArn"], tags={"a": "1"})
    assert logs.list_tags_for_resource(resourceArn=found["logGroupArn"])["tags"] == {"a": "1"}
    logs.create_log_stream(logGroupName=group, logStreamName="s/1")
    refused(lambda: logs.create_log_stream(logGroupName=group, logStreamName="s/1"), "ResourceAlreadyExistsException")
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert stream["logStreamName"] == "s/1" and "lastEventTimestamp" not in stream
    logs.delete_log_stream(logGroupName=group, logStreamName="s/1")
    message = refused(
        lambda: logs.get_log_events(logGroupName=group, logStreamName="s/1"), "ResourceNotFoundException", 400
    )
    assert message == "The specified log stream does not exist."
    refused(lambda: cloud.client("logs", OTHER).delete_log_group(logGroupName=group), "ResourceNotFoundException")
    logs.delete_log_group(logGroupName=group)
    message = refused(lambda: logs.describe_log_streams(logGroupName=group), "ResourceNotFoundException", 400)
    assert message == "The specified log group does not exist."


def test_a_stream_is_read_forwards_and_backwards(cloud, group):
    logs = cloud.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    start = now_ms() - 60_000
    messages = [f"line {i}" for i in range(7)]
    assert "rejectedLogEventsInfo" not in put(logs, group, "s", messages, start)
    read = lambda **k: logs.get_log_events(logGroupName=group, logStreamName="s", **k)
    texts = lambda page: [e["message"] for e in page["events"]]
    first = read(startFromHead=True, limit=3)
    assert texts(first) == messages[:3]
    assert first["nextForwardToken"].startswith("f/") and first["nextBackwardToken"].startswith("b/")
    second = read(nextToken=first["nextForwardToken"], limit=3)
    assert texts(second) == messages[3:6]
    third = read(nextToken=second["nextForwardToken"], limit=3)
    assert texts(third) == messages[6:]
    end = read(nextToken=third["nextForwardToken"])
    assert texts(end) == [] and end["nextForwardToken"] == third["nextForwardToken"]
    put(logs, group, "s", ["later"], start + 1000)
    assert texts(read(nextToken=end["nextForwardToken"])) == ["later"]
    last = read(limit=2)
    assert texts(last) == ["line 6", "later"]
    before = read(nextToken=last["nextBackwardToken"], limit=3)
    assert texts(before) == messages[3:6]
    assert texts(read(startTime=start + 2, endTime=start + 4)) == messages[2:4]
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=group, PaginationConfig={"PageSize": 3}))
    assert [e["message"] for p in pages for e in p["events"]] == messages + ["later"]


def test_streams_are_searched_and_ordered(cloud, group):
    logs = cloud.client("logs")
    start = now_ms() - 60_000
    for i, stream in enumerate(["job-a/algo-1", "job-b/algo-1", "job-b/algo-2"]):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        put(logs, group, stream, ["started", f"ERROR in {stream}", "done"], start + (2 - i) * 100)
    found = logs.filter_log_events(logGroupName=group, filterPattern="ERROR", logStreamNamePrefix="job-b/")
    assert [e["logStreamName"] for e in found["events"]] == ["job-b/algo-2", "job-b/algo-1"]
    assert len({e["eventId"] for e in logs.filter_log_events(logGroupName=group)["events"]}) > 1
    refused(lambda: logs.filter_log_events(logGroupName=group, filterPattern="{ $.a = 1 }"), "NotImplemented", 501)
    names = lambda **k: [s["logStreamName"] for s in logs.describe_log_streams(logGroupName=group, **k)["logStreams"]]
    assert names(orderBy="LastEventTime", descending=True, limit=1) == ["job-a/algo-1"]
    assert names(logStreamNamePrefix="job-b") == ["job-b/algo-1", "job-b/algo-2"]
    pages = logs.get_paginator("describe_log_streams").paginate(
        logGroupName=group, orderBy="LastEventTime", PaginationConfig={"PageSize": 2}
    )
    assert [s["logStreamName"] for p in pages for s in p["logStreams"]] == ["job-b/algo-2", "job-b/algo-1", "job-a/algo-1"]


def test_events_out_of_order_or_out_of_time_are_refused(cloud, group):
    logs = cloud.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = now_ms()
    events = [{"timestamp": now, "message": "b"}, {"timestamp": now - 1, "message": "a"}]
    message = refused(
        lambda: logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events),
        "InvalidParameterException",
        400,
    )
    assert message == "Log events in a single PutLogEvents request must be in chronological order."
    events = [
        {"timestamp": now - 15 * 24 * 3600 * 1000, "message": "old"},
        {"timestamp": now, "message": "good"},
        {"timestamp": now + 3 * 3600 * 1000, "message": "new"},
    ]
    answer = logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    kept = logs.get_log_events(logGroupName=group, logStreamName="s")["events"]
    assert [e["message"] for e in kept] == ["good"]


def test_groups_and_streams_are_asked_for_in_one_way_at_a_time(cloud, group):
    logs = cloud.client("logs")
    message = refused(
        lambda: logs.describe_log_groups(logGroupNamePrefix=group, logGroupNamePattern=group),
        "InvalidParameterException",
        400,
    )
    assert message == "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["deletionProtectionEnabled"] is False and found["storedBytes"] == 0
    (found,) = logs.describe_log_groups(logGroupNamePattern=group[2:])["logGroups"]
    assert found["logGroupName"] == group and "storedBytes" not in found
    both = {"logGroupName": group, "logGroupIdentifier": group}
    refused(lambda: logs.describe_log_streams(**both), "ValidationException", 400)


def test_a_search_from_the_end_and_the_ids_of_events(cloud, group):
    logs = cloud.client("logs")
    start = now_ms() - 60_000
    for stream in ["a", "b"]:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        put(logs, group, stream, [f"{stream}{i}" for i in range(3)], start)
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, startTime=start, startFromHead=False, PaginationConfig={"PageSize": 4}
    )
    events = [e for p in pages for e in p["events"]]
    assert [e["message"] for e in events] == ["b2", "a2", "b1", "a1", "b0", "a0"]
    assert len({e["eventId"] for e in events}) == 6
    refused(
        lambda: logs.filter_log_events(logGroupName=group, startFromHead=False), "InvalidParameterException", 400
    )


# --- ends of the process -----------------------------------------------------------------------------------------


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path):
    cloud = Cloud(tmp_path)
    access_key = cloud.access_key
    acknowledged, stopped = [], threading.Event()

    def write():
        iam, logs = cloud.client("iam"), cloud.client("logs")
        logs.create_log_group(logGroupName="g")
        logs.create_log_stream(logGroupName="g", logStreamName="s")
        try:
            while True:
                role = name("kept")
                iam.create_role(RoleName=role, AssumeRolePolicyDocument=SAGEMAKER)
                event = {"timestamp": now_ms(), "message": role}
                logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[event])
                acknowledged.append(role)
                if len(acknowledged) == 30:
                    stopped.set()
        except botocore.exceptions.BotoCoreError:
            pass

    writer = threading.Thread(target=write)
    writer.start()
    assert stopped.wait(timeout=30)
    cloud.kill()
    writer.join(timeout=30)
    cloud.start()
    again = cloud
    try:
        assert again.access_key == access_key
        pages = again.client("iam").get_paginator("list_roles").paginate()
        roles = {role["RoleName"] for page in pages for role in page["Roles"]}
        assert set(acknowledged) <= roles
        events = again.client("logs").get_log_events(logGroupName="g", logStreamName="s", startFromHead=True)["events"]
        assert [e["message"] for e in events][: len(acknowledged)] == acknowledged
    finally:
        assert cloud.stop() == 0
