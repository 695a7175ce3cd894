//! `cargo xtask where SERVICE:Operation`: the file that answers an operation of the embedded cloud.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use regex::Regex;

#[derive(clap::Args)]
pub struct Args {
    /// A service as botocore names it, and an operation: `sagemaker:CreateModel`
    operation: String,
}

/// Where the services are, from the top of the checkout.
const SERVICES: &str = "crates/cloud/services";

pub fn run(args: &Args) -> Result<()> {
    let (service, operation) =
        args.operation.split_once(':').context("expected SERVICE:Operation, as in sagemaker:CreateModel")?;
    let crates = crates(service)?;
    let Some(place) = find(&crates, operation)? else {
        let looked: Vec<_> = crates.iter().map(|c| c.display().to_string()).collect();
        bail!("nothing answers {operation} in {}", looked.join(", "));
    };
    println!("{place}");
    Ok(())
}

/// The crates of a service: `sagemaker` is several.
fn crates(service: &str) -> Result<Vec<PathBuf>> {
    let services = crate::root().join(SERVICES);
    let mut found = Vec::new();
    for entry in fs::read_dir(&services).with_context(|| format!("cannot read {SERVICES}"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name == service || name.strip_prefix(service).is_some_and(|rest| rest.starts_with('-')) {
            found.push(Path::new(SERVICES).join(name));
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "there is no service {service} below {SERVICES}");
    Ok(found)
}

/// Looks into the crates' tables of operations, then their rows, then their functions of that name.
fn find(crates: &[PathBuf], operation: &str) -> Result<Option<String>> {
    let snake = snake(operation);
    // `"CreateModel" => model::create::create`, or `put_object: PutObjectInput => PutObjectOutput = object::put`.
    let entry =
        Regex::new(&format!(r#"(?:"{operation}"\s*(?:=>|,)\s*(?:&?self\.)?|\b{snake}: \w+ => \w+ = )([\w:]+)"#))?;
    let function = Regex::new(&format!(r"\bfn {snake}\b"))?;
    let (mut by_row, mut by_name) = (None, None);
    for folder in crates {
        let src = folder.join("src");
        for (path, text) in sources(&src)? {
            let place = |at: usize| format!("{}:{}", path.display(), line(&text, at));
            if let Some(target) = entry.captures(&text) {
                let at = line(&text, target.get(0).map_or(0, |m| m.start()));
                return Ok(Some(resolve(&src, &path, &target[1], at)));
            }
            by_row = by_row.or_else(|| row(&text, operation).map(place));
            by_name = by_name.or_else(|| function.find(&text).map(|found| place(found.start())));
        }
    }
    Ok(by_row.or(by_name))
}

/// The row of a recorded or refused kind: `noun: "Pipeline"` for `DescribePipeline`, `list: "ListPipelines"`.
fn row(text: &str, operation: &str) -> Option<usize> {
    if !text.contains("arn_type: \"") && !text.contains("static REFUSED:") {
        return None;
    }
    let verbs = ["Create", "Describe", "Update", "Delete", "Start", "Stop"];
    let noun = verbs.iter().find_map(|verb| operation.strip_prefix(verb));
    let list = [format!("list: \"{operation}\""), format!(", \"{operation}\",")];
    let nouns = noun.map(|noun| [format!("noun: \"{noun}\""), format!("(\"{noun}\",")]).unwrap_or_default();
    list.iter().chain(&nouns).filter(|needle| !needle.is_empty()).find_map(|needle| text.find(needle.as_str()))
}

/// The file of a function's path: `model::create::create` is in `src/model/create.rs`.
fn resolve(src: &Path, table: &Path, target: &str, line: usize) -> String {
    let parts: Vec<&str> = target.split("::").collect();
    for taken in (1..=parts.len()).rev() {
        let below: PathBuf = parts[..taken].iter().collect();
        for file in [src.join(&below).with_extension("rs"), src.join(&below).join("mod.rs")] {
            if crate::root().join(&file).exists() {
                return file.display().to_string();
            }
        }
    }
    format!("{}:{line}", table.display())
}

fn sources(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut out = Vec::new();
    for path in crate::check::sources::tracked()? {
        if Path::new(&path).starts_with(folder) && path.ends_with(".rs") {
            let text = fs::read_to_string(crate::root().join(&path)).with_context(|| format!("cannot read {path}"))?;
            out.push((PathBuf::from(path), text));
        }
    }
    Ok(out)
}

fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// `PutObject` as a function is named: `put_object`.
fn snake(operation: &str) -> String {
    let mut out = String::new();
    for (i, c) in operation.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(service: &str, operation: &str) -> String {
        let crates = crates(service).unwrap();
        find(&crates, operation).unwrap().unwrap_or_default()
    }

    #[test]
    fn operations_are_found_by_their_table_their_row_or_their_function() {
        let sagemaker = "crates/cloud/services/sagemaker";
        assert_eq!(of("sagemaker", "CreateModel"), format!("{sagemaker}/src/model/create.rs"));
        assert_eq!(of("sagemaker", "StopTrainingJob"), format!("{sagemaker}-jobs/src/training_job/stop.rs"));
        for recorded in ["DescribeDomain", "ListDomains", "CreateCompilationJob"] {
            assert!(
                of("sagemaker", recorded).starts_with(&format!("{sagemaker}-base/src/recorded/rows/")),
                "{recorded}"
            );
        }
        assert!(of("sagemaker", "DescribeModel").starts_with(&format!("{sagemaker}-base/src/kind.rs:")));
        assert_eq!(of("s3", "PutObject"), "crates/cloud/services/s3/src/object/put.rs");
        assert!(of("iam", "CreateRole").starts_with("crates/cloud/services/iam/src/"));
        assert_eq!(of("sagemaker", "NoSuchOperation"), "");
        assert!(crates("nowhere").is_err());
    }
}
