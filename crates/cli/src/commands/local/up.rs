//! `sagewright local up`

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;

use crate::args::{Global, LISTEN, Up};
use crate::exit::{Exit, Failure};
use crate::local::{self, DEFAULT_ACCOUNT, ServerFile, Settings};
use crate::output::Printer;
use crate::paths::{self, data_option};
use crate::signals::Signals;

/// Starts the embedded cloud: in the foreground until a signal comes, or in the background.
pub(crate) async fn run(args: &Up, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let data = paths::data(global.data.as_ref());
    // The state folder's own map may be missing; one that was named may not.
    if let Some(images) = &args.images {
        File::open(images).with_context(|| format!("cannot read the image map {}", images.display()))?;
    }
    if args.detach {
        return detach(args, &data, &data_option(global), printer).await;
    }
    let settings = Settings { listen: args.listen.unwrap_or(LISTEN), data: data.clone(), images: args.images.clone() };
    let mut signals = Signals::new();
    let cloud = local::start(&settings).await?;
    announce(&data, &data_option(global), printer)?;
    signals.next().await;
    printer.note("stopping; jobs in progress are taken up again at the next start");
    cloud.stop(&mut signals, printer).await;
    Ok(Exit::Done)
}

fn announce(data: &Path, option: &str, printer: &Printer) -> anyhow::Result<()> {
    let access = local::access(data, DEFAULT_ACCOUNT)?;
    if printer.for_programs() {
        printer.result(&(serde_json::to_string(&access)? + "\n"))?;
    } else {
        printer.result(&format!("the embedded cloud is up at {}\n", access.endpoint))?;
        printer.note(&format!("  state: {}", data.display()));
        let command = format!("eval \"$(sagewright local env{option})\"");
        printer.note(&format!("  in a shell: {command}; then any AWS client works against it"));
    }
    Ok(())
}

/// One that is up cannot be given another address or image map.
fn as_asked(server: &ServerFile, args: &Up, option: &str) -> Result<(), Failure> {
    let elsewhere =
        args.listen.is_some_and(|address| address.port() != 0 && !server.endpoint.ends_with(&format!("//{address}")));
    let images = args.images.as_deref().map(std::path::absolute).transpose().ok().flatten();
    let other_map = images.is_some() && images != server.images;
    if !elsewhere && !other_map {
        return Ok(());
    }
    let what = if elsewhere { "--listen" } else { "--images" };
    let up = format!("the embedded cloud is up already at {} (process {})", server.endpoint, server.pid);
    Err(Failure::new(Exit::Failed, format!("{up}, and {what} would change nothing"))
        .help(format!("run `sagewright local down{option}` first, or leave {what} out")))
}

/// Starts this program again in a session of its own, and returns when that one answers.
async fn detach(args: &Up, data: &Path, option: &str, printer: &Printer) -> anyhow::Result<Exit> {
    if let Some(server) = local::running(data) {
        as_asked(&server, args, option)?;
        printer.note(&format!("it was up already (process {})", server.pid));
        announce(data, option, printer)?;
        return Ok(Exit::Done);
    }
    // As the cloud itself makes it: objects and logs are the owner's alone.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.with_context(|| format!("cannot make the folder {}", data.display()))?;
    let log = data.join("server.log");
    let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(std::env::current_exe().context("cannot tell where this program is")?);
    command.args(["local", "up", "--color", "never", "--listen", &args.listen.unwrap_or(LISTEN).to_string()]);
    command.arg("--data").arg(data);
    if let Some(images) = &args.images {
        command.arg("--images").arg(std::path::absolute(images)?);
    }
    let errors = output.try_clone()?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
    let mut child = command.spawn().context("cannot start the embedded cloud")?;
    for _ in 0..500 {
        if local::running(data).is_some_and(|s| s.pid == child.id()) {
            announce(data, option, printer)?;
            return Ok(Exit::Done);
        }
        if let Some(status) = child.try_wait()? {
            let mut said = fs::read_to_string(&log).unwrap_or_default();
            // It could not even say why: the same may be in the way of writing here.
            if said.trim().is_empty()
                && let Err(error) = fs::write(&log, [b'\n'; 4096])
            {
                said = format!("cannot write {}: {error}", log.display());
            }
            let message = format!("the embedded cloud did not start ({status}):\n{}", said.trim());
            return Err(local::start_failure(message, data).into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(child.kill());
    Err(Failure::new(Exit::TimedOut, format!("the embedded cloud does not answer; see {}", log.display())).into())
}
