//! CloudWatch's alarms over a clock that a test drives.

#![allow(clippy::unwrap_used, clippy::panic)]

mod runner_support;
mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sagewright_cloud::alarms::{AlarmState, Alarms};
use sagewright_cloud::clock::{SimClock, Wall};
use sagewright_cloud::cloudwatch::{self, CloudWatch};
use sagewright_cloud::config::Config;
use sagewright_cloud::metrics::{Metric, Metrics};
use sagewright_cloud::outbox::{Outbox, Subscriber};
use sagewright_cloud::records::Event;
use sagewright_cloud::server::{Running, bind};
use sagewright_cloud::timers::{Timers, Waker};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use runner_support::ManualClock;
use support::{Client, Key, Outgoing};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
const MINUTE: Duration = Duration::from_secs(60);

struct Up {
    _running: Running,
    metrics: Metrics,
    sim: SimClock,
    wall: Arc<ManualClock>,
    waker: Waker,
    cloudwatch: CloudWatch,
    events: Arc<Mutex<Vec<Event>>>,
    tasks: Vec<JoinHandle<()>>,
    client: Client,
    key: Key,
}

impl Up {
    async fn start(data: &Path, wall: &Arc<ManualClock>) -> Self {
        let mut config = Config::new(data);
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        config.wall = wall.clone();
        let bound = bind(config).await.unwrap();
        let (metrics, sim, waker) = (bound.metrics(), bound.sim(), Waker::default());
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let told = Arc::clone(&events);
        let takes: Subscriber = Arc::new(move |event| {
            told.lock().unwrap().push(event);
            Box::pin(async { Ok(()) })
        });
        let outbox = Outbox::new(vec![takes]);
        let cloudwatch = bound.cloudwatch(outbox.clone());
        cloudwatch.wakes(waker.clone());
        let timers = Timers::new(bound.records(), sim.clone(), waker.clone());
        let timers = cloudwatch::timers(&cloudwatch, timers);
        let tasks = vec![tokio::spawn(timers.run()), tokio::spawn(outbox.run(bound.records(), sim.clone()))];
        let running = bound.server().handler("cloudwatch", Arc::new(cloudwatch.clone())).start().unwrap();
        let credentials = running.credentials(ACCOUNT).await.unwrap();
        let key = Key { id: credentials.id, secret: credentials.secret.reveal().to_owned(), token: None };
        let client = Client::new(running.address());
        Self { _running: running, metrics, sim, wall: wall.clone(), waker, cloudwatch, events, tasks, client, key }
    }

    fn try_call(&mut self, operation: &str, input: &Value) -> (u16, Value) {
        let target = format!("GraniteServiceVersion20100801.{operation}");
        let headers = vec![("content-type", "application/x-amz-json-1.0".to_owned()), ("x-amz-target", target)];
        let body = input.to_string();
        let at = self.wall.now();
        let out = Outgoing { service: "monitoring", path: "/", headers, body: body.as_bytes(), at };
        let answer = self.client.send(&self.client.signed_for(&self.key, &out, REGION, &[]));
        (answer.status, if answer.body.is_empty() { Value::Null } else { answer.json() })
    }

    fn call(&mut self, operation: &str, input: &Value) -> Value {
        let (status, answer) = self.try_call(operation, input);
        assert_eq!(status, 200, "{operation} {input}: {answer}");
        answer
    }

    /// Time goes on, at once, and all that became due is done.
    async fn advance(&self, by: Duration) {
        self.wall.advance(by);
        self.waker.done(self.sim.now()).await;
    }

    fn put(&mut self, value: f64) {
        let data = json!([{"MetricName": "m", "Value": value}]);
        self.call("PutMetricData", &json!({"Namespace": "n", "MetricData": data}));
    }

    fn alarm(&mut self, name: &str, more: &Value) {
        let mut alarm = json!({
            "AlarmName": name, "Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60,
            "EvaluationPeriods": 1, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold",
        });
        let more = more.as_object().unwrap().clone();
        alarm.as_object_mut().unwrap().extend(more);
        self.call("PutMetricAlarm", &alarm);
    }

    fn state(&mut self, name: &str) -> String {
        let types = ["MetricAlarm", "CompositeAlarm"];
        let told = self.call("DescribeAlarms", &json!({"AlarmNames": [name], "AlarmTypes": types}));
        let mut found = types.iter().flat_map(|kind| told[format!("{kind}s")].as_array().unwrap());
        found.next().unwrap()["StateValue"].as_str().unwrap().to_owned()
    }

    /// When which state was entered, in seconds since the test began, and all texts.
    fn history(&mut self, name: &str) -> Vec<Value> {
        let input =
            json!({"AlarmName": name, "ScanBy": "TimestampAscending", "AlarmTypes": ["MetricAlarm", "CompositeAlarm"]});
        self.call("DescribeAlarmHistory", &input)["AlarmHistoryItems"].as_array().unwrap().clone()
    }

    fn summaries(&mut self, name: &str) -> Vec<String> {
        self.history(name).iter().map(|item| item["HistorySummary"].as_str().unwrap().to_owned()).collect()
    }

