//! Recorded kinds: each by the smallest request that the service model takes.

use std::time::Duration;

use sagewright_cloud::clock::Change;
use sagewright_cloud::sagemaker::kind::{Kind, Naming};
use sagewright_cloud::sagemaker::recorded::rows::{REFUSED, recorded};
use serde_json::{Value, json};

use crate::samples::smallest;
use crate::support::{Cloud, REGION, within};

fn input(operation: &str) -> Value {
    let service = sagewright_model::service("sagemaker").unwrap();
    smallest(service, service.input(operation).unwrap())
}

fn names(kind: Kind) -> Vec<&'static str> {
    match kind.0.naming {
        Naming::Members(names) => names.to_vec(),
        Naming::Id { member, .. } => vec![member],
    }
}

/// What names a resource in requests on it: from the request that created it, or from the answer.
fn handle(kind: Kind, operation: &str, created: &Value, answer: &Value) -> Value {
    let service = sagewright_model::service("sagemaker").unwrap();
    let takes = service.input(operation).unwrap();
    let mut out = input(operation);
    for name in names(kind) {
        if takes.members.contains_key(name) {
            let value = if answer[name].is_null() { &created[name] } else { &answer[name] };
            if !value.is_null() {
                out[name] = value.clone();
            }
        }
    }
    out
}

fn inner(kind: Kind, answer: &Value) -> &Value {
    if kind.0.wrapper.is_empty() { answer } else { &answer[kind.0.wrapper] }
}

/// What is due within a second is done, while the machine's clock stands.
async fn next_second(cloud: &Cloud) {
    let second = Change { advance: Some(Duration::from_secs(1)), speed: None };
    let now = cloud.sagemaker.env().sim.change(second).unwrap();
    within(cloud.sagemaker.waker().done(now.sim)).await;
}

async fn settled(cloud: &Cloud, kind: Kind, described: &str, handle: &Value) -> Result<Value, String> {
    let Some(life) = kind.0.status else {
        return cloud.call(described, handle.clone()).await.map_err(|e| e.message);
    };
    loop {
        let shown = cloud.call(described, handle.clone()).await.map_err(|e| e.message)?;
        let status = inner(kind, &shown)[life.member].as_str().unwrap().to_owned();
        if !life.settles.iter().any(|(from, _)| *from == status) {
            return Ok(shown);
        }
        next_second(cloud).await;
    }
}

#[tokio::test]
async fn every_recorded_kind_is_created_described_listed_updated_tagged_and_deleted() {
    let mut wrong = Vec::new();
    // A version is of an image: the next test.
    for kind in recorded().map(Kind).filter(|kind| kind.0.noun != "ImageVersion") {
        // A kind that fails must not hide the others.
        if tokio::spawn(whole_life(kind)).await.is_err() {
            wrong.push(kind.0.noun);
        }
    }
    assert_eq!(wrong, Vec::<&str>::new());
}

