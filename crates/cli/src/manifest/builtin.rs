//! What SageMaker's built-in images refuse only when a job runs: hyperparameters and content types of XGBoost, checked before
//! anything is called.

use sagewright_algorithms::xgboost::{Image, check_content_type, check_hyperparameters};
use sagewright_cloud::images::ImageMap;
use sagewright_engine::{ManifestError, Object};
use sagewright_kinds::{Path, PathSegment};
use serde_json::{Map, Value};

use crate::args::Global;
use crate::context::aims_at_this_machine;
use crate::local::server_file;
use crate::paths;

/// The registries of AWS's XGBoost images (`image_uri_config/xgboost.json` of the SageMaker Python SDK). A repository of the
/// same name elsewhere may hold anything.
#[rustfmt::skip]
const REGISTRIES: [&str; 61] = [
    "104374241257", "106583098589", "108575199400", "121021644041", "124985052026", "141502667606", "190319476487",
    "226302683700", "237065988967", "246618743249", "249704162688", "257386234256", "257758044811", "272398656194",
    "281123927165", "286214385809", "306986355934", "341280168497", "354813040037", "366743142698", "387376663083",
    "390948362332", "414596584902", "433757028032", "450853457545", "451049120500", "455444449433", "469771592824",
    "475088953585", "490574956308", "492215442770", "501404015308", "510948584623", "544295431143", "628508329040",
    "632365934929", "644912444149", "651117190479", "659782779980", "662702820516", "669576153137", "680994064768",
    "683313688378", "685385470294", "720646828776", "737474898029", "746614075791", "749696950732", "764974769150",
    "765400339828", "783357654285", "801668240914", "811284229777", "813361260812", "825641698319", "833128469047",
    "855470959533", "867004704886", "898809789911", "951798379941", "978288397137",
];

/// Which images are SageMaker's own, where the objects go.
pub(crate) enum BuiltIns {
    /// To AWS: those of its registries.
    Aws,
    /// To the embedded cloud: those of any registry that its image map does not name.
    Embedded(ImageMap),
}

impl BuiltIns {
    /// Of the cloud that the options and the environment name.
    pub(crate) fn of(global: &Global) -> Self {
        if !aims_at_this_machine(global) {
            return Self::Aws;
        }
        let data = paths::data(global.data.as_ref());
        let map = server_file::running(&data).and_then(|server| server.images).unwrap_or(data.join("images.toml"));
        // A map that cannot be read is told when it is used.
        Self::Embedded(ImageMap::load(&map).unwrap_or_default())
    }

    /// The tag of a built-in XGBoost image.
    fn tag<'a>(&self, image: &'a str) -> Option<&'a str> {
        let (host, rest) = image.split_once('/')?;
        let (repository, tag) = rest.split_once(':')?;
        let (account, registry) = host.split_once('.')?;
        let ours = match self {
            Self::Aws => REGISTRIES.contains(&account),
            Self::Embedded(map) => map.find(image).is_none(),
        };
        let named = matches!(repository, "sagemaker-xgboost" | "xgboost") && registry.starts_with("dkr.ecr");
        (named && ours).then_some(tag)
    }

    /// Everything that the images of some objects would refuse.
    pub(super) fn check(&self, objects: &[Object]) -> Vec<ManifestError> {
        let mut errors = Vec::new();
        for (index, object) in objects.iter().enumerate() {
            let mut found = |path: Vec<PathSegment>, message: String| {
                errors.push(ManifestError { index, object: object.id(), path: Path(path), message, expected: None });
            };
            match object.kind.as_str() {
                "TrainingJob" => self.training_job(&object.spec, &mut found),
                "Model" => self.model(&object.spec, &mut found),
                _ => {}
            }
        }
        errors
    }

    fn training_job(&self, spec: &Value, found: &mut dyn FnMut(Vec<PathSegment>, String)) {
        let Some(image) = self.image(spec, &["algorithmSpecification", "trainingImage"], found) else { return };
        let none = Map::new();
        let given = spec.get("hyperParameters").and_then(Value::as_object).unwrap_or(&none);
        if given.contains_key("sagemaker_program") {
            // Script mode: what they mean is the script's.
            return;
        }
        for wrong in check_hyperparameters(given, image).err().unwrap_or_default() {
            let name = wrong.name.as_deref();
            found(["spec", "hyperParameters"].into_iter().chain(name).map(field).collect(), wrong.message);
        }
        for (index, channel) in spec.get("inputDataConfig").and_then(Value::as_array).into_iter().flatten().enumerate()
        {
            let content = channel.get("contentType").and_then(Value::as_str).filter(|content| !content.is_empty());
            if channel.get("channelName").is_some_and(|name| name == "code") {
                continue;
            }
            if let Some(Err(message)) = content.map(|content| check_content_type(content, image)) {
                let path =
                    vec![field("spec"), field("inputDataConfig"), PathSegment::Index(index), field("contentType")];
                found(path, message);
            }
        }
    }

    fn model(&self, spec: &Value, found: &mut dyn FnMut(Vec<PathSegment>, String)) {
        self.image(spec, &["primaryContainer", "image"], found);
        let containers = spec.get("containers").and_then(Value::as_array);
        for (index, container) in containers.into_iter().flatten().enumerate() {
            self.image(container, &["image"], &mut |mut path, message| {
                path.splice(1..1, [field("containers"), PathSegment::Index(index)]);
                found(path, message);
            });
        }
    }

    /// The image at a place. One that the embedded cloud does not play is an error there; AWS may have newer ones.
    fn image(
        &self,
        of: &Value,
        path: &[&str],
        found: &mut dyn FnMut(Vec<PathSegment>, String),
    ) -> Option<&'static Image> {
        let uri = path.iter().try_fold(of, |value, name| value.get(name))?.as_str()?;
        let tag = self.tag(uri)?;
        let image = Image::of_tag(tag);
        if image.is_none() && matches!(self, Self::Embedded(_)) {
            let path = ["spec"].iter().chain(path).copied().map(field).collect();
            found(
                path,
                format!(
                    "the embedded cloud has no XGBoost for tag `{tag}`; the nearest that it has is {}, all are {}",
                    Image::nearest(tag),
                    Image::tags()
                ),
            );
        }
        image
    }
}

fn field(name: &str) -> PathSegment {
    PathSegment::Member(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_amazons_registries_hold_amazons_images() {
        let embedded = BuiltIns::Embedded(ImageMap::default());
        for (image, aws, here) in [
            ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1", Some("1.7-1"), Some("1.7-1")),
            ("433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:1", Some("1"), Some("1")),
            ("111122223333.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1", None, Some("1.7-1")),
            ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1", None, None),
            ("docker.io/xgboost:1", None, None),
            ("xgboost", None, None),
        ] {
            assert_eq!((BuiltIns::Aws.tag(image), embedded.tag(image)), (aws, here), "{image}");
        }
        assert!(REGISTRIES.is_sorted());
    }
}
