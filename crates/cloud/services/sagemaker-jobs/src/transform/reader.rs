//! The input objects, one after another, as payloads. Blocks; ends soon when nobody takes what it reads.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sagewright_cloud_core::limits;
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
    /// All of an object, or why not.
    End(Arc<Object>, Result<(), Trouble>),
}

/// Reads all objects in their order.
pub(super) fn read(
    source: &Source<'_>,
    plan: &Plan,
    parameters: Parameters,
    items: Vec<Item>,
    to: &mpsc::Sender<Part>,
) {
    for (number, item) in items.into_iter().enumerate() {
        let object = Arc::new(Object { item, number, failed: AtomicBool::new(false) });
        let end = one(source, plan, parameters, &object, to);
        let Err(Stop::Nobody) = end else {
            let end = end.map_err(|stop| match stop {
                Stop::Trouble(trouble) => trouble,
                Stop::Nobody => Trouble::default(),
            });
            if to.blocking_send(Part::End(object, end)).is_ok() {
                continue;
            }
            return;
        };
        return;
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
    object: &Arc<Object>,
    to: &mpsc::Sender<Part>,
) -> Result<(), Stop> {
    let Item { bucket, key, .. } = &object.item;
    let client = |line: String| Stop::Trouble(Trouble::new(Fault::Client, vec![line]));
    let (_, file) =
        source.objects.open(source.account, bucket, key).map_err(|e| client(FetchError::Object(e).to_string()))?;
    let single = parameters.strategy == Strategy::SingleRecord;
    let filtered = plan.processing.as_ref().is_some_and(super::processing::Processing::filters_input);
    let longest = parameters.longest();
    let records = Records::new(
        content(file, plan.data.gunzip, source.cancelled),
        plan.split,
        !single,
        if filtered { limits::TRANSFORM_PAYLOAD } else { longest },
    );
    let mut payloads = Payloads { records, single, longest, processing: plan.processing.as_ref(), held: None };
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
            Err(bad) => return Err(client(bad.to_string())),
        }
    }
}

fn content<'c>(file: File, gunzip: bool, cancelled: &'c AtomicBool) -> Box<dyn Read + 'c> {
    let file = Heeding::new(file, cancelled);
    if gunzip { Box::new(Gunzip::new(file)) } else { Box::new(file) }
}
