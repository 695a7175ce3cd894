//! `sagewright crds`

use serde_json::json;

use crate::args::Crds;
use crate::exit::Exit;
use crate::output::Printer;

/// Prints the CustomResourceDefinitions of kinds: a stream of YAML documents, or one list.
pub(crate) fn run(args: &Crds, printer: &Printer) -> anyhow::Result<Exit> {
    let mut all = sagewright_crds::all();
    all.retain(|crd| crd.is_legacy() == args.legacy);
    if printer.for_programs() {
        let items: Vec<_> = all.into_iter().map(|crd| crd.document).collect();
        printer.document(&json!({"apiVersion": "v1", "kind": "List", "items": items}))?;
    } else {
        printer.result(&all.iter().map(sagewright_crds::Crd::yaml).collect::<String>())?;
    }
    Ok(Exit::Done)
}
