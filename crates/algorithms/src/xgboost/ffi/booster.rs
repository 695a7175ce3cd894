//! `Booster`: a model in training or in use.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::slice;

use super::functions::{Handle, Length};
use super::{DMatrix, Result, Xgboost, XgboostError, array, c_text};
use crate::xgboost::data::Matrix;

/// A model that belongs to the library.
pub(crate) struct Booster {
    library: Xgboost,
    handle: Handle,
}

// SAFETY: the library keeps no thread-bound state in a booster (its last result is thread-local
// storage), so it may be used and freed on another thread.
unsafe impl Send for Booster {}
// SAFETY: the only method that takes a shared reference and reaches shared state is
// `predict_inplace`, which XGBoost documents as thread-safe for a configured booster (`configure`
// has run when there is a shared one); every other call takes `&mut self`.
unsafe impl Sync for Booster {}

/// The formats that the library writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Universal Binary JSON.
    Ubjson,
    /// The old binary format, `binf`.
    Binary,
}

/// Predicted values, row by row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prediction {
    /// `rows × columns` values.
    pub(crate) values: Vec<f32>,
    /// Values per row: 1, or the number of classes.
    pub(crate) columns: usize,
}

impl Booster {
    /// A new booster for training on `matrices`, which fix the number of features.
    pub(crate) fn new(library: &Xgboost, matrices: &[&DMatrix]) -> Result<Self> {
        let handles: Vec<Handle> = matrices.iter().map(|matrix| matrix.handle).collect();
        let mut handle = ptr::null_mut();
        // SAFETY: an array of live handles with its length.
        let code = unsafe { (library.0.XGBoosterCreate)(handles.as_ptr(), handles.len() as Length, &raw mut handle) };
        library.check(code)?;
        Ok(Self { library: library.clone(), handle })
    }

    /// Loads a model in UBJSON, JSON or the old binary format.
    pub(crate) fn load_model(&mut self, model: &[u8]) -> Result<()> {
        // SAFETY: a live slice with its length; it is read during the call only.
        let code = self.library.quietly(|| unsafe {
            (self.library.0.XGBoosterLoadModelFromBuffer)(
                self.handle,
                model.as_ptr().cast::<c_void>(),
                model.len() as Length,
            )
        });
        self.library.check(code)
    }

    /// Loads a model with its configuration, as pickles hold both.
    pub(crate) fn unserialize(&mut self, both: &[u8]) -> Result<()> {
        // SAFETY: a live slice with its length; it is read during the call only.
        let code = unsafe {
            (self.library.0.XGBoosterUnserializeFromBuffer)(
                self.handle,
                both.as_ptr().cast::<c_void>(),
                both.len() as Length,
            )
        };
        self.library.check(code)
    }

    /// Sets a parameter. `eval_metric` may be set several times, each adds a metric.
    pub(crate) fn set_param(&mut self, name: &str, value: &str) -> Result<()> {
        let (name, value) = (c_text(name)?, c_text(value)?);
        // SAFETY: a live handle and two C texts.
        let code = unsafe { (self.library.0.XGBoosterSetParam)(self.handle, name.as_ptr(), value.as_ptr()) };
        self.library.check(code)
    }

    /// Boosts one round.
    pub(crate) fn update(&mut self, iteration: u32, matrix: &DMatrix) -> Result<()> {
        // SAFETY: two live handles.
        let code = unsafe { (self.library.0.XGBoosterUpdateOneIter)(self.handle, c_count(iteration)?, matrix.handle) };
        self.library.check(code)
    }

