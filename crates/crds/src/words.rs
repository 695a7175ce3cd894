//! Names of members, as fields and in sentences. Every name is worked out once: the rule has a hundred rows, and there are tens
//! of thousands of fields.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use sagewright_model::name::to_crd;

/// The field of a member of a model.
pub(crate) fn field(member: &str) -> String {
    static KNOWN: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(member.to_owned()).or_insert_with(|| to_crd(member)).clone()
}

/// A member's name as the start of a sentence: `HomeEfsFileSystemKmsKeyId` is `Home EFS file system KMS key ID`.
pub(crate) fn sentence(member: &str) -> String {
    let words: Vec<String> = split(member).iter().map(|word| spelled(word)).collect();
    capital(&words.join(" "))
}

/// With a capital at the start.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The words of a name in camel case. `ARNs` is one.
fn split(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.replace("FSx", "Fsx").chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or(' ');
    let mut words = vec![String::new()];
    for (i, c) in chars.iter().enumerate() {
        let plural = at(i + 1) == 's' && !at(i + 2).is_ascii_lowercase();
        let new = i > 0 && c.is_ascii_uppercase();
        let starts = new && (!at(i - 1).is_ascii_uppercase() || at(i + 1).is_ascii_lowercase() && !plural);
        match words.last_mut() {
            Some(word) if !starts && *c != '_' => word.push(*c),
            _ => words.push(c.to_string()),
        }
    }
    words.into_iter().map(|word| word.replace('_', "")).filter(|word| !word.is_empty()).collect()
}

/// Words that the naming rule does not know.
const SPELLED: &[(&str, &str)] = &[("Fsx", "FSx"), ("FSx", "FSx"), ("Usd", "USD"), ("Ml", "ML"), ("Ui", "UI")];

/// A word as it is written inside a sentence: initialisms in capitals.
fn spelled(word: &str) -> String {
    if let Some((_, spelled)) = SPELLED.iter().find(|(known, _)| *known == word) {
        return (*spelled).to_owned();
    }
    let after = field(&format!("Part{word}"));
    let known = after.strip_prefix("part").unwrap_or(word);
    let capitals = known.chars().filter(char::is_ascii_uppercase).count();
    if capitals > 1 || known.chars().any(|c| c.is_ascii_digit()) { known.to_owned() } else { word.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_words() {
        let table = [
            ("HomeEfsFileSystemKmsKeyId", "Home EFS file system KMS key ID"),
            ("S3Uri", "S3 URI"),
            ("RoleARN", "Role ARN"),
            ("ModelPackageArns", "Model package ARNs"),
            ("VolumeSizeInGB", "Volume size in GB"),
            ("modelDataUrl", "Model data URL"),
            ("FSxLustreConfig", "FSx lustre config"),
            ("AutoMLJobName", "Auto ML job name"),
            ("HostingDeployment", "Hosting deployment"),
        ];
        for (name, words) in table {
            assert_eq!(sentence(name), words, "{name}");
        }
    }
}
