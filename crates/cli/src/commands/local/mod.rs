//! `sagewright local …`

mod clock;
mod down;
mod env;
mod exec;
mod images;
mod interrupt;
mod logs;
mod operations;
mod profile;
mod replay;
mod reset;
mod status;
pub(crate) mod up;

use crate::args::{Global, Local};
use crate::exit::Exit;
use crate::output::Printer;

/// Runs a command about the embedded cloud.
pub(crate) async fn run(command: &Local, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    match command {
        Local::Up(args) => up::run(args, global, printer).await,
        Local::Down(args) => down::run(args, global, printer).await,
        Local::Status(args) => status::run(args, global, printer).await,
        Local::Clock(args) => clock::run(args, global, printer).await,
        Local::Interrupt(args) => interrupt::run(args, global, printer).await,
        Local::Logs(args) => logs::run(args, global, printer).await,
        Local::Operations => operations::run(printer),
        Local::Images(command) => images::run(command, printer).await,
        Local::Reset(args) => reset::run(args, global, printer).await,
        Local::Env(args) => env::run(args, global, printer).await,
        Local::Exec(args) => exec::program(args, global, printer).await,
        Local::Shell(args) => exec::shell(args, global, printer).await,
        Local::Replay(args) => replay::run(args, global, printer).await,
    }
}
