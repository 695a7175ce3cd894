//! Values that must not be shown, nor written to files: what the service models mark, and what is secret by its name.

mod key;
mod text;

use serde_json::{Map, Value};

pub use self::key::is_secret_key;
pub use self::text::{MASK, is_secret_text, without_logins};
use crate::shape::{Service, Shape, ShapeType};

/// Member that holds tags as the query of a URL does.
const TAGGING: &str = "Tagging";

/// Members that hold secrets and are not marked in every model.
const SECRET_MEMBERS: &[&str] = &[
    "SecretAccessKey",
    "SessionToken",
    "Password",
    "OldPassword",
    "NewPassword",
    "PrivateKey",
    "TokenCode",
    "SAMLAssertion",
    "WebIdentityToken",
    "SSECustomerKey",
    "CopySourceSSECustomerKey",
    "ClientSecret",
    "AuthorizedUrl",
];

/// Masks the secrets of a value, and gives the places of those that it had, as JSON pointers.
pub fn mask(service: &Service, shape: &Shape, value: &mut Value) -> Vec<String> {
    let mut masked = Vec::new();
    Masker { service, masked: &mut masked }.value(shape, value, &mut String::new());
    masked
}

struct Masker<'a> {
    service: &'a Service,
    masked: &'a mut Vec<String>,
}

impl Masker<'_> {
    fn value(&mut self, shape: &Shape, value: &mut Value, path: &mut String) {
        if value.is_null() {
            return;
        }
        if shape.sensitive {
            return self.hide(value, path);
        }
        match (shape.kind, value) {
            (ShapeType::Structure, Value::Object(map)) => self.structure(shape, map, path),
            (ShapeType::Map, Value::Object(map)) => {
                for (key, value) in map {
                    self.within(path, key, |this, path| {
                        if is_secret_key(key) {
                            this.hide(value, path);
                        } else if let Some(shape) = shape.value.as_ref().and_then(|m| this.service.target(m)) {
                            this.value(shape, value, path);
                        }
                    });
                }
            }
            (ShapeType::List, Value::Array(items)) => {
                let Some(shape) = shape.member.as_ref().and_then(|m| self.service.target(m)) else { return };
                for (i, item) in items.iter_mut().enumerate() {
                    self.within(path, &i.to_string(), |this, path| this.value(shape, item, path));
                }
            }
            (_, value) => {
                let Some(text) = value.as_str() else { return };
                if is_secret_text(text) {
                    self.hide(value, path);
                } else if let Some(shown) = without_logins(text) {
                    *value = Value::from(shown);
                    self.masked.push(path.clone());
                }
            }
        }
    }

    /// Members that the model does not have are on no wire, and are taken out: nothing tells whether they are secret.
    fn structure(&mut self, shape: &Shape, map: &mut Map<String, Value>, path: &mut String) {
        map.retain(|name, value| shape.members.contains_key(name.as_str()) && !value.is_null());
        // A name beside its value, as in tags, parameters and environment lists.
        let named = ["Key", "Name", "ParameterName"].iter().find_map(|n| map.get(*n)?.as_str());
        let secret = named.is_some_and(is_secret_key);
        for (name, value) in map {
            let Some(target) = shape.members.get(name.as_str()).and_then(|m| self.service.target(m)) else { continue };
            self.within(path, name, |this, path| {
                let tags = || {
                    value.as_str().is_some_and(|text| {
                        text.split('&').any(|tag| is_secret_key(tag.split('=').next().unwrap_or_default()))
                    })
                };
                if SECRET_MEMBERS.contains(&name.as_str()) || (secret && name == "Value") || (name == TAGGING && tags())
                {
                    this.hide(value, path);
                } else {
                    this.value(target, value, path);
                }
            });
        }
    }

    fn within(&mut self, path: &mut String, name: &str, then: impl FnOnce(&mut Self, &mut String)) {
        let length = path.len();
        path.push('/');
        if name.contains(['~', '/']) {
            path.push_str(&name.replace('~', "~0").replace('/', "~1"));
        } else {
            path.push_str(name);
        }
        then(self, path);
        path.truncate(length);
    }

    fn hide(&mut self, value: &mut Value, path: &str) {
        *value = Value::from(MASK);
        self.masked.push(path.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_masked_by_model_name_key_and_form() {
        let of = |id: &str, operation: &str, output: bool, mut value: Value| {
            let service = crate::service(id).unwrap();
            let shape = if output { service.output(operation) } else { service.input(operation) };
            let masked = mask(service, shape.unwrap(), &mut value);
            (value, masked)
        };
        let (value, masked) = of(
            "sts",
            "AssumeRole",
            true,
            json!({"Credentials": {"AccessKeyId": "AKIA", "SecretAccessKey": "s", "SessionToken": "t", "Other": "o"}}),
        );
        let expected = json!({"Credentials": {"AccessKeyId": "AKIA", "SecretAccessKey": MASK, "SessionToken": MASK}});
        assert_eq!(value, expected);
        assert_eq!(masked, ["/Credentials/SecretAccessKey", "/Credentials/SessionToken"]);
        let (value, masked) = of(
            "sagemaker",
            "CreateTrainingJob",
            false,
            json!({
                "TrainingJobName": "t", "Environment": {"HF_TOKEN": "h", "api-key": "a", "EPOCHS": "3"},
                "HyperParameters": {"url": "https://b/k?X-Amz-Signature=abc", "db": "postgres://u:p@h/d"}, "Tags": [{"Key": "db_password", "Value": "p"}],
            }),
        );
        let expected = [
            "/Environment/HF_TOKEN",
            "/Environment/api-key",
            "/HyperParameters/url",
            "/HyperParameters/db",
            "/Tags/0/Value",
        ];
        assert_eq!(masked, expected);
        assert_eq!(value["HyperParameters"], json!({"url": MASK, "db": "postgres://***@h/d"}));
        assert_eq!(value["Environment"], json!({"HF_TOKEN": MASK, "api-key": MASK, "EPOCHS": "3"}));
        let (value, _) = of("s3", "PutObject", false, json!({"Bucket": "b", "SSECustomerKey": "k", "Key": "token"}));
        for (tags, shown) in [("team=a&password=p", MASK), ("team=a&stage=b", "team=a&stage=b")] {
            let (value, _) = of("s3", "PutObject", false, json!({"Bucket": "b", "Tagging": tags}));
            assert_eq!(value["Tagging"], shown);
        }
        assert_eq!(value, json!({"Bucket": "b", "SSECustomerKey": MASK, "Key": "token"}));
        let (value, masked) = of("sagemaker", "CreateTrainingJob", false, json!({"Environment": {"a/~token": "t"}}));
        assert_eq!(value.pointer(&masked[0]), Some(&json!(MASK)), "{masked:?}");
    }
}
