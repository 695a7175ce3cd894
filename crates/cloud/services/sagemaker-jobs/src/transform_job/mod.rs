//! Transform jobs: checked at creation, run by the executor, recorded by the machine that such jobs share.

pub(crate) mod create;
pub(crate) mod stop;

use sagewright_cloud_sagemaker_base::{Executor, Executors, JobEnd, JobEvent, Kind};

use crate::job::plain::{Jobs, Plain};

/// The transform jobs of a SageMaker.
pub(crate) type TransformJobs = Jobs<TransformJob>;

pub(crate) struct TransformJob;

impl Plain for TransformJob {
    const KIND: Kind = Kind::TRANSFORM_JOB;
    const NOUN: &'static str = "transform job";
    const STARTED: &'static str = "TransformStartTime";
    const ENDED: &'static str = "TransformEndTime";

    fn executor(executors: &Executors) -> &dyn Executor<JobEvent, JobEnd> {
        &*executors.transform
    }
}
