//! Adds the end of its log to what is told of a failed resource.

use sagewright_decide::Decision;
use sagewright_decide::log_end::{self, LogEnd};
use sagewright_decide::observed::Found;
use sagewright_kinds::Kind;

use super::Pass;
use crate::observe::log_end::read;

impl Pass<'_> {
    /// Reads the end of the log of a failed resource, once for each failure: later looks go by what the status says.
    pub(super) async fn read_log(&mut self, kind: &Kind, found: &Found, decision: &mut Decision) {
        let Some(known) = log_end::of(kind, &self.desired, found, decision) else { return };
        let words = match (known, log_end::place(kind, found)) {
            (LogEnd::Told(words), _) => words,
            (LogEnd::Unread, Some((group, prefix))) => read(self.calls, &group, &prefix).await,
            (LogEnd::Unread, None) => return,
        };
        log_end::tell(&mut decision.conditions, &words);
        self.log_end = Some(words).filter(|words| log_end::has_lines(words));
    }
}
