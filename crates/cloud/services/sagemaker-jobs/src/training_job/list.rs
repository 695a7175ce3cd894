//! `ListTrainingJobs`

use serde_json::Value;

use super::pool;

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Filter;
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::listing::{self, Listing};
use sagewright_cloud_sagemaker_base::resource::Kind;

pub(crate) async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Training plans are refused at creation, so that no job has any.
    let plan = call.text("TrainingPlanArnEquals").map(|_| Filter::Nothing);
    let pool = call.text("WarmPoolStatusEquals");
    let pool = pool.map(|status| Filter::Member(format!("{}.Status", pool::MEMBER), status.to_owned()));
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
            pool::MEMBER,
        ],
        descending: false,
        filters: [plan, pool].into_iter().flatten().collect(),
    };
    listing::list(sm, call, &listing).await
}
