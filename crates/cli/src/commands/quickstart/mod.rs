//! `sagewright quickstart`: the MNIST tutorial, for real, on this machine.

mod digits;
mod examples;
mod repair;
mod score;

use std::time::Instant;

use serde_json::json;

use crate::args::{Cli, Format, Global, Quickstart};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::local::{self, Settings};
use crate::output::{Printer, Style};
use crate::{paths, signals};

/// What the manifests in `examples/mnist` name.
const BUCKET: &str = "sagewright-mnist";
const TRAINING_JOB: &str = "mnist-xgboost";
const PACKAGE_GROUP: &str = "digits";
const ENDPOINT: &str = "digits";

/// Runs the tutorial; `run_cli` runs one shown command line.
pub(crate) async fn run(args: &Quickstart, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let data = paths::data(global.data.as_ref());
    let wanted = printer;
    let printer = &printer.results_to_stderr().with_format(Format::Table);
    tokio::select! {
        outcome = walk(args, global, printer, wanted, &data) => outcome,
        () = signals::wait() => {
            printer.note("");
            Err(Failure::new(Exit::Interrupted, "interrupted; the embedded cloud is stopped")
                .help("run `sagewright quickstart` again: it goes on from what is there").into())
        }
    }
}

async fn walk(
    args: &Quickstart,
    global: &Global,
    printer: &Printer,
    wanted: &Printer,
    data: &std::path::Path,
) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let examples = examples::find(args.examples.as_deref(), data)?;
    printer.note(&heading(printer, "XGBoost"));
    crate::local::prepare_xgboost(printer).await?;

    printer.note(&heading(printer, "The embedded cloud"));
    let cloud = match local::running(data) {
        Some(server) => {
            printer.note(&format!("  is up already at {} (process {})", server.endpoint, server.pid));
            None
        }
        None => {
            printer.note(&command(printer, &format!("local up --listen {}", args.listen)));
            let settings = Settings { listen: args.listen, data: data.to_path_buf(), images: None };
            Some(local::start(&settings)?)
        }
    };
    let outcome = tutorial(global, printer, &examples, started).await;
    let summary = match outcome {
        Ok(summary) => summary,
        Err(error) => {
            if let Some(cloud) = cloud {
                cloud.shutdown().await;
            }
            return Err(error);
        }
    };
    if wanted.for_programs() {
        wanted.document(&summary.document)?;
    }
    match cloud {
        Some(cloud) if args.exit => {
            cloud.shutdown().await;
            printer.note("\nThe embedded cloud is stopped; its state is kept for the next run.");
        }
        Some(cloud) => {
            next(printer, global, &examples, true);
            signals::wait().await;
            printer.note("stopping the embedded cloud; its state is kept");
            cloud.shutdown().await;
        }
        None => next(printer, global, &examples, false),
    }
    Ok(if summary.good { Exit::Done } else { Exit::Failed })
}

struct Summary {
    document: serde_json::Value,
    good: bool,
}

async fn tutorial(
    global: &Global,
    printer: &Printer,
    examples: &std::path::Path,
    started: Instant,
) -> anyhow::Result<Summary> {
    let here = examples.display();
    let quiet = Global { local: true, output: Format::Table, ..global.clone() };
    let context = Context::connect(&quiet, printer).await?;
    repair::run(&context, printer).await?;

    printer.note(&heading(printer, "1. Upload the digits"));
    step(&quiet, printer, &format!("cp --make-bucket --decompress {here}/train.csv.gz s3://{BUCKET}/train/train.csv"))
        .await?;
    step(&quiet, printer, &format!("cp --decompress {here}/validation.csv.gz s3://{BUCKET}/validation/validation.csv"))
        .await?;

    printer.note(&heading(printer, "2. Train"));
    step(&quiet, printer, &format!("apply -f {here}/01-training-job.yaml --logs")).await?;

    printer.note(&heading(printer, "3. Register and approve"));
    // The package refers to the training job by name, so both are given; the job is there and stays as it is.
    step(&quiet, printer, &format!("apply -f {here}/01-training-job.yaml -f {here}/02-model-package.yaml")).await?;

    printer.note(&heading(printer, "4. Deploy"));
    step(&quiet, printer, &format!("apply -f {here}")).await?;

    printer.note(&heading(printer, "5. Read 1,000 digits that it has not seen"));
    printer.note(&command(
        printer,
        &format!("invoke {ENDPOINT} --body {here}/digit.csv   # and so on, a request for each digit"),
    ));
    let asked = Instant::now();
    let score = digits::read(&context, &examples.join("test.csv.gz"), ENDPOINT).await?;
    printer.note(&format!(
        "  {} of {} right ({:.1} %), {:.0} requests a second\n",
        score.right(),
        score.total(),
        100.0 * score.accuracy(),
        f64::from(score.total()) / asked.elapsed().as_secs_f64().max(1e-9),
    ));
    printer.note(&score.matrix());
    let good = score.accuracy() >= 0.9;
    let verdict = format!("Accuracy {:.3} after {:.1} s.", score.accuracy(), started.elapsed().as_secs_f64());
    printer.note(&printer.paint(if good { Style::Good } else { Style::Bad }, &verdict));
    if !good {
        printer.note("The model reads fewer than nine digits of ten: raise num_round in 01-training-job.yaml and give the job a new name.");
    }
    let document = json!({
        "accuracy": score.accuracy(),
        "trainingJob": TRAINING_JOB,
        "modelPackageArn": digits::newest_package(&context, PACKAGE_GROUP).await?,
        "endpoint": ENDPOINT,
        "seconds": (started.elapsed().as_secs_f64() * 100.0).round() / 100.0,
        "confusionMatrix": score.counts,
        "cloud": context.aws.configured_endpoint("sagemaker"),
    });
    Ok(Summary { document, good })
}

/// Shows a command as a user would type it, and runs it.
async fn step(global: &Global, printer: &Printer, line: &str) -> anyhow::Result<()> {
    use clap::Parser as _;
    printer.note(&command(printer, line));
    let words = std::iter::once("sagewright").chain(line.split_whitespace());
    let cli = Cli::try_parse_from(words)?;
    let exit = Box::pin(crate::run::command(&cli.command, global, printer)).await?;
    if exit == Exit::Done {
        return Ok(());
    }
    Err(Failure::new(exit, format!("`sagewright {line}` did not succeed; see above"))
        .help("run `sagewright quickstart` again when that is mended: it goes on from what is there")
        .into())
}

fn heading(printer: &Printer, text: &str) -> String {
    format!("\n{}", printer.paint(Style::Bold, text))
}

fn command(printer: &Printer, line: &str) -> String {
    printer.paint(Style::Good, &format!("$ sagewright {line}"))
}

fn next(printer: &Printer, global: &Global, examples: &std::path::Path, owns: bool) {
    let data = global.data.as_ref().map_or_else(String::new, |d| format!(" --data {}", d.display()));
    let here = examples.display();
    printer.note(&format!(
        "\nThe embedded cloud stays up{}. In another terminal:\n\n\
         \x20 eval \"$(sagewright local env{data})\"\n\
         \x20 sagewright get endpoints\n\
         \x20 sagewright logs TrainingJob/{TRAINING_JOB}\n\
         \x20 sagewright invoke {ENDPOINT} --body {here}/digit.csv\n\
         \x20 sagewright explain TrainingJob.resourceConfig\n\
         \x20 aws sagemaker describe-endpoint --endpoint-name {ENDPOINT}\n\n\
         Edit the files in {here} and `sagewright plan -f {here}` shows what would change.",
        if owns { " until you press Ctrl-C" } else { "" },
    ));
}
