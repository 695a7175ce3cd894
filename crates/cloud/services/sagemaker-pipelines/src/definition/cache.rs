//! How long an earlier step counts: durations in the notations that definitions have, `P30D`, `PT1H`, `30d`, `T16m`, `30dT5h`.

const DAY: i64 = 24 * 3600;
/// Units of dates and of times, in seconds. Years and months are of equal length.
const DATE: &[(char, i64)] = &[('Y', 365 * DAY), ('M', 30 * DAY), ('W', 7 * DAY), ('D', DAY)];
const TIME: &[(char, i64)] = &[('H', 3600), ('M', 60), ('S', 1)];

/// Milliseconds of a duration; `None` where it is none.
#[must_use]
pub fn duration(text: &str) -> Option<i64> {
    let upper = text.to_ascii_uppercase();
    let text = upper.strip_prefix('P').unwrap_or(&upper);
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    if (date.is_empty() && time.is_none()) || time.is_some_and(str::is_empty) {
        return None;
    }
    let seconds = part(date, DATE)?.checked_add(part(time.unwrap_or_default(), TIME)?)?;
    seconds.checked_mul(1000)
}

/// Numbers with units, each unit once and the largest first.
fn part(mut text: &str, mut units: &[(char, i64)]) -> Option<i64> {
    let mut total: i64 = 0;
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = text.get(..end)?.parse().ok()?;
        let mut rest = text.get(end..)?.chars();
        let unit = rest.next()?;
        let at = units.iter().position(|(name, _)| *name == unit)?;
        let (_, length) = units.get(at)?;
        total = total.checked_add(number.checked_mul(*length)?)?;
        units = units.get(at + 1..)?;
        text = rest.as_str();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_read_in_each_notation() {
        for (text, seconds) in [
            ("PT1H", Some(3600)),
            ("T16m", Some(960)),
            ("30d", Some(30 * 86400)),
            ("p30d", Some(30 * 86400)),
            ("30dT5h", Some(30 * 86400 + 5 * 3600)),
            ("P1Y2M3W4DT5H6M7S", Some((365 + 60 + 21 + 4) * 86400 + 5 * 3600 + 6 * 60 + 7)),
            ("PT0S", Some(0)),
            ("5y", Some(5 * 365 * 86400)),
            ("", None),
            ("P", None),
            ("PT", None),
            ("1", None),
            ("d", None),
            ("1h", None),
            ("T1d", None),
            ("1d1d", None),
            ("-1d", None),
            ("1.5d", None),
            ("99999999999999999999d", None),
            ("9223372036854775807d", None),
            ("1é", None),
        ] {
            assert_eq!(duration(text), seconds.map(|s: i64| s * 1000), "{text}");
        }
    }
}
