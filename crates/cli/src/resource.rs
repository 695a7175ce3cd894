//! `KIND` and `KIND/NAME` on the command line.

use sagewright_kinds::Kind;

use crate::exit::{Exit, Failure};

/// A kind by its name, plural, or `plural.group`, in any case.
pub(crate) fn kind(text: &str) -> Result<&'static Kind, Failure> {
    sagewright_kinds::find(text).ok_or_else(|| {
        let known: Vec<_> = sagewright_kinds::all().iter().map(Kind::name).collect();
        let plurals = sagewright_kinds::all().iter().map(Kind::plural);
        let close = sagewright_engine::suggest(text, known.iter().copied().chain(plurals));
        let hint = close.map(|c| format!("; did you mean `{c}`?")).unwrap_or_default();
        Failure::new(Exit::Usage, format!("there is no kind `{text}`{hint}"))
            .help("`sagewright explain` lists the kinds")
    })
}

/// `KIND/NAME`; the name may be an ARN, which holds slashes of its own.
pub(crate) fn kind_and_name(text: &str) -> Result<(&'static Kind, &str), Failure> {
    match text.split_once('/') {
        Some((k, name)) if !name.is_empty() => Ok((kind(k)?, name)),
        _ => Err(Failure::new(Exit::Usage, format!("`{text}` names no resource"))
            .help("write KIND/NAME, for example TrainingJob/mnist-xgboost")),
    }
}
