//! Who refers to whom: a referrer is looked at again when what it refers to gives another value.

use std::collections::HashMap;
use std::sync::Arc;

use sagewright_kinds::Kind;

use super::Controller;
use crate::declared::Key;
use crate::generated::Taken;
use crate::kept::Kept;
use crate::queue::Id;
use crate::referents::{Given, all};

impl Controller {
    /// An object refers to these others.
    pub(super) fn refer(&mut self, id: Id, refers: Box<[Key]>) {
        let Some(kept) = self.objects.get_mut(id).filter(|kept| kept.refers != refers) else { return };
        let before = std::mem::replace(&mut kept.refers, refers.clone());
        move_over(&mut self.referrers, id, &before, &refers);
    }

    /// An object waits for these others.
    pub(super) fn wait(&mut self, id: Id, waits: Box<[Key]>) {
        let Some(kept) = self.objects.get_mut(id) else { return };
        let before = std::mem::replace(&mut kept.waits, waits.clone());
        move_over(&mut self.waiting, id, &before, &waits);
    }

    /// An object gives this. While it is not as declared, what it gave before goes on to count.
    pub(super) fn gave(&mut self, id: Id, given: Given) {
        let Some(kept) = self.objects.get_mut(id).filter(|kept| given != 0 && kept.gives != given) else { return };
        kept.gives = given;
        let key = Arc::clone(&kept.key);
        for referrer in self.referrers.get(&*key).cloned().unwrap_or_default() {
            // The end of the other's look has nothing more to tell it.
            if self.check_relied(referrer)
                && let Some(waiting) = self.waiting.get_mut(&*key)
            {
                waiting.retain(|other| *other != referrer);
            }
        }
    }

    /// Whether all that refer to an object have settled on what it gives.
    pub(super) fn taken(&self, kept: &Kept) -> Taken {
        if !self.sources.values().all(|source| source.complete) {
            return Taken::Unknown;
        }
        let has_settled = |id: &Id| {
            let Some(other) = self.objects.get(*id).filter(|_| !self.queue.is_running(*id)) else { return false };
            let follows = other.looked == Some((other.hash, false)) && other.relied == self.offered(other);
            // A job that has begun follows nothing, and one that has not reads what it refers to anew.
            let is_job = || self.kind(other.key.kind).is_some_and(Kind::is_job);
            other.synced && follows || is_job()
        };
        let referrers = self.referrers.get(&*kept.key);
        if referrers.into_iter().flatten().all(has_settled) { Taken::By(kept.gives) } else { Taken::Not }
    }

    /// What the objects give now to which an object refers.
    fn offered(&self, kept: &Kept) -> Given {
        all(self.given(kept))
    }

    /// Each object to which an object refers, with what it gives now.
    fn given<'k>(&'k self, kept: &'k Kept) -> impl Iterator<Item = (&'k Key, Given)> {
        let given = |key| self.objects.id(key).and_then(|id| self.objects.get(id)).map_or(0, |kept| kept.gives);
        kept.refers.iter().map(move |key| (key, given(key)))
    }

    /// An object has settled on what it refers to, or is gone: older resources of that may be free.
    pub(super) fn released(&mut self, refers: &[Key]) {
        for key in refers {
            if let Some(id) = self.objects.id(key).filter(|id| self.objects.get(*id).is_some_and(|kept| kept.retires)) {
                self.due(id);
            }
        }
    }

    /// An object is due where what it refers to gives something else than at its last look. Where that is not known, as of
    /// objects that no watch has shown yet, it is not. Whether it is due.
    pub(super) fn check_relied(&mut self, id: Id) -> bool {
        if self.queue.is_running(id) {
            // The look may have read the new value.
            self.rechecks.insert(id);
            return false;
        }
        let Some(kept) = self.objects.get(id).filter(|kept| kept.relied != 0 && !kept.deleting) else { return false };
        let now: Vec<_> = self.given(kept).collect();
        let is_due = now.iter().all(|(_, given)| *given != 0) && all(now.into_iter()) != kept.relied;
        if is_due {
            self.due(id);
        }
        is_due
    }
}

/// Moves an object from what it was listed under to what it is to be listed under.
fn move_over(lists: &mut HashMap<Key, Vec<Id>>, id: Id, before: &[Key], after: &[Key]) {
    for key in before.iter().filter(|key| !after.contains(key)) {
        if let Some(list) = lists.get_mut(key) {
            list.retain(|other| *other != id);
            if list.is_empty() {
                lists.remove(key);
            }
        }
    }
    for key in after {
        let list = lists.entry(key.clone()).or_default();
        if !list.contains(&id) {
            list.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_an_object_that_is_listed_nowhere() {
        let key = |name: &str| Key { kind: 0, namespace: "team".into(), name: name.into() };
        let mut lists = HashMap::new();
        move_over(&mut lists, 1, &[], &[key("a"), key("b")]);
        move_over(&mut lists, 2, &[], &[key("b")]);
        move_over(&mut lists, 1, &[key("a"), key("b")], &[key("b"), key("c")]);
        assert_eq!(lists, HashMap::from([(key("b"), vec![1, 2]), (key("c"), vec![1])]));
        move_over(&mut lists, 1, &[key("b"), key("c")], &[]);
        move_over(&mut lists, 2, &[key("b")], &[]);
        assert_eq!(lists, HashMap::new());
    }
}
