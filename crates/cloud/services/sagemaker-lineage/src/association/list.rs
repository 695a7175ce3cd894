//! `ListAssociations`

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::{Filter, Order, Query};
use sagewright_cloud_sagemaker_base::SageMaker;
use sagewright_cloud_sagemaker_base::lineage::{ASSOCIATION, ASSOCIATION_IN};
use sagewright_cloud_sagemaker_base::listing::{optional_millis, page_of};
use sagewright_cloud_sagemaker_base::resource::seconds;
use serde_json::{Map, Value, json};

use crate::entity::{find, name_of};

/// Names of kinds of entities, which stand for all types of theirs where a request asks for a type: the SDK's traversals ask
/// so.
const ENTITIES: [&str; 5] = ["Artifact", "Action", "Context", "Experiment", "TrialComponent"];

pub async fn list(sm: &SageMaker, call: &Call) -> Result<Value, ApiError> {
    let arn = |member: &str| call.text(member).map(str::to_ascii_lowercase);
    let (source, destination) = (arn("SourceArn"), arn("DestinationArn"));
    // Each direction has an index by ARN and one by type.
    let (kind, order) = match call.text("SortBy") {
        // The associations of one end are in the order of their other ends.
        Some("SourceArn") if destination.is_some() => (ASSOCIATION_IN, Order::Name),
        Some("DestinationArn") if source.is_some() => (ASSOCIATION, Order::Name),
        Some("SourceArn") => (ASSOCIATION, Order::Name),
        Some("SourceType") => (ASSOCIATION, Order::Status),
        Some("DestinationArn") => (ASSOCIATION_IN, Order::Name),
        Some("DestinationType") => (ASSOCIATION_IN, Order::Status),
        _ if destination.is_some() && source.is_none() => (ASSOCIATION_IN, Order::Created),
        _ => (ASSOCIATION, Order::Created),
    };
    let mut filters = Vec::new();
    for (member, given, of) in [("SourceArn", &source, ASSOCIATION), ("DestinationArn", &destination, ASSOCIATION_IN)] {
        filters.extend(given.as_ref().map(|arn| match of == kind {
            true => Filter::NameStarts(format!("{arn} ")),
            false => Filter::Member(member.to_owned(), arn.clone()),
        }));
    }
    for (member, entity) in [("SourceType", "SourceEntity"), ("DestinationType", "DestinationEntity")] {
        filters.extend(call.text(member).map(|of| {
            let member = if ENTITIES.contains(&of) { entity } else { member };
            Filter::Member(member.to_owned(), of.to_owned())
        }));
    }
    filters.extend(call.text("AssociationType").map(|of| Filter::Member("AssociationType".to_owned(), of.to_owned())));
    for (member, filter) in
        [("CreatedAfter", Filter::CreatedAfter as fn(f64) -> Filter), ("CreatedBefore", Filter::CreatedBefore)]
    {
        filters.extend(optional_millis(member, &call.input[member])?.map(filter));
    }
    let query = Query {
        filters,
        order,
        descending: call.text("SortOrder") != Some("Ascending"),
        ..Query::all(&call.caller.account, &call.region, kind)
    };
    let (found, next) = page_of(sm, call, query).await?;
    let mut items = Vec::with_capacity(found.len());
    for record in found {
        items.push(summary(sm, call, &record.body, record.created).await?);
    }
    let mut out = Map::from_iter([("AssociationSummaries".to_owned(), Value::Array(items))]);
    out.extend(next.map(|token| ("NextToken".to_owned(), Value::String(token))));
    Ok(Value::Object(out))
}

async fn summary(sm: &SageMaker, call: &Call, body: &Value, created: i64) -> Result<Value, ApiError> {
    let members = ["SourceArn", "DestinationArn", "SourceType", "DestinationType", "AssociationType", "CreatedBy"];
    let known = members.iter().filter_map(|member| Some(((*member).to_owned(), body.get(*member)?.clone())));
    let mut out: Map<String, Value> = known.collect();
    out.insert("CreationTime".to_owned(), seconds(created));
    // Artifacts can be renamed.
    for (arn, member) in [("SourceArn", "SourceName"), ("DestinationArn", "DestinationName")] {
        match find(sm, call, body[arn].as_str().unwrap_or_default()).await {
            Ok((kind, record)) => out.extend(name_of(kind, &record).map(|name| (member.to_owned(), json!(name)))),
            Err(error) if error.status >= 500 => return Err(error),
            // It went while this was read.
            Err(_) => {}
        }
    }
    Ok(Value::Object(out))
}
