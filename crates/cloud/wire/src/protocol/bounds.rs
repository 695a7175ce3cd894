//! How large a body's values may get, whatever its bytes claim: bodies in CBOR and XML are read into values many times their size.

use super::serialization;
use sagewright_cloud_core::api::ApiError;

/// Values within values end here, as serde_json ends them.
const DEEPEST: usize = 128;
/// Values in one body: scalars, lists, maps and structures.
const MOST: usize = 1_000_000;

/// Counts the values of one body.
#[derive(Default)]
pub(super) struct Bounds {
    values: usize,
}

impl Bounds {
    /// One value more, at a depth.
    pub(super) fn take(&mut self, depth: usize) -> Result<(), ApiError> {
        self.values += 1;
        if depth > DEEPEST {
            return Err(serialization(format!("The request body is nested more than {DEEPEST} deep")));
        }
        if self.values > MOST {
            return Err(serialization(format!("The request body holds more than {MOST} values")));
        }
        Ok(())
    }
}
