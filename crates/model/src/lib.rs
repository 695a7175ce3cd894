//! AWS service models as data: shapes, validation with AWS's own error text, Kubernetes field names, ARNs and regions.
//!
//! Pure: no I/O, no clock. The facts come from the files in `models/`, which `cargo xtask models` makes.

pub mod arn;
pub mod crd;
pub mod host;
mod load;
mod mask;
pub mod name;
mod pattern;
pub mod region;
mod shape;
mod validate;

pub use arn::{AccountId, Arn, ArnError};
pub use load::{SERVICES, service};
pub use mask::{MASK, is_secret_key, is_secret_text, mask, without_logins};
pub use pattern::{Re2, re2};
pub use region::{Partition, Region, RegionError, partition_of, partitions};
pub use shape::{
    ErrorInfo, Http, Member, Metadata, Operation, Paginator, Protocol, Service, Shape, ShapeRef, ShapeType, Str,
    StrList,
};
pub use validate::{Invalid, Segment, Violation, check_pattern, validate};
