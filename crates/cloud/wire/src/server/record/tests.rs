#![allow(clippy::unwrap_used, clippy::panic)]

use http::HeaderMap;
use sagewright_cloud_core::api::Output;
use serde_json::{Value, json};

use super::*;

/// A request with an input of a body of so many bytes, and an output.
fn take(recorder: &Recorder, input: &Value, length: usize, output: Value) {
    let service = sagewright_model::service("sts").unwrap();
    let mut entry = Entry::new(recorder);
    entry.operation(service, service.operation("GetCallerIdentity").unwrap(), (input, 0), length);
    entry.output(&Ok(Output { value: output, ..Output::default() }));
    entry.finish("111122223333".into(), "sts.GetCallerIdentity".into(), (200, HeaderMap::new()), 1, true);
}

/// How many messages wait, with the bytes of their inputs, outputs and paths.
fn waiting(messages: &Receiver<Message>) -> (usize, usize) {
    let bytes = messages.try_iter().filter_map(|message| {
        let Message::Request(finished, _) = message else { return None };
        let input = match &finished.entry.asked {
            entry::Asked::Operation(_, _, Some(input), _) => input.to_string().len(),
            _ => 0,
        };
        let output =
            if let entry::Answer::Output(output) = &finished.entry.answer { output.to_string().len() } else { 0 };
        Some(input + output + finished.what.len())
    });
    bytes.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes))
}

#[test]
fn requests_and_answers_of_every_service_count_for_the_bytes_that_wait() {
    let long = "x".repeat(1_000_000);
    let (recorder, messages) = Recorder::queue(false);
    for _ in 0..200 {
        take(&recorder, &json!({"Text": long}), long.len(), json!({}));
    }
    let (count, bytes) = waiting(&messages);
    assert!(count >= 60 && bytes <= QUEUE_BYTES, "{count} requests of {bytes} bytes");
    assert_eq!(recorder.shared.left_out.load(Ordering::Relaxed), 200 - count as u64);

    let (recorder, messages) = Recorder::queue(false);
    for _ in 0..500 {
        take(&recorder, &json!({}), 2, json!({"Arn": &long[..200_000]}));
    }
    let (count, bytes) = waiting(&messages);
    assert!(count >= 300 && bytes <= QUEUE_BYTES, "{count} requests of {bytes} bytes");

    // A path that nothing understands, as long as headers may be.
    let (recorder, messages) = Recorder::queue(false);
    for _ in 0..1000 {
        let what = format!("GET /{}", &long[..200_000]);
        Entry::new(&recorder).finish("-".into(), what, (404, HeaderMap::new()), 1, true);
    }
    let (count, bytes) = waiting(&messages);
    assert!(count >= 300 && bytes <= QUEUE_BYTES, "{count} requests of {bytes} bytes");
}

#[test]
fn outputs_that_are_too_long_for_the_log_do_not_wait() {
    let (recorder, messages) = Recorder::queue(false);
    take(&recorder, &json!({}), 2, json!({"Arn": "x".repeat(1_000_000)}));
    assert!(recorder.shared.held.load(Ordering::Relaxed) < 10_000);
    let Message::Request(finished, _) = messages.try_recv().unwrap() else { panic!("a flush") };
    assert!(!matches!(&finished.entry.answer, entry::Answer::Output(_)));
    let line = line::of(*finished, false);
    assert_eq!((&line["outputLeftOut"], &line["output"]), (&json!("it is long"), &Value::Null));
}

#[test]
fn a_flush_ends_while_the_disk_is_stuck_and_the_queue_is_full() {
    let (recorder, _stuck) = Recorder::queue(false);
    for _ in 0..=QUEUE {
        take(&recorder, &json!({}), 2, json!({}));
    }
    let (ended, wait) = sync_channel(1);
    std::thread::spawn(move || {
        recorder.flush();
        let _ = ended.send(());
    });
    wait.recv_timeout(Duration::from_secs(60)).unwrap();
}

#[test]
fn what_earlier_processes_wrote_counts_for_the_length_at_which_a_log_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings { most_bytes: 300, ..Settings::new(dir.path().join("requests.jsonl"), false) };
    let mut lines = Vec::new();
    for _ in 0..4 {
        Recorder::open(&settings).unwrap().flush();
        let text = std::fs::read_to_string(&settings.path).unwrap();
        lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()).collect();
    }
    let begun = lines.iter().filter(|line| line["format"] == FORMAT).count();
    let stopped = lines.iter().filter(|line| line["stopped"] == "the request log is full").count();
    assert!((1..3).contains(&begun) && begun + stopped == 4, "{lines:?}");
}
