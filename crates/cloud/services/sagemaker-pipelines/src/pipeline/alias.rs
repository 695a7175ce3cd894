//! Aliases of versions: `name → number`, kept with the pipeline, so that one leads to one version at a time.

use sagewright_cloud_core::api::{ApiError, Call};
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, fields, hidden};
use serde_json::{Map, Value, json};

/// Member of a pipeline's hidden members.
const ALIASES: &str = "aliases";

/// The most that a version has.
const MOST: usize = 10;

/// The aliases of a version, in order.
pub(crate) fn of(pipeline: &Record, number: u64) -> Vec<&str> {
    let all = pipeline.body[HIDDEN][ALIASES].as_object().into_iter().flatten();
    let mut aliases: Vec<&str> =
        all.filter(|(_, version)| version.as_u64() == Some(number)).map(|(alias, _)| alias.as_str()).collect();
    aliases.sort_unstable();
    aliases
}

/// The member that shows the aliases of a version; none where there are none.
pub(crate) fn shown(pipeline: &Record, number: u64) -> Option<(String, Value)> {
    let aliases = of(pipeline, number);
    (!aliases.is_empty()).then(|| ("PipelineVersionAliases".to_owned(), json!(aliases)))
}

/// The version that a request names, by its number or by an alias; `None` where it names none.
///
/// # Errors
/// It names both, or an alias that no version has.
pub(crate) fn named(call: &Call, pipeline: &Record) -> Result<Option<u64>, ApiError> {
    let number = call.input.get("PipelineVersionId").and_then(Value::as_u64);
    let Some(alias) = call.text("PipelineVersionAlias") else { return Ok(number) };
    if number.is_some() {
        return Err(ApiError::validation(
            "Both PipelineVersionId and PipelineVersionAlias are provided. Give one of them.",
        ));
    }
    let found = pipeline.body[HIDDEN][ALIASES].get(alias).and_then(Value::as_u64);
    let missing = || ApiError::not_found(format!("No version of pipeline '{}' has the alias {alias}.", pipeline.arn));
    found.map(Some).ok_or_else(missing)
}

/// The aliases in a list of a request.
pub(super) fn given(list: Option<&Value>) -> Vec<&str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Gives a version further aliases and takes some from it.
///
/// # Errors
/// An alias is not valid, another version has it, this one has too many or does not have what is to be removed.
pub(super) fn change(pipeline: &mut Record, number: u64, add: &[&str], remove: &[&str]) -> Result<(), ApiError> {
    if add.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let refuse = |why: String| Err(ApiError::validation(why));
    let all = hidden(fields(pipeline)?).entry(ALIASES).or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(all) = all else { return Err(ApiError::internal("the aliases of a pipeline are damaged")) };
    if let Some(both) = add.iter().find(|alias| remove.contains(alias)) {
        return refuse(format!("The alias {both} is both in Add and in Remove. Put it in one of them."));
    }
    for alias in remove {
        if all.get(*alias).and_then(Value::as_u64) != Some(number) {
            return refuse(format!("Version {number} of the pipeline does not have the alias {alias}."));
        }
        all.shift_remove(*alias);
    }
    for alias in add {
        if alias.bytes().all(|b| b.is_ascii_digit()) {
            return refuse(format!(
                "The alias {alias} consists of numbers only. Use at least one letter, '.', '-' or '_'."
            ));
        }
        match all.get(*alias).and_then(Value::as_u64) {
            Some(other) if other != number => {
                return refuse(format!(
                    "The alias {alias} is assigned to version {other} of the pipeline. Remove it there first, with UpdatePipelineVersion."
                ));
            }
            _ => all.insert((*alias).to_owned(), json!(number)),
        };
    }
    if all.values().filter(|version| version.as_u64() == Some(number)).count() > MOST {
        return refuse(format!("Version {number} of the pipeline would have more than {MOST} aliases."));
    }
    Ok(())
}
