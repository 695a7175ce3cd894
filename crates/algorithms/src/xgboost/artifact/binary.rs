//! The library's old binary format (`binf`), taken apart and put together again, so that a model is what the library of
//! another generation writes and reads.
//!
//! Layout, all little-endian, of XGBoost's `LearnerIO`: an optional mark; 136 bytes of parameters; the objective's and the
//! booster's names; the booster; attributes; what some objectives add. Texts and lists have their length in 64 bits before
//! them. Before version 1.0 the intercept is a margin and the number of classes is also the booster's.

use serde_json::json;

use super::super::image::{Generation, Image};
use super::bytes::{Cut, Reader, push_text};

const MARK: &[u8] = b"binf";
/// Before a model that a configuration follows; then comes the model's length.
const CONFIGURED: &[u8] = b"CONFIG-offset:";
/// `LearnerModelParamLegacy`: intercept, features, classes, attributes or not, metrics or not, major and minor version.
const HEAD: usize = 136;
const CLASSES: usize = 8;
const HAS_ATTRIBUTES: usize = 12;
const HAS_METRICS: usize = 16;
const VERSION: usize = 20;
/// `GBTreeModelParam`, `GBLinearModelParam`, and of each tree: `TreeParam`, and a node with its statistics.
const TREES: usize = 160;
const LINEAR: usize = 136;
const TREE: usize = 148;
const NODE: usize = 36;
/// Where `TreeParam` has the length of leaf vectors.
const LEAF_VECTOR: usize = 20;

/// The configuration of the objective, which each version names otherwise and predictions do not need.
const OBJECTIVE: &[u8] = b"objective";
/// `max_delta_step` of `count:poisson` as a text, which versions before 1.0 keep behind the model: its default.
const POISSON_STEP: &[u8] = b"\x03\x00\x00\x00\x00\x00\x00\x000.7";

/// A model in its parts.
struct Model<'a> {
    marked: bool,
    head: Vec<u8>,
    objective: &'a [u8],
    booster: &'a [u8],
    body: Vec<u8>,
    attributes: Vec<(&'a [u8], &'a [u8])>,
    rest: &'a [u8],
}

/// A model that the built-in library wrote, as the library of an image reads it. The error is a sentence.
pub(super) fn for_image(model: &[u8], image: &Image) -> Result<Vec<u8>, String> {
    let generation = image.generation;
    let mut parts = Model::read(model)?;
    parts.drop_objective();
    let base = parts.intercept();
    let mut numbers = image.library.split('.').filter_map(|number| number.parse().ok());
    parts.set_number(VERSION, numbers.next().unwrap_or(0));
    parts.set_number(VERSION + 4, numbers.next().unwrap_or(0));
    if generation < Generation::V1_0 {
        parts.age(generation);
    } else if generation < Generation::V1_3 && parts.objective == b"binary:logitraw" {
        parts.set_intercept(1.0 / (1.0 + (-base).exp()));
    }
    Ok(parts.write())
}

/// A model that an image's library wrote, as the built-in library reads it. The error is a sentence.
pub(super) fn for_library(model: &[u8]) -> Result<Vec<u8>, String> {
    let mut parts = Model::read(model)?;
    parts.drop_objective();
    let base = parts.intercept();
    match (parts.version(), parts.objective) {
        // The intercept was a probability up to 1.2, and is a margin since.
        ((1, 0..=2), b"binary:logitraw") => parts.set_intercept(logit(base)),
        // The library would take the intercept through the prediction's transformation, and all of it be lost.
        ((0, _), b"binary:hinge") => {
            parts.set_number(VERSION, 1);
            parts.marked = true;
        }
        _ => {}
    }
    Ok(parts.write())
}

/// A model of version 1.0 or newer with a configuration behind it, as pickles hold both and their libraries insist: all of it is
/// the library's defaults, under every name that one of them looks for. Predictions need none of it.
pub(super) fn configured(model: &[u8]) -> Result<Vec<u8>, String> {
    let parts = Model::read(model)?;
    let (objective, booster) = (String::from_utf8_lossy(parts.objective), String::from_utf8_lossy(parts.booster));
    let tree = json!({"name": "gbtree", "gbtree_train_param": {}, "specified_updater": false, "updater": {}});
    let linear = json!({"linear_train_param": {}, "coordinate_param": {}});
    let gradient_booster = match parts.booster {
        b"gblinear" => json!({"name": "gblinear", "gblinear_train_param": {}, "updater": linear}),
        b"dart" => json!({"name": "dart", "gbtree": tree, "dart_train_param": {}}),
        _ => tree,
    };
    let config = json!({
        "learner": {
            "generic_param": {},
            "gradient_booster": gradient_booster,
            "learner_train_param": {"booster": booster, "objective": objective},
            "metrics": [],
            "objective": {
                "name": objective,
                "reg_loss_param": {},
                "softmax_multiclass_param": {"num_class": i32::from_le_bytes(word(&parts.head, CLASSES)).to_string()},
                "poisson_regression_param": {"max_delta_step": "0.7"},
                "tweedie_regression_param": {},
                "lambda_rank_param": {},
                "aft_loss_param": {},
            },
        },
        "version": [1, 0, 0],
    });
    let mut out = CONFIGURED.to_vec();
    push_text(&mut out, model);
    out.extend(config.to_string().as_bytes());
    Ok(out)
}

/// The model in what [`configured`] or a library of version 1.0 to 1.2 made; what has no configuration as it is.
pub(super) fn unconfigured(handle: &[u8]) -> Result<&[u8], String> {
    match handle.strip_prefix(CONFIGURED) {
        None => Ok(handle),
        Some(rest) => Reader::new(rest).text().map_err(|Cut| "its model is cut off".to_owned()),
    }
}

