use sagewright_cloud_core::scaling::Capacity;

use super::*;

const BOUNDS: Bounds = Bounds { min: 1, max: 5 };

fn activity(status: Status) -> Activity {
    let of = Scalable {
        account: "1".into(),
        region: "r".into(),
        resource: "endpoint/e/variant/v".into(),
        dimension: "sagemaker:variant:DesiredInstanceCount".into(),
    };
    Activity { status, ..Activity::setting(&of, 3, "cause".into(), 1000) }
}

#[test]
fn what_comes_next_follows_from_what_there_is() {
    let capacity = |desired, busy| Capacity { desired, least: 1, busy };
    for (status, capacity, now, next) in [
        (Status::Pending, capacity(1, false), 1000, Next::Set),
        (Status::Pending, capacity(1, true), 1000, Next::Wait),
        (Status::Pending, capacity(1, true), 1000 + PATIENCE, Next::Wait),
        (Status::Pending, capacity(1, true), 1001 + PATIENCE, Next::End(Status::Failed)),
        // Set by a process that ended before it was written.
        (Status::Pending, capacity(3, true), 1000, Next::Wait),
        (Status::Pending, capacity(3, false), 1000, Next::End(Status::Successful)),
        (Status::InProgress, capacity(3, true), 1001 + PATIENCE, Next::Wait),
        (Status::InProgress, capacity(3, false), 1000, Next::End(Status::Successful)),
        (Status::InProgress, capacity(1, false), 1000, Next::End(Status::Unfulfilled)),
    ] {
        assert_eq!(activity(status).next(capacity, BOUNDS, now), next, "{status:?} {capacity:?} {now}");
    }
    let narrow = Bounds { min: 1, max: 2 };
    assert_eq!(activity(Status::Pending).next(capacity(1, false), narrow, 1000), Next::End(Status::Overridden));
    assert_eq!(activity(Status::InProgress).next(capacity(3, false), narrow, 1000), Next::End(Status::Successful));
}

#[test]
fn activities_say_what_aws_says() {
    let mut activity = activity(Status::Pending);
    assert_eq!(activity.description, "Setting desired instance count to 3.");
    activity.set();
    assert_eq!(
        activity.message.as_deref(),
        Some("Successfully set desired instance count to 3. Waiting for change to be fulfilled by sagemaker.")
    );
    activity.end(Status::Successful, None, 2000);
    assert_eq!(
        activity.shown(true),
        json!({
            "ActivityId": activity.id, "ServiceNamespace": "sagemaker", "ResourceId": "endpoint/e/variant/v",
            "ScalableDimension": "sagemaker:variant:DesiredInstanceCount", "Description": "Setting desired instance count to 3.",
            "Cause": "cause", "StartTime": 1.0, "EndTime": 2.0, "StatusCode": "Successful",
            "StatusMessage": "Successfully set desired instance count to 3. Change successfully fulfilled by sagemaker.",
        })
    );
    activity.end(Status::Failed, Some("It is gone."), 0);
    assert_eq!(activity.message.as_deref(), Some("Failed to set desired instance count to 3. Reason: It is gone."));
    assert_eq!(activity.ended, Some(1000));
}
