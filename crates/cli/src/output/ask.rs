//! Questions to whoever sits at the terminal.

use std::io::{BufRead as _, IsTerminal as _};

use super::Printer;
use crate::exit::{Exit, Failure};

/// Refuses what needs a yes where there is no terminal; `would` says what would be done, and `instead` how that can be seen without
/// doing it.
pub(crate) fn somebody(would: &str, instead: Option<&str>) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    let message = format!("{would}, and there is no terminal to confirm on");
    let instead = instead.map(|instead| format!("; {instead}")).unwrap_or_default();
    Err(Failure::new(Exit::Usage, message).help(format!("pass --yes to do it without being asked{instead}")))
}

/// For commands that have `--dry-run`.
pub(crate) const DRY_RUN: Option<&str> = Some("--dry-run shows what would be done");

/// Asks for a yes.
pub(crate) async fn confirm(question: &str, printer: &Printer) -> anyhow::Result<bool> {
    let answer = ask(&format!("{question} [y/N]"), printer).await?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

/// Asks, and gives the answer. Ctrl-C is heard meanwhile.
pub(crate) async fn ask(question: &str, printer: &Printer) -> anyhow::Result<String> {
    printer.note(question);
    let read = || {
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
    };
    Ok(tokio::task::spawn_blocking(read).await??.trim().to_owned())
}
