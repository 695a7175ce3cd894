//! What the server takes from the environment, and the image that it plays.

use super::super::image::Image;

/// The image's limits of a request's size: by default and at most.
const DEFAULT_CONTENT: usize = 6 * 1024 * 1024;
const MAX_CONTENT: usize = 20 * 1024 * 1024;

/// The settings of the server.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) image: &'static Image,
    /// `SAGEMAKER_BIND_TO_PORT`.
    pub(super) port: u16,
    /// `SAGEMAKER_BATCH`: a batch transform asks, and wants a line per row.
    pub(super) batch: bool,
    /// `SAGEMAKER_INFERENCE_OUTPUT`: which parts of a prediction to answer with.
    pub(super) selection: Option<Vec<String>>,
    /// `SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT`.
    pub(super) accept: String,
    /// `MAX_CONTENT_LENGTH`, bytes.
    pub(super) max_content: usize,
    /// `SAGEMAKER_MULTI_MODEL`: start without a model, and let the platform load and unload models.
    pub(super) multi_model: bool,
    /// Threads that answer requests; also what the server tells a batch transform.
    pub(super) workers: usize,
}

impl Settings {
    /// Reads the settings through `variable`.
    pub(super) fn from_variables(
        image: &'static Image,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let given = |name: &str| variable(name).filter(|value| !value.is_empty());
        let port = match given("SAGEMAKER_BIND_TO_PORT") {
            None => 8080,
            Some(text) => text
                .parse()
                .map_err(|_| format!("SAGEMAKER_BIND_TO_PORT must be a port from 0 to 65535, found '{text}'"))?,
        };
        let max_content = match given("MAX_CONTENT_LENGTH") {
            None => DEFAULT_CONTENT,
            Some(text) => {
                text.parse().map_err(|_| format!("MAX_CONTENT_LENGTH must be a number of bytes, found '{text}'"))?
            }
        };
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            image,
            port,
            batch: given("SAGEMAKER_BATCH").is_some_and(|text| !text.eq_ignore_ascii_case("false")),
            selection: given("SAGEMAKER_INFERENCE_OUTPUT")
                .map(|keys| keys.replace(' ', "").to_lowercase().split(',').map(str::to_owned).collect()),
            accept: given("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT").unwrap_or_else(|| "text/csv".to_owned()),
            max_content: max_content.min(MAX_CONTENT),
            multi_model: given("SAGEMAKER_MULTI_MODEL").is_some_and(|text| text.eq_ignore_ascii_case("true")),
            // Two at least, so that a long prediction does not keep /ping waiting.
            workers: cpus.clamp(2, 8),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Image, Settings};

    #[test]
    fn settings_come_from_the_contracts_variables() {
        let found = Settings::from_variables(Image::newest(), |name| match name {
            "SAGEMAKER_BIND_TO_PORT" => Some("8123".to_owned()),
            "SAGEMAKER_BATCH" => Some("true".to_owned()),
            "SAGEMAKER_INFERENCE_OUTPUT" => Some("predicted_label, Probability".to_owned()),
            "MAX_CONTENT_LENGTH" => Some("99999999".to_owned()),
            _ => None,
        })
        .expect("they are valid");
        assert_eq!((found.port, found.batch, found.max_content), (8123, true, 20 * 1024 * 1024));
        assert_eq!(found.selection.expect("a selection"), ["predicted_label", "probability"]);
        assert_eq!(found.accept, "text/csv");
        assert!(!found.multi_model);
        let text = Settings::from_variables(Image::newest(), |name| {
            (name == "SAGEMAKER_BIND_TO_PORT").then(|| "x".to_owned())
        });
        assert!(text.expect_err("x is no port").contains("SAGEMAKER_BIND_TO_PORT"));
    }
    #[test]
    fn only_true_asks_for_many_models() {
        for (text, expected) in
            [("true", true), ("True", true), ("TRUE", true), ("false", false), ("1", false), ("", false)]
        {
            let found = Settings::from_variables(Image::newest(), |name| {
                (name == "SAGEMAKER_MULTI_MODEL").then(|| text.to_owned())
            });
            assert_eq!(found.expect("they are valid").multi_model, expected, "'{text}'");
        }
    }
}
