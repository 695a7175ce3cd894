//! Names of resources whose legacy object gives none.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The legacy operator's rule: the object's name, shortened, and the object's uid; where nothing would be left of the
/// name, the uid alone, and without a uid the name.
pub(crate) fn generated(name: &str, uid: &str, longest: usize) -> String {
    let uid = uid.replace('-', "");
    // A manifest that no cluster has taken yet.
    if uid.is_empty() {
        return cut(name, longest).to_owned();
    }
    match longest.checked_sub(uid.len() + 1).filter(|left| *left > 0) {
        Some(left) => format!("{}-{uid}", cut(name, left)),
        None => cut(&uid, longest).to_owned(),
    }
}

/// A name for what is never updated: another content has another name, and the same content has the same. A generation in
/// the name, as the legacy operator had it, deploys anew when an edit is taken back.
pub(crate) fn of_content(name: &str, uid: &str, content: &Value) -> String {
    let digest = Sha256::digest(format!("{uid} {content}"));
    let digest = hex::encode(digest.get(..6).unwrap_or_default());
    format!("{}-{digest}", cut(name, LONGEST - digest.len() - 1))
}

/// Letters of the names of models, configs and endpoints.
pub(crate) const LONGEST: usize = 63;

/// The first letters, none of them torn; no hyphen at the end, where another would follow.
fn cut(name: &str, letters: usize) -> &str {
    let end = name.char_indices().nth(letters).map_or(name.len(), |(at, _)| at);
    let cut = name.get(..end).unwrap_or(name);
    if end < name.len() { cut.trim_end_matches('-') } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const UID: &str = "1a2b3c4d-0000-4000-8000-0123456789ab";

    #[test]
    fn a_name_is_shortened_and_the_uid_never_is_while_it_fits() {
        let uid = "1a2b3c4d0000400080000123456789ab";
        assert_eq!(generated("mnist", UID, 63), format!("mnist-{uid}"));
        assert_eq!(generated(&"a".repeat(60), UID, 63), format!("{}-{uid}", "a".repeat(30)));
        assert_eq!(generated("mnist", UID, 32), uid, "a tuning job's name has room for the uid alone");
        assert_eq!(generated("mnist", UID, 20), "1a2b3c4d000040008000");
        assert_eq!(generated("mnist", "", 63), "mnist");
    }

    #[test]
    fn content_and_object_make_the_name() {
        let name = of_content("xgboost", UID, &json!({"a": 1}));
        assert_eq!(name, of_content("xgboost", UID, &json!({"a": 1})));
        assert_ne!(name, of_content("xgboost", UID, &json!({"a": 2})));
        assert_ne!(name, of_content("xgboost", "another", &json!({"a": 1})));
        assert_eq!(of_content(&format!("{}-x", "a".repeat(49)), UID, &json!(1)).find("--"), None);
        assert_eq!(of_content(&"a".repeat(200), UID, &json!(1)).len(), LONGEST);
    }
}
