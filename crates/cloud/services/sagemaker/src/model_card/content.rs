//! The content of a card: JSON by the model card schema, of which its sections and their forms are checked.

use sagewright_cloud_core::api::ApiError;
use serde_json::{Map, Value, json};

/// The sections of the schema, and whether each is a list.
const SECTIONS: &[(&str, bool)] = &[
    ("model_overview", false),
    ("model_package_details", false),
    ("intended_uses", false),
    ("business_details", false),
    ("training_details", false),
    ("evaluation_details", true),
    ("additional_information", false),
];

const RATINGS: [&str; 4] = ["High", "Medium", "Low", "Unknown"];

/// What `MetadataOnly` leaves of a content (`DescribeModelCard`).
const METADATA: &[(&str, &[&str])] = &[
    ("model_overview", &["model_id", "model_name"]),
    ("intended_uses", &["risk_rating"]),
    ("model_package_details", &["model_package_group_name", "model_package_arn"]),
];

/// The sections of a content.
///
/// # Errors
/// It is not JSON, or not by the schema.
pub fn check(member: &str, content: &str) -> Result<Map<String, Value>, ApiError> {
    let wrong = |why: String| ApiError::validation(format!("{member} is not a model card: {why}."));
    let parsed: Value = serde_json::from_str(content).map_err(|error| wrong(format!("it is not JSON, {error}")))?;
    let Value::Object(sections) = parsed else { return Err(wrong("it is not a JSON object".to_owned())) };
    for (name, section) in &sections {
        let Some((_, list)) = SECTIONS.iter().find(|(known, _)| known == name) else {
            let known: Vec<&str> = SECTIONS.iter().map(|(known, _)| *known).collect();
            return Err(wrong(format!("the schema has no section {name}, but {}", known.join(", "))));
        };
        if *list && !section.is_array() {
            return Err(wrong(format!("{name} is not a list")));
        }
        if !list && !section.is_object() {
            return Err(wrong(format!("{name} is not an object")));
        }
    }
    let rating = sections.get("intended_uses").map_or(&Value::Null, |uses| &uses["risk_rating"]);
    if !rating.is_null() && !RATINGS.iter().any(|known| rating == known) {
        return Err(wrong(format!("intended_uses.risk_rating is {rating}, and must be one of {}", RATINGS.join(", "))));
    }
    Ok(sections)
}

/// What a search finds a card by besides its own members.
pub fn facts(content: &Value) -> Map<String, Value> {
    let parsed: Value = content.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let facts = [
        ("ModelId", &parsed["model_overview"]["model_id"]),
        ("RiskRating", &parsed["intended_uses"]["risk_rating"]),
        ("ModelPackageGroupName", &parsed["model_package_details"]["model_package_group_name"]),
    ];
    let told = facts.into_iter().filter(|(_, value)| value.is_string());
    told.map(|(member, value)| (member.to_owned(), value.clone())).collect()
}

/// A content without what only those may see who may decrypt it.
pub fn metadata(content: &str) -> String {
    let parsed: Value = serde_json::from_str(content).unwrap_or_default();
    let mut out = Map::new();
    for (section, members) in METADATA {
        let kept =
            members.iter().filter_map(|member| Some(((*member).to_owned(), parsed[section].get(member)?.clone())));
        let kept: Map<String, Value> = kept.collect();
        if !kept.is_empty() {
            out.insert((*section).to_owned(), Value::Object(kept));
        }
    }
    json!(out).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_json_with_the_sections_of_the_schema() {
        for good in [
            "{}",
            r#"{"model_overview": {}, "evaluation_details": []}"#,
            r#"{"intended_uses": {"risk_rating": "Low"}}"#,
        ] {
            assert!(check("Content", good).is_ok(), "{good}");
        }
        let bad = [
            ("", "not JSON"),
            ("[]", "not a JSON object"),
            (r#"{"overview": {}}"#, "no section overview"),
            (r#"{"model_overview": "x"}"#, "not an object"),
            (r#"{"evaluation_details": {}}"#, "not a list"),
            (r#"{"intended_uses": {"risk_rating": "low"}}"#, "must be one of"),
        ];
        for (content, text) in bad {
            let error = check("Content", content).unwrap_err();
            assert!(error.message.contains(text), "{}", error.message);
        }
    }

    #[test]
    fn metadata_is_what_describes_no_more_than_names() {
        let content =
            r#"{"model_overview": {"model_id": "m", "model_description": "secret"}, "business_details": {"a": 1}}"#;
        assert_eq!(metadata(content), r#"{"model_overview":{"model_id":"m"}}"#);
    }
}
