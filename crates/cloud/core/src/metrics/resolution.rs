//! How fine metrics are kept, and for how long: as CloudWatch does.

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// How fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// Of data with a storage resolution of one second alone.
    Second,
    /// All data.
    Minute,
    /// All data.
    FiveMinutes,
    /// All data.
    Hour,
}

impl Resolution {
    /// All, the finest first.
    pub const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::FiveMinutes, Self::Hour];

    /// Length of a bucket in seconds.
    #[must_use]
    pub fn seconds(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::FiveMinutes => 300,
            Self::Hour => HOUR,
        }
    }

    /// How long buckets are kept, in seconds.
    #[must_use]
    pub fn kept(self) -> i64 {
        match self {
            Self::Second => 3 * HOUR,
            Self::Minute => 15 * DAY,
            Self::FiveMinutes => 63 * DAY,
            Self::Hour => 455 * DAY,
        }
    }

    /// The coarsest whose buckets make up periods of so many seconds from a second on. Periods below a minute are made of
    /// seconds.
    #[must_use]
    pub fn of(start: i64, period: i64) -> Self {
        let fits = |r: &Self| period % r.seconds() == 0 && start.rem_euclid(r.seconds()) == 0;
        Self::ALL.into_iter().rev().find(fits).unwrap_or(Self::Second)
    }

    /// Start of the bucket that a time in milliseconds since 1970 is in.
    #[must_use]
    pub fn bucket(self, at: i64) -> i64 {
        let second = at.div_euclid(1000);
        second - second.rem_euclid(self.seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coarsest_that_makes_up_the_periods_is_read() {
        for (start, period, expected) in [
            (0, 1, Resolution::Second),
            (0, 30, Resolution::Second),
            (0, 60, Resolution::Minute),
            (60, 300, Resolution::Minute),
            (600, 300, Resolution::FiveMinutes),
            (7200, 3600, Resolution::Hour),
            (7500, 3600, Resolution::FiveMinutes),
            (86_400, 86_400, Resolution::Hour),
        ] {
            assert_eq!(Resolution::of(start, period), expected, "{start} {period}");
        }
    }
}
