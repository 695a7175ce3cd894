//! Metrics in a job's log lines.

use std::sync::OnceLock;

use fancy_regex::Regex;

/// A metric definition. The service takes look-around in patterns, so that they are not Rust's own.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    name: Option<String>,
    regex: Regex,
}

impl Definition {
    /// A metric of the request.
    ///
    /// # Errors
    /// The pattern is not valid: a `FailureReason`.
    pub fn new(name: &str, pattern: &str) -> Result<Self, String> {
        let regex = Regex::new(pattern).map_err(|e| {
            format!("ClientError: MetricDefinitions: the regex '{pattern}' of metric '{name}' is not valid: {e}")
        })?;
        Ok(Self { name: Some(name.to_owned()), regex })
    }

    /// The metrics of the built-in XGBoost: `[3]#011train-merror:0.1#011validation-merror:0.2` holds `train:merror`
    /// and `validation:merror`.
    pub fn xgboost() -> Option<Self> {
        static PATTERN: OnceLock<Option<Regex>> = OnceLock::new();
        let pattern = || Regex::new(r"#011(?<set>train|validation)-(?<metric>[A-Za-z0-9@._-]+):(?<value>[^#\s]+)").ok();
        PATTERN.get_or_init(pattern).clone().map(|regex| Self { name: None, regex })
    }

    /// Finds this metric in a line. As SageMaker reads only what stands in a round's line for XGBoost, so do we.
    fn scan(&self, line: &str, found: &mut dyn FnMut(&str, f64)) {
        match &self.name {
            Some(name) => {
                let capture = self.regex.captures(line).ok().flatten();
                if let Some(value) = capture.and_then(|c| c.get(1)).and_then(|m| number(m.as_str())) {
                    found(name, value);
                }
            }
            None if line.contains('[') => {
                for capture in self.regex.captures_iter(line).flatten() {
                    let text = |name| capture.name(name).map_or("", |m| m.as_str());
                    if let Some(value) = number(text("value")) {
                        found(&format!("{}:{}", text("set"), text("metric")), value);
                    }
                }
            }
            None => {}
        }
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|v: &f64| v.is_finite())
}

/// Gives every metric of a line to `found`.
pub(super) fn scan(definitions: &[Definition], line: &str, mut found: impl FnMut(&str, f64)) {
    for definition in definitions {
        definition.scan(line, &mut found);
    }
}

/// Control characters as the log agent writes them: a tab is `#011`. Patterns of the built-in algorithms, and those
/// that users copied from them, rely on it.
pub(super) fn escape(line: &str) -> std::borrow::Cow<'_, str> {
    if !line.bytes().any(|b| b.is_ascii_control()) {
        return line.into();
    }
    let mut out = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if c.is_ascii_control() {
            out.push_str(&format!("#{:03o}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(definitions: &[Definition], line: &str) -> Vec<(String, f64)> {
        let mut out = Vec::new();
        scan(definitions, &escape(line), |name, value| out.push((name.to_owned(), value)));
        out
    }

    #[test]
    fn xgboost_rounds_give_both_sets() {
        let definitions = [Definition::xgboost().unwrap()];
        let line = "[17]\ttrain-merror:0.02\tvalidation-merror:0.125";
        assert_eq!(all(&definitions, line), [("train:merror".into(), 0.02), ("validation:merror".into(), 0.125)]);
        assert_eq!(all(&definitions, "[1]#011validation-auc:nan"), []);
        assert_eq!(all(&definitions, "plain text"), []);
    }

    #[test]
    fn a_definition_takes_its_first_group_and_may_look_around() {
        let definitions = [
            Definition::new("loss", r"(?<!val_)loss=(\S+)").unwrap(),
            Definition::new("acc", ".*#011acc:([0-9.]+)").unwrap(),
        ];
        assert_eq!(all(&definitions, "val_loss=3 loss=1e-3"), [("loss".into(), 0.001)]);
        assert_eq!(all(&definitions, "x\tacc:0.5"), [("acc".into(), 0.5)]);
        assert_eq!(all(&definitions, "loss=high"), []);
        assert!(Definition::new("bad", "(").unwrap_err().contains("'bad'"));
    }
}
