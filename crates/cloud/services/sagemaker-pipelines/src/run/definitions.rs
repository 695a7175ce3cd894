//! Definitions of executions, parsed once for many steps.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::Record;
use sagewright_cloud_sagemaker_base::SageMaker;

use crate::definition::Definition;
use crate::execution::machine::Facts;
use crate::execution::state::State;
use crate::pipeline::version;

/// How many are kept.
const KEPT: usize = 16;

static PARSED: Mutex<VecDeque<(String, Arc<Definition>)>> = Mutex::new(VecDeque::new());

/// The definition that an execution goes by, and which changes no more.
///
/// # Errors
/// It cannot be read.
pub(crate) async fn of(sm: &SageMaker, execution: &Record, state: &State) -> Result<Arc<Definition>, ApiError> {
    // The seed, and not the ARN, which another cloud in this process may have as well.
    let id = &state.seed;
    let kept = || PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    {
        let mut kept = kept();
        let at = kept.iter().position(|(known, _)| known == id && !id.is_empty());
        // The one that was used last comes first, and goes last.
        if let Some(found) = at.and_then(|at| kept.remove(at)) {
            let definition = Arc::clone(&found.1);
            kept.push_front(found);
            return Ok(definition);
        }
    }
    let text = version::definition(sm, &execution.key, &Facts::of(execution)).await?;
    // A large one takes a while.
    let parsed = tokio::task::spawn_blocking(move || Definition::parse(&text)).await;
    let parsed = parsed.map_err(|error| ApiError::internal(error.to_string()))?;
    let definition = Arc::new(parsed.map_err(ApiError::validation)?);
    let mut kept = kept();
    kept.truncate(KEPT - 1);
    kept.push_front((id.clone(), Arc::clone(&definition)));
    Ok(definition)
}