    /// Evaluates the configured metrics, as the library prints them:
    /// `[0]<tab>train-rmse:1.5<tab>validation-rmse:1.7`.
    pub(crate) fn evaluate(&mut self, iteration: u32, matrices: &[(&DMatrix, &str)]) -> Result<String> {
        let mut handles: Vec<Handle> = matrices.iter().map(|(matrix, _)| matrix.handle).collect();
        let names = matrices.iter().map(|(_, name)| c_text(name)).collect::<Result<Vec<_>>>()?;
        let mut names: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let mut text = ptr::null();
        // SAFETY: two arrays of the same length, whose elements are alive until the end of this
        // function (`names` is shadowed, not dropped).
        let code = unsafe {
            (self.library.0.XGBoosterEvalOneIter)(
                self.handle,
                c_count(iteration)?,
                handles.as_mut_ptr(),
                names.as_mut_ptr(),
                matrices.len() as Length,
                &raw mut text,
            )
        };
        self.library.check(code)?;
        // SAFETY: on success the library set a NUL-terminated text; it is copied.
        Ok(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    }

    /// Predicts the rows of a matrix; `margin` asks for values before the objective's transformation.
    pub(crate) fn predict(&mut self, matrix: &DMatrix, margin: bool) -> Result<Prediction> {
        let config = c_text(&format!(
            r#"{{"type":{},"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":true}}"#,
            u8::from(margin)
        ))?;
        let mut out = Out::default();
        // SAFETY: two live handles, a C text, and pointers to live variables.
        let code = unsafe {
            (self.library.0.XGBoosterPredictFromDMatrix)(
                self.handle,
                matrix.handle,
                config.as_ptr(),
                &raw mut out.shape,
                &raw mut out.dimensions,
                &raw mut out.values,
            )
        };
        self.library.check(code)?;
        Ok(out.copy())
    }

    /// Predicts rows without copying them into the library; `rounds` limits the rounds that are
    /// used (0 means all). May be called from many threads at once, after [`Self::configure`].
    pub(crate) fn predict_inplace(&self, matrix: &Matrix, rounds: u32) -> Result<Prediction> {
        let config = c_text(&format!(
            r#"{{"type":0,"training":false,"iteration_begin":0,"iteration_end":{rounds},"strict_shape":true,"missing":NaN,"cache_id":0}}"#
        ))?;
        let mut out = Out::default();
        let code = match matrix {
            Matrix::Dense(dense) => {
                let values = array(&dense.values, &[dense.rows, dense.columns])?;
                // SAFETY: a live handle, a text that describes a live slice of exactly that shape,
                // no matrix with further information (allowed), and pointers to live variables.
                unsafe {
                    (self.library.0.XGBoosterPredictFromDense)(
                        self.handle,
                        values.as_ptr(),
                        config.as_ptr(),
                        ptr::null_mut(),
                        &raw mut out.shape,
                        &raw mut out.dimensions,
                        &raw mut out.values,
                    )
                }
            }
            Matrix::Sparse(sparse) => {
                let offsets = array(&sparse.offsets, &[sparse.offsets.len()])?;
                let indices = array(&sparse.indices, &[sparse.indices.len()])?;
                let values = array(&sparse.values, &[sparse.values.len()])?;
                // SAFETY: as above, with three texts that make one CSR matrix.
                unsafe {
                    (self.library.0.XGBoosterPredictFromCSR)(
                        self.handle,
                        offsets.as_ptr(),
                        indices.as_ptr(),
                        values.as_ptr(),
                        sparse.columns as Length,
                        config.as_ptr(),
                        ptr::null_mut(),
                        &raw mut out.shape,
                        &raw mut out.dimensions,
                        &raw mut out.values,
                    )
                }
            }
        };
        self.library.check(code)?;
        Ok(out.copy())
    }

    /// The model in a format of the library.
    pub(crate) fn save_model(&mut self, format: Format) -> Result<Vec<u8>> {
        let config = c_text(match format {
            Format::Ubjson => r#"{"format":"ubj"}"#,
            Format::Binary => r#"{"format":"deprecated"}"#,
        })?;
        let (mut length, mut bytes) = (0, ptr::null());
        // SAFETY: a live handle, a C text, and pointers to live variables.
        let code = self.library.quietly(|| unsafe {
            (self.library.0.XGBoosterSaveModelToBuffer)(self.handle, config.as_ptr(), &raw mut length, &raw mut bytes)
        });
        self.library.check(code)?;
        // SAFETY: on success `bytes` points to `length` bytes; they are copied.
        Ok(unsafe { slice::from_raw_parts(bytes.cast::<u8>(), as_size(length)) }.to_vec())
    }

    /// Applies the parameters and returns the whole configuration as JSON. After this, and until a
    /// parameter is set, predictions do not change the booster.
    pub(crate) fn configure(&mut self) -> Result<String> {
        let (mut length, mut text) = (0, ptr::null());
        // SAFETY: a live handle and pointers to live variables.
        let code = unsafe { (self.library.0.XGBoosterSaveJsonConfig)(self.handle, &raw mut length, &raw mut text) };
        self.library.check(code)?;
        // SAFETY: on success the library set a NUL-terminated text; it is copied.
        Ok(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    }

    /// A copy with only the first `rounds` rounds.
    pub(crate) fn first_rounds(&mut self, rounds: u32) -> Result<Self> {
        let mut handle = ptr::null_mut();
        // SAFETY: a live handle and a pointer to a live variable.
        let code = unsafe { (self.library.0.XGBoosterSlice)(self.handle, 0, c_count(rounds)?, 1, &raw mut handle) };
        self.library.check(code)?;
        Ok(Self { library: self.library.clone(), handle })
    }

    /// The number of features of the model.
    pub(crate) fn features(&mut self) -> Result<usize> {
        let mut count = 0;
        // SAFETY: a live handle and a pointer to a live variable.
        let code = unsafe { (self.library.0.XGBoosterGetNumFeature)(self.handle, &raw mut count) };
        self.library.check(code)?;
        Ok(as_size(count))
    }

    /// The number of rounds that were boosted.
    pub(crate) fn rounds(&mut self) -> Result<u32> {
        let mut count: c_int = 0;
        // SAFETY: a live handle and a pointer to a live variable.
        let code = unsafe { (self.library.0.XGBoosterBoostedRounds)(self.handle, &raw mut count) };
        self.library.check(code)?;
        Ok(u32::try_from(count).unwrap_or(0))
    }

    /// Keeps a text in the model.
    pub(crate) fn set_attribute(&mut self, name: &str, value: &str) -> Result<()> {
        let (name, value) = (c_text(name)?, c_text(value)?);
        // SAFETY: a live handle and two C texts.
        let code = unsafe { (self.library.0.XGBoosterSetAttr)(self.handle, name.as_ptr(), value.as_ptr()) };
        self.library.check(code)
    }

    /// A text that was kept in the model.
    pub(crate) fn attribute(&mut self, name: &str) -> Result<Option<String>> {
        let name = c_text(name)?;
        let (mut text, mut found) = (ptr::null(), 0);
        // SAFETY: a live handle, a C text, and pointers to live variables.
        let code =
            unsafe { (self.library.0.XGBoosterGetAttr)(self.handle, name.as_ptr(), &raw mut text, &raw mut found) };
        self.library.check(code)?;
        if found == 0 || text.is_null() {
            return Ok(None);
        }
        // SAFETY: when found, the library set a NUL-terminated text; it is copied.
        Ok(Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()))
    }
}

impl Drop for Booster {
    fn drop(&mut self) {
        // SAFETY: the handle was made by this library, and nothing uses it after this.
        unsafe { (self.library.0.XGBoosterFree)(self.handle) };
    }
}

/// Where a prediction call leaves its result.
struct Out {
    shape: *const Length,
    dimensions: Length,
    values: *const f32,
}

impl Default for Out {
    fn default() -> Self {
        Self { shape: ptr::null(), dimensions: 0, values: ptr::null() }
    }
}

impl Out {
    /// Copies the result of a successful call.
    fn copy(&self) -> Prediction {
        if self.shape.is_null() || self.values.is_null() {
            return Prediction { values: Vec::new(), columns: 1 };
        }
        // SAFETY: after a successful call `shape` points to `dimensions` lengths, and `values` to
        // as many values as their product.
        let (shape, values) = unsafe {
            let shape = slice::from_raw_parts(self.shape, as_size(self.dimensions));
            let count: Length = shape.iter().product();
            (shape, slice::from_raw_parts(self.values, as_size(count)))
        };
        let columns: Length = shape.iter().skip(1).product();
        Prediction { values: values.to_vec(), columns: as_size(columns).max(1) }
    }
}

/// A length of the library; it fits because the memory exists.
fn as_size(length: Length) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

fn c_count(count: u32) -> Result<c_int> {
    c_int::try_from(count).map_err(|_| XgboostError(format!("{count} rounds are more than XGBoost can count")))
}
