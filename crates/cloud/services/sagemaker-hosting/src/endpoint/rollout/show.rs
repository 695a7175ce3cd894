//! What descriptions show of an update under guardrails.

use super::stages::count;
use super::{Layout, Mixed, Rollout, Step, Style};
use crate::endpoint::plan::{Deployment, Shown, Status};

/// A part of a deployment's instances.
fn part(some: Option<u32>, of: &Deployment) -> f64 {
    some.map_or(1.0, |some| f64::from(some) / f64::from(count(of)))
}

impl Rollout {
    fn status(&self, name: &'static str, message: String, about: f64) -> Option<Status> {
        Some(Status { name, message, about, since: self.since })
    }

    /// The new fleet: what of it gets traffic, and what happens to it.
    pub fn shown_target(&self) -> Shown {
        let layout = self.shown();
        let used = if self.style == Style::Rolling { part(layout.new, &self.target) } else { layout.share };
        let capacity = match self.style {
            _ if layout.share >= 1.0 => "full",
            Style::Canary => "canary",
            _ => "partial",
        };
        let baking = |wait: i64, member: &str| {
            let seconds = wait / 1000;
            let message = format!(
                "Baking for {seconds} seconds ({member}) with traffic enabled on {capacity} capacity of {{n}} instance(s)."
            );
            self.status("Baking", message, used)
        };
        let status = match (&self.back, self.step) {
            (Some(back), _) => {
                // What was on its way up goes, too.
                let about = self.on(if back.at > 1 { layout } else { self.wanted() });
                self.status("Deleting", "Terminating {n} instance(s).".to_owned(), about)
            }
            (None, Step::Launch) => {
                let more = self.on(self.wanted()) - self.on(self.before());
                let name = if self.stage == 0 { "Creating" } else { "Updating" };
                self.status(name, "Launching {n} instance(s).".to_owned(), more)
            }
            (None, Step::Move) => {
                let message = format!("Activating traffic on {capacity} capacity of {{n}} instance(s).");
                self.status("ActivatingTraffic", message, used)
            }
            (None, Step::Bake) => baking(self.wait, "WaitIntervalInSeconds"),
            (None, Step::Linger) => baking(self.linger, "TerminationWaitInSeconds"),
            (None, Step::Retire) => None,
        };
        let launched = self.stage > 0 || self.step != Step::Launch;
        Shown { used: launched.then_some(used), status }
    }

    /// The part of the new fleet that runs.
    fn on(&self, layout: Layout) -> f64 {
        part(layout.new, &self.target)
    }

    /// The old fleet.
    pub fn shown_old(&self, old: &Deployment) -> Shown {
        let used = part(self.shown().old, old);
        let status = match (&self.back, self.step) {
            (Some(back), _) if part(back.wanted().old, old) > used => {
                let more = part(back.wanted().old, old) - used;
                self.status("Updating", "Launching {n} instance(s).".to_owned(), more)
            }
            (None, Step::Retire) => {
                let fewer = used - part(self.wanted().old, old);
                self.status("Deleting", "Terminating {n} instance(s).".to_owned(), fewer)
            }
            _ => None,
        };
        Shown { used: Some(used), status }
    }
}

impl Mixed {
    /// The fleet of the deployment that was to stay.
    pub fn shown_old(&self, old: &Deployment) -> Shown {
        Shown { used: Some(part(self.layout.old, old)), status: None }
    }
}