    fn kill(self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_goes_off_and_comes_back_as_its_metric_does() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Up::start(data.path(), &ManualClock::new()).await;
    up.alarm(
        "a",
        &json!({"TreatMissingData": "notBreaching", "AlarmActions": ["arn:aws:sns:us-east-1:000000000000:topic"]}),
    );
    assert_eq!(up.state("a"), "INSUFFICIENT_DATA");
    up.advance(MINUTE).await;
    assert_eq!(up.state("a"), "OK");
    up.put(5.0);
    assert_eq!(up.state("a"), "OK", "a period is looked at when it is over");
    up.advance(MINUTE).await;
    assert_eq!(up.state("a"), "ALARM");
    let states = up.cloudwatch.states(ACCOUNT, REGION, &["a".to_owned(), "b".to_owned()]).await.unwrap();
    assert_eq!(states, [Some(AlarmState::Alarm), None]);
    let told = up.call("DescribeAlarms", &json!({"StateValue": "ALARM"}));
    let alarm = &told["MetricAlarms"][0];
    let reason = alarm["StateReason"].as_str().unwrap();
    assert!(reason.starts_with("Threshold Crossed: 1 datapoint [5.0 (15/01/27 08:"), "{reason}");
    assert!(reason.ends_with(" was greater than the threshold (1.0)."), "{reason}");
    let reason_data: Value = serde_json::from_str(alarm["StateReasonData"].as_str().unwrap()).unwrap();
    assert_eq!(reason_data["recentDatapoints"], json!([5.0]));
    up.advance(5 * MINUTE).await;
    assert_eq!(up.state("a"), "OK");
    assert_eq!(
        up.summaries("a"),
        [
            "Alarm \"a\" created",
            "Alarm updated from INSUFFICIENT_DATA to OK",
            "Alarm updated from OK to ALARM",
            "Failed to execute action arn:aws:sns:us-east-1:000000000000:topic. Received error: \"The embedded cloud has no \
             service for this action.\"",
            "Alarm updated from ALARM to OK",
        ]
    );
    while up.events.lock().unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    let events = up.events.lock().unwrap().clone();
    assert!(events.iter().all(|event| event.kind == "CloudWatch Alarm State Change"));
    let detail = &events[1].body["detail"];
    assert_eq!((&detail["previousState"]["value"], &detail["state"]["value"]), (&json!("OK"), &json!("ALARM")));
    assert_eq!(detail["configuration"]["metrics"][0]["metricStat"]["metric"]["name"], "m");
}

/// What callers do, and how long it takes until the next thing.
async fn story(up: &mut Up, mut pass: impl AsyncFnMut(&Up, Duration)) -> Vec<Value> {
    up.alarm("quick", &json!({"Period": 10, "EvaluationPeriods": 2, "TreatMissingData": "breaching"}));
    up.alarm("plain", &json!({}));
    up.alarm("some", &json!({"EvaluationPeriods": 3, "DatapointsToAlarm": 2, "TreatMissingData": "notBreaching"}));
    up.alarm(
        "long",
        &json!({"Period": 300, "EvaluationPeriods": 2, "TreatMissingData": "ignore", "Statistic": "Average"}),
    );
    pass(up, 7 * MINUTE).await;
    for value in [5.0, 0.5, 4.0, 3.0] {
        up.put(value);
        pass(up, Duration::from_secs(95)).await;
    }
    pass(up, 20 * MINUTE).await;
    // Ahead of time.
    let later = up.sim.now().as_second() + 3600;
    let data = json!([{"MetricName": "m", "Value": 9, "Timestamp": later}]);
    up.call("PutMetricData", &json!({"Namespace": "n", "MetricData": data}));
    up.call("SetAlarmState", &json!({"AlarmName": "long", "StateValue": "ALARM", "StateReason": "test"}));
    pass(up, 90 * MINUTE).await;
    up.metrics.series(Metric::new(ACCOUNT, REGION, "n", "m"), "None").add(up.sim.now(), 7.0);
    pass(up, 60 * MINUTE).await;
    ["quick", "plain", "some", "long"].into_iter().flat_map(|name| up.history(name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_gives_the_history_of_one_that_flows() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Up::start(&data.path().join("jumps"), &ManualClock::new()).await;
    let jumped = story(&mut up, async |up: &Up, by: Duration| up.advance(by).await).await;
    let mut up = Up::start(&data.path().join("flows"), &ManualClock::new()).await;
    let flowed = story(&mut up, async |up: &Up, by: Duration| {
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(Duration::from_secs(5));
            up.advance(step).await;
            left -= step;
        }
    })
    .await;
    assert!(jumped.len() > 15, "{}", jumped.len());
    assert_eq!(jumped, flowed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_left_is_gone_on_with() {
    let data = tempfile::tempdir().unwrap();
    let wall = ManualClock::new();
    let mut up = Up::start(data.path(), &wall).await;
    up.alarm("a", &json!({"TreatMissingData": "notBreaching"}));
    up.advance(MINUTE).await;
    up.put(5.0);
    up.kill();
    wall.advance(30 * MINUTE);
    let mut up = Up::start(data.path(), &wall).await;
    up.waker.done(up.sim.now()).await;
    let changes =
        ["INSUFFICIENT_DATA to OK", "OK to ALARM", "ALARM to OK"].map(|way| format!("Alarm updated from {way}"));
    assert_eq!(up.summaries("a")[1..], changes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_that_is_skipped_is_little_work() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Up::start(data.path(), &ManualClock::new()).await;
    for n in 0..20 {
        up.alarm(&format!("a{n}"), &json!({"TreatMissingData": "breaching"}));
    }
    up.put(0.0);
    up.advance(Duration::from_secs(365 * 86_400)).await;
    up.put(0.0);
    up.advance(MINUTE).await;
    assert_eq!(up.state("a7"), "OK");
    // Two weeks of history are kept.
    assert_eq!(up.summaries("a7"), ["Alarm updated from ALARM to OK"]);
}
