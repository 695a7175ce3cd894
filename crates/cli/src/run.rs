//! From a parsed command line to a command.

use crate::args::{Command, Global};
use crate::commands as c;
use crate::exit::Exit;
use crate::output::Printer;

/// Runs one command.
pub(crate) async fn command(command: &Command, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    match command {
        Command::Quickstart(args) => c::quickstart::run(args, global, printer).await,
        Command::Apply(args) => c::apply::run(args, global, printer).await,
        Command::Plan(args) => c::plan::run(args, global, printer).await,
        Command::Get(args) => c::get::run(args, global, printer).await,
        Command::Wait(args) => c::wait::run(args, global, printer).await,
        Command::Logs(args) => c::logs::run(args, global, printer).await,
        Command::Smlogs(args) => c::smlogs::run(args, global, printer).await,
        Command::Delete(args) => c::delete::run(args, global, printer).await,
        Command::Adopt(args) => c::adopt::run(args, global, printer).await,
        Command::Export(args) => c::export::run(args, global, printer).await,
        Command::Invoke(args) => c::invoke::run(args, global, printer).await,
        Command::Load(args) => c::load::run(args, global, printer).await,
        Command::Traffic(args) => c::traffic::run(args, global, printer).await,
        Command::Report(args) => c::report::run(args, global, printer).await,
        Command::Rollback(args) => c::rollback::run(args, global, printer).await,
        Command::Explain(args) => c::explain::run(args, global.verbose, printer),
        Command::Crds(args) => c::crds::run(args, printer),
        Command::Cp(args) => c::cp::run(args, global, printer).await,
        Command::Dataset(dataset) => c::dataset::run(dataset, global, printer).await,
        Command::Migrate(migrate) => c::migrate::run(migrate, global, printer).await,
        Command::Local(local) => c::local::run(local, global, printer).await,
        Command::Controller(args) => c::controller::run(args, global, printer).await,
        Command::Completions(args) => c::reference::completions(args, printer),
        Command::Man(args) => c::reference::man(args, printer),
        Command::Algorithm(args) => {
            // Its own exit code is the container's.
            std::process::exit(sagewright_algorithms::run(&args.algorithm, &args.program));
        }
    }
}
