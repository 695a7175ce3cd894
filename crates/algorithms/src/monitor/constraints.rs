//! `constraints.json` of data quality: what is suggested of a baseline, and what is read of one.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-constraints.html>

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::column::{Column, Kind};
use super::statistics::{Table, is_category};

/// A text column is suggested a domain where at most this share of its values is distinct.
const DISTINCT_SHARE: f64 = 0.1;

/// The document that is suggested for a data set.
pub(super) fn suggest(table: &Table, categorical_method: Option<&str>) -> Value {
    let features: Vec<_> =
        table.columns.iter().map(|(name, column)| feature(name, column, table.completeness(column))).collect();
    json!({
        "version": 0.0,
        "features": features,
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": 1.0,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": 0.1,
                "comparison_method": "Robust",
                "categorical_comparison_threshold": 0.1,
                "categorical_drift_method": categorical_method.unwrap_or("LInfinity"),
            },
        },
    })
}

#[allow(clippy::cast_precision_loss)] // counts are far below 2^52
fn feature(name: &str, column: &Column, completeness: f64) -> Value {
    let kind = column.kind();
    let mut out = Map::new();
    out.insert("name".to_owned(), json!(name));
    out.insert("inferred_type".to_owned(), json!(kind.name()));
    out.insert("completeness".to_owned(), json!(completeness));
    if kind.numeric() {
        out.insert("num_constraints".to_owned(), json!({ "is_non_negative": column.min >= 0.0 }));
    }
    if is_category(column) && column.distinct() <= DISTINCT_SHARE * column.present as f64 {
        let mut domains: Vec<_> = column.values.keys().collect();
        domains.sort();
        out.insert("string_constraints".to_owned(), json!({ "domains": domains }));
    }
    Value::Object(out)
}

/// A document as it is evaluated.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Constraints {
    #[serde(default)]
    pub features: Vec<Feature>,
    #[serde(default)]
    pub monitoring_config: Config,
}

#[derive(Debug, Deserialize)]
pub(super) struct Feature {
    pub name: String,
    pub inferred_type: Option<String>,
    pub completeness: Option<f64>,
    #[serde(default)]
    pub string_constraints: StringConstraints,
    #[serde(default)]
    pub monitoring_config_overrides: Config,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct StringConstraints {
    #[serde(default)]
    pub domains: Vec<String>,
}

#[derive(Debug, Default, Clone, Deserialize)]
pub(super) struct Config {
    evaluate_constraints: Option<String>,
    emit_metrics: Option<String>,
    datatype_check_threshold: Option<f64>,
    domain_content_threshold: Option<f64>,
    #[serde(default)]
    distribution_constraints: Distribution,
}

#[derive(Debug, Default, Clone, Deserialize)]
struct Distribution {
    perform_comparison: Option<String>,
    comparison_threshold: Option<f64>,
    comparison_method: Option<String>,
    categorical_comparison_threshold: Option<f64>,
    categorical_drift_method: Option<String>,
}

/// What holds for one column.
#[derive(Debug, PartialEq)]
pub(super) struct Rules {
    pub evaluate: bool,
    pub emit: bool,
    pub types: f64,
    pub domain: f64,
    pub compare: bool,
    pub drift: f64,
    pub categorical_drift: f64,
    /// Corrected for the number of values, instead of as it is.
    pub robust: bool,
}

impl Constraints {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it, or not done here.
    pub fn read(text: &str) -> Result<Self, String> {
        let read: Self =
            serde_json::from_str(text).map_err(|error| format!("constraints.json is not valid: {error}"))?;
        let all = read.features.iter().map(|feature| &feature.monitoring_config_overrides);
        for config in all.chain([&read.monitoring_config]) {
            if let Some(method) = config.distribution_constraints.categorical_drift_method.as_deref()
                && method != "LInfinity"
            {
                return Err(format!(
                    "categorical_drift_method {method} in constraints.json is not supported by the embedded cloud's \
                     analyser. Use LInfinity."
                ));
            }
        }
        Ok(read)
    }

    /// The rules of a column; of none in particular without a feature.
    pub fn rules(&self, feature: Option<&Feature>) -> Rules {
        let general = &self.monitoring_config;
        let none = Config::default();
        let own = feature.map_or(&none, |feature| &feature.monitoring_config_overrides);
        let switch = |of: fn(&Config) -> &Option<String>| {
            of(own).as_ref().or(of(general).as_ref()).is_none_or(|text| text != "Disabled")
        };
        let number = |of: fn(&Config) -> Option<f64>, or: f64| of(own).or(of(general)).unwrap_or(or);
        let drift = number(|config| config.distribution_constraints.comparison_threshold, 0.1);
        let method = |config: &Config| config.distribution_constraints.comparison_method.clone();
        Rules {
            evaluate: switch(|config| &config.evaluate_constraints),
            emit: switch(|config| &config.emit_metrics),
            types: number(|config| config.datatype_check_threshold, 1.0),
            domain: number(|config| config.domain_content_threshold, 1.0),
            compare: switch(|config| &config.distribution_constraints.perform_comparison),
            drift,
            categorical_drift: number(|config| config.distribution_constraints.categorical_comparison_threshold, drift),
            robust: method(own).or_else(|| method(general)).is_none_or(|method| method != "Simple"),
        }
    }
}

impl Feature {
    /// The type that its cells have to be of.
    pub fn kind(&self) -> Option<Kind> {
        self.inferred_type.as_deref().and_then(Kind::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_columns_own_rules_come_first() {
        let text = r#"{
            "features": [
                {"name": "a", "inferred_type": "Integral", "completeness": 1.0},
                {"name": "b", "monitoring_config_overrides": {
                    "evaluate_constraints": "Disabled", "distribution_constraints": {"comparison_threshold": 0.5}}}
            ],
            "monitoring_config": {
                "emit_metrics": "Disabled", "datatype_check_threshold": 0.9,
                "distribution_constraints": {"comparison_threshold": 0.2, "comparison_method": "Simple"}}
        }"#;
        let read = Constraints::read(text).unwrap();
        let [a, b] = [0, 1].map(|at| read.rules(read.features.get(at)));
        let general = Rules {
            evaluate: true,
            emit: false,
            types: 0.9,
            domain: 1.0,
            compare: true,
            drift: 0.2,
            categorical_drift: 0.2,
            robust: false,
        };
        assert_eq!(a, general);
        assert_eq!(b, Rules { evaluate: false, drift: 0.5, categorical_drift: 0.5, ..general });
        assert_eq!(read.features[0].kind(), Some(Kind::Integral));
        let chi = r#"{"monitoring_config": {"distribution_constraints": {"categorical_drift_method": "ChiSquared"}}}"#;
        assert!(Constraints::read(chi).unwrap_err().contains("ChiSquared"));
    }
}
