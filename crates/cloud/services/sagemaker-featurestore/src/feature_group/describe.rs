//! `DescribeFeatureGroup`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::features::offline_status;
use sagewright_cloud_sagemaker_base::kind::Kind;
use sagewright_cloud_sagemaker_base::resource::{describe as described, required};
use serde_json::{Value, json};

use crate::group::Group;
use crate::state::{State, key};

pub async fn describe(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let record = sm.find(call, Kind::FEATURE_GROUP, required(call, "FeatureGroupName")?).await?;
    let group = Group::read(&record);
    let state = sm.env().store.shared(&key(&group.key, &group.id)).await?;
    let offline = offline_status(&record);
    let mut out = described(Kind::FEATURE_GROUP, record);
    out.shift_remove("CreatedBy");
    if let Some(state) = state.filter(|_| group.online.is_some()) {
        out.insert("OnlineStoreTotalSizeBytes".to_owned(), json!(State::read(&state.record).bytes));
    }
    if let Some(status) = offline {
        out.insert("OfflineStoreStatus".to_owned(), status);
    }
    // All 2,500 definitions that a group can have fit in one answer.
    out.insert("NextToken".to_owned(), json!(""));
    Ok(Value::Object(out))
}
