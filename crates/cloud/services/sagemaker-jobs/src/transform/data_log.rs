//! The data log of an instance: what SageMaker's agent, and not a container, tells.

use sagewright_cloud_core::clock::SimClock;
use sagewright_cloud_core::runner::Journal;

use super::reader::Object;
use super::trouble::Trouble;
use crate::job::data::Item;
use crate::job::log::escape;

/// The data logs of all instances.
#[derive(Clone)]
pub(super) struct DataLogs {
    pub journals: Vec<Journal>,
    pub clock: SimClock,
}

impl DataLogs {
    /// The instance that an object is sent to: "partitions the Amazon S3 objects in the input by key and maps Amazon S3
    /// objects to instances" (developer guide).
    pub fn instance(&self, object: &Object) -> usize {
        object.number % self.journals.len().max(1)
    }

    /// Tells all instances. Blocks.
    pub fn all(&self, line: &str) {
        self.journals.iter().for_each(|journal| self.push(journal, line));
    }

    /// Tells what is wrong with an object. Blocks.
    pub fn trouble(&self, object: &Object, trouble: &Trouble) {
        let Some(journal) = self.journals.get(self.instance(object)) else { return };
        let Item { bucket, key, .. } = &object.item;
        for line in &trouble.lines {
            self.push(journal, &format!("{bucket}/{key}: {line}"));
        }
        journal.flush();
    }

    /// Writes what waits. Blocks.
    pub fn flush(&self) {
        self.journals.iter().for_each(Journal::flush);
    }

    fn push(&self, journal: &Journal, line: &str) {
        let now = self.clock.now().as_millisecond();
        let time = jiff::Timestamp::from_millisecond(now).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S.%3f");
        journal.push(&format!("{time}:[sagemaker logs]: {}", escape(line)));
    }
}
