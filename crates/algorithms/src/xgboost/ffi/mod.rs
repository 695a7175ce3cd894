//! The C API of XGBoost, loaded at run time, behind safe types.
//!
//! Every function returns 0, or -1 with its reason in `XGBGetLastError` of the same thread. Memory
//! that a call hands out belongs to the library and lives until the next call on the same object
//! and thread, so it is copied before anything else is called.
#![allow(unsafe_code)]

mod booster;
mod functions;
mod matrix;

use std::ffi::{CStr, CString, c_int};
use std::path::Path;
use std::sync::Arc;

use functions::Functions;
use libloading::Library;

pub(crate) use booster::{Booster, Format, Prediction};
pub(crate) use matrix::DMatrix;

/// An error that the library reported, or that kept it from being loaded.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct XgboostError(String);

type Result<T> = std::result::Result<T, XgboostError>;

/// The loaded library. Clones share it.
#[derive(Clone)]
pub(crate) struct Xgboost(Arc<Functions>);

impl Xgboost {
    /// Loads the library at `path`. Called once, before the program starts any thread.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        calm_openmp();
        let explain = |error: libloading::Error| {
            let advice = if cfg!(target_os = "macos") {
                "it needs the OpenMP runtime: run 'brew install libomp'"
            } else {
                "it needs glibc 2.28 or newer and libstdc++; point SAGEWRIGHT_XGBOOST_LIBRARY to a library that fits \
                 this system"
            };
            XgboostError(format!("cannot load the XGBoost library {}: {error} ({advice})", path.display()))
        };
        // SAFETY: libxgboost's initialisers register its own components and have no other effect;
        // the path is the hash-checked library, or the one that the user names.
        let library = unsafe { Library::new(path) }.map_err(explain)?;
        Ok(Self(Arc::new(Functions::find(library).map_err(explain)?)))
    }

    /// The version of the library, `3.0.5`.
    pub(crate) fn version(&self) -> String {
        let (mut major, mut minor, mut patch) = (0, 0, 0);
        // SAFETY: three pointers to live integers, as declared.
        unsafe { (self.0.XGBoostVersion)(&raw mut major, &raw mut minor, &raw mut patch) };
        format!("{major}.{minor}.{patch}")
    }

    /// Does something while the library prints nothing: its warnings of old formats say nothing to the user, whose image has
    /// them.
    fn quietly<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut before = std::ptr::null();
        // SAFETY: a pointer to a live variable.
        let told = unsafe { (self.0.XGBGetGlobalConfig)(&raw mut before) } == 0 && !before.is_null();
        // SAFETY: on success the library set a NUL-terminated text, which the next call overwrites; it is copied.
        let before = told.then(|| unsafe { CStr::from_ptr(before) }.to_owned());
        // SAFETY: a NUL-terminated text of a known setting.
        unsafe { (self.0.XGBSetGlobalConfig)(c"{\"verbosity\":0}".as_ptr()) };
        let result = work();
        if let Some(before) = before {
            // SAFETY: the text that the library itself gave.
            unsafe { (self.0.XGBSetGlobalConfig)(before.as_ptr()) };
        }
        result
    }

    /// Turns a return code into a result.
    fn check(&self, code: c_int) -> Result<()> {
        if code == 0 {
            return Ok(());
        }
        // SAFETY: the library returns a NUL-terminated text that lives until the next failure on
        // this thread; it is copied here.
        let text = unsafe {
            let text = (self.0.XGBGetLastError)();
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        Err(XgboostError(text))
    }
}

/// How long a thread of GNU OpenMP spins for its next piece of work before it sleeps, in turns of
/// a loop. With the default of 300,000, two jobs that share the cores make each other five times
/// slower; with this, a job alone is as fast to within 5 %, and two take no longer than one after
/// the other (measured with MNIST on two cores).
const SPINS: &str = "1000";

/// Sets the spinning time, unless the user has a wish. OpenMP reads it when it is loaded.
fn calm_openmp() {
    let given = |name: &str| std::env::var_os(name).is_some();
    if !given("GOMP_SPINCOUNT") && !given("OMP_WAIT_POLICY") {
        // SAFETY: the programs run in a process of their own and load the library before they
        // start threads, so nothing reads the environment at the same time.
        unsafe { std::env::set_var("GOMP_SPINCOUNT", SPINS) };
    }
}

/// A C text. A NUL inside cannot come from JSON configuration, but is an error and no panic.
fn c_text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| XgboostError(format!("the text {text:?} has a NUL character")))
}

/// Describes a slice to the library: NumPy's array interface, as JSON.
fn array<T: Element>(values: &[T], shape: &[usize]) -> Result<CString> {
    let address = values.as_ptr() as usize;
    let shape: Vec<String> = shape.iter().map(usize::to_string).collect();
    c_text(
        &format!(r#"{{"data":[{address},true],"shape":[{}],"typestr":"{}","version":3}}"#, shape.join(","), T::TYPE,),
    )
}

/// The types of array elements, with NumPy's names for them.
pub(crate) trait Element {
    const TYPE: &'static str;
}

impl Element for f32 {
    const TYPE: &'static str = if cfg!(target_endian = "little") { "<f4" } else { ">f4" };
}

impl Element for u32 {
    const TYPE: &'static str = if cfg!(target_endian = "little") { "<u4" } else { ">u4" };
}

impl Element for u64 {
    const TYPE: &'static str = if cfg!(target_endian = "little") { "<u8" } else { ">u8" };
}
