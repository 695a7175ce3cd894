//! The functions of the library, by their C names and types.

use std::ffi::{c_char, c_float, c_int, c_void};

use libloading::Library;

/// A `DMatrixHandle` or a `BoosterHandle`.
pub(super) type Handle = *mut c_void;
/// `bst_ulong`.
pub(super) type Length = u64;

macro_rules! api {
    ($($name:ident($($argument:ty),* $(,)?) -> $result:ty;)*) => {
        /// The functions that are used here, and the library that holds them.
        #[allow(non_snake_case, reason = "the C names")]
        pub(super) struct Functions {
            $(pub(super) $name: unsafe extern "C" fn($($argument),*) -> $result,)*
            // The code stays mapped for as long as the pointers exist.
            _library: Library,
        }

        impl Functions {
            #[allow(non_snake_case, reason = "the C names")]
            pub(super) fn find(library: Library) -> Result<Self, libloading::Error> {
                $(
                    // SAFETY: the type is this function's declaration in xgboost/c_api.h of the
                    // pinned version, and the pointer is kept no longer than the library.
                    let $name = unsafe {
                        *library.get::<unsafe extern "C" fn($($argument),*) -> $result>(
                            concat!(stringify!($name), "\0"),
                        )?
                    };
                )*
                Ok(Self { $($name,)* _library: library })
            }
        }
    };
}

api! {
    XGBoostVersion(*mut c_int, *mut c_int, *mut c_int) -> ();
    XGBGetLastError() -> *const c_char;
    XGBGetGlobalConfig(*mut *const c_char) -> c_int;
    XGBSetGlobalConfig(*const c_char) -> c_int;
    XGDMatrixCreateFromDense(*const c_char, *const c_char, *mut Handle) -> c_int;
    XGDMatrixCreateFromCSR(*const c_char, *const c_char, *const c_char, Length, *const c_char, *mut Handle) -> c_int;
    XGDMatrixSetInfoFromInterface(Handle, *const c_char, *const c_char) -> c_int;
    XGDMatrixFree(Handle) -> c_int;
    XGBoosterCreate(*const Handle, Length, *mut Handle) -> c_int;
    XGBoosterFree(Handle) -> c_int;
    XGBoosterSetParam(Handle, *const c_char, *const c_char) -> c_int;
    XGBoosterUpdateOneIter(Handle, c_int, Handle) -> c_int;
    XGBoosterEvalOneIter(Handle, c_int, *mut Handle, *mut *const c_char, Length, *mut *const c_char) -> c_int;
    XGBoosterPredictFromDMatrix(
        Handle, Handle, *const c_char, *mut *const Length, *mut Length, *mut *const c_float,
    ) -> c_int;
    XGBoosterPredictFromDense(
        Handle, *const c_char, *const c_char, Handle, *mut *const Length, *mut Length, *mut *const c_float,
    ) -> c_int;
    XGBoosterPredictFromCSR(
        Handle, *const c_char, *const c_char, *const c_char, Length, *const c_char, Handle,
        *mut *const Length, *mut Length, *mut *const c_float,
    ) -> c_int;
    XGBoosterSaveModelToBuffer(Handle, *const c_char, *mut Length, *mut *const c_char) -> c_int;
    XGBoosterLoadModelFromBuffer(Handle, *const c_void, Length) -> c_int;
    XGBoosterUnserializeFromBuffer(Handle, *const c_void, Length) -> c_int;
    XGBoosterSaveJsonConfig(Handle, *mut Length, *mut *const c_char) -> c_int;
    XGBoosterSlice(Handle, c_int, c_int, c_int, *mut Handle) -> c_int;
    XGBoosterGetNumFeature(Handle, *mut Length) -> c_int;
    XGBoosterBoostedRounds(Handle, *mut c_int) -> c_int;
    XGBoosterSetAttr(Handle, *const c_char, *const c_char) -> c_int;
    XGBoosterGetAttr(Handle, *const c_char, *mut *const c_char, *mut c_int) -> c_int;
}
