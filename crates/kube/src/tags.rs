//! Tags that every resource gets when it is created, with ACK's tokens. Pure.

use std::collections::BTreeMap;

use sagewright_kinds::Kind;
use sagewright_objects::Object;

/// The tags for an object's resource. A tag without a value is left out.
pub(crate) fn of(templates: &[(String, String)], kind: &Kind, object: &Object) -> BTreeMap<String, String> {
    let expanded = templates.iter().map(|(key, value)| (key.clone(), expand(value, kind, object)));
    expanded.filter(|(_, value)| !value.is_empty()).collect()
}

fn expand(template: &str, kind: &Kind, object: &Object) -> String {
    let metadata = &object.metadata;
    let label = |key: &str| metadata.labels.get(key).map(String::as_str).unwrap_or_default();
    let service = kind.group().split('.').next().unwrap_or_default();
    let tokens = [
        ("%CONTROLLER_SERVICE%", service),
        ("%CONTROLLER_VERSION%", env!("CARGO_PKG_VERSION")),
        ("%K8S_NAMESPACE%", metadata.namespace.as_deref().unwrap_or("default")),
        ("%K8S_RESOURCE_NAME%", metadata.name.as_str()),
        ("%K8S_RESOURCE_KIND%", kind.name()),
        ("%MANAGED_BY%", label("app.kubernetes.io/managed-by")),
        ("%KRO_VERSION%", label("kro.run/kro-version")),
    ];
    tokens.iter().fold(template.to_owned(), |text, (token, value)| text.replace(token, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_and_empty_tags_left_out() {
        let kind = sagewright_kinds::find("Model").unwrap();
        let mut object = Object::new(kind, "m");
        object.metadata.namespace = Some("team".to_owned());
        object.metadata.labels.insert("app.kubernetes.io/managed-by".to_owned(), "kro".to_owned());
        let templates = [
            ("services.k8s.aws/controller-version", "%CONTROLLER_SERVICE%-%CONTROLLER_VERSION%"),
            ("of", "%K8S_NAMESPACE%/%K8S_RESOURCE_KIND%/%K8S_RESOURCE_NAME%"),
            ("by", "%MANAGED_BY%"),
            ("kro", "%KRO_VERSION%"),
            ("plain", "x"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let tags = of(&templates, kind, &object);
        let version = concat!("sagemaker-", env!("CARGO_PKG_VERSION"));
        let shown: Vec<(&str, &str)> = tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            shown,
            [("by", "kro"), ("of", "team/Model/m"), ("plain", "x"), ("services.k8s.aws/controller-version", version)]
        );
    }
}
