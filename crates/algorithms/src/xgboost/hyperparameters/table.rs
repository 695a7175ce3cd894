//! The hyperparameters of the image: `algorithm_mode/hyperparameter_validation.py` of
//! aws/sagemaker-xgboost-container, each with the generations that have it.

use super::super::image::Generation::{self, V0_72, V0_90, V1_0, V1_2_1, V1_2_2, V1_3, V1_5, V1_7};
use super::value::{Bound, Interval};

/// A word with the first generation that knows it.
pub(super) type Word = (&'static str, Generation);

/// The type of a hyperparameter with its range.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Integer(Interval),
    Float(Interval),
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// One of those of these texts that the generation knows.
    Growing(&'static [Word]),
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
    since: Generation,
    until: Option<Generation>,
}

impl Row {
    const fn since(mut self, generation: Generation) -> Self {
        self.since = generation;
        self
    }

    const fn until(mut self, generation: Generation) -> Self {
        self.until = Some(generation);
        self
    }

    pub(super) fn is_in(&self, generation: Generation) -> bool {
        self.since <= generation && self.until.is_none_or(|until| generation <= until)
    }
}

const fn row(name: &'static str, kind: Kind) -> Row {
    Row { name, kind, since: V0_72, until: None }
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

/// Other names of the same hyperparameter, which images from 1.0-1 on have.
const ALIASES: [(&str, &str); 4] =
    [("learning_rate", "eta"), ("min_split_loss", "gamma"), ("reg_lambda", "lambda"), ("reg_alpha", "alpha")];

pub(super) static TABLE: [Row; 55] = [
    row("num_round", Kind::Integer(at_least(1))),
    row("csv_weights", Kind::Integer(SWITCH)),
    row("early_stopping_rounds", Kind::Integer(at_least(1))),
    row("booster", Kind::Choice(&["gbtree", "gblinear", "dart"])),
    row("silent", Kind::Integer(SWITCH)).until(V1_0),
    row("verbosity", Kind::Integer(within(0, 3))).since(V0_90),
    row("nthread", Kind::Integer(at_least(1))),
    row("eta", Kind::Float(SWITCH)),
    row("gamma", Kind::Float(at_least(0))),
    row("max_depth", Kind::Integer(at_least(0))),
    row("min_child_weight", Kind::Float(at_least(0))),
    row("max_delta_step", Kind::Float(at_least(0))),
    row("subsample", Kind::Float(SHARE)),
    row("colsample_bytree", Kind::Float(SHARE)),
    row("colsample_bylevel", Kind::Float(SHARE)),
    row("colsample_bynode", Kind::Float(SHARE)).since(V0_90),
    row("lambda", Kind::Float(at_least(0))),
    row("alpha", Kind::Float(at_least(0))),
    row("tree_method", Kind::Growing(&TREE_METHODS)),
    row("sketch_eps", Kind::Float(between(0, 1))),
    row("scale_pos_weight", Kind::Float(above(0))),
    row("updater", Kind::List(&UPDATERS)),
    row("dsplit", Kind::Choice(&["row", "col"])),
    row("refresh_leaf", Kind::Integer(SWITCH)),
    row("process_type", Kind::Choice(&["default", "update"])),
    row("grow_policy", Kind::Choice(&["depthwise", "lossguide"])),
    row("max_leaves", Kind::Integer(at_least(0))),
    row("max_bin", Kind::Integer(at_least(0))),
    row("predictor", Kind::Growing(&PREDICTORS)),
    row("monotone_constraints", Kind::Tuple).since(V1_0),
    row("interaction_constraints", Kind::Nested).since(V1_0),
    row("sample_type", Kind::Choice(&["uniform", "weighted"])),
    row("normalize_type", Kind::Choice(&["tree", "forest"])),
    row("rate_drop", Kind::Float(SWITCH)),
    row("one_drop", Kind::Integer(SWITCH)),
    row("skip_drop", Kind::Float(SWITCH)),
    row("lambda_bias", Kind::Float(SWITCH)),
    row("tweedie_variance_power", Kind::Float(between(1, 2))),
    row("objective", Kind::Growing(&OBJECTIVES)),
    row("num_class", Kind::Integer(at_least(2))),
    row("base_score", Kind::Float(at_least(0))),
    row("_kfold", Kind::Integer(at_least(2))).since(V1_3),
    row("_num_cv_round", Kind::Integer(at_least(1))).since(V1_3),
    row("_tuning_objective_metric", Kind::TuningMetric),
    row("eval_metric", Kind::Metrics),
    row("seed", Kind::Integer(between(-(1 << 31), (1 << 31) - 1))),
    row("num_parallel_tree", Kind::Integer(at_least(1))).since(V1_0),
    row("save_model_on_termination", BOOLEAN).since(V1_2_2),
    row("aft_loss_distribution", Kind::Choice(&["normal", "logistic", "extreme"])).since(V1_2_1),
    row("aft_loss_distribution_scale", Kind::Float(at_least(0))).since(V1_2_1),
    row("single_precision_histogram", BOOLEAN).since(V1_2_1),
    row("deterministic_histogram", BOOLEAN).since(V1_2_1),
    row("sampling_method", Kind::Choice(&["uniform", "gradient_based"])).since(V1_3),
    row("prob_buffer_row", Kind::Integer(above(1))).since(V1_3),
    row("use_dask_gpu_training", BOOLEAN).since(V1_5),
];

const UPDATERS: [&str; 10] = [
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

const TREE_METHODS: [Word; 5] =
    [("auto", V0_72), ("exact", V0_72), ("approx", V0_72), ("hist", V0_72), ("gpu_hist", V1_2_1)];

const PREDICTORS: [Word; 3] = [("auto", V1_2_1), ("cpu_predictor", V0_72), ("gpu_predictor", V1_2_1)];

const OBJECTIVES: [Word; 20] = [
    ("aft_loss_distribution", V1_2_1),
    ("binary:logistic", V0_72),
    ("binary:logitraw", V0_72),
    ("binary:hinge", V0_90),
    ("count:poisson", V0_72),
    ("multi:softmax", V0_72),
    ("multi:softprob", V0_72),
    ("rank:pairwise", V0_72),
    ("rank:ndcg", V0_90),
    ("rank:map", V0_90),
    ("reg:absoluteerror", V1_7),
    ("reg:linear", V0_72),
    ("reg:squarederror", V0_90),
    ("reg:logistic", V0_72),
    ("reg:gamma", V0_72),
    ("reg:pseudohubererror", V1_2_1),
    ("reg:squaredlogerror", V1_0),
    ("reg:tweedie", V0_72),
    ("survival:aft", V1_2_1),
    ("survival:cox", V0_90),
];

/// Metrics where more is better.
const MAXIMIZE: [Word; 16] = [
    ("accuracy", V0_90),
    ("auc", V0_72),
    ("aucpr", V0_90),
    ("balanced_accuracy", V1_3),
    ("f1", V0_90),
    ("f1_binary", V1_2_2),
    ("f1_macro", V1_2_2),
    ("map", V0_72),
    ("ndcg", V0_72),
    ("precision", V1_3),
    ("r2", V1_2_2),
    ("recall", V1_3),
    ("precision_macro", V1_3),
    ("precision_micro", V1_3),
    ("recall_macro", V1_3),
    ("recall_micro", V1_3),
];

/// Metrics where less is better.
const MINIMIZE: [Word; 17] = [
    ("aft-nloglik", V1_2_1),
    ("cox-nloglik", V0_90),
    ("error", V0_72),
    ("gamma-deviance", V0_72),
    ("gamma-nloglik", V0_72),
    ("interval-regression-accuracy", V1_2_1),
    ("logloss", V0_72),
    ("mae", V0_72),
    ("mape", V1_3),
    ("merror", V0_72),
    ("mlogloss", V0_72),
    ("mphe", V1_2_1),
    ("mse", V0_90),
    ("poisson-nloglik", V0_72),
    ("rmse", V0_72),
    ("rmsle", V1_0),
    ("tweedie-nloglik", V0_72),
];

/// Those of some words that a generation knows.
pub(super) fn known(words: &[Word], generation: Generation) -> Vec<&'static str> {
    words.iter().filter(|(_, since)| *since <= generation).map(|(word, _)| *word).collect()
}

/// The metrics of a generation, in the image's order.
pub(super) fn metrics(generation: Generation) -> Vec<&'static str> {
    [known(&MAXIMIZE, generation), known(&MINIMIZE, generation)].concat()
}

/// Whether a metric, with or without a threshold, is better when it is larger.
pub(crate) fn is_maximized(metric: &str) -> bool {
    let name = metric.split('@').next().unwrap_or(metric);
    MAXIMIZE.iter().any(|(known, _)| *known == name)
}

/// The name behind an alias.
pub(super) fn plain(name: &str, generation: Generation) -> &str {
    let aliases = if generation < V1_0 { &[][..] } else { &ALIASES };
    aliases.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name)
}

pub(super) fn find(name: &str, generation: Generation) -> Option<&'static Row> {
    let name = plain(name, generation);
    TABLE.iter().find(|row| row.name == name && row.is_in(generation))
}
