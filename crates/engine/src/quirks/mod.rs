//! Behaviour that no row can say: one file each, named by the rows that need it.

mod training_job_update;

use sagewright_kinds::Kind;
use serde_json::Value;

use crate::decide::diff::Diff;
use crate::decide::{Decision, Desired};
use crate::observe::Found;

type Update = fn(&Kind, &Desired, &Found, &[&Diff], &mut Value) -> Result<(), Box<Decision>>;

/// Every quirk by its name in rows.
const ALL: &[(&str, Update)] = &[("training-job-update", training_job_update::update)];

/// Asks the kind's quirks whether an update may be sent, and with which input.
pub(crate) fn update(
    kind: &Kind,
    desired: &Desired,
    found: &Found,
    diffs: &[&Diff],
    input: &mut Value,
) -> Result<(), Box<Decision>> {
    for (name, ask) in ALL {
        if kind.row().quirks.iter().any(|q| q == name) {
            ask(kind, desired, found, diffs, input)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn rows_and_engine_name_the_same_quirks() {
        let ours: Vec<_> = super::ALL.iter().map(|(name, _)| *name).collect();
        assert_eq!(ours, sagewright_kinds::QUIRKS);
        let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/quirks")).unwrap().count();
        assert_eq!(files, ours.len() + 1, "one file per quirk, and mod.rs");
    }
}
