//! Writes to the two standard streams, with color where it is wanted.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use serde::Serialize;

use super::Table;
use crate::args::{Color, Format, Global};

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
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Good => "32",
            Style::Warn => "33",
            Style::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// A line for people: standard error.
    pub(crate) fn note(&self, text: &str) {
        let clean = strip_control(text, self.color);
        // A closed standard error must not end the work.
        self.live.suspend(|| drop(writeln!(std::io::stderr(), "{clean}")));
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
        if self.results_on_terminal {
            let clean = strip_control(text, true);
            return self.live.suspend(|| write_out(clean.as_bytes()));
        }
        self.live.suspend(|| write_out(text.as_bytes()))
    }

    /// Result bytes as they are, with a line end for a terminal's sake.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let end: &[u8] = if std::io::stdout().is_terminal() && !bytes.ends_with(b"\n") { b"\n" } else { b"" };
        self.live.suspend(|| write_out(bytes).and_then(|()| write_out(end)))
    }

    /// A file's content, as it is.
    pub(crate) fn copy(&self, content: &mut std::fs::File) -> anyhow::Result<()> {
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
        let text = match self.format {
            Format::Yaml => serde_saphyr::to_string(value)?,
            _ => serde_json::to_string_pretty(value)? + "\n",
        };
        self.result(&text)
    }

    /// Whether programs read the result.
    pub(crate) fn for_programs(&self) -> bool {
        matches!(self.format, Format::Json | Format::Yaml)
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
        bar.set_message(text.to_owned());
        if self.is_live() {
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
        }
        bar
    }
}

/// Text from outside must not steer the terminal: of what does, only colors are kept, where they are wanted.
fn strip_control(text: &str, color: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
        let (clean, marked) = rest.split_at(at);
        out.push_str(clean);
        let sequence = marked.strip_prefix("\u{1b}[").and_then(|s| {
            let end = s.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            s[end..].starts_with('m').then(|| marked.split_at("\u{1b}[".len() + end + 1))
        });
        rest = match sequence {
            Some((sequence, after)) => {
                out.push_str(if color { sequence } else { "" });
                after
            }
            None => marked.get(marked.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default(),
        };
    }
    out.push_str(rest);
    out
}

fn write_out(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // The reader has seen enough (`sagewright get … | head`).
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::strip_control;

    #[test]
    fn text_from_outside_does_not_steer_the_terminal() {
        let text = "a\u{1b}[31mred\u{1b}[0m\u{1b}[2J\u{1b}]0;title\u{7}\r\u{9b}5m\tb\nc\u{1b}[";
        assert_eq!(strip_control(text, true), "a\u{1b}[31mred\u{1b}[0m[2J]0;title5m\tb\nc[");
        assert_eq!(strip_control(text, false), "ared[2J]0;title5m\tb\nc[");
    }
}
