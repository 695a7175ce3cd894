//! The resources of a set, found by its label.

use std::collections::BTreeSet;

use sagewright_engine::{Object, Selector};

use crate::context::{Context, engine_failure};

/// The namespaces whose objects are meant.
pub(crate) enum Namespaces {
    /// All of the installation.
    All,
    /// These.
    These(BTreeSet<String>),
}

impl Namespaces {
    /// All namespaces where that is asked for, or else these.
    pub(crate) fn of(all: bool, these: impl IntoIterator<Item = String>) -> Self {
        if all { Self::All } else { Self::These(these.into_iter().collect()) }
    }

    fn has(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(these) => these.contains(namespace),
        }
    }
}

/// The objects of a set that are not declared, in the namespaces that are meant. What is left out of them is told, and
/// what could not be looked through.
pub(crate) async fn undeclared(
    context: &Context,
    set: &Selector,
    declared: &[Object],
    within: &Namespaces,
) -> anyhow::Result<Vec<Object>> {
    let found = context.engine.undeclared(set, declared).await.map_err(engine_failure)?;
    found.unknown.iter().for_each(|why| context.printer.note(&format!("warning: {why}")));
    let (meant, others): (Vec<_>, Vec<_>) = found.objects.into_iter().partition(|o| within.has(&o.id().namespace));
    let namespaces: BTreeSet<String> = others.iter().map(|object| object.id().namespace).collect();
    if !others.is_empty() {
        let names: Vec<String> = namespaces.into_iter().collect();
        let one = others.len() == 1;
        let (objects, are) = if one { ("object", "is") } else { ("objects", "are") };
        let word = if names.len() == 1 { "namespace" } else { "namespaces" };
        context.printer.note(&format!(
            "{} {objects} of the set {are} in the {word} {} and {are} kept: --all-namespaces deletes there, too",
            others.len(),
            names.join(", ")
        ));
    }
    Ok(meant)
}
