//! `sagewright cp`: files to and from S3.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;
use md5::{Digest as _, Md5};
use sagewright_aws::s3;
use serde_json::{Value, json};

use crate::args::{Cp, Global};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Printer;
use crate::signals::Signals;

/// How long an interrupted upload may take to remove its parts.
const TIDYING: Duration = Duration::from_secs(10);

/// Copies one file, a folder, or what stands below a prefix.
pub(crate) async fn run(args: &Cp, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    check(args)?;
    let mut signals = Signals::new();
    let context = Context::connect_to("s3", global, printer).await?;
    let outcome = tokio::select! {
        outcome = copy(args, &context) => outcome,
        () = signals.next() => {
            Err(Failure::new(Exit::Interrupted, "interrupted").help("what was copied whole stays").into())
        }
    };
    // What was cut off takes its parts away; another signal, or a cloud that does not answer, leaves them.
    tokio::select! {
        _ = tokio::time::timeout(TIDYING, context.aws.tidied()) => {}
        () = signals.next() => {}
    }
    outcome
}

/// What the command line asks for, checked before anything is set up.
fn check(args: &Cp) -> Result<(), Failure> {
    match (s3_uri(&args.source)?, s3_uri(&args.destination)?) {
        (None, Some(_)) => Ok(()),
        (Some(_), None) if args.make_bucket || args.decompress => {
            Err(Failure::new(Exit::Usage, "--make-bucket and --decompress are for uploads"))
        }
        (Some(_), None) => Ok(()),
        _ => Err(Failure::new(Exit::Usage, "cp copies between a file and S3")
            .help("one of the two has to be s3://BUCKET/KEY, the other a file or folder")),
    }
}

/// Copies with a client that is there.
pub(crate) async fn copy(args: &Cp, context: &Context) -> anyhow::Result<Exit> {
    let mut copies = Copies { context, files: Vec::new() };
    match (s3_uri(&args.source)?, s3_uri(&args.destination)?) {
        (None, Some((bucket, key))) => {
            if args.make_bucket {
                s3::create_bucket(&context.aws, &context.target, bucket)
                    .await
                    .with_context(|| format!("cannot make the bucket {bucket}"))?;
            }
            upload(args, &mut copies, bucket, key).await?;
        }
        (Some((bucket, key)), None) => download(&args.destination, &mut copies, bucket, key).await?,
        _ => check(args)?,
    }
    if context.printer.for_programs() {
        context.printer.document(&json!({"files": copies.files}))?;
    }
    Ok(Exit::Done)
}

/// What was copied: lines as it goes for people, one document at the end for programs.
struct Copies<'a> {
    context: &'a Context,
    files: Vec<Value>,
}

impl Copies<'_> {
    fn tell(&mut self, source: &str, destination: &str, bytes: u64, copied: bool) -> anyhow::Result<()> {
        let printer = &self.context.printer;
        if printer.for_programs() {
            let file = json!({"source": source, "destination": destination, "bytes": bytes, "copied": copied});
            self.files.push(file);
            return Ok(());
        }
        printer.result(&if copied {
            format!("{source} → {destination} ({bytes} bytes)\n")
        } else {
            format!("{source} is at {destination} already\n")
        })
    }
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

async fn upload(args: &Cp, copies: &mut Copies<'_>, bucket: &str, key: &str) -> anyhow::Result<()> {
    let source = Path::new(&args.source);
    let kind = fs::metadata(source).with_context(|| format!("cannot read {}", source.display()))?;
    if kind.is_dir() {
        let base = if key.is_empty() || key.ends_with('/') { key.to_owned() } else { format!("{key}/") };
        let tree = files(source)?;
        for link in tree.links {
            copies.context.printer.note(&format!("  {} is left out: it is a link", link.display()));
        }
        if tree.files.is_empty() {
            bail!("there are no files in {}", source.display());
        }
        for (path, name) in tree.files {
            put(args, copies, &path, bucket, &format!("{base}{name}")).await?;
        }
        return Ok(());
    }
    let name = source.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if args.decompress { name.strip_suffix(".gz").unwrap_or(&name).to_owned() } else { name };
    let key = if key.is_empty() || key.ends_with('/') { format!("{key}{name}") } else { key.to_owned() };
    put(args, copies, source, bucket, &key).await
}

async fn put(args: &Cp, copies: &mut Copies<'_>, path: &Path, bucket: &str, key: &str) -> anyhow::Result<()> {
    let context = copies.context;
    let (shown, uri) = (path.display().to_string(), format!("s3://{bucket}/{key}"));
    let bar = context.printer.spinner(&format!("{shown} → {uri}"));
    let is_gzip = path.extension().is_some_and(|e| e == "gz");
    let unpacked = if args.decompress && is_gzip { Some(decompress(path).await?) } else { None };
    let content = unpacked.as_ref().map_or(path, tempfile::NamedTempFile::path);
    let bytes = fs::metadata(content).with_context(|| format!("cannot read {shown}"))?.len();
    if is_there(context, content, bytes, bucket, key).await? {
        bar.finish_and_clear();
        return copies.tell(&shown, &uri, bytes, false);
    }
    let outcome = s3::put_file(&context.aws, &context.target, content, bucket, key, None).await;
    bar.finish_and_clear();
    outcome.with_context(|| format!("cannot copy {shown} to {uri}"))?;
    copies.tell(&shown, &uri, bytes, true)
}

