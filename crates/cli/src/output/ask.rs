//! Questions to whoever sits at the terminal.

use std::io::{BufRead as _, IsTerminal as _};

use super::Printer;
use crate::exit::{Exit, Failure};

/// Refuses what needs a yes where nobody can be asked; `would` says what would be done.
pub(crate) fn somebody(would: &str) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::new(Exit::Usage, format!("{would}, and nobody can be asked")).help("give --yes"))
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