async fn whole_life(kind: Kind) {
    let service = sagewright_model::service("sagemaker").unwrap();
    {
        let noun = kind.0.noun;
        let cloud = Cloud::new();
        let (create, describe) = (format!("Create{noun}"), format!("Describe{noun}"));
        let request = input(&create);
        let answer = cloud.ok(&create, request.clone()).await;
        let handle_of = |operation: &str| handle(kind, operation, &request, &answer);

        let shown = settled(&cloud, kind, &describe, &handle_of(&describe)).await.unwrap();
        let shape = service.output(&describe).unwrap();
        for required in &shape.required {
            assert!(!shown[required.as_str()].is_null(), "{describe} leaves out {required}: {shown:#}");
        }
        let arn =
            inner(kind, &shown)[kind.arn_member()].as_str().unwrap_or_else(|| panic!("{noun} {shown:#}")).to_owned();
        assert!(arn.starts_with(&format!("arn:aws:sagemaker:{REGION}:000000000000:{}/", kind.as_str())), "{arn}");
        if matches!(kind.0.naming, Naming::Members(_)) {
            let error = cloud.call(&create, request.clone()).await.unwrap_err();
            assert_eq!(error.code, kind.0.taken.0, "{noun}: {}", error.message);
        }

        let listed = cloud.ok(kind.0.list, json!({})).await;
        let items = listed.as_object().unwrap().values().find_map(Value::as_array).unwrap();
        assert_eq!(items.len(), 1, "{noun}: {listed:#}");
        let list = service.output(kind.0.list).unwrap();
        let item = list.members.values().find_map(|m| service.target(service.target(m)?.member.as_ref()?)).unwrap();
        for required in &item.required {
            assert!(!items[0][required.as_str()].is_null(), "{} leaves out {required}: {listed:#}", kind.0.list);
        }

        cloud.ok("AddTags", json!({"ResourceArn": arn, "Tags": [{"Key": "team", "Value": "a"}]})).await;
        let tags = cloud.ok("ListTags", json!({"ResourceArn": arn})).await;
        assert_eq!(tags["Tags"][0]["Value"], "a", "{noun}");

        if let Some(stop) =
            kind.0.status.filter(|life| life.deletable.contains(&"Stopped")).map(|_| format!("Stop{noun}"))
        {
            cloud.ok(&stop, handle_of(&stop)).await;
            settled(&cloud, kind, &describe, &handle_of(&describe)).await.unwrap();
        }
        let update = format!("Update{noun}");
        if service.operation(&update).is_some() {
            let mut change = handle_of(&update);
            if change["TargetVersion"].is_number() {
                change["TargetVersion"] = json!(7);
                assert_eq!(cloud.call(&update, change.clone()).await.unwrap_err().code, "ConflictException");
                change["TargetVersion"] = json!(1);
            }
            cloud.ok(&update, change).await;
            settled(&cloud, kind, &describe, &handle_of(&describe)).await.unwrap();
        }
        let delete = format!("Delete{noun}");
        if service.operation(&delete).is_some() {
            cloud.ok(&delete, handle_of(&delete)).await;
            let gone = loop {
                match cloud.call(&describe, handle_of(&describe)).await {
                    Ok(_) => next_second(&cloud).await,
                    Err(error) => break error,
                }
            };
            assert_eq!(gone.code, kind.0.missing.0, "{noun}: {}", gone.message);
        }
    }
}

#[tokio::test]
async fn kinds_that_nothing_here_runs_are_refused_by_name_and_never_found() {
    let cloud = Cloud::new();
    for (noun, list, _) in REFUSED {
        let create = format!("Create{noun}");
        let error = cloud.call(&create, input(&create)).await.unwrap_err();
        assert!(
            error.message.starts_with(&format!("{create} is not supported by the embedded cloud.")),
            "{}",
            error.message
        );
        let describe = format!("Describe{noun}");
        assert_eq!(cloud.call(&describe, input(&describe)).await.unwrap_err().code, "ResourceNotFound");
        if !list.is_empty() {
            let listed = cloud.ok(list, input(list)).await;
            assert!(listed.as_object().unwrap().values().all(|v| v.as_array().is_some_and(Vec::is_empty)), "{listed}");
        }
    }
}

