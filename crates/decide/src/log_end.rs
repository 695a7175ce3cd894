//! The end of a failed resource's log, in the condition that tells of the failure. Pure.

use sagewright_kinds::{Kind, Phase};
use sagewright_model::{is_secret_text, without_logins};
use sagewright_objects::secrets::HIDDEN;

use crate::conditions::{Condition, TERMINAL, read};
use crate::observed::Found;
use crate::{Decision, Desired, Intent};

/// Lines that are shown at most.
pub const LINES: usize = 10;
/// Bytes of all lines together, and of one.
const BYTES: usize = 2_048;
const LINE: usize = 400;

/// Begins what is said of a log, after the reason of the failure.
const BEGIN: &str = "\nLast lines of its log:";
const NOTHING: &str = "\nIts log has no lines.";
const UNREADABLE: &str = "\nIts log could not be read: ";

/// Where a resource's own log is: the group, and how the names of its streams begin; nothing for a kind without one, or whose
/// streams are those of other jobs too.
#[must_use]
pub fn place(kind: &Kind, found: &Found) -> Option<(String, String)> {
    kind.logs(&found.name).filter(|(_, stream)| stream.is_empty() || stream.ends_with('/'))
}

/// What is known of the log of a failed resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEnd {
    /// This failure was told before, with this said of its log.
    Told(String),
    /// It has to be read.
    Unread,
}

/// What is known of the log, where a decision tells of a failure and the resource has one.
#[must_use]
pub fn of(kind: &Kind, desired: &Desired, found: &Found, decision: &Decision) -> Option<LogEnd> {
    let wanted = desired.intent == Intent::Present && found.phase == Phase::Failed && !desired.read_only;
    let now = decision.conditions.iter().find(|c| c.kind == TERMINAL).filter(|_| wanted)?;
    place(kind, found)?;
    let before = read(&desired.object.status).into_iter().find(|c| c.kind == TERMINAL);
    let told = before.as_ref().and_then(|before| {
        let rest = before.message.as_deref()?.strip_prefix(now.message.as_deref()?)?;
        rest.starts_with('\n').then(|| rest.to_owned())
    });
    Some(told.map_or(LogEnd::Unread, LogEnd::Told))
}

/// What is said of a log: its last lines, within bounds and without what is secret by its form.
#[must_use]
pub fn words(lines: &[String]) -> String {
    let mut room = BYTES;
    let shown = lines.iter().rev().map(|line| shown(line)).filter(|line| !line.is_empty()).take(LINES);
    let mut shown: Vec<String> = shown
        .take_while(|line| {
            let fits = line.len() < room;
            room = room.saturating_sub(line.len() + 1);
            fits
        })
        .collect();
    shown.reverse();
    if shown.is_empty() { NOTHING.to_owned() } else { format!("{BEGIN}\n{}", shown.join("\n")) }
}

/// What is said of a log that cannot be read.
#[must_use]
pub fn unreadable(why: &str) -> String {
    format!("{UNREADABLE}{}", shown(why))
}

/// Whether there are lines in what is said of a log.
#[must_use]
pub fn has_lines(words: &str) -> bool {
    words.starts_with(BEGIN)
}

/// Adds what is said of a log to the condition that tells of the failure.
pub fn tell(conditions: &mut [Condition], words: &str) {
    let terminal = conditions.iter_mut().find(|condition| condition.kind == TERMINAL);
    if let Some(message) = terminal.and_then(|condition| condition.message.as_mut()) {
        message.push_str(words);
    }
}

