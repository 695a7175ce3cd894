//! Which fields of a spec cannot be changed once the resource is there.

use sagewright_kinds::{Kind, Path, PathSegment};
use sagewright_model::{Shape, ShapeType};

/// The paths (AWS names) that no update can change, each without what is below it. A structure of which an update can change
/// a part is looked into; a list of such structures is left to whoever reconciles, because Kubernetes cannot tell which
/// element became which.
pub(crate) fn paths(kind: &Kind) -> Vec<Path> {
    let mut out = Vec::new();
    let token = |member: &str| kind.spec_member(member).is_some_and(|m| m.idempotency_token);
    for field in kind.spec_fields().values() {
        let tags = kind.tags_member() == Some(field.member);
        if let Some(shape) = kind.service().shape(field.shape).filter(|_| !tags && !token(field.member)) {
            visit(kind, Path::of_members([field.member]), shape, &mut out);
        }
    }
    out
}

fn visit(kind: &Kind, path: Path, shape: &Shape, out: &mut Vec<Path>) {
    if kind.is_mutable(&path) {
        return;
    }
    if !kind.row().update.sends.iter().any(|send| path.leads_to(&Path::parse(send))) {
        out.push(path);
    } else if shape.kind == ShapeType::Structure {
        for (name, member) in &shape.members {
            if let Some(target) = kind.service().target(member) {
                visit(kind, path.join(PathSegment::Member((*name).to_owned())), target, out);
            }
        }
    }
}
