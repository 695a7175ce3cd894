//! CloudWatch's alarms over a clock that a test drives.

#![allow(clippy::unwrap_used, clippy::panic)]

mod runner_support;
mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use sagewright_cloud::alarms::{AlarmActions, AlarmNews, AlarmState, Alarms};
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

/// Does what it is told, but for what is broken.
#[derive(Default)]
struct Policies(Mutex<Vec<(String, AlarmNews)>>);

#[async_trait]
impl AlarmActions for Policies {
    fn takes(&self, action: &str) -> bool {
        ["autoscaling", "lambda"].iter().any(|service| action.split(':').nth(2) == Some(service))
    }

    async fn act(&self, action: &str, news: &AlarmNews) -> Result<(), String> {
        if action.ends_with("broken") {
            return Err("it is broken".to_owned());
        }
        self.0.lock().unwrap().push((action.to_owned(), news.clone()));
        Ok(())
    }
}

const POLICY: &str =
    "arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1:resource/sagemaker/endpoint/e/variant/v:policyName/p";
const BROKEN: &str = "arn:aws:lambda:us-east-1:000000000000:function:broken";
const FUNCTION: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";

struct Up {
    _running: Running,
    metrics: Metrics,
    sim: SimClock,
    wall: Arc<ManualClock>,
    waker: Waker,
    cloudwatch: CloudWatch,
    events: Arc<Mutex<Vec<Event>>>,
    policies: Arc<Policies>,
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
        let policies = Arc::new(Policies::default());
        cloudwatch.acts_by(vec![policies.clone()]);
        let timers = Timers::new(bound.records(), sim.clone(), waker.clone());
        let timers = cloudwatch::timers(&cloudwatch, timers);
        let tasks = vec![tokio::spawn(timers.run()), tokio::spawn(outbox.run(bound.records(), sim.clone()))];
        let running = bound.server().handler("cloudwatch", Arc::new(cloudwatch.clone())).start().unwrap();
        let credentials = running.credentials(ACCOUNT).await.unwrap();
        let key = Key { id: credentials.id, secret: credentials.secret.reveal().to_owned(), token: None };
        let client = Client::new(running.address());
        Self {
            _running: running,
            metrics,
            sim,
            wall: wall.clone(),
            waker,
            cloudwatch,
            events,
            policies,
            tasks,
            client,
            key,
        }
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

    /// An alarm that is as it is set: its metric has no data.
    fn switch(&mut self, name: &str, more: &Value) {
        let mut alarm = json!({"MetricName": "none", "TreatMissingData": "ignore"});
        alarm.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.alarm(name, &alarm);
    }

    fn set(&mut self, name: &str, state: &str) {
        self.call("SetAlarmState", &json!({"AlarmName": name, "StateValue": state, "StateReason": "test"}));
    }

    fn composite(&mut self, name: &str) -> Value {
        let told = self.call("DescribeAlarms", &json!({"AlarmNames": [name], "AlarmTypes": ["CompositeAlarm"]}));
        told["CompositeAlarms"][0].clone()
    }

    /// What was done: actions, states, and whether again.
    fn done(&self) -> Vec<(String, AlarmState, bool)> {
        let done = self.policies.0.lock().unwrap();
        done.iter().map(|(action, news)| (action.clone(), news.state, news.repeated)).collect()
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
    let composite = json!({
        "AlarmName": "both", "AlarmRule": "ALARM(plain) OR OK(quick)", "AlarmActions": [FUNCTION], "OKActions": [FUNCTION],
        "ActionsSuppressor": "some", "ActionsSuppressorWaitPeriod": 75, "ActionsSuppressorExtensionPeriod": 130,
    });
    up.call("PutCompositeAlarm", &composite);
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
    whole(up)
}

fn whole(up: &mut Up) -> Vec<Value> {
    ["quick", "plain", "some", "long", "both"].into_iter().flat_map(|name| up.history(name)).collect()
}

/// A story that follows from a number.
async fn any_story(up: &mut Up, mut number: u64, mut pass: impl AsyncFnMut(&Up, Duration)) -> Vec<Value> {
    let mut next = |below: u64| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (number >> 33) % below
    };
    for (name, period) in [("quick", 30), ("plain", 60), ("some", 120), ("long", 300)] {
        let missing = ["missing", "ignore", "breaching", "notBreaching"][usize::try_from(next(4)).unwrap()];
        let (periods, less) = (1 + next(4), next(3));
        up.alarm(name, &json!({
            "Period": period, "EvaluationPeriods": periods, "DatapointsToAlarm": periods.saturating_sub(less).max(1),
            "TreatMissingData": missing,
        }));
    }
    up.call(
        "PutCompositeAlarm",
        &json!({"AlarmName": "both", "AlarmRule": "ALARM(plain) AND NOT OK(some) OR ALARM(long)"}),
    );
    for _ in 0..25 {
        match next(8) {
            0..=3 => up.put(if next(2) == 0 { 0.0 } else { 5.0 }),
            4 => {
                let later = up.sim.now().as_second() + i64::try_from(next(900)).unwrap();
                let data = json!([{"MetricName": "m", "Value": 5, "Timestamp": later, "StorageResolution": 1}]);
                up.call("PutMetricData", &json!({"Namespace": "n", "MetricData": data}));
            }
            5 => up.metrics.series(Metric::new(ACCOUNT, REGION, "n", "m"), "None").add(up.sim.now(), 5.0),
            6 => up.set("plain", ["OK", "ALARM", "INSUFFICIENT_DATA"][usize::try_from(next(3)).unwrap()]),
            _ => up.alarm("some", &json!({"Threshold": next(6)})),
        }
        let seconds = [0, 7, 61, 300, 900][usize::try_from(next(5)).unwrap()];
        pass(up, Duration::from_secs(seconds)).await;
    }
    pass(up, 30 * MINUTE).await;
    whole(up)
}

