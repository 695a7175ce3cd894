//! Feature definitions, and values by them.

use std::collections::HashSet;

use serde_json::Value;

/// Columns that the offline store adds, whose names no feature can have (`CreateFeatureGroup`).
const RESERVED: [&str; 3] = ["is_deleted", "write_time", "api_invocation_time"];

/// Most definitions of a group.
pub const MOST: usize = 2500;

/// What a feature's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureType {
    /// 64-bit integers.
    Integral,
    /// Double precision.
    Fractional,
    /// Text.
    String,
}

/// How the values of a feature are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// In an order.
    List,
    /// Each once.
    Set,
    /// So many of them.
    Vector(u64),
}

/// One feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: FeatureType,
    /// How they are grouped; one value where `None`.
    pub collection: Option<Collection>,
}

impl Definition {
    /// Reads a definition that is valid by the service model.
    pub fn read(value: &Value) -> Self {
        let kind = match value["FeatureType"].as_str() {
            Some("Integral") => FeatureType::Integral,
            Some("Fractional") => FeatureType::Fractional,
            _ => FeatureType::String,
        };
        let collection = value["CollectionType"].as_str().map(|name| match name {
            "List" => Collection::List,
            "Set" => Collection::Set,
            _ => Collection::Vector(value["CollectionConfig"]["VectorConfig"]["Dimension"].as_u64().unwrap_or(0)),
        });
        Self { name: value["FeatureName"].as_str().unwrap_or_default().to_owned(), kind, collection }
    }

    /// Reads a list of definitions.
    pub fn read_all(list: &Value) -> Vec<Self> {
        list.as_array().into_iter().flatten().map(Self::read).collect()
    }

    /// Whether the feature can have a value, given as `FeatureValue`.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let (one, list) = (value["ValueAsString"].as_str(), value["ValueAsStringList"].as_array());
        let name = &self.name;
        match (one, list, self.collection) {
            (Some(one), None, None) => self.check_one(one),
            (None, Some(list), Some(collection)) => {
                for item in list {
                    self.check_one(item.as_str().ok_or_else(|| format!("Feature {name} has a value that is null."))?)?;
                }
                self.check_list(list, collection)
            }
            (_, _, None) => Err(format!("Feature {name} needs ValueAsString, and no ValueAsStringList.")),
            (_, _, Some(_)) => {
                Err(format!("Feature {name} is a collection: it needs ValueAsStringList, and no ValueAsString."))
            }
        }
    }

    fn check_one(&self, text: &str) -> Result<(), String> {
        let fits = match self.kind {
            FeatureType::Integral => text.parse::<i64>().is_ok(),
            // "Within the range of a double precision floating point number defined by the IEEE 754 standard".
            FeatureType::Fractional => text.parse::<f64>().is_ok_and(f64::is_finite),
            FeatureType::String => true,
        };
        let (name, kind) = (&self.name, self.kind);
        fits.then_some(()).ok_or_else(|| match kind {
            FeatureType::Fractional => format!(
                "Feature {name} is Fractional, and its value '{text}' is not a number within the range of double precision \
                 (IEEE 754)."
            ),
            _ => format!("Feature {name} is {kind:?}, and its value '{text}' is not."),
        })
    }

    fn check_list(&self, list: &[Value], collection: Collection) -> Result<(), String> {
        let (name, count) = (&self.name, list.len());
        match collection {
            Collection::Vector(dimension) if dimension != count as u64 => {
                Err(format!("Feature {name} is a vector of dimension {dimension}, and its value has {count} elements."))
            }
            Collection::Set if list.iter().map(Value::as_str).collect::<HashSet<_>>().len() < count => {
                Err(format!("Feature {name} is a set, and its value has an element twice."))
            }
            _ => Ok(()),
        }
    }
}

