//! The images that need no Docker: SageMaker's own XGBoost, and Model Monitor's.

use sagewright_cloud_core::runner::MODEL_MONITOR;

/// A built-in algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BuiltIn {
    /// `sagemaker-xgboost`, and the older `xgboost`.
    XgBoost,
    /// Model Monitor's analyser and its merger of ground truth.
    ModelMonitor,
}

impl BuiltIn {
    /// Name of the algorithm, as the hidden subcommand takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::XgBoost => "xgboost",
            Self::ModelMonitor => MODEL_MONITOR,
        }
    }

    /// The program that it runs whatever its arguments are.
    #[must_use]
    pub fn program(self) -> Option<&'static str> {
        (self == Self::ModelMonitor).then_some("process")
    }
}

/// Repositories with the tags that are played. The versions are those that the SageMaker Python SDK knows
/// (`image_uri_config/xgboost.json`); `-cpu-py3` and the like are the longer names of the same images.
const REPOSITORIES: [(&str, &[&str], BuiltIn); 2] = [
    (
        "sagemaker-xgboost",
        &["0.90-1", "0.90-2", "1.0-1", "1.2-1", "1.2-2", "1.3-1", "1.5-1", "1.7-1", "3.0-5"],
        BuiltIn::XgBoost,
    ),
    ("xgboost", &["1", "latest", "0.72"], BuiltIn::XgBoost),
];

/// Model Monitor's repositories, of which each has one image under any tag or none, and what is played.
const MONITOR: [(&str, &str); 2] =
    [("sagemaker-model-monitor-analyzer", "analyzer"), ("sagemaker-model-monitor-groundtruth-merger", "merger")];

/// The built-in repositories with their tags, for messages.
#[must_use]
pub fn repositories() -> String {
    let each = |(name, tags, _): &(&str, &[&str], BuiltIn)| {
        format!("ACCOUNT.dkr.ecr.REGION.amazonaws.com/{name} (tags {})", tags.join(", "))
    };
    let monitor = MONITOR.iter().map(|(name, _)| (*name).to_owned());
    REPOSITORIES.iter().map(each).chain(monitor).collect::<Vec<_>>().join(", ")
}

/// The algorithm that an image stands for, and the tag that says which generation of it is played.
///
/// # Errors
/// It is a built-in repository with a tag that is not known: a sentence that says so, with the nearest that is.
pub fn find(image: &str) -> Result<Option<(BuiltIn, &'static str)>, String> {
    let Some((repository, tag)) = in_ecr(image) else { return Ok(None) };
    if let Some((_, played)) = MONITOR.iter().find(|(name, _)| *name == repository) {
        return Ok(Some((BuiltIn::ModelMonitor, played)));
    }
    let Some((name, tags, built_in)) = REPOSITORIES.iter().find(|(name, ..)| *name == repository) else {
        return Ok(None);
    };
    let Some(tag) = tag else {
        return Err(format!("the URI of repository {name} has no tag; accepted are {}", tags.join(", ")));
    };
    let short = short(tag);
    match tags.iter().find(|known| **known == short) {
        Some(known) => Ok(Some((*built_in, known))),
        None => Err(format!(
            "repository {name} has no tag '{tag}' here; the nearest that has is {}, accepted are {}",
            nearest(tags, tag),
            tags.join(", ")
        )),
    }
}

/// A tag without the processor and the Python that it names: `-cpu`, `-cpu-py3`, `-gpu-py310`.
fn short(tag: &str) -> &str {
    let named = |suffix: &str| {
        let (short, python) = tag.split_once(suffix)?;
        let known = match python.strip_prefix("-py3") {
            Some(minor) => minor.len() <= 2 && minor.bytes().all(|b| b.is_ascii_digit()),
            None => python.is_empty(),
        };
        known.then_some(short)
    };
    named("-cpu").or_else(|| named("-gpu")).unwrap_or(tag)
}

/// The tag with the longest common beginning; of equals the newest.
fn nearest(tags: &[&'static str], tag: &str) -> &'static str {
    let common = |known: &&str| known.bytes().zip(tag.bytes()).take_while(|(a, b)| a == b).count();
    tags.iter().copied().max_by_key(common).unwrap_or_default()
}

/// Repository and tag of an image in a registry of ECR: of any account, region and partition, since mirrors of the
/// built-in images are usual. By hand: each request that names an image asks for it.
pub(super) fn in_ecr(image: &str) -> Option<(&str, Option<&str>)> {
    let (registry, path) = image.split_once('/')?;
    let mut labels = registry.splitn(4, '.');
    let account = labels.next()?;
    let host = (labels.next()?, labels.next()?);
    let (region, suffix) = labels.next()?.split_once('.')?;
    let domain = |text: &str, dots: bool| {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || (dots && b == b'.');
        !text.is_empty() && text.bytes().all(known)
    };
    let fits = account.len() == 12
        && account.bytes().all(|b| b.is_ascii_digit())
        && matches!(host, ("dkr", "ecr" | "ecr-fips"))
        && domain(region, false)
        && domain(suffix, true);
    let (repository, tag) = path.split_once(':').map_or((path, None), |(repository, tag)| (repository, Some(tag)));
    let of_a_tag = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    let fits = fits && tag.is_none_or(|tag| !tag.is_empty() && tag.chars().all(of_a_tag));
    fits.then_some((repository, tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sdk_image_of_xgboost_is_known_in_every_partition() {
        for image in [
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1",
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:0.90-1-cpu-py3",
            "450853457545.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-xgboost:3.0-5",
            "833128469047.dkr.ecr.us-iso-east-1.c2s.ic.gov/sagemaker-xgboost:1.2-2",
            "433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:latest",
            "433757028032.dkr.ecr.us-west-2.amazonaws.com/xgboost:1",
        ] {
            let tag = image.rsplit(':').next().unwrap().trim_end_matches("-cpu-py3");
            assert_eq!(find(image), Ok(Some((BuiltIn::XgBoost, tag))), "{image}");
        }
    }

    #[test]
    fn model_monitors_images_are_known_with_and_without_a_tag() {
        for (image, played) in [
            ("156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer", "analyzer"),
            ("156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer:latest", "analyzer"),
            ("777275614652.dkr.ecr.us-east-2.amazonaws.com/sagemaker-model-monitor-groundtruth-merger", "merger"),
        ] {
            assert_eq!(find(image), Ok(Some((BuiltIn::ModelMonitor, played))), "{image}");
        }
    }

    #[test]
    fn another_repository_is_not_built_in_and_an_unknown_tag_is_refused_by_name() {
        assert_eq!(find("683313688378.dkr.ecr.us-east-1.amazonaws.com/my-xgboost:1.7-1"), Ok(None));
        assert_eq!(find("docker.io/library/xgboost:1"), Ok(None));
        let tag = find("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:9.9-1").unwrap_err();
        assert!(tag.contains("'9.9-1'") && tag.contains("1.7-1"), "{tag}");
        for (given, nearest) in [("1.4-1", "1.7-1"), ("0.90-3", "0.90-2"), ("3.0-6", "3.0-5"), ("1.7-1-cpu-x", "1.7-1")]
        {
            let tag =
                find(&format!("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:{given}")).unwrap_err();
            assert!(tag.contains(&format!("the nearest that has is {nearest},")), "{tag}");
        }
        let bare = find("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost").unwrap_err();
        assert!(bare.contains("no tag"), "{bare}");
    }
}
