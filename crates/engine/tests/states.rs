//! Every kind in every status, under every intent. What is expected is a table of what people expect of a resource in a
//! phase of its life; which word means which phase, and which operation does what, the rows say.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use crate::support::decisions::{NOW, desired, found, members, object, there, words};
use sagewright_engine::{
    ClaimPolicy, Claims, Decision, Desired, Intent, Object, ObjectId, Observed, Step, conditions, decide, keys,
};
use sagewright_kinds::row::DeleteHow;
use sagewright_kinds::{Kind, Path, all, find, set};
use sagewright_model::{Shape, ShapeType};
use serde_json::{Map, Value, json};

const OURS: &str = "default/default/thing";
const OTHERS: [&str; 3] = ["default/other/thing", "default/default/other", "elsewhere/default/thing"];

/// A decision in short: steps by role, then Ready, Synced and Terminal, then when to look again.
fn short(kind: &Kind, decision: &Decision) -> String {
    let operations = &kind.row().operations;
    // Two roles may share an operation (a create that updates): the step tells them apart.
    let named = |role: &str, wanted: Option<&String>, operation: &String| {
        if wanted == Some(operation) { role.to_owned() } else { format!("{role}?{operation}") }
    };
    let step = |step: &Step| match step {
        Step::Create { operation, .. } => named("create", Some(&operations.create), operation),
        Step::Update { operation, .. } => named("update", operations.update.as_ref(), operation),
        Step::Stop { operation, .. } => named("stop", operations.stop.as_ref(), operation),
        Step::Delete { operation, .. } => named("delete", operations.delete.as_ref(), operation),
        Step::Adopt { .. } => "adopt".to_owned(),
        Step::Wait { .. } => "wait".to_owned(),
        Step::Refuse(refusal) => format!("{:?}", refusal.kind),
        Step::SyncTags { .. } => "tags".to_owned(),
    };
    let steps: Vec<String> =
        decision.steps.iter().map(step).filter(|step| step != "tags" || decision.steps.len() == 1).collect();
    let steps = if steps.is_empty() { "-".to_owned() } else { steps.join("+") };
    let status = |name: &str| match decision.conditions.iter().find(|c| c.kind == name) {
        Some(condition) => condition.status.to_string().remove(0),
        None => '-',
    };
    let row = kind.row().resync;
    let settled = Duration::from_secs(row.settled.unwrap_or(36_000).into());
    let at_work = Duration::from_secs(row.progressing.unwrap_or(30).into());
    let again = match decision.requeue_after {
        None => "never",
        Some(after) if after == Duration::from_secs(1) => "soon",
        Some(after) if decision.steps.iter().any(|s| matches!(s, Step::Wait { .. })) && after == at_work => "waits",
        Some(after) if after == settled => "settled",
        Some(_) => "?",
    };
    let (ready, synced, terminal) =
        (status(conditions::READY), status(conditions::SYNCED), status(conditions::TERMINAL));
    format!("{steps} {ready}{synced}{terminal} {again}")
}

/// phase: same, a change that AWS takes, a change that it does not take, nobody's, another's, deleted, deleted (a job)
const TABLE: &[(&str, [&str; 7])] = &[
    (
        "settled",
        [
            "- TT- settled",
            "update FF- soon",
            "Immutable FFT settled",
            "NotOwned FFT settled",
            "OwnedByOther FFT settled",
            "delete FF- soon",
            "- TT- settled",
        ],
    ),
    (
        "progressing",
        [
            "wait FF- waits",
            "wait FF- waits",
            "Immutable FFT settled",
            "NotOwned FFT settled",
            "OwnedByOther FFT settled",
            "wait FF- waits",
            "stop FF- soon",
        ],
    ),
    (
        "failed",
        [
            "- FTT settled",
            "Failed FFT settled",
            "Immutable FFT settled",
            "NotOwned FFT settled",
            "OwnedByOther FFT settled",
            "delete FF- soon",
            "- FTT settled",
        ],
    ),
    (
        "stopping",
        [
            "wait FF- waits",
            "wait FF- waits",
            "Immutable FFT settled",
            "NotOwned FFT settled",
            "OwnedByOther FFT settled",
            "wait FF- waits",
            "wait FF- waits",
        ],
    ),
    (
        "stopped",
        [
            "- FT- settled",
            "update FF- soon",
            "Immutable FFT settled",
            "NotOwned FFT settled",
            "OwnedByOther FFT settled",
            "delete FF- soon",
            "- FT- settled",
        ],
    ),
    (
        "deleting",
        [
            "wait FF- waits",
            "wait FF- waits",
            "wait FF- waits",
            "wait FF- waits",
            "wait FF- waits",
            "wait FF- waits",
            "wait FF- waits",
        ],
    ),
    (
        "gone",
        [
            "create FF- soon",
            "create FF- soon",
            "create FF- soon",
            "create FF- soon",
            "create FF- soon",
            "- FT- never",
            "- FT- never",
        ],
    ),
    (
        "unknown",
        [
            "wait FF- waits",
            "wait FF- waits",
            "Immutable FFT settled",
            "NotOwned FFT settled",
            "OwnedByOther FFT settled",
            "wait FF- waits",
            "wait FF- waits",
        ],
    ),
];

