//! Carries out one step.

use std::collections::BTreeMap;

use sagewright_decide::error::{Failure, Permanent};
use sagewright_decide::inputs::{MarkLocation, mark_location, mark_update, tags_value};
use sagewright_decide::observed::Found;
use sagewright_decide::{Step, scale_fingerprint};
use sagewright_kinds::{Kind, Path};
use sagewright_objects::keys;
use sagewright_port::cloud::CloudError;
use serde_json::{Map, Value, json};

use crate::observe::calls::{Calls, classify, is};

/// The result of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Acted {
    /// It is done; AWS answered this.
    Done(Value),
    /// Something of that name is there already. AWS said this.
    Exists(String),
    /// What was to go was gone.
    Gone,
}

/// A step's calls: operation and input.
fn calls_of(kind: &Kind, step: &Step, found: Option<&Found>) -> Result<Vec<(String, Value)>, Failure> {
    Ok(match step {
        Step::Create { operation, input }
        | Step::Update { operation, input }
        | Step::Stop { operation, input }
        | Step::Delete { operation, input } => vec![(operation.clone(), input.clone())],
        Step::SyncTags { arn, add, remove } => tag_calls(kind, arn, add, remove),
        Step::Adopt { arn, owner } => match found {
            Some(found) => adopt_calls(kind, arn, owner, found)?,
            None => Vec::new(),
        },
        Step::Wait { .. } | Step::Refuse(_) => Vec::new(),
    })
}

fn tag_calls(kind: &Kind, arn: &str, add: &BTreeMap<String, String>, remove: &[String]) -> Vec<(String, Value)> {
    let Some(operations) = kind.tag_operations() else { return Vec::new() };
    let mut calls = Vec::new();
    if !remove.is_empty() {
        let input = json!({operations.arn.as_str(): arn, operations.keys.as_str(): remove});
        calls.push((operations.delete.clone(), input));
    }
    if let (false, Some(shape)) = (add.is_empty(), kind.service().input(&operations.add)) {
        let tags = tags_value(kind, shape, &operations.member, add);
        calls.push((operations.add.clone(), json!({operations.arn.as_str(): arn, operations.member.as_str(): tags})));
    }
    calls
}

/// The calls that write the mark on a resource that is there.
pub(crate) fn adopt_calls(kind: &Kind, arn: &str, owner: &str, found: &Found) -> Result<Vec<(String, Value)>, Failure> {
    let spec = kind.spec_of(&found.output);
    match mark_location(kind, &spec) {
        MarkLocation::Tags(_) => {
            let mut add = BTreeMap::from([(keys::OWNER.to_owned(), owner.to_owned())]);
            // What is taken over is as it is declared, until somebody declares something else.
            add.extend(scale_fingerprint(kind, &spec).map(|print| (keys::LAST_SCALE.to_owned(), print)));
            Ok(tag_calls(kind, arn, &add, &[]))
        }
        MarkLocation::Member(member) => {
            let most = kind.spec_shape(&Path::parse(member)).and_then(|s| s.max);
            let why = match (&kind.row().operations.update, most) {
                (Some(_), Some(most)) => {
                    format!("its {member} leaves no room for the mark: AWS takes {most} characters")
                }
                _ => format!("a {} has no place for a mark", kind.words()),
            };
            let update = mark_update(kind, found, member, owner).ok_or_else(|| {
                let what = format!("adopt the {} `{}`", kind.words(), found.name);
                Failure::Permanent(Permanent::new(what, why, "refer to it by its ARN instead"))
            })?;
            Ok(vec![update])
        }
        MarkLocation::None => Ok(Vec::new()),
    }
}

/// Carries out a step, each of its calls once. A step that failed half-way can be carried out again from its beginning.
pub(crate) async fn act(
    calls: &Calls,
    kind: &Kind,
    name: &str,
    step: &Step,
    found: Option<&Found>,
) -> Result<Acted, Failure> {
    let mut answer = Value::Object(Map::new());
    for (operation, input) in calls_of(kind, step, found)? {
        answer = match calls.once(kind, &operation, input).await {
            Ok(answer) => answer,
            Err(error) if matches!(step, Step::Delete { .. } | Step::Stop { .. }) && is_gone(kind, &error) => {
                return Ok(Acted::Gone);
            }
            Err(error) if matches!(step, Step::Create { .. }) && is(&kind.errors().exists, &error) => {
                return Ok(Acted::Exists(error.message));
            }
            Err(error) => return Err(classify(kind, &what(kind, name, step), error)),
        };
    }
    Ok(Acted::Done(answer))
}

/// Whether a delete or a stop says that the resource is not there.
fn is_gone(kind: &Kind, error: &CloudError) -> bool {
    let rules = kind.errors().not_found.iter().filter(|rule| !rule.is_broad());
    is(rules, error)
}

/// A step in words: `create the model mnist`.
pub(crate) fn what(kind: &Kind, name: &str, step: &Step) -> String {
    let verb = match step {
        Step::Create { .. } => "create",
        Step::Update { .. } => "update",
        Step::SyncTags { .. } => "tag",
        Step::Adopt { .. } => "adopt",
        Step::Stop { .. } => "stop",
        Step::Delete { .. } => "delete",
        Step::Wait { .. } | Step::Refuse(_) => "look at",
    };
    format!("{verb} the {} `{name}`", kind.words())
}
