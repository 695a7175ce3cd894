//! Who refers to whom: a referrer is looked at again when what it refers to gives another value.

use std::sync::Arc;

use super::Controller;
use crate::declared::Key;
use crate::queue::Id;
use crate::referents::{Given, all};

impl Controller {
    /// An object refers to these others.
    pub(super) fn refer(&mut self, id: Id, refers: Box<[Key]>) {
        let Some(kept) = self.objects.get_mut(id).filter(|kept| kept.refers != refers) else { return };
        let before = std::mem::replace(&mut kept.refers, refers.clone());
        for key in before.iter().filter(|key| !refers.contains(key)) {
            if let Some(referrers) = self.referrers.get_mut(key) {
                referrers.retain(|other| *other != id);
                if referrers.is_empty() {
                    self.referrers.remove(key);
                }
            }
        }
        for key in refers.iter().filter(|key| !before.contains(key)) {
            self.referrers.entry(key.clone()).or_default().push(id);
        }
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

    /// An object is due where what it refers to gives something else than at its last look. Where that is not known, as of
    /// objects that no watch has shown yet, it is not. Whether it is due.
    pub(super) fn check_relied(&mut self, id: Id) -> bool {
        if self.queue.is_running(id) {
            // The look may have read the new value.
            self.rechecks.insert(id);
            return false;
        }
        let Some(kept) = self.objects.get(id).filter(|kept| kept.relied != 0 && !kept.deleting) else { return false };
        let given = |key| self.objects.id(key).and_then(|id| self.objects.get(id)).map_or(0, |kept| kept.gives);
        let now: Vec<_> = kept.refers.iter().map(|key| (key, given(key))).collect();
        let is_due = now.iter().all(|(_, given)| *given != 0) && all(now.into_iter()) != kept.relied;
        if is_due {
            self.due(id);
        }
        is_due
    }
}
