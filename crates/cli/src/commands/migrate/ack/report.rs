//! What a survey found, for people and for programs.

use std::collections::BTreeMap;

use sagewright_engine::keys;
use serde_json::{Value, json};

use super::controllers::{Controller, counted};
use super::definitions::Owner;
use super::survey::{Survey, has_ack_tag};
use crate::output::{Printer, Style, Table};
use crate::show;

/// Shows it: a document, or sections of text.
pub(super) fn show(survey: &Survey, printer: &Printer) -> anyhow::Result<()> {
    if printer.for_programs() {
        return printer.document(&value(survey, printer));
    }
    let printer = &printer.for_results();
    let head = |text: &str| printer.paint(Style::Bold, text);
    printer.result(&format!("{}\n{}\n", head("Controllers"), controllers(survey)))?;
    printer.result(&format!("{}\n{}\n", head("Objects"), objects(survey)))?;
    printer.result(&format!("{}\n{}\n", head("Definitions"), definitions(survey)))?;
    printer.result(&format!("{}\n{}\n", head("Settings"), settings(survey)?))?;
    printer.result(&format!("{}\n{}", head("In AWS"), show::plan(&survey.plan(), printer)))?;
    printer.result(&format!("{}\n", sum(survey)))
}

/// What the plan comes to.
fn sum(survey: &Survey) -> String {
    match (survey.changed(), survey.reviewed.is_empty(), survey.plan().has_problems()) {
        (_, true, _) => "There are no objects: nothing would change in AWS.".to_owned(),
        (0, _, false) => format!("Nothing would change in AWS but the mark: the tag {}.", keys::OWNER),
        (0, _, true) => "Not every object can be taken over: see above.".to_owned(),
        (changed, ..) => format!("Sagewright would change the resources of {changed} objects."),
    }
}

fn controllers(survey: &Survey) -> String {
    let mut out = String::new();
    for one in &survey.controllers {
        let runs = if one.runs() { "runs" } else { "does not run" };
        let keeper = one.keeper().map(|who| format!(", kept by {who}")).unwrap_or_default();
        out += &format!(
            "  {}: {} {runs} ({}, {}, {}{keeper})\n",
            one.id(),
            who(one),
            replicas(one),
            counted(one.pods, "pod"),
            one.image
        );
    }
    if survey.ack().next().is_none() {
        out += "  none of ACK's: the plan is that of a controller without flags\n";
    }
    for lease in &survey.leases {
        out += &format!(
            "  the lease {}/{} is held by {} (renewed {})\n",
            lease.namespace, lease.name, lease.holder, lease.renewed
        );
    }
    out
}

fn who(one: &Controller) -> String {
    one.service().map_or_else(|| "Sagewright".to_owned(), |service| format!("ACK's controller for {service}"))
}

fn replicas(one: &Controller) -> String {
    counted(usize::try_from(one.replicas).unwrap_or(usize::MAX), "replica")
}

/// How many objects there are of a kind in a namespace, and by which signs ACK manages them.
#[derive(Default)]
struct Count {
    objects: usize,
    finalizer: usize,
    adopted: usize,
    tagged: usize,
    marked: usize,
}

fn counts(survey: &Survey) -> BTreeMap<(String, String), Count> {
    let mut counts: BTreeMap<(String, String), Count> = BTreeMap::new();
    for one in &survey.reviewed {
        let id = one.planned.object.id();
        let count = counts.entry((id.namespace, id.kind)).or_default();
        count.objects += 1;
        count.finalizer += usize::from(one.held);
        count.adopted += usize::from(one.adopted);
        count.tagged += usize::from(has_ack_tag(&one.tags));
        count.marked += usize::from(one.tags.contains_key(keys::OWNER));
    }
    counts
}

fn objects(survey: &Survey) -> String {
    let mut table = Table::new(["NAMESPACE", "KIND", "OBJECTS", "FINALIZER", "ADOPTED", "ACK-TAG", "MARK"]);
    for ((namespace, kind), count) in counts(survey) {
        let numbers = [count.objects, count.finalizer, count.adopted, count.tagged, count.marked];
        table.row([namespace, kind].into_iter().chain(numbers.map(|number| number.to_string())));
    }
    let mut out = if survey.reviewed.is_empty() { "  none\n".to_owned() } else { table.render() };
    for (kind, count) in &survey.unwatched {
        out += &format!("  {count} of {kind} are outside of what ACK's controllers watch, and are left out\n");
    }
    out
}

