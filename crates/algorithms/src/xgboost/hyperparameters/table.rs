//! The hyperparameters of the image: `algorithm_mode/hyperparameter_validation.py` of
//! aws/sagemaker-xgboost-container.

use super::value::{Bound, Interval};

/// The type of a hyperparameter with its range.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Integer(Interval),
    Float(Interval),
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// Texts with commas between, each one of these.
    List(&'static [&'static str]),
    /// Metrics with commas between: those of the image, or one with a threshold (`error@0.7`).
    Metrics,
    /// One of the image's metrics on the validation channel.
    TuningMetric,
    /// `(1,-1,0)`.
    Tuple,
    /// `[[1,2],[3,4]]`.
    Nested,
}

/// One hyperparameter.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const fn row(name: &'static str, kind: Kind) -> Row {
    Row { name, kind }
}

const fn at_least(low: i64) -> Interval {
    Interval { low: Some((low, Bound::Closed)), high: None }
}

const fn above(low: i64) -> Interval {
    Interval { low: Some((low, Bound::Open)), high: None }
}

const fn within(low: i64, high: i64) -> Interval {
    Interval { low: Some((low, Bound::Closed)), high: Some((high, Bound::Closed)) }
}

const fn between(low: i64, high: i64) -> Interval {
    Interval { low: Some((low, Bound::Open)), high: Some((high, Bound::Open)) }
}

/// More than 0 and at most 1: a share that is never nothing.
const SHARE: Interval = Interval { low: Some((0, Bound::Open)), high: Some((1, Bound::Closed)) };

const SWITCH: Interval = within(0, 1);
const BOOLEAN: Kind = Kind::Choice(&["true", "false"]);

/// The one that must be given.
pub(super) const REQUIRED: &str = "num_round";

/// Other names of the same hyperparameter.
pub(super) const ALIASES: [(&str, &str); 4] =
    [("learning_rate", "eta"), ("min_split_loss", "gamma"), ("reg_lambda", "lambda"), ("reg_alpha", "alpha")];

pub(super) static TABLE: [Row; 54] = [
    row("num_round", Kind::Integer(at_least(1))),
    row("csv_weights", Kind::Integer(SWITCH)),
    row("early_stopping_rounds", Kind::Integer(at_least(1))),
    row("booster", Kind::Choice(&["gbtree", "gblinear", "dart"])),
    row("verbosity", Kind::Integer(within(0, 3))),
    row("nthread", Kind::Integer(at_least(1))),
    row("eta", Kind::Float(SWITCH)),
    row("gamma", Kind::Float(at_least(0))),
    row("max_depth", Kind::Integer(at_least(0))),
    row("min_child_weight", Kind::Float(at_least(0))),
    row("max_delta_step", Kind::Float(at_least(0))),
    row("subsample", Kind::Float(SHARE)),
    row("colsample_bytree", Kind::Float(SHARE)),
    row("colsample_bylevel", Kind::Float(SHARE)),
    row("colsample_bynode", Kind::Float(SHARE)),
    row("lambda", Kind::Float(at_least(0))),
    row("alpha", Kind::Float(at_least(0))),
    row("tree_method", Kind::Choice(&["auto", "exact", "approx", "hist", "gpu_hist"])),
    row("sketch_eps", Kind::Float(between(0, 1))),
    row("scale_pos_weight", Kind::Float(above(0))),
    row("updater", Kind::List(&UPDATERS)),
    row("dsplit", Kind::Choice(&["row", "col"])),
    row("refresh_leaf", Kind::Integer(SWITCH)),
    row("process_type", Kind::Choice(&["default", "update"])),
    row("grow_policy", Kind::Choice(&["depthwise", "lossguide"])),
    row("max_leaves", Kind::Integer(at_least(0))),
    row("max_bin", Kind::Integer(at_least(0))),
    row("predictor", Kind::Choice(&["auto", "cpu_predictor", "gpu_predictor"])),
    row("monotone_constraints", Kind::Tuple),
    row("interaction_constraints", Kind::Nested),
    row("sample_type", Kind::Choice(&["uniform", "weighted"])),
    row("normalize_type", Kind::Choice(&["tree", "forest"])),
    row("rate_drop", Kind::Float(SWITCH)),
    row("one_drop", Kind::Integer(SWITCH)),
    row("skip_drop", Kind::Float(SWITCH)),
    row("lambda_bias", Kind::Float(SWITCH)),
    row("tweedie_variance_power", Kind::Float(between(1, 2))),
    row("objective", Kind::Choice(&OBJECTIVES)),
    row("num_class", Kind::Integer(at_least(2))),
    row("base_score", Kind::Float(at_least(0))),
    row("_kfold", Kind::Integer(at_least(2))),
    row("_num_cv_round", Kind::Integer(at_least(1))),
    row("_tuning_objective_metric", Kind::TuningMetric),
    row("eval_metric", Kind::Metrics),
    row("seed", Kind::Integer(between(-(1 << 31), (1 << 31) - 1))),
    row("num_parallel_tree", Kind::Integer(at_least(1))),
    row("save_model_on_termination", BOOLEAN),
    row("aft_loss_distribution", Kind::Choice(&["normal", "logistic", "extreme"])),
    row("aft_loss_distribution_scale", Kind::Float(at_least(0))),
    row("single_precision_histogram", BOOLEAN),
    row("deterministic_histogram", BOOLEAN),
    row("sampling_method", Kind::Choice(&["uniform", "gradient_based"])),
    row("prob_buffer_row", Kind::Integer(above(1))),
    row("use_dask_gpu_training", BOOLEAN),
];

pub(super) const UPDATERS: [&str; 10] = [
    "grow_colmaker",
    "distcol",
    "grow_histmaker",
    "grow_local_histmaker",
    "grow_skmaker",
    "sync",
    "refresh",
    "prune",
    "shotgun",
    "coord_descent",
];

pub(super) const OBJECTIVES: [&str; 19] = [
    "aft_loss_distribution",
    "binary:logistic",
    "binary:logitraw",
    "binary:hinge",
    "count:poisson",
    "multi:softmax",
    "multi:softprob",
    "rank:pairwise",
    "rank:ndcg",
    "rank:map",
    "reg:linear",
    "reg:squarederror",
    "reg:logistic",
    "reg:gamma",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
    "reg:tweedie",
    "survival:aft",
    "survival:cox",
];

/// Metrics where more is better.
pub(super) const MAXIMIZE: [&str; 16] = [
    "accuracy",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "map",
    "ndcg",
    "precision",
    "r2",
    "recall",
    "precision_macro",
    "precision_micro",
    "recall_macro",
    "recall_micro",
];

/// Metrics where less is better.
pub(super) const MINIMIZE: [&str; 17] = [
    "aft-nloglik",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
];

/// Whether a metric, with or without a threshold, is better when it is larger.
pub(crate) fn is_maximized(metric: &str) -> bool {
    let name = metric.split('@').next().unwrap_or(metric);
    MAXIMIZE.contains(&name)
}

pub(super) fn find(name: &str) -> Option<&'static Row> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
    TABLE.iter().find(|row| row.name == name)
}