/// What a row says of a word.
fn phase(kind: &Kind, word: &str) -> &'static str {
    let status = &kind.row().status;
    let phases = [
        ("settled", &status.settled),
        ("progressing", &status.progressing),
        ("failed", &status.failed),
        ("stopping", &status.stopping),
        ("stopped", &status.stopped),
        ("deleting", &status.deleting),
        ("gone", &status.gone),
    ];
    // A status that AWS leaves out while there is nothing to tell means settled.
    if status.member.is_none() || (word.is_empty() && status.optional) {
        return "settled";
    }
    phases.iter().find(|(_, words)| words.iter().any(|w| w == word)).map_or("unknown", |(phase, _)| phase)
}

/// What rows say that makes a kind differ from the table.
fn expected(kind: &Kind, word: &str, column: usize) -> String {
    let row = kind.row();
    let phase = phase(kind, word);
    let (_, columns) = TABLE.iter().find(|(name, _)| *name == phase).unwrap();
    let at_rest = matches!(phase, "settled" | "progressing" | "failed" | "stopped" | "unknown" | "stopping");
    // A kind without a mark is whoever's declares it.
    let unmarked = row.tags.mark.is_none() && kind.tags_member().is_none();
    let same = columns[0].to_owned();
    match column {
        3 | 4 if unmarked => same,
        1 if at_rest && row.update.when.iter().any(|w| w == word) => "update FF- soon".to_owned(),
        // A job that was stopped takes nothing any more.
        1 if phase == "stopped" && kind.is_job() => "Failed FFT settled".to_owned(),
        5 if at_rest && kind.is_job() => {
            let stops = &row.delete.stops;
            match stops.iter().any(|w| w == word) {
                true => "stop FF- soon".to_owned(),
                // It runs, and takes no stop yet.
                false if !stops.is_empty() && phase == "progressing" => "wait FF- waits".to_owned(),
                false => columns[6].to_owned(),
            }
        }
        // What cannot be deleted is let go as it is, at work or not.
        5 if row.delete.how == DeleteHow::Retain && phase != "gone" => same.replace("wait FF- waits", "- FF- settled"),
        5 if row.delete.stop_first => {
            let stops = &row.delete.stops;
            let runs = if stops.is_empty() { phase == "settled" } else { stops.iter().any(|w| w == word) };
            if runs { "stop FF- soon".to_owned() } else { columns[column].to_owned() }
        }
        _ => columns[column].to_owned(),
    }
}

/// Some value of a shape, other than what the tests' resources have.
fn some(kind: &Kind, shape: &Shape, depth: usize) -> Option<Value> {
    let target = |member| kind.service().target(member);
    Some(match shape.kind {
        ShapeType::String => json!(shape.enumeration.last().map_or("changed", |e| e.as_str())),
        ShapeType::Boolean => json!(true),
        ShapeType::Integer | ShapeType::Long => json!(7),
        ShapeType::Float | ShapeType::Double => json!(0.5),
        _ if depth > 4 => return None,
        ShapeType::Structure => {
            let mut members = shape.members.iter();
            let (name, value) =
                members.find_map(|(name, member)| Some((name, some(kind, target(member)?, depth + 1)?)))?;
            json!({(*name): value})
        }
        ShapeType::List => json!([some(kind, target(shape.member.as_ref()?)?, depth + 1)?]),
        ShapeType::Map => json!({"changed": some(kind, target(shape.value.as_ref()?)?, depth + 1)?}),
        _ => return None,
    })
}

