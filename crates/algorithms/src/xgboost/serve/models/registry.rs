//! The loaded models by name.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A loaded model, and where it is from.
pub(super) struct Loaded<M> {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) model: M,
}

/// Why a model was not loaded.
#[derive(Debug, PartialEq)]
pub(super) enum LoadError {
    /// The name has its model.
    Loaded,
    /// Another request is loading a model of this name.
    Loading,
    /// The model itself cannot be loaded, for this reason.
    Failed(String),
}

/// The models that are loaded or being loaded.
pub(super) struct Registry<M> {
    slots: RwLock<BTreeMap<String, Slot<M>>>,
}

enum Slot<M> {
    Loading,
    Loaded(Arc<Loaded<M>>),
}

impl<M> Slot<M> {
    fn loaded(&self) -> Option<&Arc<Loaded<M>>> {
        match self {
            Self::Loading => None,
            Self::Loaded(loaded) => Some(loaded),
        }
    }
}

impl<M> Default for Registry<M> {
    fn default() -> Self {
        Self { slots: RwLock::default() }
    }
}

impl<M> Registry<M> {
    /// Keeps what `load` returns as `name`. No lock is held while it loads, and the name is taken
    /// meanwhile, so that no two requests load it at once.
    pub(super) fn load(
        &self,
        name: &str,
        url: &str,
        load: impl FnOnce() -> Result<M, String>,
    ) -> Result<Arc<Loaded<M>>, LoadError> {
        let reservation = self.reserve(name)?;
        let model = load().map_err(LoadError::Failed)?;
        Ok(reservation.fill(Loaded { name: name.to_owned(), url: url.to_owned(), model }))
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Loaded<M>>> {
        self.read().get(name).and_then(Slot::loaded).map(Arc::clone)
    }

    /// Forgets a model. It ends with its last user.
    pub(super) fn unload(&self, name: &str) -> Option<Arc<Loaded<M>>> {
        let mut slots = self.write();
        let loaded = slots.get(name).and_then(Slot::loaded).map(Arc::clone)?;
        slots.remove(name);
        Some(loaded)
    }

    /// At most `limit` models in the order of their names, from the first name behind `after` on,
    /// and whether there are more.
    pub(super) fn list(&self, after: Option<&str>, limit: usize) -> (Vec<Arc<Loaded<M>>>, bool) {
        let slots = self.read();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut models = slots.range::<str, _>((start, Bound::Unbounded)).filter_map(|(_, slot)| slot.loaded());
        let page = models.by_ref().take(limit).map(Arc::clone).collect();
        (page, models.next().is_some())
    }

    fn reserve<'a>(&'a self, name: &'a str) -> Result<Reservation<'a, M>, LoadError> {
        let mut slots = self.write();
        match slots.get(name) {
            Some(Slot::Loaded(_)) => Err(LoadError::Loaded),
            Some(Slot::Loading) => Err(LoadError::Loading),
            None => {
                slots.insert(name.to_owned(), Slot::Loading);
                Ok(Reservation { registry: self, name, open: true })
            }
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Slot<M>>> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Slot<M>>> {
        self.slots.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name that is taken while its model is loaded; free again when that fails.
struct Reservation<'a, M> {
    registry: &'a Registry<M>,
    name: &'a str,
    open: bool,
}

impl<M> Reservation<'_, M> {
    fn fill(mut self, loaded: Loaded<M>) -> Arc<Loaded<M>> {
        let loaded = Arc::new(loaded);
        self.registry.write().insert(self.name.to_owned(), Slot::Loaded(Arc::clone(&loaded)));
        // From here on the name is another's to take.
        self.open = false;
        loaded
    }
}

impl<M> Drop for Reservation<'_, M> {
    fn drop(&mut self) {
        if self.open {
            self.registry.write().remove(self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::{LoadError, Registry};

    fn names(registry: &Registry<u8>, after: Option<&str>, limit: usize) -> (Vec<String>, bool) {
        let (page, more) = registry.list(after, limit);
        (page.iter().map(|loaded| loaded.name.clone()).collect(), more)
    }

    #[test]
    fn a_model_that_is_being_loaded_is_not_there_yet_and_its_name_is_taken() {
        let registry = Registry::<u8>::default();
        let loaded = registry.load("a", "/a", || {
            assert!(registry.find("a").is_none());
            assert!(registry.unload("a").is_none());
            assert_eq!(names(&registry, None, 10), (vec![], false));
            assert_eq!(registry.load("a", "/b", || Ok(2)).err(), Some(LoadError::Loading));
            assert!(registry.load("b", "/b", || Ok(2)).is_ok(), "other names are free");
            Ok(1)
        });
        assert_eq!(loaded.map(|loaded| loaded.model), Ok(1));
        assert_eq!(registry.load("a", "/b", || Ok(2)).err(), Some(LoadError::Loaded));
        assert_eq!(registry.find("a").map(|loaded| (loaded.url.clone(), loaded.model)), Some(("/a".to_owned(), 1)));
    }

    #[test]
    fn a_name_is_free_again_when_its_model_cannot_be_loaded() {
        let registry = Registry::<u8>::default();
        let failed = registry.load("a", "/a", || Err("no model".to_owned()));
        assert_eq!(failed.err(), Some(LoadError::Failed("no model".to_owned())));
        let broken = catch_unwind(AssertUnwindSafe(|| registry.load("a", "/a", || panic!("a broken loader"))));
        assert!(broken.is_err());
        assert!(registry.load("a", "/a", || Ok(1)).is_ok());
    }

    #[test]
    fn an_unloaded_model_lasts_as_long_as_its_last_user() {
        let registry = Registry::<u8>::default();
        assert!(registry.load("a", "/a", || Ok(1)).is_ok());
        let user = registry.find("a").expect("it is loaded");
        assert!(registry.unload("a").is_some());
        assert!(registry.find("a").is_none() && registry.unload("a").is_none());
        assert!(registry.load("a", "/b", || Ok(2)).is_ok());
        assert_eq!((user.model, registry.find("a").map(|loaded| loaded.model)), (1, Some(2)));
    }

    #[test]
    fn pages_go_on_behind_a_name_even_when_that_is_gone() {
        let registry = Registry::<u8>::default();
        for name in ["c", "a", "d", "b"] {
            assert!(registry.load(name, "/x", || Ok(1)).is_ok());
        }
        let page = |after, limit| names(&registry, after, limit);
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(page(None, 2), (owned(&["a", "b"]), true));
        assert!(registry.unload("b").is_some());
        assert_eq!(page(Some("b"), 2), (owned(&["c", "d"]), false));
        assert_eq!(page(Some("d"), 2), (vec![], false));
    }
}