#[tokio::test]
async fn an_image_has_versions_with_numbers_and_aliases() {
    let cloud = Cloud::new();
    let kind = recorded().map(Kind).find(|kind| kind.0.noun == "ImageVersion").unwrap();
    let arn = |number: u32| format!("arn:aws:sagemaker:{REGION}:000000000000:image-version/i/{number}");
    let version = |token: &str, aliases: &[&str]| json!({"ImageName": "i", "BaseImage": "1.dkr.ecr.us-east-1.amazonaws.com/a:1", "ClientToken": token, "Aliases": aliases});
    let none = cloud.refused("CreateImageVersion", version("t1", &[])).await;
    assert!(none.contains("ResourceNotFound: No Image with the name i exists."), "{none}");
    cloud.ok("CreateImage", json!({"ImageName": "i", "RoleArn": crate::support::ROLE})).await;
    for (token, aliases, number) in [("t1", &["old"][..], 1), ("t2", &["new", "b"], 2), ("t1", &[], 1)] {
        let made = cloud.ok("CreateImageVersion", version(token, aliases)).await;
        assert_eq!(made["ImageVersionArn"], arn(number));
    }
    let taken = cloud.refused("CreateImageVersion", version("t3", &["old"])).await;
    assert!(taken.contains("ResourceInUse") && taken.ends_with("image-version/i/1."), "{taken}");
    for number in 3..12 {
        cloud.ok("CreateImageVersion", version(&format!("t{number}"), &[])).await;
    }

    let describe = async |more: Value| {
        let mut input = json!({"ImageName": "i"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        settled(&cloud, kind, "DescribeImageVersion", &input).await
    };
    let latest = describe(json!({})).await.unwrap();
    assert_eq!((&latest["Version"], &latest["ImageVersionStatus"]), (&json!(11), &json!("CREATED")));
    assert_eq!(describe(json!({"Alias": "b"})).await.unwrap()["Version"], 2);
    assert_eq!(describe(json!({"Version": 1})).await.unwrap()["ImageVersionArn"], arn(1));
    assert!(describe(json!({"Alias": "none"})).await.unwrap_err().contains("the alias none"));

    let update = json!({"ImageName": "i", "Version": 1, "AliasesToAdd": ["older"], "AliasesToDelete": ["old"], "JobType": "TRAINING"});
    cloud.ok("UpdateImageVersion", update).await;
    assert_eq!(describe(json!({"Alias": "older"})).await.unwrap()["JobType"], "TRAINING");
    let page = cloud.ok("ListAliases", json!({"ImageName": "i", "MaxResults": 2})).await;
    assert_eq!(page["SageMakerImageVersionAliases"], json!(["b", "new"]));
    let rest = json!({"ImageName": "i", "MaxResults": 2, "NextToken": page["NextToken"]});
    assert_eq!(cloud.ok("ListAliases", rest).await, json!({"SageMakerImageVersionAliases": ["older"]}));

    let numbers = async |order: &str| {
        let listed = cloud
            .ok(
                "ListImageVersions",
                json!({"ImageName": "i", "SortBy": "VERSION", "SortOrder": order, "MaxResults": 3}),
            )
            .await;
        listed["ImageVersions"].as_array().unwrap().iter().map(|v| v["Version"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((numbers("DESCENDING").await, numbers("ASCENDING").await), (vec![11, 10, 9], vec![1, 2, 3]));

    cloud.ok("DeleteImageVersion", json!({"ImageName": "i"})).await;
    while describe(json!({"Version": 11})).await.is_ok() {
        next_second(&cloud).await;
    }
    assert_eq!(
        cloud.ok("CreateImageVersion", version("t12", &[])).await["ImageVersionArn"],
        arn(12),
        "numbers count up"
    );
    cloud.ok("DeleteImage", json!({"ImageName": "i"})).await;
    while cloud.call("DescribeImage", json!({"ImageName": "i"})).await.is_ok() {
        next_second(&cloud).await;
    }
    cloud.ok("CreateImage", json!({"ImageName": "i", "RoleArn": crate::support::ROLE})).await;
    assert_eq!(cloud.ok("ListImageVersions", json!({"ImageName": "i"})).await["ImageVersions"], json!([]));
}

/// Every kind that SageMaker can create and describe is real, recorded, or refused by name.
#[test]
fn no_kind_is_unknown() {
    let service = sagewright_model::service("sagemaker").unwrap();
    let nouns = service.operations.keys().filter_map(|name| name.strip_prefix("Create"));
    let nouns = nouns.filter(|noun| service.operation(&format!("Describe{noun}")).is_some());
    let unknown: Vec<_> = nouns
        .filter(|noun| !Kind::all().any(|kind| kind.0.noun == *noun) && !REFUSED.iter().any(|(n, ..)| n == noun))
        .collect();
    assert_eq!(unknown, Vec::<&str>::new());
}

#[tokio::test]
async fn a_notebook_instance_goes_through_its_statuses_and_refuses_what_they_do_not_allow() {
    let cloud = Cloud::new();
    let kind = recorded().map(Kind).find(|kind| kind.0.noun == "NotebookInstance").unwrap();
    let name = json!({"NotebookInstanceName": "n"});
    cloud
        .ok(
            "CreateNotebookInstance",
            json!({"NotebookInstanceName": "n", "InstanceType": "ml.t3.medium", "RoleArn": crate::support::ROLE}),
        )
        .await;
    let status = async || {
        let shown = cloud.ok("DescribeNotebookInstance", name.clone()).await;
        shown["NotebookInstanceStatus"].as_str().unwrap().to_owned()
    };
    assert_eq!(status().await, "Pending");
    let refused = cloud.refused("StopNotebookInstance", name.clone()).await;
    assert!(refused.ends_with("cannot be stopped in status Pending."), "{refused}");
    settled(&cloud, kind, "DescribeNotebookInstance", &name).await.unwrap();
    assert_eq!(status().await, "InService");
    for refused in ["DeleteNotebookInstance", "UpdateNotebookInstance", "StartNotebookInstance"] {
        let told = cloud.refused(refused, name.clone()).await;
        assert!(
            told.starts_with("400 ValidationException: NotebookInstance ") && told.ends_with("InService."),
            "{told}"
        );
    }
    cloud.ok("StopNotebookInstance", name.clone()).await;
    assert_eq!(status().await, "Stopping");
    settled(&cloud, kind, "DescribeNotebookInstance", &name).await.unwrap();
    assert_eq!(status().await, "Stopped");
    cloud.ok("DeleteNotebookInstance", name.clone()).await;
    assert_eq!(status().await, "Deleting");

    // What was on its way is taken up after a restart.
    let restarted = Cloud::over(cloud.store.clone(), 1);
    drop(cloud);
    sagewright_cloud::cloud::resume(&restarted.sagemaker).await.unwrap();
    let gone = loop {
        match restarted.call("DescribeNotebookInstance", name.clone()).await {
            Ok(_) => next_second(&restarted).await,
            Err(error) => break error.message,
        }
    };
    assert_eq!(gone, "RecordNotFound");
}

#[tokio::test]
async fn updates_replace_members_and_count_versions() {
    let cloud = Cloud::new();
    let card = |content: &str| json!({"ModelCardName": "c", "Content": content, "ModelCardStatus": "Draft"});
    cloud.ok("CreateModelCard", card("{}")).await;
    cloud.ok("UpdateModelCard", card("{\"model_overview\": {}}")).await;
    let shown = cloud.ok("DescribeModelCard", json!({"ModelCardName": "c"})).await;
    assert_eq!((&shown["ModelCardVersion"], &shown["Content"]), (&json!(2), &json!("{\"model_overview\": {}}")));
}

#[tokio::test]
async fn lists_of_recorded_kinds_are_filtered_by_what_their_requests_have() {
    let cloud = Cloud::new();
    for (name, source) in [("first", "s3://data/a"), ("second", "s3://data/b")] {
        cloud
            .ok("CreateAction", json!({"ActionName": name, "Source": {"SourceUri": source}, "ActionType": name}))
            .await;
        cloud.clock.advance(1000);
    }
    let names = async |filter: Value| -> Vec<String> {
        let listed = cloud.ok("ListActions", filter).await;
        let items = listed["ActionSummaries"].as_array().unwrap().iter();
        items.map(|item| item["ActionName"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(json!({})).await, ["second", "first"]);
    assert_eq!(names(json!({"SortBy": "Name", "SortOrder": "Ascending"})).await, ["first", "second"]);
    assert_eq!(names(json!({"ActionType": "first"})).await, ["first"]);
    assert_eq!(names(json!({"SourceUri": "s3://data/b"})).await, ["second"]);
    assert_eq!(
        cloud
            .refused(
                "ListClusters",
                json!({"TrainingPlanArn": "arn:aws:sagemaker:us-east-1:000000000000:training-plan/p"})
            )
            .await
            .split(" is not")
            .next(),
        Some("400 ValidationException: TrainingPlanArn")
    );
    assert_eq!(names(json!({"CreatedAfter": 1_760_000_000.5})).await, ["second"]);
}

/// Names below one parent that are made at the same time are all on one page or the next.
#[tokio::test]
async fn pages_hold_every_resource_once_and_names_are_filtered_by_themselves() {
    let cloud = Cloud::new();
    let domain = json!("d-abcdefghijkl");
    for n in 0..12 {
        cloud.ok("CreateUserProfile", json!({"DomainId": domain, "UserProfileName": format!("p{n}")})).await;
    }
    let first = cloud.ok("ListUserProfiles", json!({"MaxResults": 10})).await;
    let second = cloud.ok("ListUserProfiles", json!({"MaxResults": 10, "NextToken": first["NextToken"]})).await;
    let mut names: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|page| page["UserProfiles"].as_array().unwrap())
        .map(|profile| profile["UserProfileName"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 12);
    let count = async |part: &str| {
        let listed = cloud.ok("ListUserProfiles", json!({"UserProfileNameContains": part, "MaxResults": 100})).await;
        listed["UserProfiles"].as_array().unwrap().len()
    };
    assert_eq!((count("p1").await, count("d").await, count("abc").await), (3, 0, 0));
}

/// The wire ignores members that the model does not have; none of them is kept.
#[tokio::test]
async fn members_that_the_model_does_not_have_change_nothing() {
    let cloud = Cloud::new();
    let mut request = crate::support::training_job("j");
    request["_"] = json!("x");
    cloud.ok("CreateTrainingJob", request).await;
    let _running = cloud.job().await;
    assert_eq!(cloud.describe_job("j").await["TrainingJobStatus"], "InProgress");
    let restarted = Cloud::over(cloud.store.clone(), 1);
    sagewright_cloud::cloud::resume(&restarted.sagemaker).await.unwrap();
    cloud.ok("CreateModelPackageGroup", json!({"ModelPackageGroupName": "g", "_": [1]})).await;
    cloud.ok("CreateModelPackage", crate::support::package("g")).await;
}

#[tokio::test]
async fn an_app_of_a_space_is_not_that_of_the_user_profile_of_the_same_name() {
    let cloud = Cloud::new();
    let of = |owner: &str| json!({"DomainId": "d-1", owner: "same", "AppType": "JupyterLab", "AppName": "default"});
    for owner in ["UserProfileName", "SpaceName"] {
        let made = cloud.ok("CreateApp", of(owner)).await;
        let arn = format!("arn:aws:sagemaker:{REGION}:000000000000:app/d-1/same/jupyterlab/default");
        assert_eq!(made["AppArn"], arn, "AWS's ARNs do not tell them apart");
        cloud.refused("CreateApp", of(owner)).await;
    }
    cloud.until(Kind::all().find(|kind| kind.0.noun == "App").unwrap(), "default", "Pending").await;
    cloud.clock.advance(1_000);
    for owner in ["UserProfileName", "SpaceName"] {
        let shown = loop {
            let shown = cloud.ok("DescribeApp", of(owner)).await;
            if shown["Status"] == "InService" {
                break shown;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!(shown[owner], "same");
    }
    cloud.ok("DeleteApp", of("SpaceName")).await;
    assert_eq!(cloud.ok("DescribeApp", of("SpaceName")).await["Status"], "Deleting");
    assert_eq!(cloud.ok("DescribeApp", of("UserProfileName")).await["Status"], "InService");
}
