//! The embedded models, parsed on first use of each service.

use std::sync::OnceLock;

use crate::shape::Service;

macro_rules! services {
    ($($id:literal),* $(,)?) => {
        /// The ids of all embedded services, as botocore spells them.
        pub const SERVICES: &[&str] = &[$($id),*];

        /// The model of a service by its botocore id (`sagemaker`, `sts`, …), parsed once.
        #[must_use]
        pub fn service(id: &str) -> Option<&'static Service> {
            match id {
                $($id => {
                    static MODEL: OnceLock<Option<Service>> = OnceLock::new();
                    MODEL
                        .get_or_init(|| {
                            let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/", $id, ".json"));
                            serde_json::from_str::<Service>(text).ok().map(|mut s| { s.id = $id; s })
                        })
                        .as_ref()
                })*
                _ => None,
            }
        }
    };
}

include!("../../../models/services.rs");

#[cfg(test)]
mod tests {
    #[test]
    fn every_embedded_model_parses_and_every_reference_resolves() {
        for id in super::SERVICES {
            let service = super::service(id).unwrap_or_else(|| panic!("{id} does not parse"));
            assert!(!service.operations.is_empty(), "{id} has no operations");
            for (name, shape) in &service.shapes {
                for target in shape.references() {
                    assert!(service.shape(target).is_some(), "{id}: {name} refers to {target}");
                }
            }
        }
    }
}
