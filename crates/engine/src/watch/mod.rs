//! Watches changes instead of resources: one listing for each kind, account and region finds what changed, and only that
//! is looked at. Cost follows change, not the number of resources.
//!
//! [`Poller`] is the rule, without I/O or clock; [`Watch`] runs it over the engine's ports; [`Settled`] is what a caller
//! remembers of an object, so that one that is settled costs no call of its own.
//!
//! # How a caller reconciles with it
//!
//! A caller has one [`Watch`] for each kind, account and region, and an index from [`NameHash::of`] a resource's name to the
//! object that declares it. What [`Watch::next`] gives, and every object that was declared anew, is reconciled:
//!
//! ```
//! use sagewright_engine::Object;
//! use sagewright_engine::watch::{ContentHash, Settled, ListItem};
//!
//! /// Whether an object has to be looked at: `memory` is what was remembered after the last look that found it settled,
//! /// and `hash` what the watch shows now, [`Watch::hash`](sagewright_engine::watch::Watch::hash).
//! fn needs_a_look(object: &Object, memory: Option<Settled>, hash: Option<ContentHash>) -> bool {
//!     !memory.is_some_and(|memory| memory.holds(ContentHash::of_declared(object), hash))
//! }
//! ```
//!
//! - The hash is taken *before* the look, and remembered with the declaration's when the look found the object settled and
//!   nothing was written: a change during the look has another hash, and leads to another look.
//! - A look that gave something older than the listing did ([`ListItem::is_newer_than`]) is not remembered as settled.
//! - An object that is at work, failed or was just written has no [`Settled`], and is looked at after its own pause. Nor has
//!   one that is there although the listing does not show it (yet, or any more): it has no hash.
//! - Listings do not show tags, and of some kinds only a part ([`sagewright_kinds::Shows::Part`]): such an object is looked
//!   at anyway after its row's `resync.settled`.
//! - [`Watch::observation`] goes into the step ([`Engine::reconcile_from_list`](crate::Engine::reconcile_from_list)): what no poll has
//!   shown is created without a look before. What such a create made shows in a later poll, and when
//!   [`Memory::has_made`](crate::reconcile::Memory::has_made) that, its hash is remembered as settled without a look.
//! - A caller that looks at objects while it polls asks [`Watch::shown`], which can be cloned.
//! - [`Settled`] is 16 bytes and can be kept where the object is. After a restart, the first poll lists everything and
//!   reports all of it; an object whose memory holds still needs no look.

mod driver;
mod hash;
mod poller;

use serde::{Deserialize, Serialize};

pub use driver::{Identity, Shown, Watch};
pub use hash::{ContentHash, ListItem, NameHash};
pub use poller::{Change, Poller, Query};

/// What is remembered of an object that was found settled: as long as it holds, there is nothing to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// What was declared.
    #[serde(rename = "d")]
    declared: ContentHash,
    /// What the listing showed before the look.
    #[serde(rename = "s")]
    shown: ContentHash,
}

impl Settled {
    /// What to remember after a look that found an object settled; `shown` was taken before it.
    #[must_use]
    pub fn new(declared: ContentHash, shown: ContentHash) -> Self {
        Self { declared, shown }
    }

    /// Whether nothing has changed: neither what is declared nor what the listing shows.
    #[must_use]
    pub fn holds(&self, declared: ContentHash, shown: Option<ContentHash>) -> bool {
        self.declared == declared && Some(self.shown) == shown
    }
}
