//! The recorded kinds, a row each, and the kinds that are refused because nothing here would run them.

mod clusters;
mod lineage;
mod monitoring;
mod studio;

use crate::kind::Row;

/// Kinds of which everything but their effect is here.
pub fn recorded() -> impl Iterator<Item = &'static Row> {
    [clusters::ROWS, lineage::ROWS, monitoring::ROWS, studio::ROWS].into_iter().flatten()
}

const JOB: &str = "No job of this kind runs here yet";
const EDGE: &str = "AWS ended Edge Manager in 2024";

/// Kinds that would have to run or serve something: the noun, the list operation, and what to do instead.
pub static REFUSED: &[(&str, &str, &str)] = &[
    ("AIBenchmarkJob", "ListAIBenchmarkJobs", JOB),
    ("AIRecommendationJob", "ListAIRecommendationJobs", JOB),
    ("AutoMLJob", "ListAutoMLJobs", "Train with a training job"),
    ("AutoMLJobV2", "", "Train with a training job"),
    ("ClusterExtension", "ListClusterExtensions", "No cluster runs here"),
    ("CompilationJob", "ListCompilationJobs", JOB),
    ("DeviceFleet", "ListDeviceFleets", EDGE),
    ("EdgeDeploymentPlan", "ListEdgeDeploymentPlans", EDGE),
    ("EdgePackagingJob", "ListEdgePackagingJobs", EDGE),
    ("InferenceComponent", "ListInferenceComponents", "Create an endpoint whose variant names a model"),
    ("InferenceExperiment", "ListInferenceExperiments", "Create an endpoint with weighted variants"),
    ("InferenceRecommendationsJob", "ListInferenceRecommendationsJobs", JOB),
    ("Job", "ListJobs", "Create a training job"),
    ("LabelingJob", "ListLabelingJobs", JOB),
    ("OptimizationJob", "ListOptimizationJobs", JOB),
    ("TrainingPlan", "ListTrainingPlans", "Training jobs need no plan here"),
    ("TrainingSession", "ListTrainingSessions", "Create a training job"),
];
