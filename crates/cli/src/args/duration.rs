//! Lengths of time on the command line.

/// `90s`, `30m`, `2h`, `1d`, or plain seconds.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err(format!("'{text}' is not a duration: expected for example 90s, 30m, 2h or 1d")),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .map(std::time::Duration::from_secs)
        .ok_or_else(|| format!("'{text}' is not a duration: expected for example 90s, 30m, 2h or 1d"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_have_units() {
        let seconds = |t| super::duration(t).map(|d| d.as_secs());
        assert_eq!((seconds("90s"), seconds("2h"), seconds("5")), (Ok(90), Ok(7200), Ok(5)));
        for wrong in ["", "m", "5x", "-1s", "99999999999999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
