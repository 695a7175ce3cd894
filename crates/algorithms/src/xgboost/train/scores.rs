//! The scores of one round, and the line that reports them.

use std::fmt::Write as _;

/// Scores by channel and metric, in the order of their first appearance.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Scores(Vec<(String, Vec<(String, f64)>)>);

impl Scores {
    /// Reads what XGBoost prints: `[0]<tab>train-rmse:1.5<tab>validation-rmse:1.7`.
    pub(super) fn parse(text: &str) -> Self {
        let mut scores = Self::default();
        for part in text.split('\t').skip(1) {
            let Some((name, value)) = part.rsplit_once(':') else {
                continue;
            };
            let Some((channel, metric)) = name.split_once('-') else {
                continue;
            };
            scores.set(channel, metric, value.trim().parse().unwrap_or(f64::NAN));
        }
        scores
    }

    /// Sets a score; a second score of the same name replaces the first, as in the image.
    pub(super) fn set(&mut self, channel: &str, metric: &str, value: f64) {
        let index = self.0.iter().position(|(known, _)| known == channel).unwrap_or_else(|| {
            self.0.push((channel.to_owned(), Vec::new()));
            self.0.len() - 1
        });
        let metrics = &mut self.0[index].1;
        match metrics.iter_mut().find(|(known, _)| known == metric) {
            Some(score) => score.1 = value,
            None => metrics.push((metric.to_owned(), value)),
        }
    }

    /// A score, when there is one.
    pub(super) fn get(&self, channel: &str, metric: &str) -> Option<f64> {
        let (_, metrics) = self.0.iter().find(|(known, _)| known == channel)?;
        metrics.iter().find(|(known, _)| known == metric).map(|(_, value)| *value)
    }

    /// The score that XGBoost gives for a metric of `eval_metric`. It prints some under another name: `error@0.5` as
    /// `error`.
    pub(super) fn of_metric(&self, channel: &str, metric: &str) -> Option<f64> {
        let plain = metric.split('@').next().unwrap_or(metric);
        self.get(channel, metric).or_else(|| self.get(channel, plain))
    }

    /// The last metric of a channel.
    pub(super) fn last_metric(&self, channel: &str) -> Option<&str> {
        let (_, metrics) = self.0.iter().find(|(known, _)| known == channel)?;
        metrics.last().map(|(name, _)| name.as_str())
    }

    /// The line as it stands in CloudWatch, where the log agent writes a tab as `#011`. SageMaker's
    /// own metric definitions for XGBoost match on that.
    pub(super) fn line(&self, round: u32) -> String {
        let mut line = format!("[{round}]");
        for (channel, metrics) in &self.0 {
            for (metric, value) in metrics {
                if value.is_nan() {
                    let _ = write!(line, "#011{channel}-{metric}:nan");
                } else {
                    let _ = write!(line, "#011{channel}-{metric}:{value:.5}");
                }
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::Scores;

    #[test]
    fn the_line_groups_by_channel_and_the_last_score_of_a_name_holds() {
        let mut scores = Scores::parse("[3]\ttrain-merror:0.1732\ttrain-error@0.7:1\tvalidation-merror:0.19");
        scores.set("train", "f1", 0.5);
        scores.set("validation", "merror", f64::NAN);
        assert_eq!(
            scores.line(3),
            "[3]#011train-merror:0.17320#011train-error@0.7:1.00000#011train-f1:0.50000#011validation-merror:nan"
        );
        assert_eq!(scores.get("train", "merror"), Some(0.1732));
        assert_eq!(scores.last_metric("train"), Some("f1"));
    }

    #[test]
    fn sagemakers_metric_definitions_find_the_scores() {
        let line = Scores::parse("[12]\ttrain-merror:0.1732\tvalidation-merror:1.9e-05").line(12);
        for (metric, value) in [("train-merror", "0.17320"), ("validation-merror", "0.00002")] {
            let definition = format!(r".*\[[0-9]+\].*#011{metric}:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*");
            let found = regex::Regex::new(&definition).expect("a pattern").captures(&line).expect("a match");
            assert_eq!(&found[1], value);
        }
    }
}
