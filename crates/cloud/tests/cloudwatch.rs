//! CloudWatch through the port: what is counted inside the process, and AWS's time.

#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sagewright_cloud::clock::{Change, SimClock};
use sagewright_cloud::config::Config;
use sagewright_cloud::metrics::{Metric, Metrics};
use sagewright_cloud::server::{Running, bind};
use serde_json::{Value, json};
use support::{Client, Key, Outgoing};

const ACCOUNT: &str = "000000000000";

struct Up {
    running: Running,
    metrics: Metrics,
    sim: SimClock,
    client: Client,
    key: Key,
}

impl Up {
    async fn start(data: &Path) -> Self {
        let mut config = Config::new(data);
        config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bound = bind(config).await.unwrap();
        let (metrics, sim) = (bound.metrics(), bound.sim());
        let running = bound.server().start().unwrap();
        let credentials = running.credentials(ACCOUNT).await.unwrap();
        let key = Key { id: credentials.id, secret: credentials.secret.reveal().to_owned(), token: None };
        let client = Client::new(running.address());
        Self { running, metrics, sim, client, key }
    }

    fn call(&mut self, operation: &str, input: &Value) -> (u16, Value) {
        let target = format!("GraniteServiceVersion20100801.{operation}");
        let headers = vec![("content-type", "application/x-amz-json-1.0".to_owned()), ("x-amz-target", target)];
        let body = input.to_string();
        let out = Outgoing { service: "monitoring", path: "/", headers, body: body.as_bytes(), at: Timestamp::now() };
        let answer = self.client.send(&self.client.signed_for(&self.key, &out, "us-east-1", &[]));
        (answer.status, if answer.body.is_empty() { Value::Null } else { answer.json() })
    }

    /// Number and sum of the values of the metric `n`/`m` around now.
    fn total(&mut self, period: i64) -> (f64, f64) {
        let now = self.sim.now().as_second();
        let input = json!({
            "Namespace": "n", "MetricName": "m", "Dimensions": [{"Name": "d", "Value": "1"}], "Period": period,
            "StartTime": now - 3600, "EndTime": now + 3600, "Statistics": ["SampleCount", "Sum"],
        });
        let (status, answer) = self.call("GetMetricStatistics", &input);
        assert_eq!(status, 200, "{answer}");
        let points = answer["Datapoints"].as_array().unwrap().iter();
        let values = points.map(|point| (point["SampleCount"].as_f64().unwrap(), point["Sum"].as_f64().unwrap()));
        values.fold((0.0, 0.0), |(count, sum), (n, s)| (count + n, sum + s))
    }
}

fn metric() -> Metric {
    Metric::new(ACCOUNT, "us-east-1", "n", "m").with("d", "1")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_read_at_once_and_outlives_an_orderly_end() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Up::start(data.path()).await;
    let series = up.metrics.series(metric(), "Count");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5000).for_each(|n| series.add(up.sim.now(), f64::from(n % 1000) / 4.0)));
        }
    });
    let sum = 4.0 * 5.0 * 999.0 * 500.0 / 4.0;
    assert_eq!(up.total(60), (20_000.0, sum));
    series.add(up.sim.now(), 1.0);
    up.running.shutdown().await;
    let mut up = Up::start(data.path()).await;
    for period in [60, 300, 3600] {
        assert_eq!(up.total(period), (20_001.0, sum + 1.0), "{period}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn data_without_a_time_are_of_awss_time_and_counts_of_an_earlier_one_stay_there() {
    let data = tempfile::tempdir().unwrap();
    let mut up = Up::start(data.path()).await;
    up.metrics.series(metric(), "Count").add(up.sim.now(), 1.0);
    up.sim.change(Change { advance: Some(Duration::from_secs(86_400)), speed: None }).unwrap();
    let datum = json!({"MetricName": "m", "Value": 5, "Dimensions": [{"Name": "d", "Value": "1"}]});
    let (status, answer) = up.call("PutMetricData", &json!({"Namespace": "n", "MetricData": [datum]}));
    assert_eq!((status, answer), (200, json!({})));
    assert_eq!(up.total(60), (1.0, 5.0), "a day later there is one");
    let now = up.sim.now().as_second();
    let query = json!({"Id": "m", "MetricStat": {"Period": 86_400, "Stat": "Sum", "Metric": {
        "Namespace": "n", "MetricName": "m", "Dimensions": [{"Name": "d", "Value": "1"}],
    }}});
    let input = json!({"StartTime": now - 2 * 86_400, "EndTime": now + 60, "MetricDataQueries": [query]});
    let (_, answer) = up.call("GetMetricData", &input);
    let values = answer["MetricDataResults"][0]["Values"].as_array().unwrap();
    assert_eq!(values.iter().map(|v| v.as_f64().unwrap()).sum::<f64>(), 6.0);
    // Two hours ahead of that time, and not of the machine's.
    for (ahead, expected) in [(7000, 200), (7300, 400)] {
        let datum = json!({"MetricName": "other", "Value": 5, "Timestamp": now + ahead});
        let (status, answer) = up.call("PutMetricData", &json!({"Namespace": "n", "MetricData": [datum]}));
        assert_eq!(status, expected, "{answer}");
    }
}
