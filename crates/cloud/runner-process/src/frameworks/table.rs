//! The versions of framework images that can be played: data of `frameworks.toml`.

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;

/// One version of a framework's image.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// `sklearn`, as the SageMaker SDK names it.
    pub name: String,
    /// What a tag of the image begins with.
    pub version: String,
    /// Repositories of the images in ECR.
    repositories: Vec<String>,
    /// The image's own version of Python.
    pub python: Option<String>,
    /// Versions of Python for which all packages have wheels, the best first.
    pub pythons: Vec<String>,
    /// What an environment takes on the disk, about.
    pub megabytes: u64,
    /// Modules that a whole environment can import.
    pub(super) imports: Vec<String>,
    /// What is known of the image's packages: `name==version`, the name alone where its version is not known.
    pub image: Vec<String>,
    /// What the packages follow from: `name==version`, some for some versions of Python only.
    requires: Vec<String>,
    /// All packages with their versions, as pip reads them.
    #[serde(skip)]
    pub(super) lock: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    framework: Vec<Framework>,
}

macro_rules! locks {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../frameworks/locks/", $name, ".txt")))),*]
    };
}

static LOCKS: [(&str, &str); 26] = locks![
    "huggingface-2.1.0-transformers4.36.0",
    "huggingface-2.1.0-transformers4.37.0",
    "huggingface-2.3.0-transformers4.46.1",
    "huggingface-2.3.0-transformers4.48.0",
    "huggingface-2.5.1-transformers4.49.0",
    "huggingface-2.6.0-transformers4.49.0",
    "huggingface-2.6.0-transformers4.51.3",
    "huggingface-2.8.0-transformers4.56.2",
    "python-3",
    "pytorch-2.0.1",
    "pytorch-2.1.0",
    "pytorch-2.2.0",
    "pytorch-2.3.0",
    "pytorch-2.4.0",
    "pytorch-2.5.1",
    "pytorch-2.6.0",
    "pytorch-2.7.1",
    "pytorch-2.8.0",
    "sklearn-0.23-1",
    "sklearn-1.0-1",
    "sklearn-1.2-1",
    "sklearn-1.4-2",
    "xgboost-1.3-1",
    "xgboost-1.5-1",
    "xgboost-1.7-1",
    "xgboost-3.0-5",
];

static TABLE: LazyLock<Vec<Framework>> = LazyLock::new(|| {
    // A table that cannot be read is empty; a test reads it.
    let document = toml::from_str(include_str!("../../frameworks/frameworks.toml"));
    let Document { framework: mut table } = document.unwrap_or(Document { framework: Vec::new() });
    for framework in &mut table {
        let lock = LOCKS.iter().find(|(name, _)| *name == framework.slug());
        framework.lock = lock.map_or("", |(_, text)| text);
    }
    table
});

/// All of them, in the order of the table.
pub fn all() -> &'static [Framework] {
    &TABLE
}

/// The one that is meant by `sklearn:1.2-1`; of a tag in full, `pytorch:2.1.0-cpu-py310`, what comes first counts.
///
/// # Errors
/// A sentence: what there is instead.
pub fn find(given: &str) -> Result<&'static Framework, String> {
    let (name, version) = given.split_once(':').unwrap_or((given, ""));
    let versions: Vec<&Framework> = all().iter().filter(|framework| framework.name == name).collect();
    if versions.is_empty() {
        let mut names: Vec<&str> = all().iter().map(|framework| &*framework.name).collect();
        names.dedup();
        return Err(format!("there is no framework '{name}'; there are {}", names.join(", ")));
    }
    match of_tag(&versions, version) {
        Some(framework) => Ok(framework),
        None => Err(format!("{name} has no version '{version}' here; it has {}", list(&versions))),
    }
}

/// The one that an image of ECR stands for; `None` for every other repository.
///
/// # Errors
/// It is a framework's repository with a tag that is not in the table: a sentence that says so.
pub fn of_repository(repository: &str, tag: Option<&str>) -> Result<Option<&'static Framework>, String> {
    let of = |framework: &&Framework| framework.repositories.iter().any(|name| name == repository);
    let versions: Vec<&'static Framework> = all().iter().filter(of).collect();
    if versions.is_empty() {
        return Ok(None);
    }
    let Some(tag) = tag else {
        return Err(format!("the URI of repository {repository} has no tag; accepted are {}", list(&versions)));
    };
    match of_tag(&versions, tag) {
        Some(framework) => Ok(Some(framework)),
        None => Err(format!("repository {repository} has no tag '{tag}' here; accepted are {}", list(&versions))),
    }
}

fn of_tag<'a>(versions: &[&'a Framework], tag: &str) -> Option<&'a Framework> {
    let short = ["-cpu", "-gpu"].iter().find_map(|suffix| tag.split_once(suffix)).map_or(tag, |(short, _)| short);
    versions.iter().copied().find(|framework| framework.version == short)
}

