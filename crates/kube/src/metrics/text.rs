//! Prometheus' text format (exposition formats, version 0.0.4).

use std::fmt::{Display, Write as _};

/// The content type of the format.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A text that is written.
#[derive(Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins the samples of one metric.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels = set(labels);
        self.line(format_args!("{name}{labels} {value}"));
    }

    pub(super) fn histogram(
        &mut self,
        name: &str,
        label: Option<(&str, &str)>,
        bounds: &[f64],
        within: &[u64],
        count: u64,
        sum: f64,
    ) {
        let bucket = format!("{name}_bucket");
        let bounds = bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, within) in bounds.zip(within.iter().chain([&count])) {
            let labels: Vec<(&str, &str)> = label.into_iter().chain([("le", bound.as_str())]).collect();
            self.sample(&bucket, &labels, within);
        }
        let label: Vec<(&str, &str)> = label.into_iter().collect();
        self.sample(&format!("{name}_sum"), &label, sum);
        self.sample(&format!("{name}_count"), &label, count);
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

fn set(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let all: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", all.join(","))
}
