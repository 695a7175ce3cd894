//! The `sagewright` command.

// The futures of commands hold the whole AWS client's.
#![recursion_limit = "256"]

mod args;
mod commands;
mod context;
mod details;
mod exit;
mod local;
mod log_tail;
mod manifest;
mod metrics;
mod output;
mod paths;
mod progress;
mod resource;
mod rollout;
mod run;
mod saved_plan;
mod show;
mod signals;
mod steps;
mod synonyms;
mod target;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;
use sagewright_engine::CloudError;

use crate::args::{Cli, Command, KUBECTL_PLUGIN, KubectlSmlogs};
use crate::exit::{Exit, Failure};
use crate::output::{Printer, Style};

fn main() -> ExitCode {
    let cli = match parse(std::env::args_os().collect()) {
        Ok(cli) => cli,
        Err(mut error) => {
            synonyms::suggest(&mut error);
            drop(error.print());
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked { Exit::Done as u8 } else { Exit::Usage as u8 });
        }
    };
    // A container program runs on its own: no runtime, no logging of ours.
    if let Command::Algorithm(args) = &cli.command {
        let code = sagewright_algorithms::run(&args.algorithm, &args.program);
        return ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    let printer = Printer::new(&cli.global);
    match &cli.command {
        Command::Controller(args) => trace_controller(args),
        command => trace(cli.global.verbose, matches!(command, Command::Quickstart(_))),
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            printer.note(&format!("error: cannot start the asynchronous runtime: {error}"));
            return ExitCode::from(Exit::Failed as u8);
        }
    };
    let outcome = runtime.block_on(until_interrupted(&cli, &printer));
    // A read of standard input that nobody answers must not hold the process.
    runtime.shutdown_background();
    match outcome {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => ExitCode::from(report(&error, &printer) as u8),
    }
}

/// The command line; under its name as a plugin of kubectl, the program is that plugin.
fn parse(given: Vec<OsString>) -> Result<Cli, clap::Error> {
    let name = given.first().map(Path::new).and_then(Path::file_stem);
    if name.is_some_and(|name| name == KUBECTL_PLUGIN) {
        return KubectlSmlogs::try_parse_from(given).map(Cli::from);
    }
    Cli::try_parse_from(words(given.into_iter()))
}

/// `help COMMAND` is `COMMAND --help`: clap's own would double every command in the man pages.
fn words(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = given.collect();
    if words.get(1).is_some_and(|word| word == "help") {
        words.remove(1);
        words.push("--help".into());
    }
    words
}

/// Runs the command; those that do not hear Ctrl-C and SIGTERM themselves are ended here by them.
async fn until_interrupted(cli: &Cli, printer: &Printer) -> anyhow::Result<Exit> {
    let command = run::command(&cli.command, &cli.global, printer);
    let hears = matches!(
        cli.command,
        Command::Quickstart(_)
            | Command::Load(_)
            | Command::Local(_)
            | Command::Cp(_)
            | Command::Dataset(_)
            | Command::Controller(_)
    );
    if hears {
        return command.await;
    }
    let writes = matches!(cli.command, Command::Apply(_) | Command::Delete(_) | Command::Rollback(_));
    let mut signals = signals::Signals::new();
    tokio::select! {
        outcome = command => outcome,
        () = signals.next() => {
            let failure = Failure::new(Exit::Interrupted, "interrupted");
            // What a plan was to do is begun now: it does not hold any more.
            Err(if matches!(&cli.command, Command::Apply(args) if args.saved.is_some()) {
                failure.help("what was begun goes on in the cloud; make a new plan of the same manifests for the rest").into()
            } else if writes {
                failure.help("what was begun goes on in the cloud; the same command takes it up again").into()
            } else {
                failure.into()
            })
        }
    }
}

/// Shows an error with its causes, and what to do.
fn report(error: &anyhow::Error, printer: &Printer) -> Exit {
    let failure = error.downcast_ref::<Failure>();
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(&format!(": {cause}"));
        }
    }
    // What a service said may be in it, which must not look like a line of ours.
    let text = text.trim_end().replace('\n', "\n  ");
    printer.note(&format!("{} {text}", printer.paint(Style::Bad, "error:")));
    let advice = error.chain().find_map(|e| e.downcast_ref::<CloudError>()).map(CloudError::advice);
    let help = failure.and_then(|f| f.help.as_deref()).or(advice.filter(|a| !a.is_empty()));
    if let Some(help) = help {
        printer.note(&format!("  {help}"));
    }
    failure.map_or(Exit::Failed, |f| f.exit)
}

/// Logs of the program itself: warnings, and more with -v; `SAGEWRIGHT_LOG` says exactly what.
fn trace(verbose: u8, tutorial: bool) {
    use tracing::Level;
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::filter::filter_fn;
    use tracing_subscriber::fmt::format::FmtSpan;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let level = match verbose {
        // The tutorial is client and cloud at once: what S3 cannot do, it tells by itself.
        0 if tutorial => "warn,aws_config=off,s3s=off,sagewright_cloud_s3::error=off",
        // s3s calls every refused request an error; the client is told, and so is the test of the request.
        // What aws_config warns of is in the error that ends the command.
        0 => "warn,aws_config=off,s3s=off",
        1 => "info,sagewright_aws=debug,s3s=off",
        _ => "debug",
    };
    let filter = EnvFilter::try_from_env("SAGEWRIGHT_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // A closed standard error must not end the work; complaining about it there would.
    let subscriber = tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter);
    // A call is a span: its end says what it was and how it went.
    let subscriber = subscriber.with_span_events(if verbose > 0 { FmtSpan::CLOSE } else { FmtSpan::NONE });
    // At trace level the libraries write bodies, signatures and tokens down.
    let ours = filter_fn(|of| *of.level() != Level::TRACE || of.target().starts_with("sagewright"));
    drop(subscriber.with_writer(local::log::Output::default).with_ansi(false).finish().with(ours).try_init());
}

/// Logs of the controller: one JSON document a line, as ACK's controllers write them.
fn trace_controller(args: &args::Controller) {
    use tracing_subscriber::EnvFilter;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let level = &args.process.log_level;
    // Errors of single calls are told with their objects.
    let filter =
        format!("warn,sagewright={level},sagewright_kube={level},aws_config=off,kube_client=off,kube_runtime=off");
    let filter = EnvFilter::try_from_env("SAGEWRIGHT_LOG").unwrap_or_else(|_| EnvFilter::new(filter));
    let output = tracing_subscriber::fmt().log_internal_errors(false).with_env_filter(filter);
    let output = output.with_writer(local::log::Output::default).with_ansi(false);
    if args.process.enable_development_logging {
        drop(output.finish().try_init());
    } else {
        drop(output.json().flatten_event(true).with_current_span(false).with_span_list(false).finish().try_init());
    }
}
