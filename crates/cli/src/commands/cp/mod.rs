//! `sagewright cp`: files to and from S3.

mod download;
mod upload;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
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
    let work = async |mut context: Context| {
        context.announce(&[]).await?;
        copy(args, &context).await
    };
    interruptible(global, printer, work).await
}

/// A file to upload.
pub(crate) struct Upload {
    /// The name that is shown for it.
    pub(crate) shown: String,
    pub(crate) file: PathBuf,
    pub(crate) key: String,
}

/// Uploads files that were made for it.
pub(crate) async fn upload_all(
    bucket: &str,
    make_bucket: bool,
    files: &[Upload],
    global: &Global,
    printer: &Printer,
) -> anyhow::Result<Exit> {
    let work = async |mut context: Context| {
        context.announce(&[]).await?;
        if make_bucket {
            create(&context, bucket).await?;
        }
        let mut copies = Copies { context: &context, files: Vec::new() };
        for Upload { shown, file, key } in files {
            upload::put_as(&mut copies, shown, file, bucket, key).await?;
        }
        copies.end()
    };
    interruptible(global, printer, work).await
}

/// Does something with S3 until Ctrl-C.
async fn interruptible(
    global: &Global,
    printer: &Printer,
    work: impl AsyncFnOnce(Context) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    let mut signals = Signals::new();
    let context = Context::connect_to("s3", global, printer).await?;
    let outcome = tokio::select! {
        outcome = work(context.clone()) => outcome,
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

async fn create(context: &Context, bucket: &str) -> anyhow::Result<()> {
    let made = s3::create_bucket(&context.aws, &context.target, bucket).await;
    made.with_context(|| format!("cannot make the bucket {bucket}"))
}

/// What the command line asks for, checked before anything is set up.
fn check(args: &Cp) -> Result<(), Failure> {
    match (s3_uri(&args.source)?, s3_uri(&args.destination)?) {
        (None, Some((bucket, key))) if args.source == "-" && (key.is_empty() || key.ends_with('/')) => {
            Err(Failure::new(Exit::Usage, "what comes from standard input has no name")
                .help(format!("give the whole key: s3://{bucket}/{key}NAME")))
        }
        (None, Some(_)) if args.source == "-" && args.decompress => {
            Err(Failure::new(Exit::Usage, "--decompress is for files")
                .help("decompress before: gzip -d | sagewright cp - …"))
        }
        (None, Some(_)) => Ok(()),
        (Some(_), None) if args.make_bucket || args.decompress => {
            Err(Failure::new(Exit::Usage, "--make-bucket and --decompress are for uploads"))
        }
        (Some((bucket, key)), None) if args.destination == "-" && (key.is_empty() || key.ends_with('/')) => {
            Err(Failure::new(Exit::Usage, "one object at a time goes to standard output")
                .help(format!("give its whole key: s3://{bucket}/{key}NAME")))
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
                create(context, bucket).await?;
            }
            upload::run(args, &mut copies, bucket, key).await?;
        }
        (Some((bucket, key)), None) => download::run(&args.destination, &mut copies, bucket, key).await?,
        _ => check(args)?,
    }
    // Standard output holds the object then.
    if args.destination == "-" { Ok(Exit::Done) } else { copies.end() }
}

/// What was copied: lines as it goes for people, one document at the end for programs.
struct Copies<'a> {
    context: &'a Context,
    files: Vec<Value>,
}

impl Copies<'_> {
    fn end(self) -> anyhow::Result<Exit> {
        if self.context.printer.for_programs() {
            self.context.printer.document(&json!({"files": self.files}))?;
        }
        Ok(Exit::Done)
    }

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
}