/// A spec that differs where updates reach, and one that differs where they do not; each where the model has such a member.
fn changed(kind: &Kind, mutable: bool) -> Option<Map<String, Value>> {
    let row = kind.row();
    let spec = members(kind);
    let sends: Vec<&String> = row.update.sends.iter().filter(|s| *s != "*").collect();
    let paths: Vec<String> = if mutable && !sends.is_empty() {
        sends.into_iter().cloned().collect()
    } else {
        kind.spec_fields().values().map(|field| field.member.to_owned()).collect()
    };
    let identity = |m: &str| kind.identity_members().any(|i| i == m);
    let own = |m: &str| kind.tags_member() == Some(m) || row.tags.mark.as_deref() == Some(m);
    paths.into_iter().map(|path| Path::parse(&path)).find_map(|path| {
        let first = path.first()?.to_owned();
        let shape = kind.spec_shape(&path)?;
        let reached = kind.is_mutable(&path);
        let read = kind.read_shape().members.contains_key(first.as_str());
        let compared = read && !row.spec.unread.contains(&path.to_string());
        let partly = !mutable && row.update.sends.iter().any(|s| path.leads_to(&Path::parse(s)));
        if identity(&first) || own(&first) || reached != mutable || !compared || partly {
            return None;
        }
        let mut spec = Value::Object(spec.clone());
        set(&mut spec, &path, some(kind, shape, 0)?);
        let Value::Object(spec) = spec else { return None };
        // What differs only where a read does not look is no change.
        let there = there(found(kind, &members(kind), "", OURS, json!({})));
        (!decide(kind, &desired(kind, &spec), &there, NOW).changes.is_empty()).then_some(spec)
    })
}

/// What a read has to show besides, for what a stop takes.
fn shown(kind: &Kind) -> Value {
    match kind.name() {
        "InferenceExperiment" => json!({"ModelVariants": [{"VariantName": "main", "ModelName": "m"}]}),
        _ => json!({}),
    }
}

