//! The model artifact, in the format of each generation of the image: what it writes, and whatever the library of any of them
//! wrote.

mod binary;
mod bytes;
mod intercept;
mod pickle;

use std::rc::Rc;

use super::ffi::{Booster, Format, Xgboost};
use super::image::{Artifact, Generation, Image};
use crate::log;
pub(crate) use pickle::Facts;

/// The bytes of `xgboost-model` as the image leaves it. The error is a sentence.
pub(crate) fn write(booster: &mut Booster, image: &Image, facts: &Facts<'_>) -> Result<Vec<u8>, String> {
    let mut save = |format| booster.save_model(format).map_err(|error| error.to_string());
    match image.artifact {
        Artifact::Ubjson => save(Format::Ubjson),
        Artifact::Binary => binary::for_image(&save(Format::Binary)?, image),
        Artifact::Pickle => {
            let model = binary::for_image(&save(Format::Binary)?, image)?;
            let old = image.generation < Generation::V1_0;
            pickle::write(&if old { model } else { binary::configured(&model)? }, facts)
        }
    }
}

/// Loads a model of any format into a booster. Returns how many trees (of each class) predict, where a pickle says so. The error
/// is a sentence.
pub(crate) fn load(booster: &mut Booster, model: &[u8]) -> Result<Option<u32>, String> {
    if model.starts_with(b"{") {
        let (model, was_list) = intercept::as_number(model)?;
        if was_list {
            log::warning(
                "The model was written by XGBoost 3.1 or newer, which no image has: on AWS its intercept is read as 0.5 \
                 without an error",
            );
        }
        return booster.load_model(&model).map(|()| None).map_err(|error| error.to_string());
    }
    match binary::for_library(model) {
        Ok(model) => booster.load_model(&model).map(|()| None).map_err(|error| error.to_string()),
        // The second byte is the protocol, the text pickles of protocol 0 begin with a class.
        Err(_) if matches!(model, [0x80, 0..=5, ..] | [b'c', ..]) => {
            let unread = |why: String| format!("it is a Python pickle, but {why}");
            let state = pickle::read(model).map_err(|why| unread(why.to_string()))?;
            let handle: Rc<[u8]> = state.handle.ok_or_else(|| unread("its Booster has no model".to_owned()))?;
            unpickled(booster, &handle).map_err(unread)?;
            Ok(state.limit.and_then(|limit| u32::try_from(limit).ok()).filter(|limit| *limit > 0))
        }
        Err(why) => Err(why),
    }
}

/// Loads what a pickle holds: a model of up to 1.5 with or without a configuration, or the UBJSON of both since.
fn unpickled(booster: &mut Booster, handle: &[u8]) -> Result<(), String> {
    if handle.starts_with(b"{") {
        if intercept::as_number(handle)?.1 {
            return Err(
                "it was made by XGBoost 3.1 or newer, which no image has; save the model with save_model".to_owned()
            );
        }
        return booster.unserialize(handle).map_err(|error| error.to_string());
    }
    let model = binary::for_library(binary::unconfigured(handle)?)?;
    booster.load_model(&model).map_err(|error| error.to_string())
}

/// Whether the library loads the bytes; a failed load may leave a booster half changed.
pub(crate) fn loads(library: &Xgboost, model: &[u8]) -> bool {
    Booster::new(library, &[]).is_ok_and(|mut trial| load(&mut trial, model).is_ok())
}
