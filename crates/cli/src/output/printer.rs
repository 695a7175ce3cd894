//! Writes to the two standard streams, with color where it is wanted.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use serde::Serialize;

use super::{Table, terminal};
use crate::args::{Color, Format, Global};

/// Bytes of a line that are shown at once.
const LONGEST_LINE: u64 = 64 << 10;

/// How a piece of text looks on a terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    /// A heading or command.
    Bold,
    /// Less important.
    Dim,
    /// Done well.
    Good,
    /// Needs attention.
    Warn,
    /// Failed.
    Bad,
}

/// Prints results and progress.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    /// How results are printed.
    pub(crate) format: Format,
    /// Whether values that are secret by their names are shown.
    pub(crate) secrets: bool,
    color: bool,
    color_results: bool,
    results_on_terminal: bool,
    live: Arc<MultiProgress>,
    redirected: bool,
}

impl Printer {
    /// A printer as the options and the environment want it.
    pub(crate) fn new(global: &Global) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let wanted = |terminal: bool| match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        };
        let results_on_terminal = std::io::stdout().is_terminal();
        let color_results = wanted(results_on_terminal);
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self {
            format: global.output,
            secrets: false,
            color: wanted(terminal),
            color_results,
            results_on_terminal,
            live: Arc::new(MultiProgress::with_draw_target(target)),
            redirected: false,
        }
    }

    /// Whether color is wanted on standard error.
    pub(crate) fn color(&self) -> bool {
        self.color
    }

    /// The printer to paint results with: a redirected standard output takes no color from the terminal beside it.
    pub(crate) fn for_results(&self) -> Self {
        if self.redirected { self.clone() } else { Self { color: self.color_results, ..self.clone() } }
    }

    /// Text in a style, or plain where color is off.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        format!("{}{text}{}", style.mark(), terminal::PLAIN)
    }

    /// A line for people: standard error.
    pub(crate) fn note(&self, text: &str) {
        self.write_note(&terminal::written(text, self.color));
    }

    /// Lines of a program's log for people: standard error.
    pub(crate) fn log_note(&self, text: &str) {
        let clean = terminal::log(text, false);
        self.note(&self.paint(Style::Dim, &clean));
    }

    /// What a library has laid out for people, with its colors: standard error.
    pub(crate) fn laid_out(&self, text: &str) {
        self.write_note(&terminal::log(text, self.color));
    }

    fn write_note(&self, text: &str) {
        // A closed standard error must not end the work.
        self.live.suspend(|| drop(writeln!(std::io::stderr(), "{text}")));
    }

    /// Whether whoever read the results has seen enough (`sagewright logs -f … | head`).
    pub(crate) fn reader_is_gone(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let stdout = std::io::stdout();
        let mut pipe = [PollFd::new(&stdout, PollFlags::empty())];
        poll(&mut pipe, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
            && pipe.iter().any(|fd| fd.revents().intersects(PollFlags::ERR | PollFlags::HUP))
    }

    /// A printer whose results are steps on the way to another result.
    pub(crate) fn results_to_stderr(&self) -> Self {
        Self { redirected: true, ..self.clone() }
    }

    /// A printer that shows values that are secret by their names, or not.
    pub(crate) fn with_secrets(&self, secrets: bool) -> Self {
        Self { secrets, ..self.clone() }
    }

    /// A printer for another format.
    pub(crate) fn with_format(&self, format: Format) -> Self {
        Self { format, ..self.clone() }
    }

    /// Result text: standard output.
    pub(crate) fn result(&self, text: &str) -> anyhow::Result<()> {
        if self.redirected {
            for line in text.lines() {
                self.note(&format!("  {line}"));
            }
            return Ok(());
        }
        self.write_result(&terminal::written(text, self.color_results))
    }

    /// Lines of a program's log as a result: as they are, but for what would steer a terminal.
    pub(crate) fn log(&self, text: &str) -> anyhow::Result<()> {
        match self.results_on_terminal {
            _ if self.redirected => self.result(&terminal::log(text, false)),
            true => self.write_result(&terminal::log(text, true)),
            false => self.write_result(text),
        }
    }

    fn write_result(&self, text: &str) -> anyhow::Result<()> {
        self.live.suspend(|| write_out(text.as_bytes()))
    }

    /// Result bytes as they are; for a terminal as text, with a line end.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        if !self.results_on_terminal {
            return self.live.suspend(|| write_out(bytes));
        }
        let end = if bytes.ends_with(b"\n") { "" } else { "\n" };
        self.write_result(&terminal::written(&format!("{}{end}", String::from_utf8_lossy(bytes)), false))
    }

    /// A file's content as it is; for a terminal as text.
    pub(crate) fn copy(&self, content: &mut std::fs::File) -> anyhow::Result<()> {
        if self.results_on_terminal {
            let (mut lines, mut line) = (std::io::BufReader::new(content), Vec::new());
            while lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? > 0 {
                self.write_result(&terminal::written(&String::from_utf8_lossy(&line), false))?;
                line.clear();
            }
            return Ok(());
        }
        self.live.suspend(|| match std::io::copy(content, &mut std::io::stdout().lock()) {
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other.map(drop)?),
        })
    }

    /// A result as a table.
    pub(crate) fn table(&self, table: &Table) -> anyhow::Result<()> {
        self.result(&table.render())
    }

    /// A result as one JSON or YAML document.
    pub(crate) fn document(&self, value: &impl Serialize) -> anyhow::Result<()> {
        let json = || serde_json::to_string_pretty(value).map(|text| terminal::json(&text).into_owned() + "\n");
        let steers = |text: &str| text.chars().any(|c| c != '\n' && terminal::steers(c));
        let text = match self.format {
            // JSON is YAML, and escapes what the writer of YAML leaves as it is.
            Format::Yaml => Some(serde_saphyr::to_string(value)?).filter(|text| !steers(text)).map_or_else(json, Ok)?,
            _ => json()?,
        };
        self.result(&text)
    }

    /// Whether programs read the result.
    pub(crate) fn for_programs(&self) -> bool {
        matches!(self.format, Format::Json | Format::Yaml)
    }

    /// Whether results go to a terminal.
    pub(crate) fn results_on_terminal(&self) -> bool {
        self.results_on_terminal && !self.redirected
    }

    /// Writes what steers the terminal that results go to.
    pub(super) fn steer(&self, command: &str) -> anyhow::Result<()> {
        self.live.suspend(|| write_out(command.as_bytes()))
    }

    /// Whether standard error is a terminal on which lines can be redrawn.
    pub(crate) fn is_live(&self) -> bool {
        !self.live.is_hidden()
    }

    /// A line that shows that something is going on, on a terminal; finish or drop it to take it away.
    pub(crate) fn spinner(&self, text: &str) -> ProgressBar {
        // Also taken away when the work that it shows is cut off.
        let bar = self.live.add(ProgressBar::new_spinner().with_finish(ProgressFinish::AndClear));
        let template = if self.color { "  {spinner} {msg} {elapsed:.dim}" } else { "  {spinner} {msg} {elapsed}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(label(text));
        if self.is_live() {
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
        }
        bar
    }
}

/// Text as the message of a spinner, which is one line.
pub(crate) fn label(text: &str) -> String {
    terminal::on_line(text).into_owned()
}

fn write_out(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // The reader has seen enough (`sagewright get … | head`).
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