/// Whether the object has this content, as its entity tag tells (an MD5 digest for objects written in one part).
async fn is_there(context: &Context, path: &Path, bytes: u64, bucket: &str, key: &str) -> anyhow::Result<bool> {
    let object = match s3::head(&context.aws, &context.target, bucket, key).await {
        Ok(Some(object)) => object,
        Ok(None) => return Ok(false),
        // A role may write what it may not look at.
        Err(error) if error.status == Some(403) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let Some(tag) = object.etag.as_deref().map(|tag| tag.trim_matches('"')) else { return Ok(false) };
    if object.size != bytes || tag.len() != 32 {
        return Ok(false);
    }
    let mut digest = Md5::new();
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let read = |e| anyhow::Error::new(e).context(format!("cannot read {}", path.display()));
    each_chunk(&mut file, read, |chunk| {
        digest.update(chunk);
        Ok(())
    })
    .await?;
    Ok(tag == hex::encode(digest.finalize()))
}

/// Hands a file over piece by piece. Between the pieces others get their turn: Ctrl-C among them.
async fn each_chunk(
    file: &mut impl Read,
    unreadable: impl Fn(io::Error) -> anyhow::Error,
    mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(&unreadable)? {
            0 => return Ok(()),
            n => take(buffer.get(..n).unwrap_or_default())?,
        }
        tokio::task::yield_now().await;
    }
}

/// A file may hold several compressed parts, one after the other.
async fn decompress(path: &Path) -> anyhow::Result<tempfile::NamedTempFile> {
    let folder = std::env::temp_dir();
    let place = || {
        format!(
            "cannot decompress {} into the folder for temporary files {} (set TMPDIR to another one)",
            path.display(),
            folder.display()
        )
    };
    let mut out = tempfile::NamedTempFile::new().with_context(place)?;
    let source = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let read = |e| anyhow::Error::new(e).context(format!("cannot decompress {}", path.display()));
    each_chunk(&mut MultiGzDecoder::new(source), read, |chunk| out.write_all(chunk).with_context(place)).await?;
    Ok(out)
}

/// What is below a folder, in name order.
#[derive(Default)]
struct Tree {
    /// Files, and their paths in the folder.
    files: Vec<(PathBuf, String)>,
    /// Links, which are not followed.
    links: Vec<PathBuf>,
}

/// All files and links below a folder.
fn files(dir: &Path) -> anyhow::Result<Tree> {
    let mut tree = Tree::default();
    let mut open = vec![(dir.to_path_buf(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push((entry.path(), format!("{name}/")));
            } else if kind.is_file() {
                tree.files.push((entry.path(), name));
            } else if kind.is_symlink() {
                tree.links.push(entry.path());
            }
        }
    }
    tree.files.sort_by(|a, b| a.1.cmp(&b.1));
    tree.links.sort();
    Ok(tree)
}

async fn download(destination: &str, copies: &mut Copies<'_>, bucket: &str, key: &str) -> anyhow::Result<()> {
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
    let name = key.rsplit('/').next().unwrap_or(key);
    let path = if into_folder { target.join(name) } else { target.to_path_buf() };
    get(copies, bucket, key, &path).await
}

async fn get(copies: &mut Copies<'_>, bucket: &str, key: &str, path: &Path) -> anyhow::Result<()> {
    let context = copies.context;
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    let uri = format!("s3://{bucket}/{key}");
    let bar = context.printer.spinner(&format!("{uri} → {}", path.display()));
    let outcome = s3::get_to_file(&context.aws, &context.target, bucket, key, path).await;
    bar.finish_and_clear();
    let object = match outcome {
        Ok(object) => object,
        Err(error) if error.code == "NoSuchKey" => {
            return Err(Failure::new(Exit::Failed, format!("cannot copy {uri}: {error}"))
                .help(format!("to copy all that stands below it: s3://{bucket}/{key}/"))
                .into());
        }
        Err(error) => return Err(anyhow::Error::new(error).context(format!("cannot copy {uri}"))),
    };
    copies.tell(&uri, &path.display().to_string(), object.size, true)
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
        let tree = files(dir.path()).unwrap();
        assert_eq!(tree.files.iter().map(|(_, n)| n.as_str()).collect::<Vec<_>>(), ["a", "b", "sub/c"]);
        assert_eq!(tree.links, [dir.path().join("link")]);
    }
}
