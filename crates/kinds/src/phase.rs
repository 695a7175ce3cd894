//! Where a resource is in its life, whatever the words of its kind.

use std::fmt;

use serde::Serialize;

/// Where a resource is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// At work; it cannot be changed meanwhile.
    Progressing,
    /// As it should be.
    Settled,
    /// It did not get there.
    Failed,
    /// On its way to a stop.
    Stopping,
    /// Stopped.
    Stopped,
    /// On its way out.
    Deleting,
    /// Readable, but counts as gone.
    Gone,
    /// A status word that neither the row nor the model knows.
    Unknown,
}

impl Phase {
    /// Whether nothing more will happen by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Settled | Self::Failed | Self::Stopped | Self::Gone)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Progressing => "progressing",
            Self::Settled => "settled",
            Self::Failed => "failed",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Deleting => "deleting",
            Self::Gone => "gone",
            Self::Unknown => "unknown",
        })
    }
}
