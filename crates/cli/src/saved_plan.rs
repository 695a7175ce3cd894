//! Files that hold a plan to be applied later.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;

use sagewright_engine::SavedPlan;
use sagewright_engine::bounds::has_more;
use serde_json::Value;

use crate::exit::{Exit, Failure};

/// No plan is larger: 10,000 objects have some 50 MiB.
const LARGEST: u64 = 128 << 20;
/// Most values of a plan. Each takes some 100 bytes of memory, however short it is.
const MOST_VALUES: usize = 6_000_000;

/// Bytes at the start of a file that show whether it is a plan.
const HEAD: u64 = 4 << 10;

/// Refuses a path where something else than a plan would be lost: a mistyped `-f` must not cost a manifest.
pub(crate) fn may_write(path: &Path) -> Result<(), Failure> {
    let refused = |why: &str, help: &str| {
        let message = format!("cannot write the plan to {}: {why}", path.display());
        Err(Failure::new(Exit::Failed, message).help(help))
    };
    if path == Path::new("-") {
        return refused("a plan is not written to standard output", "name a file; `apply FILE` reads it");
    }
    let folder = folder(path);
    if !folder.is_dir() {
        return refused(&format!("there is no folder {}", folder.display()), ELSEWHERE);
    }
    match fs::metadata(path) {
        Err(_) => Ok(()),
        Ok(there) if !there.is_file() => refused("it exists and is not a regular file", ELSEWHERE),
        Ok(there) if there.len() == 0 || is_plan(path) => Ok(()),
        Ok(_) => refused("it exists and is not a saved plan", "name another file, or remove that one first"),
    }
}

/// Whether a file begins as a plan of any version does, whole or damaged.
fn is_plan(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    let mut text = String::from_utf8_lossy(&head).into_owned();
    text.retain(|c| !c.is_whitespace());
    read.is_ok() && text.starts_with(r#"{"format":"sagewright.dev/saved-plan/"#)
}

/// The folder that a file is in.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What to do about a path that cannot be written to.
const ELSEWHERE: &str = "name a file in a folder that can be written to";

/// Writes a plan, for its owner's eyes alone: it holds what the manifests hold. Whoever reads the file meanwhile finds the
/// one before, or this one whole.
pub(crate) fn write(plan: &SavedPlan, path: &Path) -> Result<(), Failure> {
    may_write(path)?;
    let failed = |error: io::Error| {
        Failure::new(Exit::Failed, format!("cannot write the plan to {}: {error}", path.display())).help(ELSEWHERE)
    };
    let whole = || -> io::Result<()> {
        let mut partial = tempfile::Builder::new()
            .prefix(".sagewright-plan-")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(folder(path))?;
        serde_json::to_writer(io::BufWriter::new(&mut partial), &plan.seal())?;
        partial.write_all(b"\n")?;
        if partial.as_file().metadata()?.len() > LARGEST {
            return Err(io::Error::other(format!("it would be larger than {} MiB: plan fewer objects", LARGEST >> 20)));
        }
        partial.as_file().sync_all()?;
        partial.persist(path)?;
        Ok(())
    };
    whole().map_err(failed)
}

/// Reads a plan, which has to be as it was written.
pub(crate) fn read(path: &Path) -> Result<SavedPlan, Failure> {
    let wrong = |why: String| {
        Failure::new(Exit::Manifest, format!("{} is not a valid saved plan: {why}; nothing was done", path.display()))
    };
    let text = bounded(path).map_err(|error| {
        Failure::new(Exit::Manifest, format!("cannot read the plan {}: {error}", path.display()))
            .help("`sagewright plan -f FILE --out PLAN` writes one")
    })?;
    if has_more(text.as_bytes(), b",[{", MOST_VALUES) {
        return Err(wrong(format!("it has more than {MOST_VALUES} values")).help("plan fewer objects at a time"));
    }
    let manifests = "to apply manifests, name them with -f; `sagewright plan -f FILE --out PLAN` writes a plan";
    let document: Value =
        serde_json::from_str(&text).map_err(|error| wrong(format!("it is not JSON ({error})")).help(manifests))?;
    let help = match document.get("format").and_then(Value::as_str) {
        Some(_) => "make a new plan: `sagewright plan -f FILE --out PLAN`",
        None => manifests,
    };
    let saved = SavedPlan::open(document).map_err(|why| wrong(why).help(help))?;
    match saved.plan.objects.iter().find(|planned| planned.object.row().is_none()) {
        Some(planned) => Err(wrong(format!("this version knows no kind {}", planned.object.kind)).help(help)),
        None => Ok(saved),
    }
}

fn bounded(path: &Path) -> io::Result<String> {
    // To open a pipe that nobody writes to would never end.
    if fs::metadata(path)?.file_type().is_fifo() {
        return Err(io::Error::other("it is a pipe"));
    }
    let mut text = String::new();
    File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it is larger than {} MiB", LARGEST >> 20)));
    }
    Ok(text)
}
