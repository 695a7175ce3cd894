//! Values that are secret by the names of their keys: whoever sees a plan in a log does not see them.

use sagewright_kinds::{Kind, Path, PathSegment, get};
use sagewright_model::mask;
use serde_json::Value;

/// The secrets of specs under AWS names.
#[derive(Debug, Default)]
pub(crate) struct Secrets(Vec<Path>);

impl Secrets {
    /// What the service models and [`mask`] hide in a spec.
    pub(crate) fn of(kind: &Kind, spec: &Value) -> Self {
        let mut masked = spec.clone();
        let places = mask(kind.service(), kind.create_shape(), &mut masked);
        Self(places.iter().map(|place| path(spec, place)).collect())
    }

    /// With those of another spec.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The secrets in what stands at a path, as JSON pointers from there; the empty one for all of it.
    pub(crate) fn at(&self, at: &Path) -> Vec<String> {
        self.pointers(at, |path| path.clone())
    }

    /// As [`Secrets::at`], for a value under the names of a manifest.
    pub(crate) fn in_manifest(&self, kind: &Kind, at: &Path) -> Vec<String> {
        self.pointers(at, |path| kind.spec_path_to_crd(path))
    }

    fn pointers(&self, at: &Path, named: impl Fn(&Path) -> Path) -> Vec<String> {
        let mut pointers: Vec<String> = Vec::new();
        for secret in &self.0 {
            let pointer = if at.0.starts_with(&secret.0) {
                String::new()
            } else if secret.0.starts_with(&at.0) {
                named(secret).0.iter().skip(at.0.len()).map(token).collect()
            } else {
                continue;
            };
            if !pointers.contains(&pointer) {
                pointers.push(pointer);
            }
        }
        pointers
    }
}

/// The path of a JSON pointer into a value.
fn path(value: &Value, pointer: &str) -> Path {
    let mut path = Path::default();
    for token in pointer.split('/').skip(1) {
        let name = token.replace("~1", "/").replace("~0", "~");
        let is_list = get(value, &path).is_some_and(Value::is_array);
        let step = name.parse().ok().filter(|_| is_list).map(PathSegment::Index);
        path = path.join(step.unwrap_or(PathSegment::Member(name)));
    }
    path
}

fn token(step: &PathSegment) -> String {
    match step {
        PathSegment::Member(name) => format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        PathSegment::Index(i) => format!("/{i}"),
        PathSegment::Each => "/*".to_owned(),
    }
}
