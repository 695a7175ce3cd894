//! `DescribeAlarms`

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use sagewright_cloud_core::alarms::AlarmState;
use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Query, Record};
use sagewright_cloud_core::token;

use super::{ACTIONS, COMPOSITE, KIND, METRIC, actions_of, own, shown, type_of};
use crate::input::texts;
use crate::{CloudWatch, combination, validation};

/// Alarms on a page.
const PAGE: usize = 50;
/// Alarms that are looked at together.
const TOGETHER: usize = 500;

pub(crate) async fn describe(cloudwatch: &CloudWatch, call: &Call) -> Result<Value, ApiError> {
    let names = texts(&call.input, "AlarmNames");
    if !names.is_empty() && call.text("AlarmNamePrefix").is_some() {
        return Err(combination("AlarmNames and AlarmNamePrefix must not both be specified."));
    }
    let most = limit(call, PAGE);
    let after = after(call)?;
    if let Some(family) = family(cloudwatch, call).await? {
        let left = family.into_iter().filter(|record| after.as_ref().is_none_or(|after| record.key.name > *after));
        let mut found: Vec<Record> = left.take(most + 1).collect();
        let more = found.len() > most;
        found.truncate(most);
        return Ok(answer(call, &found, more, |record| related(call, record)));
    }
    let filter = Filters::of(call);
    let (found, more) = match names.as_slice() {
        [] => listed(cloudwatch, call, &filter, after, most).await?,
        names => named(cloudwatch, call, &filter, names, after, most).await?,
    };
    Ok(answer(call, &found, more, shown))
}

/// The children or the parents of an alarm, where these are asked for, in the order of their names.
async fn family(cloudwatch: &CloudWatch, call: &Call) -> Result<Option<Vec<Record>>, ApiError> {
    let of = ["ChildrenOfAlarmName", "ParentsOfAlarmName"].into_iter().find(|member| call.text(member).is_some());
    let Some(member) = of else { return Ok(None) };
    let fits = |other: &str| [member, "MaxRecords", "NextToken"].contains(&other);
    let mut members = call.input.as_object().into_iter().flatten();
    if let Some((other, _)) = members.find(|(name, value)| !value.is_null() && !fits(name)) {
        return Err(validation(format!("{member} and {other} must not both be specified.")));
    }
    let name = call.text(member).unwrap_or_default();
    let (account, region) = (&call.caller.account, &call.region);
    let names: BTreeSet<String> = {
        let held = cloudwatch.watch.hold(account, region).await?;
        match held.board.alarms.get(name) {
            None => BTreeSet::new(),
            Some(_) if member == "ParentsOfAlarmName" => {
                held.board.parents(name, account, region).into_iter().cloned().collect()
            }
            Some(entry) => entry.composite.iter().flat_map(|composite| composite.children(account, region)).collect(),
        }
    };
    let mut out = Vec::new();
    for name in names {
        out.extend(cloudwatch.watch.store.record(&own(call, &name)).await?);
    }
    Ok(Some(out))
}

/// As AWS shows children, with their states, and parents.
fn related(call: &Call, record: &Record) -> Value {
    let shown = shown(record);
    let parents = call.text("ParentsOfAlarmName").is_some();
    let members = ["AlarmName", "AlarmArn", "StateValue", "StateUpdatedTimestamp"];
    let told = if parents { &members[..2] } else { &members[..] };
    told.iter().map(|member| ((*member).to_owned(), shown[*member].clone())).collect::<Map<_, _>>().into()
}

/// `MaxRecords`
pub(super) fn limit(call: &Call, page: usize) -> usize {
    call.input.get("MaxRecords").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok()).unwrap_or(page)
}

/// The name that the page before ended with.
pub(super) fn after(call: &Call) -> Result<Option<String>, ApiError> {
    let Some(given) = call.text("NextToken") else { return Ok(None) };
    let place = token::open(call, given).and_then(|(place, _)| place.as_str().map(str::to_owned));
    place.map(Some).ok_or_else(|| ApiError::new("InvalidNextToken", 400, "The parameter NextToken is invalid."))
}

/// An answer with alarms of both types.
pub(super) fn answer(call: &Call, found: &[Record], more: bool, show: impl Fn(&Record) -> Value) -> Value {
    let of = |kind: &str| found.iter().filter(|record| type_of(record) == kind).map(&show).collect::<Vec<_>>();
    let mut out = json!({"MetricAlarms": of(METRIC), "CompositeAlarms": of(COMPOSITE), "LogAlarms": []});
    if let Some(last) = found.last().filter(|_| more) {
        out["NextToken"] = token::seal(call, &last.key.name.clone().into(), "").into();
    }
    out
}

/// What an alarm has to be like.
struct Filters<'c> {
    types: Vec<&'c str>,
    prefix: Option<&'c str>,
    state: Option<AlarmState>,
    action: Option<&'c str>,
}

impl<'c> Filters<'c> {
    fn of(call: &'c Call) -> Self {
        let types = texts(&call.input, "AlarmTypes");
        Self {
            // As in AWS, composite alarms are shown to those who ask for them.
            types: if types.is_empty() { vec![METRIC] } else { types },
            prefix: call.text("AlarmNamePrefix"),
            state: call.text("StateValue").and_then(AlarmState::parse),
            action: call.text("ActionPrefix"),
        }
    }

    fn fits(&self, record: &Record) -> bool {
        let acts = |prefix: &str| {
            ACTIONS.iter().any(|(state, _)| actions_of(record, *state).any(|action| action.starts_with(prefix)))
        };
        self.types.contains(&type_of(record))
            && self.state.is_none_or(|state| state.name() == record.status)
            && self.action.is_none_or(acts)
    }
}

async fn listed(
    cloudwatch: &CloudWatch,
    call: &Call,
    filters: &Filters<'_>,
    after: Option<String>,
    most: usize,
) -> Result<(Vec<Record>, bool), ApiError> {
    let conditions = filters.prefix.map(|prefix| Filter::NameStarts(prefix.to_owned())).into_iter();
    let conditions = conditions.chain(filters.state.map(|state| Filter::Status(state.name().to_owned())));
    let mut query = Query {
        filters: conditions.collect(),
        after: after.map(|name| (Value::Null, name)),
        limit: TOGETHER,
        ..Query::all(&call.caller.account, &call.region, KIND)
    };
    let mut found = Vec::new();
    loop {
        let some = cloudwatch.watch.store.find(query.clone()).await?;
        let last = some.last().map(|last| (Value::Null, last.tie.clone()));
        let whole = some.len() < TOGETHER;
        found.extend(some.into_iter().map(|hit| hit.record).filter(|record| filters.fits(record)));
        if whole || found.len() > most {
            break;
        }
        query.after = last;
    }
    let more = found.len() > most;
    found.truncate(most);
    Ok((found, more))
}

async fn named(
    cloudwatch: &CloudWatch,
    call: &Call,
    filters: &Filters<'_>,
    names: &[&str],
    after: Option<String>,
    most: usize,
) -> Result<(Vec<Record>, bool), ApiError> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names.dedup();
    let mut found = Vec::new();
    for name in names.into_iter().filter(|name| after.as_deref().is_none_or(|after| *name > after)) {
        found.extend(cloudwatch.watch.store.record(&own(call, name)).await?.filter(|record| filters.fits(record)));
        if found.len() > most {
            break;
        }
    }
    let more = found.len() > most;
    found.truncate(most);
    Ok((found, more))
}
