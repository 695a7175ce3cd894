//! `EnableAlarmActions` and `DisableAlarmActions`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, Versioned, Write};

use super::{acts, config, configured, history, own};
use crate::input::texts;
use crate::{CloudWatch, committed};

pub(crate) async fn enable(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    switch(cloudwatch, call, true).await
}

pub(crate) async fn disable(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    switch(cloudwatch, call, false).await
}

/// Names of alarms that are not there are passed over, as in AWS.
async fn switch(cloudwatch: &CloudWatch, call: &Call, on: bool) -> Result<Value, ApiError> {
    let mut names = texts(&call.input, "AlarmNames");
    names.sort_unstable();
    names.dedup();
    let watch = &cloudwatch.watch;
    let mut held = watch.hold(&call.caller.account, &call.region).await?;
    let now = call.now.as_millisecond();
    let (mut batch, mut items, mut changed) = (Batch::new(), Vec::new(), Vec::new());
    for name in names {
        let Some(Versioned { record, version }) = watch.store.get(&own(call, name)).await? else { continue };
        if acts(&record) == on {
            continue;
        }
        let mut asked = config(&record).clone();
        asked["ActionsEnabled"] = on.into();
        let record = configured(record, asked, now);
        changed.push(record.clone());
        items.push(history::of_configuration(&record, "Update", now));
        batch.push(Write::Replace(Versioned { record, version }));
    }
    batch.extend(history::writes(&watch.store, items).await?);
    changed.iter().for_each(|record| watch.place(&mut held, record, now));
    watch.commit(&mut held, batch).await.map_err(committed)?;
    Ok(json!({}))
}
