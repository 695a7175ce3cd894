//! What scales, between Application Auto Scaling, which decides how much of it there is to be, and the services that have it.

use async_trait::async_trait;

use crate::records::StoreError;

/// One dimension of one resource, as Application Auto Scaling names them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scalable {
    /// Account id.
    pub account: String,
    /// Region.
    pub region: String,
    /// For example `endpoint/digits/variant/main`.
    pub resource: String,
    /// For example `sagemaker:variant:DesiredInstanceCount`.
    pub dimension: String,
}

/// How much there is of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// How much there is to be.
    pub desired: u32,
    /// The least that it can be set to.
    pub least: u32,
    /// It is being changed, or something else is done with the resource: it takes no change now.
    pub busy: bool,
}

/// Why a capacity was not read or set.
#[derive(Debug, thiserror::Error)]
pub enum ScalingError {
    /// There is no such resource, or not in this dimension. A sentence for the caller.
    #[error("{0}")]
    Missing(String),
    /// The embedded cloud does not scale this. A sentence for the caller.
    #[error("{0}")]
    NotHere(String),
    /// The resource takes no change now.
    #[error("{0}")]
    Busy(String),
    /// The service refuses the capacity, and would later.
    #[error("{0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who has what scales.
#[async_trait]
pub trait Scalables: Send + Sync + 'static {
    /// How much there is of it.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    async fn capacity(&self, of: &Scalable) -> Result<Capacity, ScalingError>;

    /// Asks for another capacity. To ask for the one that is asked for already changes nothing.
    ///
    /// # Errors
    /// It is not taken.
    async fn set(&self, of: &Scalable, desired: u32) -> Result<(), ScalingError>;

    /// Completes once the resource has settled that was busy, or is gone. It may never complete, and the resource may be busy
    /// again: who waits looks again.
    async fn settled(&self, of: &Scalable);
}

/// Who knows what Application Auto Scaling scales, for the services that have it.
#[async_trait]
pub trait ScalableTargets: Send + Sync + 'static {
    /// Which of these resources are registered, in any dimension.
    ///
    /// # Errors
    /// The store failed.
    async fn registered(&self, account: &str, region: &str, resources: &[String]) -> Result<Vec<String>, StoreError>;

    /// Deregisters all resources that are gone, whose names begin with a text, with their policies and scheduled actions.
    ///
    /// # Errors
    /// The store failed.
    async fn deregister(&self, account: &str, region: &str, start: &str) -> Result<(), StoreError>;
}

/// Nothing is registered.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTargets;

#[async_trait]
impl ScalableTargets for NoTargets {
    async fn registered(&self, _: &str, _: &str, _: &[String]) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn deregister(&self, _: &str, _: &str, _: &str) -> Result<(), StoreError> {
        Ok(())
    }
}
