//! Events of EventBridge, which come by a queue of SQS: hints that a resource may have changed, each of which leads to one look. Who
//! lost one, or has no queue, is told by the polls of AWS's listings.

mod notice;
mod queue_url;
mod reader;
mod recent;
mod trouble;

pub(crate) use notice::Notice;
pub use queue_url::EventQueue;
pub(crate) use reader::Reader;

/// How it stands with the queue, for the health page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum QueueState {
    /// There is none, or it was not read yet.
    #[default]
    Unread,
    Readable,
    /// It cannot be read; why, and what to do.
    Failing(String),
}

/// What became of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// An object is looked at.
    Look,
    /// It was told by the create that was just sent, and the poll that shows that is awaited.
    Own,
    /// No object stands for its resource.
    NoObject,
}
