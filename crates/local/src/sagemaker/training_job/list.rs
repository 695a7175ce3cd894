//! `ListTrainingJobs`

use rusqlite::types::Value as Sql;
use serde_json::Value;

use crate::api::{ApiError, Call};
use crate::sagemaker::SageMaker;
use crate::sagemaker::listing::{self, Listing};
use crate::sagemaker::resource::Kind;

pub(in crate::sagemaker) fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    // Warm pools and training plans are refused at creation, so that no job has any.
    let none = |member: &str| call.text(member).map(|_| ("0", Sql::Null));
    let listing = Listing {
        kind: Kind::TrainingJob,
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
    listing::list(sm, call, &listing)
}
