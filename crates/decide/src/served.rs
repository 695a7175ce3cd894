//! What a resource served before: a tag keeps it, for a way back.

use sagewright_kinds::{Kind, Path, get};
use serde_json::Value;

use crate::diff::observed_spec;

/// How many are kept: the values of a tag are short, and names of SageMaker have up to 63 characters.
const KEPT: usize = 3;

/// What the tag is to say when an update replaces what is served; none where that stays.
pub(crate) fn remember(kind: &Kind, output: &Value, tag: Option<&String>, input: &Value) -> Option<String> {
    let path = Path::parse(kind.row().delete.serves.as_deref()?);
    let served = observed_spec(kind, output);
    let served = get(&served, &path)?.as_str()?;
    if get(input, &path).is_none_or(|next| next == served) {
        return None;
    }
    let before = tag.map(String::as_str).unwrap_or_default();
    let all = std::iter::once(served).chain(before.split(' ').filter(|name| !name.is_empty() && *name != served));
    Some(all.take(KEPT).collect::<Vec<_>>().join(" "))
}

/// What was served last before something else, by the tag's value. An update that AWS rolled back leads back to what it was to
/// replace: that is none.
#[must_use]
pub fn before<'t>(tag: &'t str, serves: &str) -> Option<&'t str> {
    tag.split(' ').find(|name| !name.is_empty() && *name != serves)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_latest_are_kept_in_order_and_once() {
        let kind = sagewright_kinds::find("Endpoint").unwrap();
        let next = |serves: &str, tag: &str, to: &str| {
            let output = json!({"EndpointName": "e", "EndpointConfigName": serves});
            remember(kind, &output, Some(&tag.to_owned()), &json!({"EndpointConfigName": to}))
        };
        assert_eq!(next("a", "", "b").as_deref(), Some("a"));
        assert_eq!(next("b", "a", "c").as_deref(), Some("b a"));
        assert_eq!(next("d", "c b a", "e").as_deref(), Some("d c b"));
        assert_eq!(next("a", "b a", "c").as_deref(), Some("a b"), "after a way back");
        assert_eq!(next("a", "b", "a"), None, "it stays");
        assert_eq!(remember(kind, &json!({"EndpointConfigName": "a"}), None, &json!({"DesiredWeight": 1})), None);
    }

    #[test]
    fn an_update_that_aws_rolled_back_is_no_way_back() {
        assert_eq!(before("b a", "c"), Some("b"));
        assert_eq!(before("b a", "b"), Some("a"));
        assert_eq!((before("b", "b"), before("", "b")), (None, None));
    }
}
