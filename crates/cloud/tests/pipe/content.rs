//! What a program reads.

use serde_json::{Value, json};

use crate::support::{LARGE, bytes, gzip, inputs, piped, read, with_source};
use crate::training_support::{channel, machine, merge, request};

#[tokio::test]
async fn each_epoch_carries_all_objects_in_key_order() {
    let mut machine = machine();
    let large = bytes(LARGE);
    machine.objects.put("in", "train/b", &large);
    machine.objects.put("in", "train/a", "first\n");
    machine.objects.put("in", "train/c/d", "last");
    machine.objects.put("in", "train/", "");
    machine.objects.put("in", "zipped/1.gz", [gzip(b"one "), gzip(b"two ")].concat());
    machine.objects.put("in", "zipped/2.gz", gzip(&large));
    machine.objects.put("in", "files/x", "a file");
    let program = r#"
for epoch in range(3):
    assert os.path.exists(f"{base}/input/data/train_{epoch}"), "it is there before it is opened"
    keep(f"train-{epoch}", read(f"train_{epoch}"))
    assert os.path.exists(f"{base}/input/data/train_{epoch + 1}"), "and the next by the end"
    if epoch < 2:
        keep(f"zipped-{epoch}", read(f"zipped_{epoch}"))
assert not os.path.exists(f"{base}/input/data/train"), "no folder"
assert open(f"{base}/input/data/files/x").read() == "a file"
keep("config", open(f"{base}/input/config/inputdataconfig.json", "rb").read())
keep("variable", os.environ["SM_INPUT_DATA_CONFIG"].encode())
"#;
    let channels = [
        channel("train", "s3://in/train/"),
        merge(channel("zipped", "s3://in/zipped/"), json!({"CompressionType": "Gzip"})),
        merge(channel("files", "s3://in/files/"), json!({"InputMode": "File"})),
    ];
    let mut more = inputs(&channels);
    // The mode of all channels that say none.
    more["AlgorithmSpecification"] = request("test/reader")["AlgorithmSpecification"].clone();
    more["AlgorithmSpecification"]["TrainingInputMode"] = json!("Pipe");
    let files = read(&mut machine, program, more).await;
    let whole = [b"first\n", large.as_slice(), b"last"].concat();
    for epoch in 0..3 {
        assert!(files[&format!("train-{epoch}")] == whole, "epoch {epoch}");
    }
    let unpacked = [b"one two ", large.as_slice()].concat();
    assert!(files["zipped-0"] == unpacked && files["zipped-1"] == unpacked);
    let config: Value = serde_json::from_slice(&files["config"]).unwrap();
    assert_eq!(config["train"]["TrainingInputMode"], "Pipe");
    assert_eq!(config["files"]["TrainingInputMode"], "File");
    assert_eq!(config, serde_json::from_slice::<Value>(&files["variable"]).unwrap());
}

