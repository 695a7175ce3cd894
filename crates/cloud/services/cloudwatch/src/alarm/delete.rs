//! `DeleteAlarms`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, Write};

use super::{history, missing, own};
use crate::input::texts;
use crate::{CloudWatch, committed};

pub(crate) async fn delete(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    let mut names = texts(&call.input, "AlarmNames");
    names.sort_unstable();
    names.dedup();
    let watch = &cloudwatch.watch;
    let mut held = watch.hold(&call.caller.account, &call.region).await?;
    let (mut batch, mut items) = (Batch::new(), Vec::new());
    for name in &names {
        let found = watch.store.get(&own(call, name)).await?.ok_or_else(|| missing(name))?;
        items.push(history::of_configuration(&found.record, "Delete", call.now.as_millisecond()));
        batch.push(Write::Delete { key: found.record.key, version: Some(found.version) });
    }
    batch.extend(history::writes(&watch.store, items).await?);
    for name in names {
        watch.drop_from(&mut held, name);
    }
    watch.commit(&mut held, batch).await.map_err(committed)?;
    Ok(json!({}))
}
