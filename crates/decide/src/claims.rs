//! What an installation takes as its own.

use sagewright_objects::mark::Installation;

/// By which signs a resource is an object's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClaimPolicy {
    /// It bears the object's mark, or it is adopted.
    #[default]
    Mark,
    /// Besides, what ACK manages for the object is taken over at the first look, with no write but the mark. For a
    /// controller that takes the place of ACK's.
    MarkOrAck,
}

/// What an installation takes as its own, and what it leaves to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Its name, which every mark bears.
    pub installation: Installation,
    /// By which signs a resource is an object's own.
    pub policy: ClaimPolicy,
    /// Prefixes of tag keys that others write by themselves: never compared, never changed, never removed.
    pub foreign_tags: Vec<String>,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            installation: Installation::default(),
            policy: ClaimPolicy::default(),
            // AWS keeps `aws:` to itself: "Tags with this prefix can't be edited or deleted" (Tagging AWS Resources, naming
            // limits). `services.k8s.aws/` are the default tags of ACK's controllers (their flag `--resource-tags`).
            foreign_tags: ["aws:", "services.k8s.aws/"].map(str::to_owned).to_vec(),
        }
    }
}

impl Claims {
    /// Whether a tag is left to others.
    #[must_use]
    pub fn is_foreign_tag(&self, key: &str) -> bool {
        self.foreign_tags.iter().any(|prefix| key.starts_with(prefix.as_str()))
    }
}