/// Checks the definitions of a group. `in_memory`: its online store is of the type that takes collections.
///
/// # Errors
/// What is wrong with them.
pub fn check(definitions: &[Definition], in_memory: bool) -> Result<(), String> {
    let mut seen = HashSet::new();
    let mut vectors = 0;
    if definitions.len() > MOST {
        return Err(format!("A feature group has at most {MOST} feature definitions."));
    }
    for Definition { name, kind, collection } in definitions {
        if RESERVED.contains(&name.as_str()) {
            return Err(format!(
                "FeatureName {name} is reserved: the offline store has a column of this name. Reserved are {}.",
                RESERVED.join(", ")
            ));
        }
        if !seen.insert(name) {
            return Err(format!("FeatureName {name} is defined more than once."));
        }
        let Some(collection) = collection else { continue };
        if !in_memory {
            return Err(format!(
                "Feature {name} is a collection: only feature groups with an InMemory online store support collection types."
            ));
        }
        if let Collection::Vector(dimension) = collection {
            vectors += 1;
            if *kind != FeatureType::Fractional {
                return Err(format!("Feature {name} is a vector, whose elements must be Fractional."));
            }
            if *dimension == 0 {
                return Err(format!("Feature {name} is a vector: CollectionConfig.VectorConfig.Dimension is missing."));
            }
        }
    }
    if vectors > 1 {
        return Err("A feature group has at most one vector.".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(name: &str, kind: &str, collection: Value) -> Definition {
        let mut value = json!({"FeatureName": name, "FeatureType": kind});
        if let (Value::Object(all), Value::Object(more)) = (&mut value, collection) {
            all.extend(more);
        }
        Definition::read(&value)
    }

    #[test]
    fn values_are_checked_by_type_and_collection() {
        let vector = json!({"CollectionType": "Vector", "CollectionConfig": {"VectorConfig": {"Dimension": 2}}});
        let set = json!({"CollectionType": "Set"});
        let (one, list) = (|v: &str| json!({"ValueAsString": v}), |v: Value| json!({"ValueAsStringList": v}));
        let cases = [
            ("Integral", json!({}), one("9223372036854775807"), true),
            ("Integral", json!({}), one("9223372036854775808"), false),
            ("Integral", json!({}), one("1.0"), false),
            ("Integral", json!({}), one(""), false),
            ("Fractional", json!({}), one("-1.5e3"), true),
            ("Fractional", json!({}), one("1,5"), false),
            ("String", json!({}), one(""), true),
            ("String", json!({}), list(json!(["a"])), false),
            ("String", json!({}), json!({}), false),
            ("String", json!({}), json!({"ValueAsString": "a", "ValueAsStringList": ["a"]}), false),
            ("Fractional", vector.clone(), list(json!(["1", "2"])), true),
            ("Fractional", vector.clone(), list(json!(["1"])), false),
            ("Fractional", vector.clone(), list(json!(["1", null])), false),
            ("Fractional", vector, one("1"), false),
            ("String", set.clone(), list(json!(["a", "b"])), true),
            ("String", set, list(json!(["a", "a"])), false),
        ];
        for (kind, collection, value, fits) in cases {
            assert_eq!(definition("f", kind, collection).check(&value).is_ok(), fits, "{kind} {value}");
        }
    }

    #[test]
    fn definitions_of_a_group_are_checked_together() {
        let vector = json!({"CollectionType": "Vector", "CollectionConfig": {"VectorConfig": {"Dimension": 2}}});
        let plain = |name: &str| definition(name, "String", json!({}));
        let of = |name: &str, kind: &str| definition(name, kind, vector.clone());
        assert_eq!(check(&[plain("a"), plain("b")], false), Ok(()));
        assert_eq!(check(&[plain("a"), of("v", "Fractional")], true), Ok(()));
        let refused = [
            (vec![plain("a"), plain("a")], true, "more than once"),
            (vec![plain("write_time")], true, "reserved"),
            (vec![of("v", "Fractional")], false, "InMemory"),
            (vec![of("v", "String")], true, "must be Fractional"),
            (vec![definition("v", "Fractional", json!({"CollectionType": "Vector"}))], true, "Dimension"),
            (vec![of("v", "Fractional"), of("w", "Fractional")], true, "at most one vector"),
        ];
        for (definitions, in_memory, text) in refused {
            let error = check(&definitions, in_memory).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }
}
