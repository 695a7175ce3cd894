//! The definition of one kind of AWS's resources.

use sagewright_kinds::Kind;

use crate::crd::Crd;
use crate::document::{Names, document, root};
use crate::schema::describe;
use crate::{columns, names, rules, schema, size};

/// The definition of a kind of AWS's resources.
pub(crate) fn definition(kind: &'static Kind) -> Crd {
    let names = Names {
        group: kind.group(),
        version: kind.version(),
        kind: kind.name(),
        plural: kind.plural(),
        scope: "Namespaced",
        short: names::short_names(kind.name()),
        categories: &["sagemaker", "sagewright"],
    };
    let mut spec = schema::spec(kind);
    rules::of_spec(kind, &mut spec);
    let status = schema::status(kind);
    let columns = columns::of_kind(kind, &status);
    let mut root = root(&describe::kind(kind), spec, status);
    rules::of_object(kind, &mut root);
    size::fit(document(&names, &columns, root))
}