async fn jump(up: &Up, by: Duration) {
    up.advance(by).await;
}

async fn flow(up: &Up, by: Duration) {
    let mut left = by;
    while !left.is_zero() {
        let step = left.min(Duration::from_secs(10));
        up.advance(step).await;
        left -= step;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_gives_the_history_of_one_that_flows() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Up::start(&data.path().join("jumps"), &ManualClock::new()).await;
    let jumped = story(&mut up, jump).await;
    let mut up = Up::start(&data.path().join("flows"), &ManualClock::new()).await;
    let flowed = story(&mut up, flow).await;
    assert!(jumped.len() > 15, "{}", jumped.len());
    assert_eq!(jumped, flowed);
    for number in 0..3 {
        let mut up = Up::start(&data.path().join(format!("jumps-{number}")), &ManualClock::new()).await;
        let jumped = any_story(&mut up, number, jump).await;
        let mut up = Up::start(&data.path().join(format!("flows-{number}")), &ManualClock::new()).await;
        let flowed = any_story(&mut up, number, flow).await;
        assert!(jumped.len() > 10, "{}", jumped.len());
        assert_eq!(jumped, flowed, "{number}");
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_done_by_their_services_and_scaling_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Up::start(data.path(), &ManualClock::new()).await;
    up.switch("a", &json!({"AlarmActions": [POLICY, BROKEN], "OKActions": [FUNCTION]}));
    up.set("a", "ALARM");
    up.advance(Duration::from_secs(1)).await;
    assert_eq!(up.done(), [(POLICY.to_owned(), AlarmState::Alarm, false)]);
    let told: Vec<String> = up.summaries("a").split_off(2);
    assert_eq!(
        told,
        [
            format!("Successfully executed action {POLICY}"),
            format!("Failed to execute action {BROKEN}. Received error: \"it is broken\""),
        ]
    );
    up.advance(5 * MINUTE).await;
    assert_eq!(up.done().split_off(1), vec![(POLICY.to_owned(), AlarmState::Alarm, true); 5]);
    assert_eq!(up.summaries("a").len(), 4, "what is done again is not told again");
    up.call("DisableAlarmActions", &json!({"AlarmNames": ["a", "not there"]}));
    up.advance(5 * MINUTE).await;
    assert_eq!(up.done().len(), 6);
    up.call("EnableAlarmActions", &json!({"AlarmNames": ["a"]}));
    up.set("a", "OK");
    up.advance(5 * MINUTE).await;
    assert_eq!(up.done().split_off(6), [(FUNCTION.to_owned(), AlarmState::Ok, false)]);
    // Of a year the last hour has to do.
    up.set("a", "ALARM");
    up.advance(Duration::from_secs(365 * 86_400)).await;
    assert!((60..=63).contains(&(up.done().len() - 7)), "{}", up.done().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn composite_alarms_follow_others_and_refuse_what_goes_round() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Up::start(data.path(), &ManualClock::new()).await;
    for name in ["a", "b"] {
        up.switch(name, &json!({}));
    }
    let put = |name: &str, rule: &str| json!({"AlarmName": name, "AlarmRule": rule, "AlarmActions": [FUNCTION]});
    up.call(
        "PutCompositeAlarm",
        &put("inner", "ALARM(a) OR ALARM(\"arn:aws:cloudwatch:us-east-1:000000000000:alarm:b\")"),
    );
    up.call("PutCompositeAlarm", &put("outer", "ALARM(inner) AND NOT ALARM(b)"));
    let arn = |name: &str| format!("arn:aws:cloudwatch:us-east-1:000000000000:alarm:{name}");
    let inner = up.composite("inner");
    assert_eq!(inner["StateValue"], "OK");
    assert_eq!(inner["StateReason"], format!("{} was created and its alarm rule evaluates to OK", arn("inner")));
    up.set("a", "ALARM");
    assert_eq!((up.state("inner"), up.state("outer")), ("ALARM".to_owned(), "ALARM".to_owned()));
    let reason = up.composite("inner")["StateReason"].as_str().unwrap().to_owned();
    assert!(
        reason.starts_with(&format!("{} transitioned to ALARM at Friday 15 January, 2027 08:", arn("a"))),
        "{reason}"
    );
    let reason: Value = serde_json::from_str(up.composite("outer")["StateReasonData"].as_str().unwrap()).unwrap();
    assert_eq!(reason["triggeringAlarms"][0]["arn"], arn("inner"));
    up.advance(Duration::from_secs(1)).await;
    assert_eq!(up.done(), vec![(FUNCTION.to_owned(), AlarmState::Alarm, false); 2]);
    up.set("b", "ALARM");
    assert_eq!((up.state("inner"), up.state("outer")), ("ALARM".to_owned(), "OK".to_owned()));
    for (operation, input, why) in [
        ("PutCompositeAlarm", put("inner", "ALARM(outer)"), "depend on itself, through outer"),
        ("PutCompositeAlarm", put("inner", "ALARM(inner)"), "depend on itself, through inner"),
        ("PutCompositeAlarm", put("new", "OK(a) AND OK(gone)"), "alarms [gone] in the alarm rule do not exist"),
        ("PutCompositeAlarm", put("new", "OK(a) AND"), "AlarmRule is not a valid rule: it ends too early."),
        (
            "PutCompositeAlarm",
            put("new", " TRUE"),
            "AlarmRule must not contain leading or trailing whitespace or be null",
        ),
        ("PutCompositeAlarm", put("a", "TRUE"), "There is a MetricAlarm with the name a"),
        (
            "DeleteAlarms",
            json!({"AlarmNames": ["a"]}),
            "Cannot delete a as there are composite alarm(s) depending on it.",
        ),
        ("DeleteAlarms", json!({"AlarmNames": ["inner", "outer"]}), "no more than one composite alarm"),
    ] {
        let (status, answer) = up.try_call(operation, &input);
        assert_eq!(status, 400, "{input}: {answer}");
        assert!(answer.to_string().contains(why), "{answer}");
    }
    let names = |told: &Value, kind: &str| -> Vec<String> {
        told[kind].as_array().unwrap().iter().map(|alarm| alarm["AlarmName"].as_str().unwrap().to_owned()).collect()
    };
    let told = up.call("DescribeAlarms", &json!({"ChildrenOfAlarmName": "outer"}));
    assert_eq!(
        (names(&told, "MetricAlarms"), names(&told, "CompositeAlarms")),
        (vec!["b".to_owned()], vec!["inner".to_owned()])
    );
    let told = up.call("DescribeAlarms", &json!({"ParentsOfAlarmName": "b"}));
    assert_eq!(names(&told, "CompositeAlarms"), ["inner", "outer"]);
    assert_eq!(told["CompositeAlarms"][0].as_object().unwrap().len(), 2);
    // A metric that changes by the minute changes them, too, at the same time.
    up.alarm("m", &json!({"TreatMissingData": "notBreaching"}));
    up.call("PutCompositeAlarm", &put("outer", "ALARM(m)"));
    up.put(5.0);
    up.advance(20 * MINUTE).await;
    let at = |history: &[Value]| history.iter().map(|item| item["Timestamp"].clone()).collect::<Vec<_>>();
    let of = |history: Vec<Value>| -> Vec<Value> {
        let states = history.into_iter().filter(|item| item["HistoryItemType"] == "StateUpdate").collect::<Vec<_>>();
        at(&states).split_off(states.len() - 2)
    };
    assert_eq!(of(up.history("m")), of(up.history("outer")));
    up.call("DeleteAlarms", &json!({"AlarmNames": ["outer", "m"]}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suppressor_holds_actions_back_for_as_long_as_its_periods_say() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Up::start(data.path(), &ManualClock::new()).await;
    for name in ["a", "s"] {
        up.switch(name, &json!({}));
    }
    let composite = json!({
        "AlarmName": "c", "AlarmRule": "ALARM(a)", "AlarmActions": [FUNCTION], "ActionsSuppressor": "s",
        "ActionsSuppressorWaitPeriod": 120, "ActionsSuppressorExtensionPeriod": 180,
    });
    up.call("PutCompositeAlarm", &composite);
    let by = |up: &mut Up| up.composite("c")["ActionsSuppressedBy"].as_str().map(str::to_owned);
    // Its first state is waited for as well.
    up.advance(2 * MINUTE).await;
    assert_eq!(by(&mut up), None);
    up.set("a", "ALARM");
    assert_eq!(by(&mut up).as_deref(), Some("WaitPeriod"));
    up.advance(MINUTE).await;
    up.set("s", "ALARM");
    assert_eq!(by(&mut up).as_deref(), Some("Alarm"));
    up.advance(30 * MINUTE).await;
    up.set("s", "OK");
    assert_eq!(by(&mut up).as_deref(), Some("ExtensionPeriod"));
    up.advance(Duration::from_secs(179)).await;
    assert_eq!(up.done(), []);
    up.advance(Duration::from_secs(1)).await;
    assert_eq!(up.done(), [(FUNCTION.to_owned(), AlarmState::Alarm, false)]);
    assert_eq!(by(&mut up), None);
    // A state that is left while it is waited does nothing.
    up.set("a", "OK");
    up.advance(MINUTE).await;
    up.set("a", "ALARM");
    up.advance(10 * MINUTE).await;
    assert_eq!(up.done().len(), 1);
    // Nobody suppresses: it is done when the wait is over, also where time is skipped.
    up.set("a", "OK");
    up.advance(10 * MINUTE).await;
    up.set("a", "ALARM");
    up.advance(Duration::from_secs(365 * 86_400)).await;
    let done = up.policies.0.lock().unwrap().clone();
    assert_eq!(done.len(), 2);
    assert_eq!(up.sim.now().as_millisecond() - done[1].1.at, (365 * 86_400 - 120) * 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn expressions_and_percentiles_are_alarmed_on() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Up::start(data.path(), &ManualClock::new()).await;
    let query = |id: &str, name: &str| {
        let stat = json!({"Metric": {"Namespace": "n", "MetricName": name}, "Period": 60, "Stat": "Sum"});
        json!({"Id": id, "MetricStat": stat, "ReturnData": false})
    };
    let rate = json!([query("e", "errors"), query("r", "requests"), {"Id": "rate", "Expression": "100 * e / r"}]);
    let alarm = json!({
        "AlarmName": "rate", "Metrics": rate, "EvaluationPeriods": 1, "DatapointsToAlarm": 1, "Threshold": 10,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    });
    up.call("PutMetricAlarm", &alarm);
    let slow = |low: &str| {
        json!({
            "MetricName": "latency", "Statistic": null, "ExtendedStatistic": "p90", "EvaluateLowSampleCountPercentile": low,
            "Threshold": 50,
        })
    };
    up.alarm("patient", &slow("ignore"));
    up.alarm("hasty", &slow("evaluate"));
    let put = |up: &mut Up, name: &str, values: Vec<f64>| {
        let data = json!([{"MetricName": name, "Values": values}]);
        up.call("PutMetricData", &json!({"Namespace": "n", "MetricData": data}));
    };
    put(&mut up, "requests", vec![40.0]);
    put(&mut up, "errors", vec![5.0]);
    put(&mut up, "latency", (0..90).map(f64::from).collect());
    up.advance(MINUTE).await;
    assert_eq!(["rate", "patient", "hasty"].map(|name| up.state(name)), ["ALARM", "INSUFFICIENT_DATA", "ALARM"]);
    let told = up.call("DescribeAlarms", &json!({"AlarmNames": ["rate"]}));
    let told = &told["MetricAlarms"][0];
    assert!(told["StateReason"].as_str().unwrap().contains("[12.5 ("), "{told}");
    assert_eq!((&told["Metrics"][2]["Id"], &told["Dimensions"]), (&json!("rate"), &Value::Null));
    put(&mut up, "latency", (0..110).map(f64::from).collect());
    put(&mut up, "requests", vec![100.0]);
    put(&mut up, "errors", vec![5.0]);
    up.advance(MINUTE).await;
    assert_eq!(["rate", "patient", "hasty"].map(|name| up.state(name)), ["OK", "ALARM", "ALARM"]);
    for (metrics, why) in [
        (
            json!([query("e", "errors"), query("r", "requests")]),
            "Exactly one element of the metrics list should return data.",
        ),
        (json!([query("e", "errors"), {"Id": "m", "Expression": "MAX(e)"}]), "an alarm needs one time series"),
        (json!([query("e", "errors"), {"Id": "m", "Expression": "x + 1"}]), "there is no query with the id 'x'"),
        (json!([{"Id": "m", "Expression": "1 + 1"}]), "at least one element that reads a metric"),
    ] {
        let mut alarm = alarm.clone();
        alarm["Metrics"] = metrics;
        let (status, answer) = up.try_call("PutMetricAlarm", &alarm);
        assert_eq!(status, 400, "{answer}");
        assert!(answer.to_string().contains(why), "{answer}");
    }
}
