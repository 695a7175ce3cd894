//! Definitions of executions, parsed once for many steps.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sagewright_cloud_core::api::ApiError;

use super::Read;
use crate::definition::Definition;
use crate::execution::machine::Executions;
use crate::pipeline::version;

/// How many are kept.
const KEPT: usize = 16;

static PARSED: Mutex<VecDeque<(String, Arc<Definition>)>> = Mutex::new(VecDeque::new());

/// The definition that an execution goes by, and which changes no more.
///
/// # Errors
/// It cannot be read.
pub(crate) async fn of(executions: &Executions, read: &Read) -> Result<Arc<Definition>, ApiError> {
    // The seed, and not the ARN, which another cloud in this process may have as well.
    let id = &read.state.seed;
    let kept = || PARSED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, found)) = kept().iter().find(|(known, _)| known == id) {
        return Ok(Arc::clone(found));
    }
    let text = version::definition(&executions.0, &read.record.key, &read.facts).await?;
    let definition = Arc::new(Definition::parse(&text).map_err(ApiError::validation)?);
    let mut kept = kept();
    kept.truncate(KEPT - 1);
    kept.push_front((id.clone(), Arc::clone(&definition)));
    Ok(definition)
}
