//! A text that is drawn anew on a terminal.

use super::Printer;

/// The terminal's other screen: what stood on the first one comes back at the end, with the last text below it.
pub(crate) struct Screen {
    printer: Printer,
    last: String,
}

/// Goes to the other screen, and back.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
/// To the upper left corner.
const HOME: &str = "\u{1b}[H";
/// Clears the rest of a line, and what is below.
const REST: &str = "\u{1b}[K";
const BELOW: &str = "\u{1b}[J";

impl Screen {
    /// The other screen of the terminal that results go to.
    pub(crate) fn open(printer: &Printer) -> anyhow::Result<Self> {
        printer.steer(ENTER)?;
        Ok(Self { printer: printer.clone(), last: String::new() })
    }

    /// Shows a text in place of the one before, without a moment of nothing between them.
    pub(crate) fn show(&mut self, text: String) -> anyhow::Result<()> {
        self.printer.steer(HOME)?;
        for line in text.lines() {
            self.printer.result(line)?;
            self.printer.steer(&format!("{REST}\n"))?;
        }
        self.last = text;
        self.printer.steer(BELOW)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        drop(self.printer.steer(LEAVE));
        drop(self.printer.result(&self.last));
    }
}
