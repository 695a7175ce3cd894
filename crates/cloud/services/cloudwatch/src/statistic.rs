//! What is asked of a metric's values: `Average`, `p99.9`, …

use sagewright_cloud_core::metrics::Stats;

/// A statistic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Statistic {
    SampleCount,
    Average,
    Sum,
    Minimum,
    Maximum,
    /// Between 0 and 100.
    Percentile(f64),
}

/// Those that have a name of their own.
const NAMED: [(&str, Statistic); 5] = [
    ("SampleCount", Statistic::SampleCount),
    ("Average", Statistic::Average),
    ("Sum", Statistic::Sum),
    ("Minimum", Statistic::Minimum),
    ("Maximum", Statistic::Maximum),
];

/// What CloudWatch has besides: trimmed and winsorized means, sums and counts, ranks.
const OTHER: [&str; 8] = ["tm", "wm", "tc", "ts", "pr", "iqm", "tM", "IQM"];

/// Why a text is no statistic here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoStatistic {
    /// CloudWatch has it, and the embedded cloud has not.
    NotHere,
    /// There is none.
    Unknown,
}

impl Statistic {
    pub fn parse(text: &str) -> Result<Self, NoStatistic> {
        if let Some((_, statistic)) = NAMED.iter().find(|(name, _)| *name == text) {
            return Ok(*statistic);
        }
        let lower = text.to_ascii_lowercase();
        let number = lower.strip_prefix('p').filter(|n| n.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
        match number.and_then(|n| n.parse::<f64>().ok()) {
            Some(percent) if percent <= 100.0 => Ok(Self::Percentile(percent)),
            _ if OTHER.iter().any(|other| lower.starts_with(&other.to_ascii_lowercase())) => Err(NoStatistic::NotHere),
            _ => Err(NoStatistic::Unknown),
        }
    }

    /// Whether the distribution of the values is needed.
    pub fn needs_spread(self) -> bool {
        matches!(self, Self::Percentile(_))
    }

    /// The statistic of values; `None` where it is not known.
    pub fn of(self, stats: &Stats) -> Option<f64> {
        match self {
            Self::SampleCount => Some(stats.count),
            Self::Average => Some(stats.average()),
            Self::Sum => Some(stats.sum),
            Self::Minimum => Some(stats.minimum),
            Self::Maximum => Some(stats.maximum),
            Self::Percentile(percent) => stats.percentile(percent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_and_others_told_apart() {
        assert_eq!(Statistic::parse("Average"), Ok(Statistic::Average));
        assert_eq!(Statistic::parse("p99.9"), Ok(Statistic::Percentile(99.9)));
        assert_eq!(Statistic::parse("p100"), Ok(Statistic::Percentile(100.0)));
        for text in ["tm90", "TM(2%:98%)", "PR(:300)", "IQM", "wm5"] {
            assert_eq!(Statistic::parse(text), Err(NoStatistic::NotHere), "{text}");
        }
        for text in ["", "p", "p101", "pinf", "p-1", "average", "Median"] {
            assert_eq!(Statistic::parse(text), Err(NoStatistic::Unknown), "{text}");
        }
    }
}
