//! `sagewright cp`: files to and from S3.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use flate2::read::GzDecoder;
use md5::{Digest as _, Md5};
use sagewright_aws::s3;

use crate::args::{Cp, Global};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Printer;

/// Copies one file, a folder, or what stands below a prefix.
pub(crate) async fn run(args: &Cp, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let context = match (s3_uri(&args.source)?, s3_uri(&args.destination)?) {
        (None, Some((bucket, key))) => {
            let context = Context::connect(global, printer).await?;
            if args.make_bucket {
                s3::create_bucket(&context.aws, &context.target, bucket)
                    .await
                    .with_context(|| format!("cannot make the bucket {bucket}"))?;
            }
            upload(args, &context, bucket, key).await?;
            return Ok(Exit::Done);
        }
        (Some((bucket, key)), None) => (bucket, key),
        _ => {
            return Err(Failure::new(Exit::Usage, "cp copies between a file and S3")
                .help("one of the two has to be s3://BUCKET/KEY, the other a file or folder")
                .into());
        }
    };
    let (bucket, key) = context;
    if args.make_bucket || args.decompress {
        return Err(Failure::new(Exit::Usage, "--make-bucket and --decompress are for uploads").into());
    }
    let context = Context::connect(global, printer).await?;
    download(&args.destination, &context, bucket, key).await?;
    Ok(Exit::Done)
}

/// Bucket and key, for text that starts with `s3://`.
fn s3_uri(text: &str) -> Result<Option<(&str, &str)>, Failure> {
    let Some(rest) = text.strip_prefix("s3://") else { return Ok(None) };
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("`{text}` names no bucket")).help("write s3://BUCKET/KEY"));
    }
    Ok(Some((bucket, key)))
}

async fn upload(args: &Cp, context: &Context, bucket: &str, key: &str) -> anyhow::Result<()> {
    let source = Path::new(&args.source);
    let kind = fs::metadata(source).with_context(|| format!("cannot read {}", source.display()))?;
    if kind.is_dir() {
        let base = if key.is_empty() || key.ends_with('/') { key.to_owned() } else { format!("{key}/") };
        for (path, name) in files(source)? {
            put(args, context, &path, bucket, &format!("{base}{name}")).await?;
        }
        return Ok(());
    }
    let name = source.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if args.decompress { name.strip_suffix(".gz").unwrap_or(&name).to_owned() } else { name };
    let key = if key.is_empty() || key.ends_with('/') { format!("{key}{name}") } else { key.to_owned() };
    put(args, context, source, bucket, &key).await
}

async fn put(args: &Cp, context: &Context, path: &Path, bucket: &str, key: &str) -> anyhow::Result<()> {
    let uri = format!("s3://{bucket}/{key}");
    let is_gzip = path.extension().is_some_and(|e| e == "gz");
    let unpacked = if args.decompress && is_gzip { Some(decompress(path)?) } else { None };
    let content = unpacked.as_ref().map_or(path, tempfile::NamedTempFile::path);
    if is_there(context, content, bucket, key).await? {
        context.printer.result(&format!("{} is at {uri} already\n", path.display()))?;
        return Ok(());
    }
    let bytes = fs::metadata(content)?.len();
    let bar = context.printer.spinner(&format!("{} → {uri}", path.display()));
    let outcome = s3::put_file(&context.aws, &context.target, content, bucket, key, None).await;
    bar.finish_and_clear();
    outcome.with_context(|| format!("cannot copy {} to {uri}", path.display()))?;
    context.printer.result(&format!("{} → {uri} ({bytes} bytes)\n", path.display()))
}

/// Whether the object has this content, as its entity tag tells (an MD5 digest for objects written in one part).
async fn is_there(context: &Context, path: &Path, bucket: &str, key: &str) -> anyhow::Result<bool> {
    let Some(object) = s3::head(&context.aws, &context.target, bucket, key).await? else { return Ok(false) };
    if object.size != fs::metadata(path)?.len() {
        return Ok(false);
    }
    let mut digest = Md5::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut buffer)? {
            0 => break,
            n => digest.update(buffer.get(..n).unwrap_or_default()),
        }
    }
    Ok(object.etag.is_some_and(|tag| tag.trim_matches('"') == hex::encode(digest.finalize())))
}

fn decompress(path: &Path) -> anyhow::Result<tempfile::NamedTempFile> {
    let folder = std::env::temp_dir();
    let place = || format!("into the folder for temporary files {} (set TMPDIR to another one)", folder.display());
    let mut out =
        tempfile::NamedTempFile::new().with_context(|| format!("cannot decompress {} {}", path.display(), place()))?;
    let source = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    io::copy(&mut GzDecoder::new(source), &mut out)
        .with_context(|| format!("cannot decompress {} {}", path.display(), place()))?;
    Ok(out)
}

/// All files below a folder with their paths in it, in name order. Links are not followed.
fn files(dir: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut out = Vec::new();
    let mut open = vec![(dir.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else if kind.is_file() {
                out.push((entry.path(), name));
            }
        }
    }
    out.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(out)
}

async fn download(destination: &str, context: &Context, bucket: &str, key: &str) -> anyhow::Result<()> {
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
            get(context, bucket, &object.key, &target.join(relative)).await?;
        }
        return Ok(());
    }
    let name = key.rsplit('/').next().unwrap_or(key);
    let path = if into_folder { target.join(name) } else { target.to_path_buf() };
    get(context, bucket, key, &path).await
}

async fn get(context: &Context, bucket: &str, key: &str, path: &Path) -> anyhow::Result<()> {
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    let object = s3::get_to_file(&context.aws, &context.target, bucket, key, path)
        .await
        .with_context(|| format!("cannot copy s3://{bucket}/{key}"))?;
    context.printer.result(&format!("s3://{bucket}/{key} → {} ({} bytes)\n", path.display(), object.size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_objects_are_told_from_files() {
        assert_eq!(s3_uri("a/b").unwrap(), None);
        assert_eq!(s3_uri("s3://bucket").unwrap(), Some(("bucket", "")));
        assert_eq!(s3_uri("s3://bucket/a/b").unwrap(), Some(("bucket", "a/b")));
        assert!(s3_uri("s3:///key").is_err());
    }

    #[test]
    fn folders_are_walked_in_name_order_without_links() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        for name in ["b", "a", "sub/c"] {
            fs::write(dir.path().join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
        let names: Vec<_> = files(dir.path()).unwrap().into_iter().map(|(_, n)| n).collect();
        assert_eq!(names, ["a", "b", "sub/c"]);
    }
}
