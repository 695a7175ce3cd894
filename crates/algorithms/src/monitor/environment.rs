//! The variables that tell the containers what to do.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-contract-inputs.html>

use std::collections::BTreeMap;
use std::fs;

use crate::contract::Container;

/// Most bytes of a document of the baseline.
const LONGEST: u64 = 256 << 20;

/// Variables by name.
#[derive(Debug, Default, Clone)]
pub(super) struct Environment(pub BTreeMap<String, String>);

impl Environment {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// A variable that says something.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A variable that has to be there.
    ///
    /// # Errors
    /// It is not.
    pub fn required(&self, name: &str) -> Result<&str, String> {
        self.text(name).ok_or_else(|| format!("the variable {name} is missing in the Environment of the job"))
    }

    /// Whether metrics are published.
    pub fn publishes(&self) -> bool {
        self.text("publish_cloudwatch_metrics") == Some("Enabled")
    }

    /// The text of a file that a variable names; `None` where it names none.
    ///
    /// # Errors
    /// There is no such file, or it cannot be read.
    pub fn document(&self, container: &Container, name: &str) -> Result<Option<String>, String> {
        let Some(path) = self.text(name) else { return Ok(None) };
        let file = container.resolve(path);
        let failed = |error: std::io::Error| format!("cannot read {path}, which the variable {name} names: {error}");
        if fs::metadata(&file).map_err(failed)?.len() > LONGEST {
            return Err(format!("{path}, which the variable {name} names, is longer than {LONGEST} bytes"));
        }
        fs::read_to_string(&file).map(Some).map_err(failed)
    }

    /// Scripts of the user's are not run.
    ///
    /// # Errors
    /// One is named.
    pub fn refuse_scripts(&self) -> Result<(), String> {
        match ["record_preprocessor_script", "post_analytics_processor_script"]
            .iter()
            .find(|name| self.text(name).is_some())
        {
            None => Ok(()),
            Some(name) => Err(format!(
                "{name} is not supported by the embedded cloud's analyser. Leave it out, or map the image to a container of \
                 yours in the image map."
            )),
        }
    }
}
