//! `train`: reads the job's configuration and data, boosts, and leaves the model.

mod checkpoint;
mod early_stopping;
mod rounds;
mod scores;
mod termination;

use std::path::Path;

use serde_json::{Map, Value};

use super::data::{self, ContentType, Labelled};
use super::failure::Failure;
use super::ffi::{DMatrix, Xgboost};
use super::hyperparameters::Hyperparameters;
use super::image::Image;
use crate::contract::Container;
use crate::log;
use checkpoint::Checkpoints;

/// Runs the job.
pub(super) fn run(container: &Container, library: &Path, image: &Image) -> Result<(), Failure> {
    log::info("Imported framework sagemaker_xgboost_container.training");
    log::info("No GPUs detected (normal if no gpus installed)");
    log::info("Running XGBoost Sagemaker in algorithm mode");
    let config = |name: &str| container.read_config(name).map_err(Failure::Platform);
    let given = config("hyperparameters.json")?.unwrap_or_default();
    let hyperparameters = Hyperparameters::parse(&given, image)?;
    let channels = config("inputdataconfig.json")?.ok_or_else(|| {
        Failure::Platform(format!("{} does not exist", container.shown(&container.config("inputdataconfig.json"))))
    })?;
    let content = check_channels(&channels, image)?;
    check_hosts(config("resourceconfig.json")?.as_ref())?;
    let checkpoints = Checkpoints::from_config(container, config("checkpointconfig.json")?.as_ref());

    let library = Xgboost::load(library).map_err(|error| Failure::Platform(error.to_string()))?;
    log::info(&format!("Using XGBoost {} for that of the image, {}", library.version(), image.library));
    for name in &hyperparameters.without_effect {
        log::warning(&format!("Hyperparameter {name} has no effect in XGBoost {}", library.version()));
    }
    log::info("Determined 0 GPU(s) available on the instance.");

    let train = load(container, &library, "train", content, &hyperparameters)?;
    let validation = if channels.contains_key("validation") {
        Some(load(container, &library, "validation", content, &hyperparameters)?)
    } else {
        None
    };
    log::info("Single node training.");
    log::info(&format!("Train matrix has {} rows and {} columns", train.rows, train.columns));
    if let Some(validation) = &validation {
        log::info(&format!("Validation matrix has {} rows", validation.rows));
    }
    rounds::boost(container, &library, image, &hyperparameters, &checkpoints, &train, validation.as_ref())
}

/// One channel in the library's memory. The labels stay here too, for the image's own metrics.
struct ChannelData {
    matrix: DMatrix,
    labels: Vec<f32>,
    rows: usize,
    columns: usize,
}

fn load(
    container: &Container,
    library: &Xgboost,
    channel: &str,
    content: ContentType,
    hyperparameters: &Hyperparameters,
) -> Result<ChannelData, Failure> {
    let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // More threads than processors read no faster, and nthread has no upper bound.
    let threads = hyperparameters.threads.unwrap_or(available).min(available);
    let folder = container.channel(channel);
    let Labelled { matrix, labels, weights, groups } =
        data::load(&folder, channel, &container.shown(&folder), content, hyperparameters.csv_weights, threads)?;
    let refused = |error: super::ffi::XgboostError| {
        let text = error.to_string();
        let text = text.split("\nStack trace:").next().unwrap_or_default().trim();
        Failure::User(format!("Failed to load the {channel} data with exception:\n{text}"))
    };
    hyperparameters.check_labels(&labels).map_err(|why| Failure::User(format!("{why} (channel '{channel}')")))?;
    let mut dmatrix = DMatrix::new(library, &matrix, threads).map_err(refused)?;
    dmatrix.set_info("label", &labels).map_err(refused)?;
    if let Some(weights) = weights {
        dmatrix.set_info("weight", &weights).map_err(refused)?;
    }
    if let Some(groups) = groups {
        dmatrix.set_info("group", &groups).map_err(refused)?;
    }
    Ok(ChannelData { rows: matrix.rows(), columns: matrix.columns(), matrix: dmatrix, labels })
}

/// Checks `inputdataconfig.json` and returns the content type, which the image takes from `train`
/// for both channels.
fn check_channels(channels: &Map<String, Value>, image: &Image) -> Result<ContentType, Failure> {
    if !channels.contains_key("train") {
        return Err(Failure::User("Missing required channel: train".to_owned()));
    }
    let mut content = None;
    for (name, settings) in channels {
        if name == "code" {
            continue;
        }
        if !["train", "validation"].contains(&name.as_str()) {
            return Err(Failure::User(format!("Extraneous channel found: {name}")));
        }
        let setting = |key: &str| settings.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        if setting("TrainingInputMode") == Some("Pipe") {
            return Err(Failure::User(format!(
                "Channel '{name}': TrainingInputMode Pipe is not supported by Sagewright's XGBoost; use File or FastFile"
            )));
        }
        let found = ContentType::of_channel(setting("ContentType"), image)
            .map_err(|reason| Failure::User(format!("Channel '{name}': {reason}")))?;
        if content.is_some_and(|content| content != found) {
            return Err(Failure::User(
                "Channel 'validation' has another ContentType than 'train'; XGBoost reads both as the type of 'train', \
                 so set the same on both"
                    .to_owned(),
            ));
        }
        content = Some(found);
    }
    Ok(content.unwrap_or(ContentType::Libsvm))
}

/// Refuses distributed training.
fn check_hosts(resources: Option<&Map<String, Value>>) -> Result<(), Failure> {
    let hosts = resources.and_then(|resources| resources.get("hosts")).and_then(Value::as_array).map_or(1, Vec::len);
    if hosts > 1 {
        return Err(Failure::User(format!(
            "InstanceCount is {hosts}, but distributed training is not supported by Sagewright's XGBoost; set \
             InstanceCount to 1, or train on AWS"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{Failure, check_channels, check_hosts};
    use crate::xgboost::data::ContentType;
    use crate::xgboost::image::Image;

    fn check(channels: Value) -> Result<ContentType, Failure> {
        check_channels(&object(channels), Image::newest())
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn channels_are_checked_as_the_image_checks_them() {
        let csv = json!({"ContentType": "text/csv", "TrainingInputMode": "File"});
        let found = check(json!({"train": csv, "validation": csv})).expect("it is valid");
        assert_eq!(found, ContentType::Csv);
        assert_eq!(check(json!({"train": {}})).expect("it is valid"), ContentType::Libsvm);
        for (config, part) in [
            (json!({"validation": csv}), "Missing required channel: train"),
            (json!({"train": csv, "test": csv}), "Extraneous channel found: test"),
            (json!({"train": {"TrainingInputMode": "Pipe"}}), "use File or FastFile"),
            (json!({"train": csv, "validation": {}}), "set the same on both"),
            (json!({"train": {"ContentType": "image/png"}}), "image/png is not an accepted ContentType: csv, libsvm,"),
            (
                json!({"train": {"ContentType": "text/csv; charset=utf-8"}}),
                "write it without parameters and in small letters: text/csv",
            ),
            (
                json!({"train": {"ContentType": "Text/CSV"}}),
                "write it without parameters and in small letters: text/csv",
            ),
        ] {
            let text = check(config).expect_err(part).to_string();
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn several_hosts_are_refused_with_what_to_do() {
        let text = check_hosts(Some(&object(json!({"hosts": ["algo-1", "algo-2"]})))).expect_err("two").to_string();
        assert!(text.contains("set InstanceCount to 1"), "{text}");
        assert!(check_hosts(Some(&object(json!({"hosts": ["algo-1"]})))).is_ok() && check_hosts(None).is_ok());
    }
}
