//! `DMatrix`: rows of features in the library's memory, with labels and weights.

use std::ptr;

use super::functions::Handle;
use super::{Element, Result, Xgboost, array, c_text};
use crate::xgboost::data::Matrix;

/// A data matrix that belongs to the library.
pub(crate) struct DMatrix {
    library: Xgboost,
    pub(super) handle: Handle,
}

impl DMatrix {
    /// Copies a parsed matrix into the library, using `threads` threads (0 means all). Features
    /// that are NaN are missing.
    pub(crate) fn new(library: &Xgboost, matrix: &Matrix, threads: usize) -> Result<Self> {
        let config = c_text(&format!(r#"{{"missing":NaN,"nthread":{threads}}}"#))?;
        let mut handle = ptr::null_mut();
        let code = match matrix {
            Matrix::Dense(dense) => {
                let values = array(&dense.values, &[dense.rows, dense.columns])?;
                // SAFETY: the text describes a live slice of exactly that shape; it is copied.
                unsafe { (library.0.XGDMatrixCreateFromDense)(values.as_ptr(), config.as_ptr(), &raw mut handle) }
            }
            Matrix::Sparse(sparse) => {
                let offsets = array(&sparse.offsets, &[sparse.offsets.len()])?;
                let indices = array(&sparse.indices, &[sparse.indices.len()])?;
                let values = array(&sparse.values, &[sparse.values.len()])?;
                // SAFETY: the three texts describe live slices that make one CSR matrix; copied.
                unsafe {
                    (library.0.XGDMatrixCreateFromCSR)(
                        offsets.as_ptr(),
                        indices.as_ptr(),
                        values.as_ptr(),
                        sparse.columns as u64,
                        config.as_ptr(),
                        &raw mut handle,
                    )
                }
            }
        };
        library.check(code)?;
        Ok(Self { library: library.clone(), handle })
    }

    /// Sets `label` or `weight`, one value per row, or `group`, the number of rows of each.
    pub(crate) fn set_info<T: Element>(&mut self, field: &str, values: &[T]) -> Result<()> {
        let (field, values) = (c_text(field)?, array(values, &[values.len()])?);
        // SAFETY: a live handle, and a text that describes a live slice, which is copied.
        let code =
            unsafe { (self.library.0.XGDMatrixSetInfoFromInterface)(self.handle, field.as_ptr(), values.as_ptr()) };
        self.library.check(code)
    }
}

impl Drop for DMatrix {
    fn drop(&mut self) {
        // SAFETY: the handle was made by this library, and nothing uses it after this.
        unsafe { (self.library.0.XGDMatrixFree)(self.handle) };
    }
}