fn shown(line: &str) -> String {
    let plain: String = line.trim_end().chars().filter(|c| !c.is_control() || *c == '\t').collect();
    if is_secret_text(&plain) {
        return HIDDEN.to_owned();
    }
    let mut plain = without_logins(&plain).unwrap_or(plain);
    if plain.len() > LINE {
        plain.truncate(plain.floor_char_boundary(LINE));
        plain.push('…');
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use sagewright_objects::Object;
    use serde_json::{Value, json};

    use super::*;
    use crate::conditions::write;
    use crate::{Observed, decide};

    fn lines(of: &[&str]) -> Vec<String> {
        of.iter().map(|line| (*line).to_owned()).collect()
    }

    /// A processing job in a status; its log as an earlier look told it.
    fn seen(kind: &str, word: &str, reason: &str, told: Option<&str>) -> Option<LogEnd> {
        seen_by(kind, word, reason, told, |_| ())
    }

    /// As [`seen`], for an object that is declared in another way.
    fn seen_by(
        kind: &str,
        word: &str,
        reason: &str,
        told: Option<&str>,
        declare: impl FnOnce(&mut Desired),
    ) -> Option<LogEnd> {
        let kind = sagewright_kinds::find(kind).unwrap();
        let name = kind.row().identity.name.first().unwrap();
        let status = kind.row().status.member.clone().unwrap();
        let output: Value = json!({name.as_str(): "j", status: word, "FailureReason": reason});
        let found = Found::new(
            kind,
            output,
            BTreeMap::from([("sagewright.dev/owner".to_owned(), format!("{}/default/j", kind.name()))]),
        );
        let mut object = Object::new(kind, "j");
        object.spec = json!({});
        let mut desired = Desired::new(kind, &object).unwrap();
        declare(&mut desired);
        let observed = Observed::Found(Box::new(found));
        let decided = |desired: &Desired| decide(kind, desired, &observed, Timestamp::UNIX_EPOCH);
        if let Some(told) = told {
            let mut before = decided(&desired).conditions;
            tell(&mut before, told);
            write(&mut desired.object.status, &before);
        }
        of(kind, &desired, observed.found().unwrap(), &decided(&desired))
    }

    #[test]
    fn a_log_is_read_once_for_each_failure() {
        let told = words(&lines(&["boom"]));
        for (kind, word, before, expected) in [
            ("ProcessingJob", "Failed", None, Some(LogEnd::Unread)),
            ("ProcessingJob", "Failed", Some(told.as_str()), Some(LogEnd::Told(told.clone()))),
            ("ProcessingJob", "Failed", Some(NOTHING), Some(LogEnd::Told(NOTHING.to_owned()))),
            ("ProcessingJob", "Completed", None, None),
            ("ProcessingJob", "InProgress", None, None),
            ("Endpoint", "Failed", None, Some(LogEnd::Unread)),
            // Its streams are those of its training jobs.
            ("HyperParameterTuningJob", "Failed", None, None),
            ("FeatureGroup", "CreateFailed", None, None),
        ] {
            assert_eq!(seen(kind, word, "exit code: 1", before), expected, "{kind} {word} {before:?}");
        }
        // A condition that tells of a refusal is about the declaration, and not about what the job did.
        let changed = |desired: &mut Desired| desired.spec = json!({"ProcessingJobName": "j", "RoleArn": "other"});
        assert_eq!(seen_by("ProcessingJob", "Completed", "", None, changed), None);
        let read = |desired: &mut Desired| desired.read_only = true;
        assert_eq!(seen_by("ProcessingJob", "Failed", "exit code: 1", None, read), None);
    }

    #[test]
    fn lines_are_whole_as_long_as_they_have_room() {
        // Five lines of 400 bytes leave 43 of the 2,048, and one of them ends the line.
        for (length, fits) in [(42, true), (43, false)] {
            let first = "b".repeat(length);
            let mut all = vec![first.clone()];
            all.extend(std::iter::repeat_n("a".repeat(LINE), 5));
            let shown = words(&all);
            assert_eq!(shown.lines().any(|line| line == first), fits, "{length}");
            assert_eq!(shown.lines().filter(|line| line.len() == LINE).count(), 5, "{shown}");
        }
        assert!(words(&["a".repeat(LINE + 1)]).ends_with("aa…"));
    }

    #[test]
    fn the_last_lines_are_shown_within_bounds() {
        let many: Vec<String> = (0..40).map(|n| format!("line {n}")).collect();
        let shown = words(&many);
        assert_eq!(shown.lines().filter(|line| line.starts_with("line")).count(), LINES);
        assert!(has_lines(&shown) && shown.ends_with("line 38\nline 39"), "{shown}");
        let long = words(&vec!["ü".repeat(1_000); 20]);
        assert!(long.len() <= BYTES + BEGIN.len() + 1 && long.lines().count() > 3, "{}", long.len());
        assert_eq!(words(&lines(&["", "  \n"])), NOTHING);
        assert_eq!(words(&lines(&["\u{1b}[31mred\u{1b}[0m\r\n"])), format!("{BEGIN}\n[31mred[0m"));
        let secret =
            words(&lines(&["GET https://me:word@host/x", "https://b/k?X-Amz-Signature=0a&X-Amz-Credential=b"]));
        assert!(!secret.contains("word") && !secret.contains("0a"), "{secret}");
        assert!(!has_lines(NOTHING) && !has_lines(&unreadable("AccessDenied: no")));
    }
}
