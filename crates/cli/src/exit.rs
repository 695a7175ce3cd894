//! Exit codes, as `sagewright --help` documents them.

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All done.
    Done = 0,
    /// Something failed.
    Failed = 1,
    /// `plan --exit-code`: there are changes.
    Changes = 2,
    /// A wait ran out of time.
    TimedOut = 3,
    /// The command line is wrong.
    Usage = 64,
    /// A manifest or the project's file is wrong.
    Manifest = 65,
    /// `local exec`: the program cannot be run.
    CannotRun = 126,
    /// `local exec`: there is no such program.
    NoProgram = 127,
    /// Ctrl-C or SIGTERM.
    Interrupted = 130,
}

/// An error that decides the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What failed, on what, why.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
}

impl Failure {
    /// A failure with an exit code.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None }
    }

    /// Adds what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}
