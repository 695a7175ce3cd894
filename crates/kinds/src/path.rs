//! Paths through a document: `ProductionVariants[].ModelName`.

use std::fmt;

use sagewright_model::crd::names;
use sagewright_model::name::to_crd;
use sagewright_model::{Service, Shape, ShapeType};
use serde::Serialize;
use serde_json::{Map, Value};

/// One segment of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum PathSegment {
    /// A member of a structure, or a key of a map.
    Member(String),
    /// One element of a list, from 0.
    Index(usize),
    /// Every element of a list.
    Each,
}

/// Segments from the top of a document to a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
pub struct Path(pub Vec<PathSegment>);

impl Path {
    /// Reads `A.B[].C` or `a.b[2].c`. Any text is a path.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut steps = Vec::new();
        for part in text.split('.').filter(|p| !p.is_empty()) {
            let (name, mut rest) = part.find('[').map_or((part, ""), |at| part.split_at(at));
            if !name.is_empty() {
                steps.push(PathSegment::Member(name.to_owned()));
            }
            while let Some((inside, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
                steps.push(inside.parse().map_or(PathSegment::Each, PathSegment::Index));
                rest = after;
            }
        }
        Self(steps)
    }

    /// A path of members.
    #[must_use]
    pub fn of_members<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(names.into_iter().map(|name| PathSegment::Member(name.to_owned())).collect())
    }

    /// The path with one more segment.
    #[must_use]
    pub fn join(&self, step: PathSegment) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The path without list positions: `[2]` becomes `[]`.
    #[must_use]
    pub fn general(&self) -> Self {
        Self(self.0.iter().map(|s| if let PathSegment::Index(_) = s { PathSegment::Each } else { s.clone() }).collect())
    }

    /// The path with the list positions of an exact one in the place of its `[]`.
    #[must_use]
    pub fn placed(&self, exact: &Self) -> Self {
        let mut positions = exact.0.iter().filter(|s| matches!(s, PathSegment::Index(_)));
        let steps = self.0.iter().map(|step| match step {
            PathSegment::Each => positions.next().cloned().unwrap_or(PathSegment::Each),
            other => other.clone(),
        });
        Self(steps.collect())
    }

    /// Whether `self` is `other` or leads to it; `[]` stands for every position.
    #[must_use]
    pub fn leads_to(&self, other: &Self) -> bool {
        self.0.len() <= other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|(a, b)| a == b || matches!((a, b), (PathSegment::Each, PathSegment::Index(_))))
    }

    /// The path under Kubernetes field names. Keys of maps stay as they are.
    #[must_use]
    pub fn to_crd(&self, service: &Service, shape: &Shape) -> Self {
        let mut shape = Some(shape);
        let steps = self.0.iter().map(|step| {
            let current = shape;
            shape = current.and_then(|s| descend(service, s, step));
            match step {
                PathSegment::Member(name) if current.is_none_or(|s| s.kind == ShapeType::Structure) => {
                    let known = current.and_then(|s| names(s).iter().find(|(_, m)| **m == name.as_str()));
                    PathSegment::Member(known.map_or_else(|| to_crd(name), |(field, _)| field.clone()))
                }
                other => other.clone(),
            }
        });
        Self(steps.collect())
    }

    /// The shape that the path leads to, and nothing if it leads nowhere.
    #[must_use]
    pub fn shape<'a>(&self, service: &'a Service, shape: &'a Shape) -> Option<&'a Shape> {
        self.0.iter().try_fold(shape, |shape, step| descend(service, shape, step))
    }

    /// The first member.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.0.iter().find_map(|s| if let PathSegment::Member(name) = s { Some(name.as_str()) } else { None })
    }

    /// The last member.
    #[must_use]
    pub fn last(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|s| if let PathSegment::Member(name) = s { Some(name.as_str()) } else { None })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                PathSegment::Member(name) if i == 0 => f.write_str(name)?,
                PathSegment::Member(name) => write!(f, ".{name}")?,
                PathSegment::Index(n) => write!(f, "[{n}]")?,
                PathSegment::Each => f.write_str("[]")?,
            }
        }
        Ok(())
    }
}

fn descend<'a>(service: &'a Service, shape: &'a Shape, step: &PathSegment) -> Option<&'a Shape> {
    let member = match (shape.kind, step) {
        (ShapeType::Structure, PathSegment::Member(name)) => shape.members.get(name.as_str()),
        (ShapeType::List, PathSegment::Each | PathSegment::Index(_)) => shape.member.as_ref(),
        (ShapeType::Map, PathSegment::Member(_)) => shape.value.as_ref(),
        _ => None,
    };
    service.target(member?)
}

/// The value at a path without `[]`.
#[must_use]
pub fn get<'v>(value: &'v Value, path: &Path) -> Option<&'v Value> {
    path.0.iter().try_fold(value, |value, step| match step {
        PathSegment::Member(name) => value.get(name.as_str()),
        PathSegment::Index(n) => value.get(*n),
        PathSegment::Each => None,
    })
}

/// The value at a path without `[]`, to change.
pub fn get_mut<'v>(value: &'v mut Value, path: &Path) -> Option<&'v mut Value> {
    path.0.iter().try_fold(value, |value, step| match step {
        PathSegment::Member(name) => value.get_mut(name.as_str()),
        PathSegment::Index(n) => value.get_mut(*n),
        PathSegment::Each => None,
    })
}

/// Sets the value at a path, making objects on the way; positions that a list does not have are left out.
pub fn set(value: &mut Value, path: &Path, new: Value) {
    let mut at = value;
    for step in &path.0 {
        at = match step {
            PathSegment::Member(name) => {
                if !at.is_object() {
                    *at = Value::Object(Map::new());
                }
                let Some(map) = at.as_object_mut() else { return };
                map.entry(name.as_str()).or_insert(Value::Null)
            }
            PathSegment::Index(n) => match at.get_mut(*n) {
                Some(item) => item,
                None => return,
            },
            PathSegment::Each => return,
        };
    }
    *at = new;
}

/// Every value that a path matches, with its exact path.
#[must_use]
pub fn values<'v>(value: &'v Value, path: &Path) -> Vec<(Path, &'v Value)> {
    let mut found = vec![(Path::default(), value)];
    for step in &path.0 {
        found = found
            .into_iter()
            .flat_map(|(at, value)| -> Vec<(Path, &Value)> {
                match step {
                    PathSegment::Member(name) => {
                        value.get(name.as_str()).map(|v| (at.join(step.clone()), v)).into_iter().collect()
                    }
                    PathSegment::Index(n) => value.get(*n).map(|v| (at.join(step.clone()), v)).into_iter().collect(),
                    PathSegment::Each => value.as_array().map_or_else(Vec::new, |items| {
                        items.iter().enumerate().map(|(i, v)| (at.join(PathSegment::Index(i)), v)).collect()
                    }),
                }
            })
            .collect();
    }
    found
}
