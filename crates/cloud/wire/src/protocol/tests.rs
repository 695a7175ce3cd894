use serde_json::json;

use super::*;

fn model(id: &str) -> &'static Service {
    sagewright_model::service(id).unwrap()
}

fn request(
    id: &str,
    wire: Wire,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Request, ApiError> {
    let mut builder = http::Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let parts = builder.body(()).unwrap().into_parts().0;
    read(model(id), wire, &parts, Bytes::copy_from_slice(body.as_bytes()))
}

fn form(id: &str, body: &str) -> Result<Value, String> {
    request(id, Wire::Query, "POST", "/", &[], body).map(|r| r.input).map_err(|e| format!("{}: {}", e.code, e.message))
}

fn sagemaker(target: &str, body: &str) -> Result<Value, String> {
    let request = request("sagemaker", Wire::Json, "POST", "/", &[("x-amz-target", target)], body);
    request.map(|r| r.input).map_err(|e| format!("{} {}: {}", e.status, e.code, e.message))
}

#[test]
fn json_input_is_read_and_checked() {
    assert_eq!(sagemaker("SageMaker.ListModels", "").unwrap(), json!({}));
    assert_eq!(sagemaker("SageMaker.ListModels", "null").unwrap(), json!({}));
    assert_eq!(sagemaker("SageMaker.ListModels", r#"{"MaxResults":3}"#).unwrap(), json!({"MaxResults": 3}));
    for (target, body, expected) in [
        ("SageMaker.ListModels", "{", "400 SerializationException: The request body is not JSON"),
        ("SageMaker.ListModels", "[]", "400 SerializationException: "),
        (
            "SageMaker.ListModels",
            r#"{"MaxResults":"x"}"#,
            "400 SerializationException: STRING_VALUE can not be converted to",
        ),
        (
            "SageMaker.ListModels",
            r#"{"MaxResults":0}"#,
            "400 ValidationException: 1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint",
        ),
        ("SageMaker.Nothing", "{}", "400 UnknownOperationException: "),
        ("Other.ListModels", "{}", "400 UnknownOperationException: "),
        ("", "{}", "400 UnknownOperationException: "),
    ] {
        let error = sagemaker(target, body).unwrap_err();
        assert!(error.starts_with(expected), "{target} {body}: {error}");
    }
    let deep = "[".repeat(100_000);
    assert!(sagemaker("SageMaker.ListModels", &deep).unwrap_err().starts_with("400 SerializationException"));
}

#[test]
fn json_output_has_numbers_for_timestamps_and_no_absent_members() {
    let service = model("sagemaker");
    let operation = service.operation("DescribeModel").unwrap();
    let value = json!({
        "ModelName": "m\n\"é", "CreationTime": "2023-11-14T22:13:20.5Z", "PrimaryContainer": null, "NotInTheModel": 1,
        "Containers": [{"Image": "i", "Environment": {"A": "1", "B": null}}],
    });
    let response = write(service, Wire::Json, operation, value.into(), "id-1");
    assert_eq!(
        std::str::from_utf8(response.body()).unwrap(),
        r#"{"ModelName":"m\n\"é","CreationTime":1700000000.500,"Containers":[{"Image":"i","Environment":{"A":"1"}}]}"#
    );
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.1");
    assert_eq!(response.headers()["x-amzn-requestid"], "id-1");
    let empty = write(service, Wire::Json, service.operation("DeleteModel").unwrap(), Output::default(), "id-2");
    assert_eq!(empty.body().as_ref(), b"{}");
}

#[test]
fn forms_are_read_into_structures_lists_and_maps() {
    let body = "Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument=%7B%7D+x&MaxSessionDuration=3600\
                &Tags.member.1.Key=a&Tags.member.1.Value=1%2B1&Tags.member.2.Key=b&Tags.member.2.Value=";
    assert_eq!(
        form("iam", body).unwrap(),
        json!({
            "RoleName": "r", "AssumeRolePolicyDocument": "{} x", "MaxSessionDuration": 3600,
            "Tags": [{"Key": "a", "Value": "1+1"}, {"Key": "b", "Value": ""}],
        })
    );
    for (body, expected) in [
        ("", "MissingAction: "),
        ("Action=Nothing&Version=2010-05-08", "InvalidAction: Could not find operation Nothing for version 2010-05-08"),
        (
            "Action=ListRoles&Version=1999-01-01",
            "InvalidAction: Could not find operation ListRoles for version 1999-01-01",
        ),
        ("Action=ListRoles&MaxItems=many", "MalformedInput: "),
        (
            "Action=GetRole&Version=2010-05-08",
            "ValidationError: 1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null",
        ),
    ] {
        let error = form("iam", body).unwrap_err();
        assert!(error.starts_with(expected), "{body}: {error}");
    }
}

#[test]
fn xml_output_and_errors() {
    let service = model("iam");
    let value =
        json!({"Roles": [{"RoleName": "a&<b>", "CreateDate": 1_700_000_000}, {"RoleName": "c"}], "IsTruncated": false});
    let response = write(service, Wire::Query, service.operation("ListRoles").unwrap(), value.into(), "id");
    assert_eq!(
        std::str::from_utf8(response.body()).unwrap(),
        "<ListRolesResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ListRolesResult><Roles>\
         <member><RoleName>a&amp;&lt;b&gt;</RoleName><CreateDate>2023-11-14T22:13:20Z</CreateDate></member>\
         <member><RoleName>c</RoleName></member></Roles><IsTruncated>false</IsTruncated></ListRolesResult>\
         <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></ListRolesResponse>"
    );
    let none = write(service, Wire::Query, service.operation("DeleteRole").unwrap(), Output::default(), "id");
    assert_eq!(
        std::str::from_utf8(none.body()).unwrap(),
        "<DeleteRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
         <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DeleteRoleResponse>"
    );
    let error = write_error(Some(service), Wire::Query, &ApiError::new("NoSuchEntity", 404, "no <r>"), "id");
    assert_eq!(error.status(), 404);
    assert_eq!(
        std::str::from_utf8(error.body()).unwrap(),
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
         <Code>NoSuchEntity</Code><Message>no &lt;r&gt;</Message></Error><RequestId>id</RequestId></ErrorResponse>"
    );
}

#[test]
fn json_errors_spell_the_message_as_the_service_does() {
    let text = |id: &str, wire, error: &ApiError| {
        let response = write_error(Some(model(id)), wire, error, "id");
        assert_eq!(response.headers()["x-amzn-errortype"], error.code.as_ref());
        String::from_utf8(response.body().to_vec()).unwrap()
    };
    assert_eq!(
        text("sagemaker", Wire::Json, &ApiError::not_found("gone")),
        r#"{"__type":"ResourceNotFound","Message":"gone"}"#
    );
    assert_eq!(
        text("sagemaker", Wire::Json, &ApiError::validation("bad")),
        r#"{"__type":"ValidationException","message":"bad"}"#
    );
    let mut error = ApiError::new("ModelError", 424, "it said no");
    error.members.insert("OriginalStatusCode".into(), 500.into());
    assert_eq!(
        text("sagemaker-runtime", Wire::RestJson, &error),
        r#"{"Message":"it said no","OriginalStatusCode":500}"#
    );
}

#[test]
fn invocations_carry_their_payload_as_it_is() {
    let headers = [("content-type", "text/csv"), ("x-amzn-sagemaker-target-variant", "blue"), ("accept", "text/csv")];
    let invoke = |path: &str, body: &str| request("sagemaker-runtime", Wire::RestJson, "POST", path, &headers, body);
    let good = invoke("/endpoints/my-endpoint/invocations", "1,2,3").unwrap();
    assert_eq!(good.operation.name, "InvokeEndpoint");
    assert_eq!(good.payload, "1,2,3");
    assert_eq!(
        good.input,
        json!({"EndpointName": "my-endpoint", "ContentType": "text/csv", "Accept": "text/csv", "TargetVariant": "blue"})
    );
    let error = invoke("/endpoints/bad%20name/invocations", "").unwrap_err();
    assert_eq!(error.code, "ValidationError");
    assert!(
        error.message.starts_with("1 validation error detected: Value 'bad name' at 'endpointName'"),
        "{}",
        error.message
    );
    let most = "x".repeat(6_291_456);
    assert_eq!(invoke("/endpoints/e/invocations", &most).unwrap().payload.len(), most.len());
    let error = invoke("/endpoints/e/invocations", &(most + "x")).unwrap_err();
    assert_eq!(
        error.message,
        "1 validation error detected: Value '***Sensitive***' at 'body' failed to satisfy constraint: \
         Member must have length less than or equal to 6291456"
    );
    let error = invoke("/other", "").unwrap_err();
    assert_eq!((error.code.as_ref(), error.status), ("UnknownOperationException", 404));

    let service = model("sagemaker-runtime");
    let output = Output {
        value: json!({"ContentType": "text/csv", "InvokedProductionVariant": "blue", "CustomAttributes": "a\nb"}),
        payload: Bytes::from_static(b"\x00\xff"),
        ..Output::default()
    };
    let response = write(service, Wire::RestJson, service.operation("InvokeEndpoint").unwrap(), output, "id");
    assert_eq!(response.body().as_ref(), b"\x00\xff");
    assert_eq!(response.headers()["content-type"], "text/csv");
    assert_eq!(response.headers()["x-amzn-invoked-production-variant"], "blue");
    assert!(!response.headers().contains_key("x-amzn-sagemaker-custom-attributes"));
    let operation = service.operation("InvokeEndpointAsync").unwrap();
    let output = json!({"InferenceId": "i", "OutputLocation": "s3://b/k"});
    let response = write(service, Wire::RestJson, operation, output.into(), "id");
    assert_eq!(response.status(), 202);
    assert_eq!(response.body().as_ref(), br#"{"InferenceId":"i"}"#);
    assert_eq!(response.headers()["x-amzn-sagemaker-outputlocation"], "s3://b/k");
}

proptest::proptest! {
    #[test]
    fn no_body_panics(body in "[ -~]{0,120}", tail in "[A-Za-z0-9.=&%+]{0,80}") {
        let _ = sagemaker("SageMaker.CreateModel", &body);
        let _ = form("iam", &format!("Action=CreateRole&{tail}"));
        let _ = form("sts", &body);
    }
}
