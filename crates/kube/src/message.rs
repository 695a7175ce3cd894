//! What happens in the cluster and in AWS, as the controller is told.

use std::collections::BTreeMap;

use sagewright_engine::Failure;
use sagewright_engine::watch::Change;
use tokio::sync::oneshot;

use crate::declared::{Declared, Key};
use crate::notices::{Heard, Notice};
use crate::polls::PollId;
use crate::queue::KindIndex;
use crate::scope::{Namespace, RoleSelector};

/// One watch: of a kind, in one namespace or in all.
pub(crate) type SourceId = u16;

/// Something happened.
#[derive(Debug)]
pub(crate) enum Message {
    /// To objects of a kind.
    Objects(SourceId, Watched<Box<(Key, Declared)>, (Key, String)>),
    /// The cluster does not serve the kind of a watch any more.
    Unserved(SourceId),
    /// The cluster serves these kinds.
    Served(Vec<KindIndex>),
    /// To namespaces.
    Namespaces(Watched<(String, Namespace), String>),
    /// To a ConfigMap of roles; nothing where it is not there.
    Roles(&'static str, BTreeMap<String, String>),
    /// To selectors of roles.
    Selectors(Watched<(String, Option<RoleSelector>), String>),
    /// A poll of a listing of AWS came to its end.
    Polled(PollId, Result<Vec<Change>, Failure>),
    /// Events of EventBridge; who told them wants to know what became of each.
    Noticed(Vec<Notice>, oneshot::Sender<Vec<Heard>>),
    /// Events of EventBridge can be read from now on, or cannot.
    EventsCome(bool),
}

/// What a watch tells.
#[derive(Debug)]
pub(crate) enum Watched<T, K> {
    /// All of them are told anew.
    Reset,
    /// One of them, as a part of all or because it changed.
    Shown(T),
    /// All of them were told.
    Complete,
    /// One went; its uid.
    Gone(K),
}
