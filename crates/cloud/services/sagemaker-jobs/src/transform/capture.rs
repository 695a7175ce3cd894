//! Captured data: manifests of what was read and of what was written.
//!
//! <https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-batch.html>

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::job::data::Item;
use crate::job::location::Location;

/// A manifest and its place.
#[derive(Debug, PartialEq)]
pub(super) struct Manifest {
    pub place: Location,
    pub content: String,
}

/// The manifests of a job that read `items` and wrote below `output`. Both runs of a job that is run again write the same.
pub(super) fn manifests(to: &Location, job: &str, created: i64, items: &[Item], output: &Location) -> [Manifest; 2] {
    let hour = Timestamp::from_second(created).unwrap_or_default().strftime("%Y/%m/%d/%H");
    let manifest = |which: &str, prefix: String, names: Vec<String>| {
        let entries: Vec<Value> =
            std::iter::once(json!({ "prefix": prefix })).chain(names.into_iter().map(Value::from)).collect();
        Manifest { place: to.join(&format!("{which}/{hour}/{job}.json")), content: Value::Array(entries).to_string() }
    };
    let (prefix, inputs) = common(items);
    let outputs = items.iter().map(output_name).collect();
    [manifest("input", prefix, inputs), manifest("output", folder(output), outputs)]
}

/// The name of what becomes of an object, below the output path.
pub(super) fn output_name(item: &Item) -> String {
    format!("{}.out", item.path.to_string_lossy())
}

/// The folder of all objects, and their names below it.
fn common(items: &[Item]) -> (String, Vec<String>) {
    let Some(first) = items.first() else { return (String::new(), Vec::new()) };
    let mut folder = first.key.rfind('/').map_or("", |end| first.key.get(..=end).unwrap_or_default());
    while !items.iter().all(|item| item.key.starts_with(folder)) {
        let parent = folder.trim_end_matches('/').rfind('/');
        folder = parent.map_or("", |end| folder.get(..=end).unwrap_or_default());
    }
    let names = items.iter().map(|item| item.key.get(folder.len()..).unwrap_or_default().to_owned()).collect();
    (format!("s3://{}/{folder}", first.bucket), names)
}

fn folder(place: &Location) -> String {
    let uri = place.uri();
    format!("{}/", uri.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, path: &str) -> Item {
        Item { bucket: "in".to_owned(), key: key.to_owned(), path: path.into() }
    }

    #[test]
    fn manifests_name_what_was_read_and_written_by_the_hour() {
        let place = |key: &str| Location { bucket: "b".to_owned(), key: key.to_owned() };
        let items = [item("data/x/1.csv", "x/1.csv"), item("data/y/2.csv", "y/2.csv")];
        let [input, output] = manifests(&place("capture/"), "job", 1_661_518_800, &items, &place("out"));
        assert_eq!(input.place, place("capture/input/2022/08/26/13/job.json"));
        assert_eq!(input.content, r#"[{"prefix":"s3://in/data/"},"x/1.csv","y/2.csv"]"#);
        assert_eq!(output.place, place("capture/output/2022/08/26/13/job.json"));
        assert_eq!(output.content, r#"[{"prefix":"s3://b/out/"},"x/1.csv.out","y/2.csv.out"]"#);
    }

    #[test]
    fn inputs_have_a_folder_in_common_or_none() {
        for (keys, folder) in [
            (vec!["a/b/1", "a/b/2"], "s3://in/a/b/"),
            (vec!["a/b/1", "a/c/2"], "s3://in/a/"),
            (vec!["a/b/1", "ab/2"], "s3://in/"),
            (vec!["1"], "s3://in/"),
        ] {
            let items: Vec<_> = keys.iter().map(|key| item(key, key)).collect();
            assert_eq!(common(&items).0, folder, "{keys:?}");
        }
    }
}