fn logit(probability: f64) -> f64 {
    -(1.0 / probability - 1.0).ln()
}

impl<'a> Model<'a> {
    fn read(model: &'a [u8]) -> Result<Self, String> {
        Self::parts(model).map_err(|Cut| "it is no model in XGBoost's binary format, or is cut off".to_owned())
    }

    fn parts(model: &'a [u8]) -> Result<Self, Cut> {
        let marked = model.starts_with(MARK);
        let mut reader = Reader::new(if marked { &model[MARK.len()..] } else { model });
        let head = reader.take(HEAD)?.to_vec();
        let (objective, booster) = (reader.text()?, reader.text()?);
        let before = reader.rest();
        match booster {
            b"gblinear" => {
                reader.take(LINEAR)?;
                reader.list(4)?;
            }
            b"gbtree" | b"dart" => {
                let count = number(reader.take(TREES)?, 0)?;
                for _ in 0..count {
                    let tree = reader.take(TREE)?;
                    let nodes = number(tree, 4)?;
                    reader.take(nodes.checked_mul(NODE).ok_or(Cut)?)?;
                    if number(&head, VERSION)? == 0 && number(tree, LEAF_VECTOR)? != 0 {
                        reader.list(4)?;
                    }
                }
                reader.take(count.checked_mul(4).ok_or(Cut)?)?;
                if booster == b"dart" && count > 0 {
                    reader.list(4)?;
                }
            }
            _ => return Err(Cut),
        }
        let body = before[..before.len() - reader.rest().len()].to_vec();
        let mut attributes = Vec::new();
        if number(&head, HAS_ATTRIBUTES)? != 0 {
            for _ in 0..reader.length()? {
                attributes.push((reader.text()?, reader.text()?));
            }
        }
        Ok(Self { marked, head, objective, booster, body, attributes, rest: reader.rest() })
    }

    fn write(&self) -> Vec<u8> {
        let mut out = if self.marked { MARK.to_vec() } else { Vec::new() };
        out.extend(&self.head);
        push_text(&mut out, self.objective);
        push_text(&mut out, self.booster);
        out.extend(&self.body);
        if !self.attributes.is_empty() {
            out.extend((self.attributes.len() as u64).to_le_bytes());
            for (name, value) in &self.attributes {
                push_text(&mut out, name);
                push_text(&mut out, value);
            }
        }
        out.extend(self.rest);
        out
    }

    fn drop_objective(&mut self) {
        self.attributes.retain(|(name, _)| *name != OBJECTIVE);
        self.set_number(HAS_ATTRIBUTES, i32::from(!self.attributes.is_empty()));
    }

    /// Makes the model one of a version before 1.0.
    fn age(&mut self, generation: Generation) {
        let base = self.intercept();
        self.set_intercept(match self.objective {
            b"binary:logistic" | b"reg:logistic" => logit(base),
            b"count:poisson" | b"reg:gamma" | b"reg:tweedie" | b"survival:cox" => base.ln(),
            _ => base,
        });
        let classes: [u8; 4] = word(&self.head, CLASSES);
        let features: [u8; 4] = word(&self.head, 4);
        let groups = i32::from_le_bytes(classes).max(1).to_le_bytes();
        // Major and minor version, and the number of targets.
        self.head[VERSION..VERSION + 12].fill(0);
        self.set_number(HAS_METRICS, 0);
        self.marked = false;
        if self.booster == b"gblinear" {
            self.body[0..4].copy_from_slice(&features);
            self.body[4..8].copy_from_slice(&groups);
        } else {
            // Roots, features; then groups and the length of leaf vectors.
            self.body[4..8].copy_from_slice(&1_i32.to_le_bytes());
            self.body[8..12].copy_from_slice(&features);
            self.body[24..28].copy_from_slice(&groups);
            self.body[28..32].fill(0);
            let mut at = TREES;
            for _ in 0..i32::from_le_bytes(word(&self.body, 0)) {
                self.body[at + LEAF_VECTOR..at + LEAF_VECTOR + 4].fill(0);
                let nodes = usize::try_from(i32::from_le_bytes(word(&self.body, at + 4))).unwrap_or(0);
                at += TREE + nodes * NODE;
            }
        }
        if generation == Generation::V0_72 && self.objective == b"reg:squarederror" {
            self.objective = b"reg:linear";
        }
        self.rest = if self.objective == b"count:poisson" { POISSON_STEP } else { b"" };
    }

    fn version(&self) -> (i32, i32) {
        let at = |offset| i32::from_le_bytes(word(&self.head, offset));
        (at(VERSION), at(VERSION + 4))
    }

    fn intercept(&self) -> f64 {
        f64::from(f32::from_le_bytes(word(&self.head, 0)))
    }

    #[allow(clippy::cast_possible_truncation, reason = "the format has 32 bits")]
    fn set_intercept(&mut self, value: f64) {
        self.head[..4].copy_from_slice(&(value as f32).to_le_bytes());
    }

    fn set_number(&mut self, offset: usize, value: i32) {
        self.head[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    }
}

fn word(bytes: &[u8], offset: usize) -> [u8; 4] {
    std::array::from_fn(|i| bytes.get(offset + i).copied().unwrap_or(0))
}

/// A 32-bit count.
fn number(bytes: &[u8], offset: usize) -> Result<usize, Cut> {
    usize::try_from(i32::from_le_bytes(word(bytes, offset))).map_err(|_| Cut)
}
