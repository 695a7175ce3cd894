//! Processing jobs: checked at creation, run by the executor, recorded by the machine that such jobs share.

pub(crate) mod create;
pub(crate) mod stop;

use sagewright_cloud_sagemaker_base::{Executor, Executors, JobEnd, JobEvent, Kind};

use crate::job::plain::{Jobs, Plain};

/// The processing jobs of a SageMaker.
pub(crate) type ProcessingJobs = Jobs<ProcessingJob>;

pub(crate) struct ProcessingJob;

impl Plain for ProcessingJob {
    const KIND: Kind = Kind::PROCESSING_JOB;
    const NOUN: &'static str = "processing job";
    const STARTED: &'static str = "ProcessingStartTime";
    const ENDED: &'static str = "ProcessingEndTime";

    fn executor(executors: &Executors) -> &dyn Executor<JobEvent, JobEnd> {
        &*executors.processing
    }
}
