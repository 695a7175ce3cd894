//! What tells the streams of one resource apart.

use super::Source;

/// Digits of the time at the end of a stream's name.
const TIME: usize = 10;

/// Streams, each with what is put before its lines: nothing where there is one stream of one job.
pub(super) fn labels<'s>(source: &Source, streams: &'s [String]) -> Vec<(&'s str, Option<String>)> {
    let parts: Vec<Vec<&str>> = streams.iter().map(|stream| stream.split('/').collect()).collect();
    let first = parts.first();
    let is_same = |at: usize| parts.iter().all(|of| of.get(at) == first.and_then(|first| first.get(at)));
    let differ = |at: &usize| match at {
        // Jobs begin one after the other: one alone has its name before its lines, too.
        0 if source.is_of_jobs() => true,
        at => streams.len() > 1 && !is_same(*at),
    };
    let told = |of: &Vec<&str>| {
        let hosts: Vec<&str> = (0..of.len()).filter(differ).filter_map(|at| of.get(at).copied()).collect();
        let mut label: Vec<&str> = source.whose.as_deref().into_iter().collect();
        // Where jobs differ their hosts do, by the time alone: a second host says so.
        let several = |host: &&str| !source.is_of_jobs() || hosts.first() == Some(host) || !is_first(host);
        label.extend(hosts.iter().filter(|host| several(host)).map(|host| without_time(host)));
        (!label.is_empty()).then(|| label.join("/"))
    };
    streams.iter().map(String::as_str).zip(parts.iter().map(told)).collect()
}

/// `algo-1` of `algo-1-1700000000`.
fn without_time(part: &str) -> &str {
    match part.rsplit_once('-') {
        Some((rest, time)) if time.len() >= TIME && time.bytes().all(|b| b.is_ascii_digit()) => rest,
        _ => part,
    }
}

fn is_first(host: &str) -> bool {
    without_time(host) == "algo-1"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(prefix: &str, whose: Option<&str>, streams: &[&str]) -> Vec<Option<String>> {
        let source = Source { group: "g".to_owned(), prefix: prefix.to_owned(), whose: whose.map(str::to_owned) };
        let streams: Vec<String> = streams.iter().map(|s| (*s).to_owned()).filter(|s| source.has(s)).collect();
        labels(&source, &streams).into_iter().map(|(_, label)| label).collect()
    }

    fn some(labels: &[&str]) -> Vec<Option<String>> {
        labels.iter().map(|label| Some((*label).to_owned())).collect()
    }

    #[test]
    fn lines_of_one_stream_are_left_as_they_are() {
        assert_eq!(told("job/", None, &["job/algo-1-1700000000"]), [None]);
        assert_eq!(told("", None, &["AllTraffic/i-0a"]), [None]);
    }

    #[test]
    fn streams_are_told_apart_by_what_differs() {
        assert_eq!(
            told("job/", None, &["job/algo-1-1700000000", "job/algo-2-1700000000"]),
            some(&["algo-1", "algo-2"])
        );
        assert_eq!(told("", None, &["AllTraffic/i-0a", "AllTraffic/i-0b"]), some(&["i-0a", "i-0b"]));
        assert_eq!(told("", None, &["Left/i-0a", "Right/i-0b"]), some(&["Left/i-0a", "Right/i-0b"]));
    }

    #[test]
    fn lines_of_a_tuning_job_have_their_training_jobs_name() {
        let one = "churn-001-0a1b2c3d/algo-1-1700000000";
        let two = "churn-002-00000000/algo-1-1700000009";
        assert_eq!(told("churn-", None, &[one]), some(&["churn-001-0a1b2c3d"]));
        assert_eq!(told("churn-", None, &[one, two]), some(&["churn-001-0a1b2c3d", "churn-002-00000000"]));
        let host = "churn-002-00000000/algo-2-1700000009";
        assert_eq!(told("churn-", None, &[two, host]), some(&["churn-002-00000000", "churn-002-00000000/algo-2"]));
        assert_eq!(told("churn-", None, &["churn-mf/algo-1-1700000000", "churn-b-001-0a1b2c3d/algo-1-1"]), []);
    }

    #[test]
    fn lines_of_a_pipeline_have_their_steps_name() {
        assert_eq!(told("job/", Some("Train"), &["job/algo-1-1700000000"]), some(&["Train"]));
        let two = ["job/algo-1-1700000000", "job/algo-2-1700000000"];
        assert_eq!(told("job/", Some("Train"), &two), some(&["Train/algo-1", "Train/algo-2"]));
    }
}
