//! Payloads to the containers and answers to the outputs: read by one thread, asked for at the same time, written in
//! order.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use futures_util::stream::{FuturesOrdered, StreamExt as _};
use sagewright_cloud_core::clock::SharedWall;
use sagewright_cloud_core::objects::Objects;
use sagewright_cloud_sagemaker_base::{Body, Invocation, Servers, Silence};
use tokio::sync::{Semaphore, mpsc};

use super::batch::Payload;
use super::capture::output_name;
use super::data_log::DataLogs;
use super::output::Output;
use super::parameters::Parameters;
use super::reader::{Object, Part, Wrong, chunks, read};
use super::request::Plan;
use super::trouble::{Fault, Trouble};
use crate::job::data::Item;
use crate::job::halt::Halt;
use crate::job::location::Location;
use crate::job::site::{Site, Tools};

/// Pause before a request that failed is made again; the next one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// What answers are made with.
pub(super) struct Asker {
    pub servers: Arc<dyn Servers>,
    pub plan: Arc<Plan>,
    pub wall: SharedWall,
    pub objects: Arc<dyn Objects>,
    pub account: String,
    /// Requests that may be sent to each instance.
    pub slots: Vec<Arc<Semaphore>>,
    /// Most bytes of an answer.
    pub room: usize,
}

/// Complete outputs, in the order of their objects: where each is to be stored, and its file.
pub(super) type Finished = Mutex<Vec<(Location, PathBuf)>>;

/// One job's way from objects to objects.
pub(super) struct Pipeline<'a> {
    pub site: &'a Site,
    pub plan: Arc<Plan>,
    pub parameters: Parameters,
    pub asker: Arc<Asker>,
    pub logs: DataLogs,
    pub finished: &'a Finished,
}

/// What the writer gets, in the order of the objects.
enum Answer {
    Bytes(Arc<Object>, Result<Bytes, Trouble>),
    End(Arc<Object>, Result<(), Trouble>),
}

/// What the writer is at.
struct Writer {
    /// The output of the object whose answers come.
    output: Option<Output>,
    /// What the first object failed for.
    fault: Option<Fault>,
}

