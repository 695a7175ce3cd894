//! What fails for a while, such as a store without room, is tried again: a step must not stay in progress for ever, nor fail,
//! because of it.

use std::time::Duration;

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::SageMaker;

const LONGEST: Duration = Duration::from_secs(60);

/// The pauses between attempts.
pub(super) struct Patience(Duration);

impl Patience {
    pub(super) const fn new() -> Self {
        Self(Duration::from_secs(1))
    }

    /// Waits, and says whether to try again what failed.
    pub(super) async fn again(&mut self, sm: &SageMaker, what: &str, error: &ApiError) -> bool {
        if error.status < 500 || error.status == 501 || error.lasting {
            return false;
        }
        tracing::warn!(what, error = error.message, "a step of a pipeline cannot go on; trying again");
        sm.env().wall.sleep(self.0).await;
        self.0 = (self.0 * 2).min(LONGEST);
        true
    }
}
