//! What is known of a column, cell by cell, in bounded memory.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::sketch::Sketch;

/// Distinct values that are counted each; there are more of no category.
const COUNTED: usize = 10_000;
/// Hashes by which the number of distinct values beyond that is estimated.
const HASHES: usize = 1_024;

/// A column's type, as `inferred_type` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integral,
    Fractional,
    String,
    Unknown,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Integral => "Integral",
            Self::Fractional => "Fractional",
            Self::String => "String",
            Self::Unknown => "Unknown",
        }
    }

    /// The type of a name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Integral, Self::Fractional, Self::String, Self::Unknown].into_iter().find(|kind| kind.name() == name)
    }

    pub fn numeric(self) -> bool {
        matches!(self, Self::Integral | Self::Fractional)
    }
}

/// One column.
#[derive(Debug, Clone, Default)]
pub(super) struct Column {
    pub present: u64,
    integral: u64,
    fractional: u64,
    pub sum: f64,
    mean: f64,
    /// Sum of the squared differences from the mean.
    spread: f64,
    pub min: f64,
    pub max: f64,
    pub sketch: Sketch,
    /// Values with how often they were seen; no longer all once `more` is there.
    pub values: HashMap<String, u64>,
    more: Option<BTreeSet<u64>>,
}

/// The number that a cell is, and whether it is a whole one.
fn number(cell: &str) -> Option<(f64, bool)> {
    let digits = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    // `inf`, `nan` and hexadecimal numbers are texts.
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let value: f64 = fast_float2::parse(cell).ok().filter(|value: &f64| value.is_finite())?;
    Some((value, digits.bytes().all(|byte| byte.is_ascii_digit())))
}

impl Column {
    /// Takes a cell that is not missing.
    pub fn push(&mut self, cell: &str) {
        self.present += 1;
        if let Some((value, whole)) = number(cell) {
            if whole {
                self.integral += 1;
            } else {
                self.fractional += 1;
            }
            self.measure(value);
        }
        self.count(cell);
    }

    #[allow(clippy::cast_precision_loss)] // counts are far below 2^52
    fn measure(&mut self, value: f64) {
        let count = self.integral + self.fractional;
        (self.min, self.max) = if count == 1 { (value, value) } else { (self.min.min(value), self.max.max(value)) };
        self.sum += value;
        // Welford: no large numbers are subtracted from each other.
        let before = value - self.mean;
        self.mean += before / count as f64;
        self.spread += before * (value - self.mean);
        self.sketch.push(value);
    }

    fn count(&mut self, cell: &str) {
        if let Some(times) = self.values.get_mut(cell) {
            *times += 1;
            return;
        }
        if self.more.is_none() && self.values.len() < COUNTED {
            self.values.insert(cell.to_owned(), 1);
            return;
        }
        let hash = |cell: &str| {
            let mut hasher = DefaultHasher::new();
            cell.hash(&mut hasher);
            hasher.finish()
        };
        let values = &self.values;
        let hashes = self.more.get_or_insert_with(|| values.keys().map(|value| hash(value)).collect());
        hashes.insert(hash(cell));
        while hashes.len() > HASHES {
            hashes.pop_last();
        }
    }

    /// Its type: a column with one cell that is no number is one of texts.
    pub fn kind(&self) -> Kind {
        match self.present {
            0 => Kind::Unknown,
            all if all > self.integral + self.fractional => Kind::String,
            _ if self.fractional > 0 => Kind::Fractional,
            _ => Kind::Integral,
        }
    }

    /// The share of its cells that are of a type. A whole number is a fractional one too, and everything is text.
    #[allow(clippy::cast_precision_loss)]
    pub fn share(&self, kind: Kind) -> f64 {
        let fits = match kind {
            Kind::Integral => self.integral,
            Kind::Fractional => self.integral + self.fractional,
            Kind::String | Kind::Unknown => self.present,
        };
        if self.present == 0 { 1.0 } else { fits as f64 / self.present as f64 }
    }

    /// Numbers among its cells.
    pub fn numbers(&self) -> u64 {
        self.integral + self.fractional
    }

    /// Mean of its numbers.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Standard deviation of its numbers, as of a whole population.
    #[allow(clippy::cast_precision_loss)]
    pub fn deviation(&self) -> f64 {
        if self.numbers() == 0 { 0.0 } else { (self.spread / self.numbers() as f64).sqrt() }
    }

    /// Whether each of its values is counted.
    pub fn counted(&self) -> bool {
        self.more.is_none()
    }

    /// Distinct values; an estimate where there are more than are counted each.
    #[allow(clippy::cast_precision_loss)]
    pub fn distinct(&self) -> f64 {
        match self.more.as_ref().and_then(|hashes| Some((hashes.len(), *hashes.last()?))) {
            // The k smallest of n hashes spread over this part of their range.
            Some((count, largest)) if count == HASHES => {
                ((count - 1) as f64 / (largest as f64 / u64::MAX as f64)).round()
            }
            _ => self.values.len() as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str]) -> Column {
        let mut column = Column::default();
        cells.iter().for_each(|cell| column.push(cell));
        column
    }

    #[test]
    fn types_are_those_of_all_cells() {
        for (cells, kind) in [
            (&["1", "-2", "+3"][..], Kind::Integral),
            (&["1", "2.5"], Kind::Fractional),
            (&["1e-5", ".5"], Kind::Fractional),
            (&["1", "x"], Kind::String),
            (&["true"], Kind::String),
            (&["nan", "inf", "1"], Kind::String),
            (&[], Kind::Unknown),
        ] {
            assert_eq!(of(cells).kind(), kind, "{cells:?}");
            assert_eq!(Kind::of(kind.name()), Some(kind));
        }
        let mixed = of(&["1", "2", "2.5", "x"]);
        assert_eq!(
            (mixed.share(Kind::Integral), mixed.share(Kind::Fractional), mixed.share(Kind::String)),
            (0.5, 0.75, 1.0)
        );
    }

    #[test]
    fn numbers_are_measured() {
        let column = of(&["2", "4", "4", "4", "5", "5", "7", "9"]);
        assert_eq!((column.mean(), column.deviation(), column.sum), (5.0, 2.0, 40.0));
        assert_eq!((column.min, column.max, column.distinct()), (2.0, 9.0, 5.0));
    }

    #[test]
    fn many_distinct_values_are_estimated() {
        let mut column = Column::default();
        (0..50_000).for_each(|n| column.push(&format!("v{n}")));
        assert!(!column.counted());
        assert!((column.distinct() / 50_000.0 - 1.0).abs() < 0.1, "{}", column.distinct());
        assert!(column.values.len() <= COUNTED);
    }
}
