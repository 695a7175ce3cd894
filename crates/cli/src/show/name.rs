//! What a resource is called.

use sagewright_engine::Object;
use sagewright_kinds::Kind;

/// The name in AWS, or the end of the ARN of a resource that AWS names: `mnist/3`.
pub(crate) fn aws_name(kind: &Kind, object: &Object) -> String {
    let members = kind.row().identity.name.iter().map(|m| sagewright_model::name::to_crd(m));
    let parts: Option<Vec<_>> = members.map(|field| object.spec.get(&field)?.as_str()).collect();
    match parts {
        Some(parts) if !parts.is_empty() => parts.join(" "),
        _ => object.arn().map_or_else(|| object.metadata.name.clone(), name_in),
    }
}

/// The name at the end of an ARN: `mnist/3`; that of an execution after its pipeline's.
pub(crate) fn name_in(arn: &str) -> String {
    let name = arn.splitn(6, ':').nth(5).and_then(|resource| resource.split_once('/')).map_or(arn, |(_, rest)| rest);
    name.replace("/execution/", "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_that_aws_names_is_told_by_the_end_of_its_arn() {
        let of = |resource: &str| name_in(&format!("arn:aws:sagemaker:us-east-1:000000000000:{resource}"));
        assert_eq!(of("model-package/mnist/3"), "mnist/3");
        assert_eq!(of("pipeline/p/execution/abc"), "p/abc", "as its object is named");
    }
}