fn list(versions: &[&Framework]) -> String {
    versions.iter().map(|framework| &*framework.version).collect::<Vec<_>>().join(", ")
}

impl Framework {
    /// Its name as that of a file.
    pub(super) fn slug(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// What is asked for with a version of Python: `scikit-learn==1.2.1`, without what other versions get.
    #[must_use]
    pub fn packages(&self, python: &str) -> Vec<&str> {
        self.requires.iter().filter_map(|line| requirement(line, python)).collect()
    }
}

/// A requirement without its condition, where that holds for this version of Python on this platform.
fn requirement<'a>(line: &'a str, python: &str) -> Option<&'a str> {
    let (requirement, condition) = line.split_once(';').unwrap_or((line, ""));
    let holds = condition.split(" and ").all(|part| {
        let mut words = part.split_whitespace();
        let (name, operator, value) = (words.next(), words.next(), words.next().map(|w| w.trim_matches('"')));
        match (name, operator, value) {
            (Some("python_version"), Some("<"), Some(bound)) => number(python) < number(bound),
            (Some("python_version"), Some(">="), Some(bound)) => number(python) >= number(bound),
            (Some("sys_platform"), Some("=="), Some(platform)) => platform == std::env::consts::OS,
            (Some("sys_platform"), Some("!="), Some(platform)) => platform != std::env::consts::OS,
            _ => true,
        }
    });
    holds.then_some(requirement.trim())
}

/// `3.11` as numbers.
pub(super) fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

/// As commands take it: `sklearn:1.2-1`.
impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let document: Document = toml::from_str(include_str!("../../frameworks/frameworks.toml")).unwrap();
        assert_eq!(document.framework.len(), LOCKS.len(), "each row has a lock, and each lock a row");
        for framework in all() {
            let main = framework.packages(framework.pythons.first().unwrap())[0].to_owned();
            assert!(
                framework.lock.lines().any(|line| line.starts_with(main.split("==").next().unwrap())),
                "{framework}"
            );
            assert!(
                framework.lock.lines().all(|line| line.contains("==")),
                "{framework} has packages without versions"
            );
            assert!(framework.pythons.iter().all(|python| number(python) >= Some((3, 8))), "{framework}");
            for packages in [&framework.image, &framework.requires] {
                let names = packages.iter().filter_map(|line| line.split(&['=', ' '][..]).next());
                assert!(names.clone().all(|name| name == name.to_ascii_lowercase()), "{framework}");
            }
            assert!(framework.megabytes > 0 && !framework.imports.is_empty(), "{framework}");
        }
    }

    #[test]
    fn an_image_is_found_by_repository_and_tag() {
        for (repository, tag, expected) in [
            ("sagemaker-scikit-learn", "1.2-1-cpu-py3", "sklearn:1.2-1"),
            ("sagemaker-scikit-learn", "1.2-1", "sklearn:1.2-1"),
            ("pytorch-training", "2.1.0-cpu-py310-ubuntu20.04-sagemaker", "pytorch:2.1.0"),
            ("pytorch-inference", "2.6.0-gpu-py312", "pytorch:2.6.0"),
            (
                "huggingface-pytorch-training",
                "2.1.0-transformers4.36.0-gpu-py310-cu121-ubuntu20.04",
                "huggingface:2.1.0-transformers4.36.0",
            ),
        ] {
            let found = of_repository(repository, Some(tag)).unwrap().unwrap();
            assert_eq!(found.to_string(), expected);
        }
        assert_eq!(of_repository("my-scikit-learn", Some("1.2-1")), Ok(None));
        let wrong = of_repository("sagemaker-scikit-learn", Some("0.20.0-cpu-py3")).unwrap_err();
        assert!(wrong.contains("'0.20.0-cpu-py3'") && wrong.contains("1.2-1"), "{wrong}");
        assert!(of_repository("sagemaker-scikit-learn", None).unwrap_err().contains("no tag"));
        assert!(find("sklearn:9").unwrap_err().contains("1.4-2"));
        assert!(find("caffe:1").unwrap_err().contains("pytorch"));
    }

    #[test]
    fn what_is_asked_for_depends_on_the_python() {
        let framework = find("sklearn:1.2-1").unwrap();
        assert!(framework.packages("3.9").contains(&"pandas==1.1.3"));
        assert!(framework.packages("3.11").contains(&"pandas==1.5.3"));
        let packages = framework.packages("3.11");
        let names: std::collections::HashSet<_> = packages.iter().map(|package| package.split("==").next()).collect();
        assert_eq!(names.len(), packages.len(), "each is asked for once");
        assert!(packages.contains(&"pyarrow==14.0.1"));
    }
}
