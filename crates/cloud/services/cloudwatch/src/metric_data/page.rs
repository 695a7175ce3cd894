//! Pages of data points.

use serde_json::{Value, json};

use crate::math::Series;

/// Where a page ends: behind a time of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub result: usize,
    pub at: i64,
}

/// What is answered of a query, in the order of the answer.
pub(crate) struct Answer {
    pub id: String,
    pub series: Series,
}

/// The results of a page of `most` points, and where it ends if there are more.
pub(crate) fn page(
    all: &[Answer],
    newest_first: bool,
    after: Option<Place>,
    most: usize,
) -> (Vec<Value>, Option<Place>) {
    let mut left = most;
    let mut results = Vec::new();
    let mut end = None;
    for (result, Answer { id, series }) in all.iter().enumerate() {
        let begun = after.map_or(0, |place| place.result);
        if result < begun {
            continue;
        }
        let seen = after.filter(|place| place.result == result).map(|place| place.at);
        let rest = rest(&series.points, newest_first, seen);
        if left == 0 && !rest.is_empty() {
            break;
        }
        let whole = rest.len() <= left;
        let taken = left.min(rest.len());
        let points: Vec<(i64, f64)> = if newest_first {
            rest[rest.len() - taken..].iter().rev().copied().collect()
        } else {
            rest[..taken].to_vec()
        };
        left -= points.len();
        if let Some((at, _)) = points.last() {
            end = Some(Place { result, at: *at });
        }
        results.push(json!({
            "Id": id,
            "Label": series.label,
            "Timestamps": points.iter().map(|(at, _)| *at).collect::<Vec<_>>(),
            "Values": points.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
            "StatusCode": if whole { "Complete" } else { "PartialData" },
        }));
        if !whole {
            return (results, end);
        }
    }
    let told = after.map_or(0, |place| place.result) + results.len();
    (results, end.filter(|_| told < all.len()))
}

/// The points that were not told yet.
fn rest(points: &[(i64, f64)], newest_first: bool, seen: Option<i64>) -> &[(i64, f64)] {
    match seen {
        None => points,
        Some(seen) if newest_first => &points[..points.partition_point(|(at, _)| *at < seen)],
        Some(seen) => &points[points.partition_point(|(at, _)| *at <= seen)..],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_tell_every_point_once() {
        let answer = |id: &str, points: i64| Answer {
            id: id.to_owned(),
            series: Series { label: String::new(), period: 60, points: (0..points).map(|n| (n * 60, 1.0)).collect() },
        };
        let all = [answer("a", 5), answer("b", 0), answer("c", 4), answer("d", 3)];
        for newest_first in [true, false] {
            let (mut after, mut told, mut pages) = (None, Vec::new(), 0);
            loop {
                let (results, next) = page(&all, newest_first, after, 3);
                for result in &results {
                    let times = result["Timestamps"].as_array().unwrap().iter();
                    told.extend(times.map(|at| (result["Id"].as_str().unwrap().to_owned(), at.as_i64().unwrap())));
                }
                pages += 1;
                after = next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!((told.len(), pages), (12, 4), "{newest_first}");
            told.sort();
            told.dedup();
            assert_eq!(told.len(), 12);
        }
    }
}
