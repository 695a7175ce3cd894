//! The steps of the tutorial, each shown as the command that a user would type.

use std::cell::Cell;
use std::path::Path;
use std::time::Instant;

use clap::Parser as _;
use sagewright_engine::{Outcome, Report};
use serde_json::{Value, json};

use super::manifests::{Manifests, files};
use super::{digits, repair};
use crate::args::{Cli, Command, Format, Global};
use crate::commands::{apply, cp};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::{Printer, Style, shell};
use crate::show;

/// Accuracy that the tutorial promises.
const PROMISED: f64 = 0.9;

/// How the tutorial went.
pub(super) struct Summary {
    /// For programs.
    pub(super) document: Value,
    /// Whether the accuracy is as promised.
    pub(super) good: bool,
}

/// The steps.
pub(super) struct Tutorial<'a> {
    pub(super) global: Global,
    pub(super) printer: &'a Printer,
    pub(super) folder: &'a Path,
    pub(super) manifests: &'a Manifests,
    pub(super) started: Instant,
    /// The step that is under way.
    pub(super) step: &'a Cell<&'static str>,
}

impl Tutorial<'_> {
    /// Walks all steps against the embedded cloud that is up.
    pub(super) async fn run(&self) -> anyhow::Result<Summary> {
        let context = Context::connect(&self.global, self.printer).await?;
        repair::run(&context, self.manifests, self.printer).await?;

        self.begin("1. Upload the digits");
        for channel in ["train", "validation"] {
            self.upload(&context, channel).await?;
        }

        self.begin("2. Train");
        self.apply(&context, &["01-training-job.yaml"], true).await?;

        self.begin("3. Register and approve");
        // The package refers to the training job by name, so both are given; the job is there and stays as it is.
        self.apply(&context, &["01-training-job.yaml", "02-model-package.yaml"], false).await?;

        self.begin("4. Deploy");
        let report = self.apply(&context, &[], false).await?;

        self.begin("5. Read 1,000 digits that it has not seen");
        self.read(&context, &report).await
    }

    async fn upload(&self, context: &Context, channel: &str) -> anyhow::Result<()> {
        // A job that the user gave no such channel does not need the data.
        let Some(address) = self.manifests.address(channel) else { return Ok(()) };
        let file = self.folder.join(format!("{channel}.csv.gz")).display().to_string();
        let words = ["cp", "--make-bucket", "--decompress", &file, &address].map(str::to_owned);
        let Command::Cp(args) = self.show(&words)? else { return Ok(()) };
        cp::copy(&args, context).await.map(drop)
    }

    /// Applies files of the folder; the whole folder without any.
    async fn apply(&self, context: &Context, names: &[&str], logs: bool) -> anyhow::Result<Report> {
        let files = if names.is_empty() { vec![self.folder.to_path_buf()] } else { files(self.folder, names) };
        let mut words = vec!["apply".to_owned()];
        for file in files {
            words.extend(["-f".to_owned(), file.display().to_string()]);
        }
        words.extend(logs.then(|| "--logs".to_owned()));
        let Command::Apply(args) = self.show(&words)? else { return Err(anyhow::anyhow!("apply is not apply")) };
        let objects = apply::load(&args, &self.global, self.printer).await?;
        let report = Box::pin(apply::report(&args, context, &objects)).await?;
        self.tell(&report);
        let bad = report
            .objects
            .iter()
            .find(|o| !o.message.is_empty() && !matches!(o.outcome, Outcome::Unchanged | Outcome::Blocked));
        match bad {
            _ if report.is_ok() => Ok(report),
            Some(object) => {
                Err(Failure::new(Exit::Failed, format!("{}: {}", object.object.id(), object.message)).into())
            }
            None => {
                Err(Failure::new(Exit::Failed, format!("`{}` did not succeed; see above", shell::line(&words))).into())
            }
        }
    }

    /// What was done, a line each; what was there already on one line.
    fn tell(&self, report: &Report) {
        let (same, other): (Vec<_>, Vec<_>) = report.objects.iter().partition(|o| o.outcome == Outcome::Unchanged);
        if !same.is_empty() {
            let names: Vec<_> = same.iter().map(|o| o.object.id().to_string()).collect();
            self.printer.note(&format!("  {} {}", self.printer.paint(Style::Dim, "unchanged:"), names.join(", ")));
        }
        for object in other {
            self.printer.note(&format!("  {}", show::report_line(object, self.printer)));
        }
    }

    async fn read(&self, context: &Context, report: &Report) -> anyhow::Result<Summary> {
        let endpoint = &self.manifests.endpoint;
        let file = self.folder.join("digit.csv").display().to_string();
        let words = ["invoke", endpoint, "--body", &file].map(str::to_owned);
        self.printer.note(&format!("{}   # and so on, a request for each digit", self.command(&shell::line(&words))));
        let asked = Instant::now();
        let score = digits::read(context, &self.folder.join("test.csv.gz"), endpoint).await?;
        self.printer.note(&format!(
            "  {} of {} right, {:.0} requests a second\n",
            score.right(),
            score.total(),
            f64::from(score.total()) / asked.elapsed().as_secs_f64().max(1e-9),
        ));
        self.printer.note(&score.matrix());
        let good = score.accuracy() >= PROMISED;
        let seconds = self.started.elapsed().as_secs_f64();
        let verdict = format!("Accuracy {:.3}, {seconds:.1} s in all.", score.accuracy());
        self.printer.note(&self.printer.paint(if good { Style::Good } else { Style::Bad }, &verdict));
        if !good {
            self.printer.note(
                "The model reads fewer than nine digits of ten: raise num_round in 01-training-job.yaml and give the job a new name.",
            );
        }
        let package = report.objects.iter().find(|o| o.object.kind == "ModelPackage");
        let document = json!({
            "accuracy": score.accuracy(),
            "trainingJob": self.manifests.job,
            "modelPackageArn": package.and_then(|o| o.resource.clone()),
            "endpoint": endpoint,
            "seconds": (seconds * 100.0).round() / 100.0,
            "confusionMatrix": score.counts,
            "cloud": context.aws.configured_endpoint("sagemaker"),
        });
        Ok(Summary { document, good })
    }

    fn begin(&self, step: &'static str) {
        self.step.set(step);
        super::heading(self.printer, step);
    }

    fn command(&self, line: &str) -> String {
        self.printer.paint(Style::Good, &format!("$ {line}"))
    }

    /// Shows a command, and parses it as the shell would hand it over.
    fn show(&self, words: &[String]) -> anyhow::Result<Command> {
        self.printer.note(&self.command(&shell::line(words)));
        let words = std::iter::once("sagewright".to_owned()).chain(words.iter().cloned());
        Ok(Cli::try_parse_from(words)?.command)
    }
}

/// The options of all steps: the embedded cloud's account and region, whatever the environment says.
pub(super) fn options(global: &Global) -> Global {
    Global {
        local: true,
        output: Format::Table,
        region: None,
        profile: None,
        endpoint_url: None,
        role_arn: None,
        external_id: None,
        ..global.clone()
    }
}
