//! The input objects, one after another, as payloads. Blocks; ends soon when nobody takes what it reads.

use std::fs::File;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sagewright_cloud_core::limits;
use sagewright_cloud_core::objects::Objects;
use sagewright_cloud_sagemaker_base::ports::OpenBody;
use sagewright_cloud_transfer::fetch::{FetchError, Source, unpacking};
use sagewright_cloud_transfer::gunzip::Gunzip;
use sagewright_cloud_transfer::heed::Heeding;
use tokio::sync::mpsc;

use super::batch::{Payload, Payloads};
use super::parameters::{Parameters, Strategy};
use super::request::Plan;
use super::split::{BadRecord, Records};
use super::trouble::{Fault, Trouble};
use crate::job::data::Item;

/// An input object.
#[derive(Debug)]
pub(super) struct Object {
    pub item: Item,
    /// Its place among the inputs.
    pub number: usize,
    /// It has no output any more, so that the rest of it needs neither reading nor sending.
    pub failed: AtomicBool,
}

/// What was read.
pub(super) enum Part {
    Payload(Arc<Object>, Payload),
    /// An object that is read while it is sent.
    Chunks(Arc<Object>),
    /// All of an object, or why not.
    End(Arc<Object>, Result<(), Trouble>),
}

/// Reads all objects in their order.
pub(super) fn read(
    source: &Source<'_>,
    plan: &Plan,
    parameters: Parameters,
    room: usize,
    items: Vec<Item>,
    to: &mpsc::Sender<Part>,
) {
    for (number, item) in items.into_iter().enumerate() {
        let object = Arc::new(Object { item, number, failed: AtomicBool::new(false) });
        let end = match one(source, plan, parameters, room, &object, to) {
            Ok(()) => Ok(()),
            Err(Stop::Trouble(trouble)) => Err(trouble),
            Err(Stop::Nobody) => return,
        };
        if to.blocking_send(Part::End(object, end)).is_err() {
            return;
        }
    }
}

/// Why an object is not read to its end.
enum Stop {
    Trouble(Trouble),
    /// Nobody takes what is read.
    Nobody,
}

fn one(
    source: &Source<'_>,
    plan: &Plan,
    parameters: Parameters,
    room: usize,
    object: &Arc<Object>,
    to: &mpsc::Sender<Part>,
) -> Result<(), Stop> {
    if parameters.chunks(plan.split) {
        return to.blocking_send(Part::Chunks(Arc::clone(object))).map_err(|_| Stop::Nobody);
    }
    let Item { bucket, key, .. } = &object.item;
    let client = |line: String| Stop::Trouble(Trouble::new(Fault::Client, vec![line]));
    let (_, file) =
        source.objects.open(source.account, bucket, key).map_err(|e| client(FetchError::Object(e).to_string()))?;
    let single = parameters.strategy == Strategy::SingleRecord;
    let filtered = plan.processing.as_ref().is_some_and(super::processing::Processing::filters_input);
    let longest = parameters.longest(room);
    let records = Records::new(
        content(file, plan.data.gunzip, source.cancelled),
        plan.split,
        !single,
        if filtered { room } else { longest },
    );
    let mut payloads = Payloads { records, single, longest, room, processing: plan.processing.as_ref(), held: None };
    loop {
        if object.failed.load(Ordering::Relaxed) {
            return Ok(());
        }
        match payloads.next() {
            Ok(None) => return Ok(()),
            Ok(Some(payload)) => {
                to.blocking_send(Part::Payload(Arc::clone(object), payload)).map_err(|_| Stop::Nobody)?;
            }
            Err(BadRecord::Read(_)) if source.cancelled.load(Ordering::Relaxed) => return Err(Stop::Nobody),
            Err(BadRecord::Read(error)) if plan.data.gunzip => {
                return Err(client(unpacking(bucket, key, &error).to_string()));
            }
            Err(BadRecord::Read(error)) => {
                return Err(Stop::Trouble(Trouble::new(Fault::Internal, vec![format!("It cannot be read: {error}")])));
            }
            Err(bad @ BadRecord::TooLong) if filtered && room < limits::TRANSFORM_PAYLOAD => {
                return Err(client(format!(
                    "{bad}. Before its filter a record may have {room} bytes, and more with a lower MaxConcurrentTransforms"
                )));
            }
            Err(bad) => return Err(client(bad.to_string())),
        }
    }
}

/// An object's content for a request, from its start. What goes wrong with it is left in `wrong`.
pub(super) fn chunks(objects: Arc<dyn Objects>, account: String, item: &Item, gunzip: bool, wrong: Wrong) -> OpenBody {
    let (bucket, key) = (item.bucket.clone(), item.key.clone());
    Arc::new(move || {
        let told = |line: String| {
            wrong.tell(line.clone());
            io::Error::other(line)
        };
        let opened = objects.open(&account, &bucket, &key);
        let (_, file) = opened.map_err(|e| told(FetchError::Object(e).to_string()))?;
        if !gunzip {
            return Ok(Box::new(file));
        }
        let unpacked =
            Unpacked { inner: Gunzip::new(file), bucket: bucket.clone(), key: key.clone(), wrong: wrong.clone() };
        Ok(Box::new(unpacked))
    })
}

/// What was wrong with what was to be sent.
#[derive(Debug, Default, Clone)]
pub(super) struct Wrong(Arc<Mutex<Option<String>>>);

impl Wrong {
    fn tell(&self, line: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
    }

    /// For the data log.
    pub fn told(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Unpacked {
    inner: Gunzip<File>,
    bucket: String,
    key: String,
    wrong: Wrong,
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).inspect_err(|error| {
            self.wrong.tell(unpacking(&self.bucket, &self.key, error).to_string());
        })
    }
}

fn content<'c>(file: File, gunzip: bool, cancelled: &'c AtomicBool) -> Box<dyn Read + 'c> {
    let file = Heeding::new(file, cancelled);
    if gunzip { Box::new(Gunzip::new(file)) } else { Box::new(file) }
}
