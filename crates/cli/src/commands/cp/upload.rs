//! Files to S3.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use flate2::read::MultiGzDecoder;
use md5::{Digest as _, Md5};
use sagewright_aws::s3;

use super::Copies;
use crate::args::Cp;
use crate::context::Context;

/// Uploads a file, or all files of a folder.
pub(super) async fn run(args: &Cp, copies: &mut Copies<'_>, bucket: &str, key: &str) -> anyhow::Result<()> {
    if args.source == "-" {
        return from_standard_input(copies, bucket, key).await;
    }
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

/// What comes is written down first: an upload may have to be repeated.
async fn from_standard_input(copies: &mut Copies<'_>, bucket: &str, key: &str) -> anyhow::Result<()> {
    // In a thread of its own: nothing may come, and Ctrl-C has to be heard meanwhile.
    let spool = || -> anyhow::Result<tempfile::NamedTempFile> {
        let mut file = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
        io::copy(&mut io::stdin().lock(), &mut file).context("cannot keep standard input")?;
        Ok(file)
    };
    let file = tokio::task::spawn_blocking(spool).await??;
    let (context, uri) = (copies.context, format!("s3://{bucket}/{key}"));
    let object = s3::put_file(&context.aws, &context.target, file.path(), bucket, key, None).await;
    object.with_context(|| format!("cannot copy standard input to {uri}"))?;
    copies.tell("-", &uri, file.as_file().metadata()?.len(), true)
}

async fn put(args: &Cp, copies: &mut Copies<'_>, path: &Path, bucket: &str, key: &str) -> anyhow::Result<()> {
    let is_gzip = path.extension().is_some_and(|e| e == "gz");
    let unpacked = if args.decompress && is_gzip { Some(decompress(path).await?) } else { None };
    let content = unpacked.as_ref().map_or(path, tempfile::NamedTempFile::path);
    put_as(copies, &path.display().to_string(), content, bucket, key).await
}

/// Uploads a file under the name that is shown for it, unless it is there.
pub(super) async fn put_as(
    copies: &mut Copies<'_>,
    shown: &str,
    content: &Path,
    bucket: &str,
    key: &str,
) -> anyhow::Result<()> {
    let context = copies.context;
    let uri = format!("s3://{bucket}/{key}");
    let bar = context.printer.spinner(&format!("{shown} → {uri}"));
    let bytes = fs::metadata(content).with_context(|| format!("cannot read {shown}"))?.len();
    if is_there(context, content, bytes, bucket, key).await? {
        bar.finish_and_clear();
        return copies.tell(shown, &uri, bytes, false);
    }
    let outcome = s3::put_file(&context.aws, &context.target, content, bucket, key, None).await;
    bar.finish_and_clear();
    outcome.with_context(|| format!("cannot copy {shown} to {uri}"))?;
    copies.tell(shown, &uri, bytes, true)
}

/// Whether the object has this content, as its entity tag tells (an MD5 digest for objects written in one part).
async fn is_there(context: &Context, path: &Path, bytes: u64, bucket: &str, key: &str) -> anyhow::Result<bool> {
    let object = match s3::head(&context.aws, &context.target, bucket, key).await {
        Ok(Some(object)) => object,
        Ok(None) => return Ok(false),
        // A role may write what it may not look at. An answer to HEAD gives no reasons: the upload's will.
        Err(error) if matches!(error.status, Some(400 | 403)) => return Ok(false),
        Err(error) => return Err(anyhow::Error::new(error).context(format!("cannot look at s3://{bucket}/{key}"))),
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

#[cfg(test)]
mod tests {
    use super::*;

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
