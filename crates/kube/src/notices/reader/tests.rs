use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use sagewright_port::cloud::{CloudError, Stage};
use tokio::sync::Semaphore;

use super::*;

/// A queue that gives what it was told to, one answer for each call, and nothing after that until it is dropped.
#[derive(Default)]
struct Sqs {
    answers: Mutex<VecDeque<Result<Value, CloudError>>>,
    deleted: Mutex<Vec<String>>,
}

#[async_trait]
impl Cloud for Sqs {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        assert_eq!((call.service.as_str(), call.target.region.as_str()), ("sqs", "eu-west-1"));
        assert_eq!(call.input["QueueUrl"], URL);
        if call.operation == "DeleteMessageBatch" {
            let entries = call.input["Entries"].as_array().unwrap().iter();
            self.deleted.lock().unwrap().extend(entries.map(|e| e["ReceiptHandle"].as_str().unwrap().to_owned()));
            return Ok(json!({}));
        }
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}

/// A clock whose sleeps end when the test says so.
struct Now(Arc<Semaphore>);

impl Clock for Now {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_002_500).unwrap()
    }
    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        let ends = Arc::clone(&self.0);
        Box::pin(async move { ends.acquire().await.unwrap().forget() })
    }
}

const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/events";

struct Running {
    sqs: Arc<Sqs>,
    inbox: mpsc::Receiver<Message>,
    state: watch::Receiver<QueueState>,
    metrics: Arc<Metrics>,
    sleeps: Arc<Semaphore>,
    task: tokio::task::JoinHandle<()>,
}

fn run(answers: Vec<Result<Value, CloudError>>) -> Running {
    let sqs = Arc::new(Sqs { answers: Mutex::new(answers.into()), ..Sqs::default() });
    let queue = EventQueue::parse(URL, &"us-east-1".parse().unwrap()).unwrap();
    let (out, inbox) = mpsc::channel(8);
    let (told, state) = watch::channel(QueueState::default());
    let metrics = Arc::new(Metrics::default());
    let sleeps = Arc::new(Semaphore::new(0));
    let ports: (Arc<dyn Cloud>, Arc<dyn Clock>) =
        (Arc::clone(&sqs) as Arc<dyn Cloud>, Arc::new(Now(Arc::clone(&sleeps))));
    let reader = Reader::new(queue, ports, Arc::clone(&metrics), out, told);
    Running { sqs, inbox, state, metrics, sleeps, task: tokio::spawn(reader.run()) }
}

fn messages(bodies: &[&str]) -> Result<Value, CloudError> {
    let message = |(i, body): (usize, &&str)| {
        json!({"MessageId": format!("m{i}"), "ReceiptHandle": format!("r{i}"), "Body": body,
            "Attributes": {"SentTimestamp": "1800000000000"}})
    };
    Ok(json!({"Messages": bodies.iter().enumerate().map(message).collect::<Vec<_>>()}))
}

fn event(name: &str) -> String {
    json!({"id": name, "detail-type": "SageMaker Endpoint State Change", "source": "aws.sagemaker",
        "account": "111122223333", "region": "eu-west-1", "detail": {"EndpointName": name}})
    .to_string()
}

fn refused(code: &str) -> Result<Value, CloudError> {
    Err(CloudError::new("sqs", "ReceiveMessage", Stage::Service, code, "no"))
}

#[tokio::test]
async fn messages_are_deleted_once_the_controller_has_heard_of_them() {
    let (one, other) = (event("a"), event("b"));
    let mut running = run(vec![messages(&[&one, "no event", &one, &other, "{}"])]);
    assert!(matches!(running.inbox.recv().await, Some(Message::EventsCome(true))));
    let Some(Message::Noticed(notices, answer)) = running.inbox.recv().await else { panic!("no notices") };
    assert_eq!(notices.len(), 2);
    assert!(running.sqs.deleted.lock().unwrap().is_empty());
    answer.send(vec![Heard::Look, Heard::NoObject]).unwrap();
    running.inbox.close();
    running.task.await.unwrap();
    assert_eq!(*running.sqs.deleted.lock().unwrap(), ["r0", "r1", "r2", "r3", "r4"]);
    let text = running.metrics.text();
    for (result, count) in [("look", 1), ("no_object", 1), ("duplicate", 1), ("ignored", 2)] {
        let line = format!("sagewright_event_queue_messages_total{{result=\"{result}\"}} {count}");
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert!(text.contains("sagewright_event_queue_message_age_seconds_sum 12.5"), "{text}");
}

#[tokio::test]
async fn what_nobody_heard_of_stays_in_the_queue() {
    let mut running = run(vec![messages(&[&event("a")])]);
    assert!(matches!(running.inbox.recv().await, Some(Message::EventsCome(true))));
    let Some(Message::Noticed(_, answer)) = running.inbox.recv().await else { panic!("no notices") };
    drop(answer);
    running.inbox.close();
    running.task.await.unwrap();
    assert!(running.sqs.deleted.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_queue_of_noise_is_emptied_without_the_controller() {
    let mut running = run(vec![messages(&["\u{0}", "[]"]), messages(&["null"])]);
    assert!(matches!(running.inbox.recv().await, Some(Message::EventsCome(true))));
    while running.sqs.deleted.lock().unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    running.inbox.close();
    running.task.await.unwrap();
    assert!(running.inbox.recv().await.is_none());
}

#[tokio::test]
async fn a_failing_queue_is_told_and_tried_again() {
    let answers = [messages(&[]), refused("QueueDoesNotExist"), refused("QueueDoesNotExist"), messages(&[])];
    let mut running = run(answers.into());
    assert!(matches!(running.inbox.recv().await, Some(Message::EventsCome(true))));
    running.sleeps.add_permits(1);
    assert!(matches!(running.inbox.recv().await, Some(Message::EventsCome(false))));
    let QueueState::Failing(why) = running.state.borrow().clone() else { panic!("it is not failing") };
    assert!(why.contains("create the queue in eu-west-1"), "{why}");
    assert!(running.metrics.text().contains("sagewright_event_queue_readable 0"));
    running.sleeps.add_permits(2);
    assert!(matches!(running.inbox.recv().await, Some(Message::EventsCome(true))));
    assert_eq!(*running.state.borrow(), QueueState::Readable);
    running.inbox.close();
    running.task.await.unwrap();
}

#[tokio::test]
async fn a_queue_that_was_never_readable_changes_nothing() {
    let mut running = run(vec![refused("AccessDenied"), refused("AccessDenied")]);
    running.state.wait_for(|state| matches!(state, QueueState::Failing(_))).await.unwrap();
    running.inbox.close();
    running.task.await.unwrap();
    assert!(running.inbox.recv().await.is_none());
}
