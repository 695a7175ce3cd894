//! The way back to the old fleet.

use super::stages::{count, part};
use super::{Back, Layout};
use crate::endpoint::plan::Deployment;

impl Back {
    /// The way back from a layout: at once, or so many instances of the old fleet at a time.
    pub fn of(reason: String, from: Layout, old: &Deployment, batch: Option<u32>) -> Self {
        let mut layouts = vec![from];
        if let (Some(batch), Some(up), Some(new)) = (batch, from.old, from.new) {
            let all = count(old);
            let missing = all.saturating_sub(up);
            let mut up = up.saturating_add(batch.max(1));
            while up < all {
                let rest = all - up;
                let share = from.share * f64::from(rest) / f64::from(missing);
                layouts.push(Layout { share, old: Some(up), new: Some(part(new, rest, missing).max(1)) });
                up = up.saturating_add(batch.max(1));
            }
        }
        layouts.push(Layout::OLD);
        Self { reason, layouts, at: 1 }
    }

    /// How the fleets stand at least.
    pub fn reached(&self) -> Layout {
        self.layouts.get(self.at.saturating_sub(1)).copied().unwrap_or(Layout::OLD)
    }

    /// How they are made to stand.
    pub fn wanted(&self) -> Layout {
        self.layouts.get(self.at).copied().unwrap_or(Layout::OLD)
    }

    /// Whether the old fleet serves alone after this.
    pub fn is_last(&self) -> bool {
        self.at + 1 >= self.layouts.len()
    }
}