impl Pipeline<'_> {
    /// Makes all outputs that can be made.
    pub async fn run(&self, items: Vec<Item>) -> Result<(), Halt> {
        // Nothing is read ahead of what the containers take.
        let (sender, parts) = mpsc::channel(1);
        let (plan, parameters, room) = (Arc::clone(&self.plan), self.parameters, self.asker.room);
        let reading =
            self.site.beside(move |Tools { source, .. }| read(&source, &plan, parameters, room, items, &sender));
        let (_, written) = futures_util::future::try_join(reading, self.write(parts)).await?;
        match written {
            None => Ok(()),
            Some(fault) => Err(Halt::Failed(fault.reason())),
        }
    }

    /// Writes the outputs; answers what the first object failed for.
    async fn write(&self, mut parts: mpsc::Receiver<Part>) -> Result<Option<Fault>, Halt> {
        let at_once = self.parameters.concurrent.saturating_mul(self.asker.slots.len()).max(1);
        let mut asked: FuturesOrdered<BoxFuture<'static, Result<Answer, Halt>>> = FuturesOrdered::new();
        let mut writer = Writer { output: None, fault: None };
        let mut more = true;
        while more || !asked.is_empty() {
            tokio::select! {
                biased;
                Some(answer) = asked.next(), if !asked.is_empty() => self.take(&mut writer, answer?).await?,
                part = parts.recv(), if more && asked.len() < at_once => match part {
                    Some(part) => asked.push_back(self.ask(part)),
                    None => more = false,
                },
            }
        }
        Ok(writer.fault)
    }

    async fn take(&self, writer: &mut Writer, answer: Answer) -> Result<(), Halt> {
        let (object, trouble) = match answer {
            Answer::Bytes(object, _) | Answer::End(object, _) if object.failed.load(Ordering::Relaxed) => return Ok(()),
            Answer::Bytes(object, Ok(bytes)) => {
                let mut open = writer.output.take().unwrap_or_else(|| self.output(&object));
                if open.add(&bytes) {
                    open = blocking(move || open.write().map(|()| open)).await?;
                }
                writer.output = Some(open);
                return Ok(());
            }
            Answer::End(object, Ok(())) => {
                let open = writer.output.take().unwrap_or_else(|| self.output(&object));
                return self.finish(&object, open).await;
            }
            Answer::Bytes(object, Err(trouble)) | Answer::End(object, Err(trouble)) => (object, trouble),
        };
        object.failed.store(true, Ordering::Relaxed);
        writer.output = None;
        writer.fault = writer.fault.or(Some(trouble.fault));
        let logs = self.logs.clone();
        Ok(tokio::task::spawn_blocking(move || logs.trouble(&object, &trouble)).await?)
    }

    /// Asks for the answer at once, in a task of its own: the writer may be at work on an earlier one.
    fn ask(&self, part: Part) -> BoxFuture<'static, Result<Answer, Halt>> {
        match part {
            Part::End(object, end) => ready(Ok(Answer::End(object, end))).boxed(),
            Part::Payload(object, payload) => self.send(object, Some(payload)),
            Part::Chunks(object) => self.send(object, None),
        }
    }

    fn send(&self, object: Arc<Object>, payload: Option<Payload>) -> BoxFuture<'static, Result<Answer, Halt>> {
        let (asker, instance) = (Arc::clone(&self.asker), self.logs.instance(&object));
        let mut task = Task(tokio::spawn(async move {
            let answer = asker.answer(instance, &object, payload).await;
            Answer::Bytes(object, answer)
        }));
        async move { Ok((&mut task.0).await?) }.boxed()
    }

    fn output(&self, object: &Object) -> Output {
        Output::new(self.site.scratch().join(object.number.to_string()), self.plan.assemble_lines)
    }

    /// Keeps a complete output until the job's end.
    async fn finish(&self, object: &Object, output: Output) -> Result<(), Halt> {
        let place = self.plan.place.join(&output_name(&object.item));
        let file = blocking(move || output.finish()).await?;
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).push((place, file));
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(act: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, Halt> {
    let wrong = |e| Halt::Failed(format!("InternalServerError: cannot write an output: {e}"));
    tokio::task::spawn_blocking(act).await?.map_err(wrong)
}

/// A task that ends when nobody waits for it.
struct Task(tokio::task::JoinHandle<Answer>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Asker {
    /// The answer to a payload, or to the object itself.
    async fn answer(&self, instance: usize, object: &Object, payload: Option<Payload>) -> Result<Bytes, Trouble> {
        let slot = self.slots.get(instance).cloned().ok_or_else(Trouble::default)?;
        let _slot = slot.acquire_owned().await.map_err(|_| Trouble::default())?;
        if object.failed.load(Ordering::Relaxed) {
            return Err(Trouble::default());
        }
        let Some(Payload { body, raw }) = payload else { return self.ask_in_chunks(instance, object).await };
        let answer = self.ask(instance, Body::Whole(body), &Wrong::default()).await?;
        if !self.plan.processing.as_ref().is_some_and(super::processing::Processing::changes_output) {
            return Ok(answer);
        }
        let plan = Arc::clone(&self.plan);
        let processed = move || match &plan.processing {
            Some(processing) => processing.output(&raw, &answer).map(Bytes::from),
            None => Ok(answer),
        };
        let wrong = |line| Trouble::new(Fault::Client, vec![line]);
        tokio::task::spawn_blocking(processed).await.unwrap_or_else(|e| Err(e.to_string())).map_err(wrong)
    }

    async fn ask_in_chunks(&self, instance: usize, object: &Object) -> Result<Bytes, Trouble> {
        let wrong = Wrong::default();
        let (objects, account) = (Arc::clone(&self.objects), self.account.clone());
        let open = chunks(objects, account, &object.item, self.plan.data.gunzip, wrong.clone());
        let answer = self.ask(instance, Body::Chunks(open), &wrong).await;
        // A container that got only a part of it may have answered all the same.
        wrong.told().map_or(answer, |line| Err(Trouble::new(Fault::Client, vec![line])))
    }

    /// Sends a request, and again where the container may answer then and nothing is `wrong` with the body.
    async fn ask(&self, instance: usize, body: Body, wrong: &Wrong) -> Result<Bytes, Trouble> {
        let Plan { content_type, accept, timeout, retries, .. } = &*self.plan;
        let invocation = Invocation {
            body,
            content_type: content_type.clone(),
            accept: accept.clone(),
            timeout: *timeout,
            longest: self.room,
        };
        let mut pause = PAUSE;
        for left in (0..=*retries).rev() {
            let (trouble, again) = match self.servers.invoke(instance, &invocation).await {
                Ok(answer) if (200..300).contains(&answer.status) => return Ok(answer.body),
                Ok(answer) => (Trouble::answered(&answer), answer.status >= 500 || answer.status == 429),
                Err(silence) => (Trouble::silent(&silence, *timeout, self.room), silence != Silence::TooLong),
            };
            if left == 0 || !again || wrong.told().is_some() {
                return Err(trouble);
            }
            self.wall.sleep(pause).await;
            pause *= 2;
        }
        Err(Trouble::default())
    }
}
