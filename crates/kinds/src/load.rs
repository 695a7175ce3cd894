//! Reads rows: the embedded ones, and any other text in the same format.

use std::sync::OnceLock;

use crate::kind::Kind;
use crate::row::{Row, ServiceRow};

include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// A row file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("kinds/{file}.toml: {message}")]
pub struct LoadError {
    /// Name of the file, without `.toml`.
    pub file: String,
    /// What is wrong, with line and column where the text itself is.
    pub message: String,
}

/// Every embedded kind, in the order of the file names. Rows that do not load are left out; the tests of this crate
/// prove that there are none.
#[must_use]
pub fn all() -> &'static [Kind] {
    static KINDS: OnceLock<Vec<Kind>> = OnceLock::new();
    KINDS.get_or_init(|| embedded().into_iter().filter_map(Result::ok).collect())
}

/// Loads the embedded rows anew, with their errors.
#[must_use]
pub fn embedded() -> Vec<Result<Kind, LoadError>> {
    ROWS.iter().map(|(file, text)| parse(file, text)).collect()
}

/// Reads one row; `file` names it in errors.
///
/// # Errors
/// What is wrong with the text or with the service it names.
pub fn parse(file: &str, text: &str) -> Result<Kind, LoadError> {
    let error = |message: String| LoadError { file: file.to_owned(), message };
    let row: Row = toml::from_str(text).map_err(|e| error(e.to_string()))?;
    let service = sagewright_model::service(&row.service).ok_or_else(|| {
        error(format!("no service model `{}`; there are {}", row.service, sagewright_model::SERVICES.join(", ")))
    })?;
    let (_, defaults) = SERVICES
        .iter()
        .find(|(id, _)| *id == row.service)
        .ok_or_else(|| error(format!("no file kinds/services/{}.toml", row.service)))?;
    let defaults: ServiceRow =
        toml::from_str(defaults).map_err(|e| error(format!("services/{}.toml: {e}", row.service)))?;
    Kind::new(row, defaults, service).map_err(error)
}

/// A kind by name, plural or `plural.group`, in any letter case.
#[must_use]
pub fn find(name: &str) -> Option<&'static Kind> {
    all().iter().find(|kind| {
        kind.name().eq_ignore_ascii_case(name)
            || kind.plural().eq_ignore_ascii_case(name)
            || format!("{}.{}", kind.plural(), kind.group()).eq_ignore_ascii_case(name)
    })
}

/// The kind that an event of EventBridge is of, by the event's detail type.
#[must_use]
pub fn of_event(detail_type: &str) -> Option<&'static Kind> {
    all().iter().find(|kind| kind.row().events.iter().any(|event| event == detail_type))
}

/// A kind as a manifest names it.
#[must_use]
pub fn by_gvk(api_version: &str, kind: &str) -> Option<&'static Kind> {
    all().iter().find(|k| k.name() == kind && k.api_version() == api_version)
}