fn definitions(survey: &Survey) -> String {
    let named = |owner: Owner, swapped: bool| {
        let of = survey.definitions.iter().filter(move |one| one.owner == owner && one.swapped == swapped);
        of.map(|one| one.name.as_str()).collect::<Vec<_>>()
    };
    let count = |owner| named(owner, true).len();
    let mut out = format!(
        "  {} are ACK's and would be replaced, {} are Sagewright's, {} are of another version and would be replaced\n",
        count(Owner::Ack),
        count(Owner::Sagewright),
        count(Owner::Other)
    );
    let shared: Vec<&str> = survey.definitions.iter().filter(|one| !one.swapped).map(|one| one.name.as_str()).collect();
    if !shared.is_empty() {
        out += &format!("  left alone, since other ACK controllers share them: {}\n", shared.join(", "));
    }
    if survey.misfits.is_empty() {
        out += "  Sagewright's take all that is stored\n";
    }
    for (object, wrong) in &survey.misfits {
        out += &format!("  {object} is stored and would not be taken: {}\n", wrong.join("; "));
    }
    out
}

fn settings(survey: &Survey) -> anyhow::Result<String> {
    let mut out = String::new();
    for (of, document, untranslated) in values(survey) {
        out += &format!("# values of charts/sagewright, from {}\n", of.join(" and "));
        out += &serde_saphyr::to_string(&document)?;
        for told in untranslated {
            out += &format!("# not taken over: {told}\n");
        }
    }
    if out.is_empty() {
        out = "  none\n".to_owned();
    }
    Ok(out)
}

/// Values for a release: one for all controllers whose settings agree, else one for each.
fn values(survey: &Survey) -> Vec<(Vec<String>, Value, Vec<String>)> {
    // Each controller has its kinds and its service account.
    let own = ["/reconcile/resources", "/serviceAccount/name"];
    let common = |values: &Value| {
        let mut values = values.clone();
        for at in own {
            if let Some(value) = values.pointer_mut(at) {
                *value = Value::Null;
            }
        }
        values
    };
    let mut all: Vec<(Vec<String>, Value, Vec<String>)> = Vec::new();
    for (id, settings) in &survey.settings {
        let agreeing = all.iter_mut().find(|(_, values, _)| common(values) == common(&settings.values));
        match agreeing {
            None => all.push((vec![id.clone()], settings.values.clone(), settings.untranslated.clone())),
            Some((ids, values, untranslated)) => {
                ids.push(id.clone());
                let more = settings.values.pointer(own[0]).and_then(Value::as_array).cloned().unwrap_or_default();
                if let Some(kinds) = values.pointer_mut(own[0]).and_then(Value::as_array_mut) {
                    kinds.extend(more.into_iter().filter(|kind| !kinds.contains(kind)).collect::<Vec<_>>());
                }
                let new: Vec<String> =
                    settings.untranslated.iter().filter(|told| !untranslated.contains(told)).cloned().collect();
                untranslated.extend(new);
            }
        }
    }
    all
}

fn value(survey: &Survey, printer: &Printer) -> Value {
    let mut plan = show::plan_value(&survey.plan(), printer);
    let objects = plan.get_mut("objects").and_then(Value::as_array_mut);
    for (object, one) in objects.into_iter().flatten().zip(&survey.reviewed) {
        object["finalizer"] = one.held.into();
        object["adopted"] = one.adopted.into();
        object["ackTag"] = has_ack_tag(&one.tags).into();
        object["mark"] = json!(one.tags.get(keys::OWNER));
        object["changesAws"] = one.changes().into();
    }
    let definitions = survey.definitions.iter().map(
        |one| json!({"name": one.name, "owner": one.owner.word(), "replaced": one.swapped && one.owner != Owner::Sagewright}),
    );
    json!({
        "controllers": survey.controllers.iter().map(Controller::value).collect::<Vec<_>>(),
        "leases": survey.leases.iter().map(super::controllers::Lease::value).collect::<Vec<_>>(),
        "definitions": definitions.collect::<Vec<_>>(),
        "notTaken": survey.misfits.iter().map(|(object, why)| json!({"object": object, "why": why})).collect::<Vec<_>>(),
        "settings": values(survey).into_iter().map(|(of, values, left)| json!({"of": of, "values": values, "notTakenOver": left})).collect::<Vec<_>>(),
        "objects": plan.get("objects"),
        "outside": survey.unwatched,
        "changed": survey.changed(),
    })
}
