//! `DeleteAlarms`

use serde_json::{Value, json};

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Batch, Write};

use super::{COMPOSITE, history, missing, own, type_of};
use crate::input::texts;
use crate::{CloudWatch, committed, validation};

pub(crate) async fn delete(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    let mut names = texts(&call.input, "AlarmNames");
    names.sort_unstable();
    names.dedup();
    let watch = &cloudwatch.watch;
    let mut held = watch.hold(&call.caller.account, &call.region).await?;
    let (mut batch, mut items, mut composites) = (Batch::new(), Vec::new(), 0);
    let depended = |name: &&&str| {
        let parents = held.board.parents(name, &held.account, &held.region);
        parents.into_iter().any(|parent| !names.contains(&parent.as_str()))
    };
    let depended: Vec<&str> = names.iter().filter(depended).copied().collect();
    if !depended.is_empty() {
        let on = if depended.len() == 1 { "it" } else { "them" };
        let names = depended.join(",");
        return Err(validation(format!("Cannot delete {names} as there are composite alarm(s) depending on {on}.")));
    }
    for name in &names {
        let found = watch.store.get(&own(call, name)).await?.ok_or_else(|| missing(name))?;
        composites += usize::from(type_of(&found.record) == COMPOSITE);
        items.push(history::of_configuration(&found.record, "Delete", call.now.as_millisecond()));
        batch.push(Write::Delete { key: found.record.key, version: Some(found.version) });
    }
    if composites > 1 {
        return Err(validation("A request can delete no more than one composite alarm."));
    }
    batch.extend(history::writes(&watch.store, items).await?);
    for name in names {
        watch.drop_from(&mut held, name);
    }
    watch.commit(&mut held, batch).await.map_err(committed)?;
    Ok(json!({}))
}