#[tokio::test]
async fn a_manifest_says_which_objects_and_in_which_order() {
    let mut machine = machine();
    for name in ["a", "b", "c"] {
        machine.objects.put("in", &format!("m/{name}"), name);
    }
    machine.objects.put("in", "list.json", r#"[{"prefix": "s3://in/m/"}, "c", "a"]"#);
    let listed = piped("listed", "s3://in/list.json", json!({}));
    let listed = with_source(listed, json!({"S3DataType": "ManifestFile"}));
    let files = read(&mut machine, r#"keep("0", read("listed_0"))"#, inputs(&[listed])).await;
    assert_eq!(files["0"], b"ca");
}

/// Reads records as MXNet's own reader does, flags and all.
const RECORDS: &str = r#"
import json, struct
def records(name):
    content, at, found = read(name), 0, []
    while at < len(content):
        magic, word = struct.unpack_from("<II", content, at)
        assert magic == 0xCED7230A and word >> 29 == 0, (name, at)
        length = word & (2**29 - 1)
        found.append(content[at + 8 : at + 8 + length])
        end = at + 8 + length
        at = (end + 3) // 4 * 4
        assert content[end:at] == bytes(at - end), "zeros"
    assert at == len(content)
    return found
"#;

#[tokio::test]
async fn record_io_frames_each_object() {
    let mut machine = machine();
    let contents: Vec<Vec<u8>> =
        vec![b"".to_vec(), b"1".to_vec(), b"12".to_vec(), b"123".to_vec(), b"1234".to_vec(), bytes(LARGE + 1)];
    for (n, content) in contents.iter().enumerate() {
        machine.objects.put("in", &format!("plain/{n}"), content);
        machine.objects.put("in", &format!("zipped/{n}.gz"), gzip(content));
    }
    let program = r#"
for name in ("plain", "zipped"):
    for epoch in range(2):
        for number, record in enumerate(records(f"{name}_{epoch}")):
            keep(f"{name}-{epoch}-{number}", record)
keep("config", open(f"{base}/input/config/inputdataconfig.json", "rb").read())
"#;
    let framed = json!({"RecordWrapperType": "RecordIO"});
    let channels = [
        piped("plain", "s3://in/plain/", framed.clone()),
        merge(piped("zipped", "s3://in/zipped/", framed), json!({"CompressionType": "Gzip"})),
    ];
    let files = read(&mut machine, &format!("{RECORDS}{program}"), inputs(&channels)).await;
    assert_eq!(files.len(), 2 * 2 * contents.len() + 1);
    for name in ["plain", "zipped"] {
        for (epoch, (number, content)) in (0..2).flat_map(|e| contents.iter().enumerate().map(move |c| (e, c))) {
            assert!(files[&format!("{name}-{epoch}-{number}")] == *content, "{name} {epoch} {number}");
        }
    }
    let config: Value = serde_json::from_slice(&files["config"]).unwrap();
    assert_eq!(config["plain"]["RecordWrapperType"], "RecordIO");
}

#[tokio::test]
async fn an_augmented_manifest_streams_its_attributes() {
    let mut machine = machine();
    machine.objects.put("in", "cat", "\u{1}CAT");
    machine.objects.put("in", "dog", "DOG");
    let lines = "{\"label\": {\"class\": 1}, \"image-ref\": \"s3://in/cat\", \"other\": 5}\n\
                 {\"image-ref\": \"s3://in/dog\", \"label\": \"a dog\"}\n";
    machine.objects.put("in", "list.jsonl", lines);
    let augmented = |name: &str, attributes: Value, more: Value| {
        let source = json!({"S3DataType": "AugmentedManifestFile", "AttributeNames": attributes});
        with_source(piped(name, "s3://in/list.jsonl", more), source)
    };
    let program = r#"
for epoch in range(2):
    keep(f"plain-{epoch}", read(f"plain_{epoch}"))
    keep(f"framed-{epoch}", json.dumps([r.decode() for r in records(f"framed_{epoch}")]).encode())
"#;
    let channels = [
        augmented("plain", json!(["label", "image-ref"]), json!({})),
        augmented("framed", json!(["image-ref", "label"]), json!({"RecordWrapperType": "RecordIO"})),
    ];
    let files = read(&mut machine, &format!("{RECORDS}{program}"), inputs(&channels)).await;
    for epoch in 0..2 {
        assert_eq!(files[&format!("plain-{epoch}")], b"{\"class\":1}\x01CATa dogDOG");
        let records: Value = serde_json::from_slice(&files[&format!("framed-{epoch}")]).unwrap();
        assert_eq!(records, json!(["\u{1}CAT", "{\"class\":1}", "DOG", "a dog"]));
    }
}

#[tokio::test]
async fn a_seed_shuffles_each_epoch_and_always_the_same() {
    let names: Vec<char> = ('a'..='z').collect();
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let mut machine = machine();
        for name in &names {
            machine.objects.put("in", &format!("x/{name}"), name.to_string());
        }
        let program = "for epoch in range(3): keep(str(epoch), read(f'x_{epoch}'))";
        let shuffled = piped("x", "s3://in/x/", json!({"ShuffleConfig": {"Seed": seed}}));
        runs.push(read(&mut machine, program, inputs(&[shuffled])).await);
    }
    assert_eq!(runs[0], runs[1]);
    let mut orders: Vec<&Vec<u8>> = runs[0].values().chain(runs[2].values()).collect();
    let sorted: Vec<u8> = names.iter().map(|name| *name as u8).collect();
    for order in &orders {
        let mut order = (*order).clone();
        order.sort_unstable();
        assert_eq!(order, sorted);
    }
    orders.push(&sorted);
    orders.sort_unstable();
    orders.dedup();
    assert_eq!(orders.len(), 7, "an order for each seed and epoch");
}

#[tokio::test]
async fn hosts_share_what_is_sharded_anew_in_each_shuffled_epoch() {
    let mut machine = machine();
    for n in 0..9 {
        machine.objects.put("in", &format!("x/{n}"), n.to_string());
    }
    let program = r#"
host = os.environ["SM_CURRENT_HOST"]
for name in ("whole", "dealt", "mixed"):
    for epoch in range(2):
        keep(f"{name}-{epoch}-{host}", read(f"{name}_{epoch}"))
"#;
    let sharded = json!({"S3DataDistributionType": "ShardedByS3Key"});
    let more = json!({
        "InputDataConfig": [
            piped("whole", "s3://in/x/", json!({})),
            with_source(piped("dealt", "s3://in/x/", json!({})), sharded.clone()),
            with_source(piped("mixed", "s3://in/x/", json!({"ShuffleConfig": {"Seed": 1}})), sharded),
        ],
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1},
    });
    let files = read(&mut machine, program, more).await;
    let text = |name: String| String::from_utf8(files[&name].clone()).unwrap();
    let sorted = |text: &str| {
        let mut all: Vec<char> = text.chars().collect();
        all.sort_unstable();
        all.into_iter().collect::<String>()
    };
    for epoch in 0..2 {
        assert_eq!(text(format!("whole-{epoch}-algo-1")), "012345678");
        assert_eq!(text(format!("whole-{epoch}-algo-2")), "012345678");
        assert_eq!(text(format!("dealt-{epoch}-algo-1")), "02468");
        assert_eq!(text(format!("dealt-{epoch}-algo-2")), "1357");
        let both = text(format!("mixed-{epoch}-algo-1")) + &text(format!("mixed-{epoch}-algo-2"));
        assert_eq!(sorted(&both), "012345678");
    }
    assert_ne!(sorted(&text("mixed-0-algo-1".into())), sorted(&text("mixed-1-algo-1".into())));
}
