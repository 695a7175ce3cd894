//! `ListTrainingJobs`

use serde_json::Value;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Filter;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::resource::Kind;

pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Warm pools and training plans are refused at creation, so that no job has any.
    let none = |member: &str| call.text(member).map(|_| Filter::Nothing);
    let listing = Listing {
        kind: Kind::TRAINING_JOB,
        result: "TrainingJobSummaries",
        summary: &[
            "TrainingJobName",
            "TrainingJobArn",
            "CreationTime",
            "TrainingEndTime",
            "LastModifiedTime",
            "TrainingJobStatus",
            "SecondaryStatus",
        ],
        descending: false,
        filters: [none("WarmPoolStatusEquals"), none("TrainingPlanArnEquals")].into_iter().flatten().collect(),
    };
    listing::list(sm, call, &listing).await
}