#[test]
fn every_kind_in_every_status_does_what_its_phase_is_for() {
    let mut wrong = Vec::new();
    for kind in all() {
        let spec = members(kind);
        let missing = decide(kind, &desired(kind, &spec), &Observed::MISSING, NOW);
        assert_eq!(short(kind, &missing), "create FF- soon", "{}", kind.name());
        let mut absent = desired(kind, &spec);
        absent.intent = Intent::Absent;
        assert_eq!(short(kind, &decide(kind, &absent, &Observed::MISSING, NOW)), "- FT- never", "{}", kind.name());

        let mutable = changed(kind, true);
        let fixed = changed(kind, false);
        assert_eq!(mutable.is_some(), kind.row().operations.update.is_some(), "{} has no change to try", kind.name());
        for word in words(kind) {
            let mut check = |what: &str, column: usize, desired: &Desired, owner: &str| {
                let there = there(found(kind, &spec, &word, owner, shown(kind)));
                let is = short(kind, &decide(kind, desired, &there, NOW));
                let should = expected(kind, &word, column);
                if is != should {
                    wrong.push(format!("{} {word} {what}: {is}, should be {should}", kind.name()));
                }
            };
            check("same", 0, &desired(kind, &spec), OURS);
            // A quirk has a say in updates; its own test tells which.
            if let Some(changed) = mutable.as_ref().filter(|_| kind.row().quirks.is_empty()) {
                check("change", 1, &desired(kind, changed), OURS);
            }
            if let Some(changed) = &fixed {
                check("fixed", 2, &desired(kind, changed), OURS);
            }
            check("nobody's", 3, &desired(kind, &spec), "");
            for other in OTHERS {
                check(other, 4, &desired(kind, &spec), other);
            }
            check("absent", 5, &absent, OURS);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_read_only_or_retained_is_never_written() {
    type Change = fn(&mut Desired);
    let keeps: [(&str, Change); 3] = [
        ("read-only", |desired| desired.read_only = true),
        ("retain", |desired| desired.retain = true),
        ("kept for another", |desired| desired.retained_for = Some(ObjectId::new("Endpoint", None, "e"))),
    ];
    for kind in all() {
        let spec = members(kind);
        for word in words(kind) {
            for owner in [OURS, "", OTHERS[0]] {
                let there = there(found(kind, &spec, &word, owner, json!({})));
                for (what, keep) in &keeps {
                    let mut absent = desired(kind, &spec);
                    absent.intent = Intent::Absent;
                    absent.unowned = true;
                    keep(&mut absent);
                    let decision = decide(kind, &absent, &there, NOW);
                    assert!(decision.steps.is_empty(), "{} {word} {what}: {decision:?}", kind.name());
                    let gone = phase(kind, &word) == "gone";
                    assert_eq!(decision.notes.is_empty(), gone, "{} {word} {what} says why", kind.name());
                }
                // What is only read is waited for, and nothing else; nobody has to own it.
                let mut read = desired(kind, changed(kind, false).as_ref().unwrap_or(&spec));
                read.read_only = true;
                let decision = decide(kind, &read, &there, NOW);
                assert!(!decision.writes(), "{} {word}: {decision:?}", kind.name());
                assert!(decision.changes.is_empty(), "{} {word}", kind.name());
                let at_work = matches!(phase(kind, &word), "progressing" | "stopping" | "unknown");
                let waits = decision.steps.iter().any(|s| matches!(s, Step::Wait { .. }));
                assert_eq!(waits, at_work, "{} {word}", kind.name());
            }
        }
        let mut read = desired(kind, &spec);
        read.read_only = true;
        let decision = decide(kind, &read, &Observed::MISSING, NOW);
        assert_eq!(short(kind, &decision), "Absent FFT settled", "{}", kind.name());
    }
}

/// A kind as its row says, and as it would be with more in its row.
fn with_row(file: &str, more: &str) -> Kind {
    let path = format!("{}/../../kinds/{file}.toml", env!("CARGO_MANIFEST_DIR"));
    sagewright_kinds::parse(file, &format!("{}\n{more}\n", std::fs::read_to_string(path).unwrap())).unwrap()
}

#[test]
fn a_row_can_say_that_resources_stay_or_are_stopped_in_some_statuses_or_first() {
    let spec = members(find("Model").unwrap());
    for (more, steps) in [("", "delete FF- soon"), ("[delete]\nhow = \"retain\"", "- TT- settled")] {
        let kind = with_row("model", more);
        let mut absent = desired(&kind, &spec);
        absent.intent = Intent::Absent;
        let decision = decide(&kind, &absent, &there(found(&kind, &spec, "", OURS, json!({}))), NOW);
        assert_eq!(short(&kind, &decision), steps, "{more}");
        assert_eq!(decision.notes.len(), usize::from(!more.is_empty()), "{more}");
    }
}

#[test]
fn conditions_say_how_a_resource_stands_in_the_order_that_ack_shows() {
    let kind = find("Endpoint").unwrap();
    let spec = members(kind);
    let reason = json!({"FailureReason": "no capacity"});
    for (word, more, expected) in [
        ("InService", json!({}), "Ready=True ACK.ResourceSynced=True"),
        ("Creating", json!({}), "Ready=False(Progressing) ACK.ResourceSynced=False(Progressing)"),
        ("Failed", reason, "Ready=False(Failed) ACK.Terminal=True(Failed) ACK.ResourceSynced=True(Failed)"),
    ] {
        let decision = decide(kind, &desired(kind, &spec), &there(found(kind, &spec, word, OURS, more)), NOW);
        let shown = decision.conditions.iter().map(|c| {
            format!("{}={}{}", c.kind, c.status, c.reason.as_ref().map(|r| format!("({r})")).unwrap_or_default())
        });
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{word}");
    }
    // A failure says its reason, and a refusal what to do, where ACK's users look.
    let message = |decision: &Decision, name: &str| {
        decision.conditions.iter().find(|c| c.kind == name).and_then(|c| c.message.clone()).unwrap_or_default()
    };
    let more = json!({"FailureReason": "no capacity"});
    let failed = decide(kind, &desired(kind, &spec), &there(found(kind, &spec, "Failed", OURS, more)), NOW);
    assert!(message(&failed, conditions::TERMINAL).contains("no capacity"));
    assert!(message(&failed, conditions::READY).contains("no capacity"));
    let refused = decide(kind, &desired(kind, &spec), &there(found(kind, &spec, "InService", "", json!({}))), NOW);
    assert!(message(&refused, conditions::TERMINAL).contains("sagewright adopt Endpoint/thing"));
    let mut references = desired(kind, &spec);
    references.has_refs = true;
    let resolved = decide(kind, &references, &there(found(kind, &spec, "InService", OURS, json!({}))), NOW);
    assert!(resolved.conditions.iter().any(|c| c.kind == conditions::REFERENCES_RESOLVED));
}

#[test]
fn what_is_sensitive_is_shown_nowhere() {
    let package = find("ModelPackage").unwrap();
    let card = |text: &str| json!({"ModelCard": {"ModelCardContent": format!("{{\"secret\":\"{text}\"}}")}});
    // A member that a row calls secret, changed and refused; and one that the model calls sensitive, changed.
    let model = with_row("model", "").row().clone();
    assert!(model.spec.secret.is_empty());
    let secret = std::fs::read_to_string(format!("{}/../../kinds/model.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let secret =
        secret.replace("[spec]\n", "[spec]\nsecret = [\"PrimaryContainer.Environment\", \"ExecutionRoleArn\"]\n");
    let model = sagewright_kinds::parse("model", &secret).unwrap();
    let there_is =
        json!({"PrimaryContainer": {"Environment": {"KEY": "secret-old"}}, "ExecutionRoleArn": "secret-role"});
    let declared =
        json!({"PrimaryContainer": {"Environment": {"KEY": "secret-new"}}, "ExecutionRoleArn": "secret-other"});
    let cases: [(&Kind, &str, Value, Value); 2] =
        [(package, "Completed", card("secret-old"), card("secret-new")), (&model, "", there_is, declared)];
    for (kind, word, output, declared) in cases {
        let mut spec = members(kind);
        spec.extend(declared.as_object().unwrap().clone());
        let observed = [Observed::MISSING, there(found(kind, &members(kind), word, OURS, output))];
        for observed in observed {
            let decision = decide(kind, &desired(kind, &spec), &observed, NOW);
            assert!(!decision.changes.is_empty(), "{}", kind.name());
            if observed == Observed::MISSING && kind.name() == "Model" {
                let marked = decision.changes.iter().filter(|c| c.sensitive).map(|c| c.path.as_str());
                let expected = ["spec.primaryContainer", "spec.executionRoleARN"];
                assert_eq!(marked.collect::<Vec<_>>(), expected, "and its name is not");
            } else if observed != Observed::MISSING {
                assert!(decision.changes.iter().any(|change| change.sensitive), "{}", kind.name());
            }
            let shown = serde_json::to_string(&(&decision.changes, &decision.conditions, &decision.notes)).unwrap();
            assert!(!shown.contains("secret-"), "{}: {shown}", kind.name());
            assert!(shown.contains("(sensitive)"), "{}: {shown}", kind.name());
            let refusal = decision.refusal().map(|r| format!("{} {}", r.reason, r.advice)).unwrap_or_default();
            assert!(!refusal.contains("secret-"), "{refusal}");
        }
    }
}

#[test]
fn claims_do_not_change_what_a_state_means() {
    // Every claim policy and installation comes to the same table for what bears its own mark.
    for kind in all() {
        let spec = members(kind);
        for word in words(kind) {
            let claims =
                Claims { installation: "prod".parse().unwrap(), policy: ClaimPolicy::MarkOrAck, ..Claims::default() };
            let mut ours = desired(kind, &spec);
            ours.claims = claims.into();
            let there = |owner| there(found(kind, &spec, &word, owner, json!({})));
            let decision = short(kind, &decide(kind, &ours, &there("prod/default/thing"), NOW));
            assert_eq!(decision, expected(kind, &word, 0), "{} {word}", kind.name());
        }
    }
}

#[test]
fn an_object_without_a_name_in_its_spec_is_created_under_what_it_declares() {
    let kind = find("Model").unwrap();
    let mut declared: Object = object(kind, &members(kind));
    declared.metadata.annotations.insert(keys::DELETION_POLICY.into(), "delete".into());
    let desired = Desired::new(kind, &declared).unwrap();
    assert!(!desired.retain && !desired.read_only);
    let decision = decide(kind, &desired, &Observed::MISSING, NOW);
    let [Step::Create { input, .. }] = &decision.steps[..] else { panic!("{decision:?}") };
    assert_eq!(input["ModelName"], "thing");
    assert_eq!(input["Tags"], json!([{"Key": keys::OWNER, "Value": OURS}]));
}
