//! Names, tokens and fingerprints, which follow from what they are for: after a crash each is found again.

use sha2::{Digest as _, Sha256};

use crate::execution::state::Attempt;
use crate::kinds::Resource;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The letters of execution ids.
const SMALL: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Letters of a step's name in that of its resource.
const STEP: usize = 19;

/// So many letters that follow from the parts.
fn letters(alphabet: &[u8], length: usize, parts: &[&str]) -> String {
    let digest = digest(parts);
    let letter = |byte: &u8| alphabet.get(usize::from(*byte) % alphabet.len()).copied().unwrap_or(b'a');
    digest.iter().take(length).map(|byte| char::from(letter(byte))).collect()
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The id of an execution that a request starts.
#[must_use]
pub fn execution(pipeline_arn: &str, created: i64, token: &str) -> String {
    letters(SMALL, 12, &["execution", pipeline_arn, &created.to_string(), token])
}

/// The ten letters that an attempt's names end with.
fn suffix(seed: &str, attempt: Attempt) -> String {
    letters(LETTERS, 10, &["name", seed, &attempt.step.to_string(), &attempt.number.to_string()])
}

/// The token by which a callback is answered.
#[must_use]
pub fn callback(seed: &str, attempt: Attempt) -> String {
    letters(LETTERS, 10, &["callback", seed, &attempt.step.to_string(), &attempt.number.to_string()])
}

/// The client token of an attempt's create operation.
#[must_use]
pub fn client_token(seed: &str, attempt: Attempt) -> String {
    letters(SMALL, 32, &["token", seed, &attempt.step.to_string(), &attempt.number.to_string()])
}

/// The name of what an attempt creates: `pipelines-ID-STEP-SUFFIX`, or with the user's own name in front.
#[must_use]
pub fn resource(
    resource: &Resource,
    id: &str,
    step: &str,
    given: Option<&str>,
    seed: &str,
    attempt: Attempt,
) -> String {
    let suffix = suffix(seed, attempt);
    let own = |text: &str, most: usize| -> String {
        text.chars().take(most).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    };
    // Two hyphens, the id and the suffix.
    let room = resource.longest.saturating_sub(id.len() + suffix.len() + 2);
    match given {
        Some(given) => format!("{}-{id}-{suffix}", own(given, room)),
        // A tuning job's name has no room for more.
        None if resource.longest < 63 => format!("{id}-{}-{suffix}", own(step, room)),
        None => format!("pipelines-{id}-{}-{suffix}", own(step, STEP)),
    }
}

/// By what a step counts as the same.
#[must_use]
pub fn fingerprint(parts: &[&str]) -> String {
    digest(parts).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{Runs, find};

    fn of(kind: &str) -> &'static Resource {
        match find(kind).unwrap().runs {
            Runs::Resource(resource) => resource,
            _ => unreachable!(),
        }
    }

    #[test]
    fn names_have_the_form_that_pipelines_give_them_and_fit() {
        let attempt = Attempt { step: 1, number: 1 };
        let (id, long) = ("abcdefghijkl", "A_very_long_step_name-".repeat(3));
        let name = |kind, step: &str, given| resource(of(kind), id, step, given, "seed", attempt);
        let train = name("Training", "AbaloneTrain", None);
        assert!(train.starts_with("pipelines-abcdefghijkl-AbaloneTrain-") && train.len() == 46, "{train}");
        assert_eq!(train, name("Training", "AbaloneTrain", None), "found again");
        assert_ne!(train, resource(of("Training"), id, "AbaloneTrain", None, "seed", Attempt { number: 2, ..attempt }));
        assert_ne!(train, resource(of("Training"), id, "AbaloneTrain", None, "other", attempt));
        assert!(name("Processing", &long, None).starts_with("pipelines-abcdefghijkl-A-very-long-step-na-"));
        assert!(name("Tuning", "HPTuning", None).starts_with("abcdefghijkl-HPTuning-"));
        assert!(name("Training", "x", Some("mine")).starts_with("mine-abcdefghijkl-"));
        for kind in ["Training", "Processing", "Transform", "Tuning", "Model"] {
            for given in [None, Some(long.as_str())] {
                let name = name(kind, &long, given);
                assert!(name.len() <= of(kind).longest, "{name}");
                assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{name}");
            }
        }
    }
}
