//! Amounts for people.

use std::time::Duration;

use jiff::Timestamp;

/// Bytes with a unit: `512 B`, `1.5 KiB`, `20 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    // Tenths of the unit, in whole numbers.
    let mut tenths = u128::from(count) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let unit = UNITS.get(unit).unwrap_or(&"PiB");
    if tenths < 100 { format!("{}.{} {unit}", tenths / 10, tenths % 10) } else { format!("{} {unit}", tenths / 10) }
}

/// Milliseconds, by about three digits: `0.85ms`, `12.3ms`, `1234ms`.
pub(crate) fn milliseconds(count: f64) -> String {
    let digits = if count < 10.0 { 2 } else { usize::from(count < 100.0) };
    format!("{count:.digits$}ms")
}

/// A length of time in its two largest units: `12s`, `3m 5s`, `2h 0m`, `4d 7h`.
pub(crate) fn time(length: Duration) -> String {
    let seconds = length.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86_400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// How long something is past: `12s`, `5m`, `3h`, `4d`: the largest unit of which there are at least two.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_unit_that_fits() {
        let shown = [0, 1023, 1024, 1536, 10 * 1024, 1 << 20, (1 << 30) * 5 / 2, u64::MAX].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "10 KiB", "1.0 MiB", "2.5 GiB", "16383 PiB"]);
        let shown = [0, 59, 60, 3605, 86_400 * 4 + 3600 * 7].map(|s| time(Duration::from_secs(s)));
        assert_eq!(shown, ["0s", "59s", "1m 0s", "1h 0m", "4d 7h"]);
        assert_eq!([0.0, 0.854, 12.34, 1234.5].map(milliseconds), ["0.00ms", "0.85ms", "12.3ms", "1234ms"]);
    }

    #[test]
    fn ages_are_short() {
        let now: Timestamp = "2026-01-10T12:00:00Z".parse().unwrap();
        let told = |since: &str| age(since.parse().unwrap(), now);
        assert_eq!(told("2026-01-10T11:59:59.5Z"), "0s");
        assert_eq!(told("2026-01-10T11:58:30Z"), "90s");
        assert_eq!(told("2026-01-10T11:00:00Z"), "60m");
        assert_eq!(told("2026-01-09T12:00:00Z"), "24h");
        assert_eq!(told("2025-12-31T12:00:00Z"), "10d");
        assert_eq!(told("2026-01-11T12:00:00Z"), "0s", "a clock that runs behind");
    }
}
