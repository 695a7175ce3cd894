//! A request's hold on a model.

use std::sync::Arc;

use http::{Method, StatusCode, Uri};
use tokio::runtime::Handle;

use super::{Model, Models};

/// A loaded model that stays while a request holds this.
pub(in crate::hosting) struct Lease {
    pub(super) models: Arc<Models>,
    pub(super) model: Arc<Model>,
}

impl Lease {
    /// Where the model takes requests.
    pub fn invocations(&self) -> Uri {
        self.model.path("/invoke")
    }

    /// Whether the container has lost the model; then it is loaded anew when it is asked for again.
    pub async fn is_lost(&self) -> bool {
        let answer = self.models.call(Method::GET, &self.model, self.model.path("")).await;
        let lost = matches!(answer, Ok(answer) if answer.status == StatusCode::NOT_FOUND);
        if lost {
            self.models.forget(&self.model);
        }
        lost
    }
}

impl Drop for Lease {
    /// A model that is not to be kept goes with the last request that uses it.
    fn drop(&mut self) {
        let mut state = self.models.lock();
        let Some(entry) = state.of(&self.model) else { return };
        entry.users -= 1;
        if entry.users == 0 && !self.models.source.cached && self.model.ready() {
            state.entries.remove(self.model.key());
            // A request may also end with the runtime.
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(self.models.clone().unload(self.model.clone()));
            }
        }
    }
}
