//! What expressions are made of: numbers, time series, and arrays of both.

/// Values by time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// What an answer calls it.
    pub label: String,
    /// Seconds.
    pub period: i64,
    /// Seconds since 1970 and values, by time.
    pub points: Vec<(i64, f64)>,
}

impl Series {
    /// The same times with other values; what is no number is left out.
    pub fn map(self, of: impl Fn(i64, f64) -> f64) -> Self {
        let points = self.points.into_iter().map(|(at, value)| (at, of(at, value)));
        Self { points: points.filter(|(_, value)| value.is_finite()).collect(), ..self }
    }

    pub fn values(&self) -> impl Iterator<Item = f64> {
        self.points.iter().map(|(_, value)| *value)
    }

    /// The value at a time.
    pub fn at(&self, time: i64) -> Option<f64> {
        let found = self.points.binary_search_by_key(&time, |(at, _)| *at).ok()?;
        self.points.get(found).map(|(_, value)| *value)
    }
}

/// A value of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    Number(f64),
    Series(Series),
    Array(Vec<Data>),
    /// An argument of a function.
    Text(String),
}

impl Data {
    /// The type, as CloudWatch's documentation calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Number(_) => "a scalar",
            Self::Series(_) => "a time series",
            Self::Array(_) => "an array of time series",
            Self::Text(_) => "a text",
        }
    }

    /// The type without its article: `SUM takes no array of time series`.
    pub fn noun(&self) -> &'static str {
        self.kind().trim_start_matches("an ").trim_start_matches("a ")
    }

    /// All time series in it.
    pub fn series(self) -> Vec<Series> {
        match self {
            Self::Series(series) => vec![series],
            Self::Array(items) => items.into_iter().flat_map(Self::series).collect(),
            Self::Number(_) | Self::Text(_) => Vec::new(),
        }
    }

    /// How many points it has.
    pub fn size(&self) -> usize {
        match self {
            Self::Series(series) => series.points.len(),
            Self::Array(items) => items.iter().map(Self::size).sum::<usize>() + items.len(),
            Self::Number(_) | Self::Text(_) => 1,
        }
    }
}
