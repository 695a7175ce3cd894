//! How well an endpoint read the digits.

use std::fmt::Write as _;

/// Counts of true and predicted classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Score {
    /// `counts[true][predicted]`
    pub(crate) counts: [[u32; 10]; 10],
}

impl Score {
    /// Counts pairs of true and predicted digits. Pairs outside 0–9 are refused.
    pub(crate) fn new(pairs: impl IntoIterator<Item = (u8, u8)>) -> Option<Self> {
        let mut counts = [[0; 10]; 10];
        for (truth, predicted) in pairs {
            *counts.get_mut(usize::from(truth))?.get_mut(usize::from(predicted))? += 1;
        }
        Some(Self { counts })
    }

    /// All digits.
    pub(crate) fn total(&self) -> u32 {
        self.counts.iter().flatten().sum()
    }

    /// Digits read right.
    pub(crate) fn right(&self) -> u32 {
        self.counts.iter().enumerate().filter_map(|(i, row)| row.get(i)).sum()
    }

    /// Share of digits read right, 0 to 1; 0 where there are none.
    pub(crate) fn accuracy(&self) -> f64 {
        if self.total() == 0 { 0.0 } else { f64::from(self.right()) / f64::from(self.total()) }
    }

    /// The matrix, a row for each true digit; errors only where there are any.
    pub(crate) fn matrix(&self) -> String {
        let mut out = String::from("            read as\n  digit ");
        for predicted in 0..10 {
            let _ = write!(out, "{predicted:>5}");
        }
        out.push_str("   right\n");
        for (truth, row) in self.counts.iter().enumerate() {
            let _ = write!(out, "  {truth:>5} ");
            for count in row {
                let _ = if *count == 0 { write!(out, "    ·") } else { write!(out, "{count:>5}") };
            }
            let total: u32 = row.iter().sum();
            let right = row.get(truth).copied().unwrap_or(0);
            if total > 0 {
                let _ = write!(out, "  {:>5.1}%", 100.0 * f64::from(right) / f64::from(total));
            }
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_and_wrong_are_counted() {
        let score = Score::new([(0, 0), (1, 1), (1, 7), (9, 4)]).unwrap();
        assert_eq!((score.total(), score.right()), (4, 2));
        assert!((score.accuracy() - 0.5).abs() < 1e-9);
        assert_eq!(Score::new([(1, 10)]), None);
        insta::assert_snapshot!(score.matrix());
    }
}
