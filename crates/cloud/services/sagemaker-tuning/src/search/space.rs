//! The ranges that a search moves in, and the way between values and the unit cube.

/// How the values of a range are spread over the unit interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By their logarithm; all are above 0.
    Log,
    /// By the logarithm of their distance to 1; all are from 0 to 1, without 1.
    ReverseLog,
}

impl Scale {
    fn forth(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.ln(),
            Self::ReverseLog => -(1.0 - value).ln(),
        }
    }

    fn back(self, scaled: f64) -> f64 {
        match self {
            Self::Linear => scaled,
            Self::Log => scaled.exp(),
            Self::ReverseLog => 1.0 - (-scaled).exp(),
        }
    }

    fn unit(self, value: f64, low: f64, high: f64) -> f64 {
        let (from, to) = (self.forth(low), self.forth(high));
        if to > from { (self.forth(value) - from) / (to - from) } else { 0.5 }
    }

    fn value(self, unit: f64, low: f64, high: f64) -> f64 {
        let (from, to) = (self.forth(low), self.forth(high));
        self.back(from + unit * (to - from)).clamp(low, high)
    }
}

/// The values that a hyperparameter may have.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// Real numbers from the first to the second.
    Continuous(f64, f64, Scale),
    /// Integers from the first to the second.
    Integer(i64, i64, Scale),
    /// One of these texts.
    Categorical(Vec<String>),
}

/// One hyperparameter that is tuned.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Its values.
    pub domain: Domain,
}

/// A value for each parameter, in their order, as the text that a training job is given.
pub type Values = Vec<String>;

/// All hyperparameters that are tuned.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Space(pub Vec<Parameter>);

/// Half the width of an integer on a linear scale.
const HALF: f64 = 0.5;

#[allow(clippy::cast_precision_loss)] // ranges are checked to be exact in f64
fn real(integer: i64) -> f64 {
    integer as f64
}

impl Domain {
    /// The value at a place of the unit interval.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped first
    pub fn at(&self, unit: f64) -> String {
        match self {
            Self::Continuous(low, high, scale) => scale.value(unit, *low, *high).to_string(),
            Self::Integer(low, high, scale) => {
                let value = scale.value(unit, real(*low) - HALF, real(*high) + HALF).round();
                (value as i64).clamp(*low, *high).to_string()
            }
            Self::Categorical(values) => {
                let place = (unit * values.len() as f64) as usize;
                values.get(place.min(values.len().saturating_sub(1))).cloned().unwrap_or_default()
            }
        }
    }

    /// Where a value is: a number's place in the unit interval, a text's number. `None` for what is no such value. A
    /// number outside the range, as an earlier tuning job may have tried it, is outside the interval.
    #[must_use]
    pub fn place(&self, value: &str) -> Option<f64> {
        let found = match self {
            Self::Continuous(low, high, scale) => scale.unit(value.parse().ok()?, *low, *high),
            Self::Integer(low, high, scale) => {
                let value = real(value.parse().ok()?);
                scale.unit(value, real(*low) - HALF, real(*high) + HALF)
            }
            #[allow(clippy::cast_precision_loss)] // at most 30
            Self::Categorical(values) => values.iter().position(|known| known == value)? as f64,
        };
        found.is_finite().then_some(found)
    }

    /// How many values there are; `None` where they cannot be counted.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Continuous(low, high, _) => (low >= high).then_some(1),
            Self::Integer(low, high, _) => high.checked_sub(*low)?.try_into().ok().map(|span: u64| span + 1),
            Self::Categorical(values) => u64::try_from(values.len()).ok(),
        }
    }

    /// The value with a number below [`Domain::count`].
    fn nth(&self, n: u64) -> String {
        match self {
            Self::Continuous(low, ..) => low.to_string(),
            Self::Integer(low, ..) => low.saturating_add(i64::try_from(n).unwrap_or(0)).to_string(),
            Self::Categorical(values) => {
                usize::try_from(n).ok().and_then(|n| values.get(n)).cloned().unwrap_or_default()
            }
        }
    }
}

impl Space {
    /// The values at a point of the unit cube.
    #[must_use]
    pub fn at(&self, point: &[f64]) -> Values {
        self.0.iter().zip(point).map(|(parameter, unit)| parameter.domain.at(*unit)).collect()
    }

    /// Where values are, as a model of the objective sees them.
    #[must_use]
    pub fn places(&self, values: &[String]) -> Option<Vec<f64>> {
        if values.len() != self.0.len() {
            return None;
        }
        self.0.iter().zip(values).map(|(parameter, value)| parameter.domain.place(value)).collect()
    }

    /// How many combinations there are; `None` where they cannot be counted.
    #[must_use]
    pub fn count(&self) -> Option<u64> {
        self.0.iter().try_fold(1_u64, |all, parameter| all.checked_mul(parameter.domain.count()?))
    }

    /// The combination with a number below [`Space::count`]; the last parameter changes fastest.
    #[must_use]
    pub fn nth(&self, mut n: u64) -> Values {
        let mut values: Values = Vec::with_capacity(self.0.len());
        for parameter in self.0.iter().rev() {
            let count = parameter.domain.count().unwrap_or(1).max(1);
            values.push(parameter.domain.nth(n % count));
            n /= count;
        }
        values.reverse();
        values
    }
}
