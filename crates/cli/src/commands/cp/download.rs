//! Objects of S3 to files.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use sagewright_aws::s3::{self, ObjectInfo};

use super::Copies;
use crate::exit::{Exit, Failure};

/// Downloads an object, or all that stands below a prefix.
pub(super) async fn run(destination: &str, copies: &mut Copies<'_>, bucket: &str, key: &str) -> anyhow::Result<()> {
    let context = copies.context;
    let target = Path::new(destination);
    let into_folder = destination.ends_with('/') || target.is_dir();
    if key.is_empty() || key.ends_with('/') {
        let objects = s3::list(&context.aws, &context.target, bucket, key).await?;
        if objects.is_empty() {
            bail!("there is nothing below s3://{bucket}/{key}");
        }
        for object in objects {
            let relative = object.key.strip_prefix(key).unwrap_or(&object.key);
            // A key may hold anything; only plain names become paths.
            if relative.is_empty() || relative.split('/').any(|part| matches!(part, "" | "." | "..")) {
                context.printer.note(&format!("  s3://{bucket}/{} is left out: its key is no file name", object.key));
                continue;
            }
            get(copies, bucket, &object.key, &target.join(relative)).await?;
        }
        return Ok(());
    }
    if destination == "-" {
        let file = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
        fetch(copies, bucket, key, file.path(), "-").await?;
        // The name stands for another file now: a download takes the place of what is there.
        let mut content = fs::File::open(file.path()).context("cannot read the temporary file")?;
        return context.printer.copy(&mut content);
    }
    let name = key.rsplit('/').next().unwrap_or(key);
    let path = if into_folder { target.join(name) } else { target.to_path_buf() };
    get(copies, bucket, key, &path).await
}

async fn get(copies: &mut Copies<'_>, bucket: &str, key: &str, path: &Path) -> anyhow::Result<()> {
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    let shown = path.display().to_string();
    let object = fetch(copies, bucket, key, path, &shown).await?;
    copies.tell(&format!("s3://{bucket}/{key}"), &shown, object.size, true)
}

async fn fetch(copies: &Copies<'_>, bucket: &str, key: &str, path: &Path, shown: &str) -> anyhow::Result<ObjectInfo> {
    let context = copies.context;
    let uri = format!("s3://{bucket}/{key}");
    let bar = context.printer.spinner(&format!("{uri} → {shown}"));
    let outcome = s3::get_to_file(&context.aws, &context.target, bucket, key, path).await;
    bar.finish_and_clear();
    outcome.map_err(|error| match error {
        error if error.code == "NoSuchKey" => {
            let help = format!("to copy all that stands below it: s3://{bucket}/{key}/");
            Failure::new(Exit::Failed, format!("cannot copy {uri}: {error}")).help(help).into()
        }
        error => anyhow::Error::new(error).context(format!("cannot copy {uri}")),
    })
}
