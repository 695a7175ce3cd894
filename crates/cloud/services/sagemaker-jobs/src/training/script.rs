//! The variables that SageMaker's training toolkit gives to scripts. Images have the toolkit; a program of the image map
//! often has not, and finds them all the same. Names and values are those of sagemaker-training 5.1.4.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::folder::{inputs, resources};
use super::request::{Group, Plan};
use crate::job::hosts::HostFolder;

/// Hyperparameters that are meant for the toolkit begin so.
const PREFIX: &str = "sagemaker_";

/// Those of the toolkit's that its other variables say; what else begins so is a framework's.
const TOOLKIT: &[&str] = &[
    "sagemaker_program",
    "sagemaker_submit_directory",
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "default_user_module_name",
    "_tuning_objective_metric",
    "sagemaker_s3_output",
];

/// Linux takes variables of less than 128 KiB, name and value together.
const LONGEST: usize = 128 * 1024 - 2;

/// Python's `logging.INFO`.
const INFO: u8 = 20;

/// All variables for the script of a job on one host.
pub(super) fn variables(plan: &Plan, job: &str, folder: &HostFolder, group: &Group) -> BTreeMap<String, String> {
    let (toolkit, hyperparameters): (Map<_, _>, Map<_, _>) = plan
        .hyperparameters
        .iter()
        // The toolkit decodes values that are JSON, and keeps the others as text.
        .map(|(name, value)| (name.clone(), serde_json::from_str(value).unwrap_or_else(|_| json!(value))))
        .partition(|(name, _)| name.starts_with(PREFIX) || TOOLKIT.contains(&name.as_str()));
    let mut all = known(plan, folder, group, &toolkit, &hyperparameters);
    // One variable holds the others, as the toolkit's object that scripts can ask for them.
    let mut whole = all.clone();
    for (here, there) in [("hps", "hyperparameters"), ("framework_params", "additional_framework_parameters")] {
        let value = whole.remove(here).unwrap_or_default();
        whole.insert(there.to_owned(), value);
    }
    whole.remove("channels");
    let channels: Vec<&str> = channels(plan, group).collect();
    let folders: Map<String, Value> =
        channels.iter().map(|c| ((*c).to_owned(), json!(folder.channel(c).display().to_string()))).collect();
    whole.insert("channel_input_dirs".to_owned(), json!(folders));
    whole.insert("job_name".to_owned(), json!(job));
    let first = plan.hosts().next().map(|(host, _)| host).unwrap_or_default();
    whole.insert("master_hostname".to_owned(), json!(first));
    whole.insert("is_master".to_owned(), json!(first == folder.name));
    // What this machine has none of: AWS's own libraries for distributed training, and the machines they run on.
    for (name, none) in [
        ("distribution_hosts", json!([])),
        ("is_modelparallel_enabled", Value::Null),
        ("is_smddpmprun_installed", json!(false)),
        ("is_smddprun_installed", json!(false)),
        ("topology", json!([])),
    ] {
        whole.insert(name.to_owned(), none);
    }
    all.insert("training_env".to_owned(), Value::Object(whole));
    all.insert("user_args".to_owned(), json!(arguments(&hyperparameters)));
    for (channel, path) in folders {
        all.insert(format!("channel_{channel}"), path);
    }
    for (name, value) in hyperparameters {
        all.insert(format!("hp_{name}"), value);
    }
    all.into_iter()
        .map(|(name, value)| (format!("SM_{}", name.to_uppercase()), text(&value)))
        // No process can be given a variable with these, and none on Linux one that is longer.
        .filter(|(name, value)| !name.contains(['=', '\0']) && !value.contains('\0'))
        .filter(|(name, value)| {
            let fits = name.len() + value.len() < LONGEST;
            if !fits {
                tracing::warn!(
                    job,
                    variable = name,
                    bytes = value.len(),
                    "a variable is too long for a program; it is left out"
                );
            }
            fits
        })
        .collect()
}

fn channels<'a>(plan: &'a Plan, group: &Group) -> impl Iterator<Item = &'a str> {
    plan.channels_of(group).map(|channel| channel.name.as_str())
}

fn known(
    plan: &Plan,
    folder: &HostFolder,
    group: &Group,
    toolkit: &Map<String, Value>,
    hyperparameters: &Map<String, Value>,
) -> Map<String, Value> {
    let path = |below: &str| json!(folder.base.join(below).display().to_string());
    let given = |name: &str| toolkit.get(name).cloned();
    let set = |name: &str| plan.environment.get(name).map(|v| json!(v));
    let program = set("SAGEMAKER_PROGRAM").or_else(|| given("sagemaker_program")).unwrap_or_default();
    let module = program.as_str().map(|p| p.strip_suffix(".py").unwrap_or(p));
    let frameworks: Map<_, _> =
        toolkit.iter().filter(|(n, _)| !TOOLKIT.contains(&n.as_str())).map(|(n, v)| (n.clone(), v.clone())).collect();
    let resources = resources(plan, &folder.name, group);
    let groups: Map<_, _> = resources["instance_groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|g| Some((g["instance_group_name"].as_str()?.to_owned(), g.clone())))
        .collect();
    let mut channels: Vec<&str> = channels(plan, group).collect();
    channels.sort_unstable();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    [
        ("channels", json!(channels)),
        ("current_host", json!(folder.name)),
        ("current_instance_group", json!(group.name)),
        ("current_instance_group_hosts", json!(group.hosts)),
        ("current_instance_type", json!(group.instance_type)),
        ("distribution_instance_groups", json!([])),
        ("framework_module", set("SAGEMAKER_TRAINING_MODULE").unwrap_or_default()),
        ("framework_params", json!(frameworks)),
        ("hosts", resources["hosts"].clone()),
        ("hps", json!(hyperparameters)),
        ("input_config_dir", path("input/config")),
        ("input_data_config", inputs(plan, group)),
        ("input_dir", path("input")),
        ("instance_groups", json!(plan.groups.iter().map(|g| &g.name).collect::<Vec<_>>())),
        ("is_hetero", json!(groups.len() > 1)),
        ("instance_groups_dict", json!(groups)),
        ("log_level", given("sagemaker_container_log_level").unwrap_or_else(|| json!(INFO))),
        ("model_dir", path("model")),
        ("module_dir", given("sagemaker_submit_directory").unwrap_or_else(|| path("code"))),
        ("module_name", json!(module)),
        ("network_interface_name", resources["network_interface_name"].clone()),
        ("num_cpus", json!(cores)),
        ("num_gpus", json!(0)),
        ("num_neurons", json!(0)),
        ("output_data_dir", path("output/data")),
        ("output_dir", path("output")),
        ("output_intermediate_dir", path("output/intermediate")),
        ("user_entry_point", program),
        ("resource_config", resources),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// A value as a variable holds it: text as it is, nothing for `null`, JSON otherwise.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Hyperparameters as a script's arguments, in the order of their names: `--epochs 3`, `-b 1`.
fn arguments(hyperparameters: &Map<String, Value>) -> Vec<String> {
    let sorted: BTreeMap<_, _> = hyperparameters.iter().collect();
    let name = |name: &str| if name.chars().count() > 1 { format!("--{name}") } else { format!("-{name}") };
    sorted.into_iter().flat_map(|(key, value)| [name(key), argument(value)]).collect()
}

fn argument(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().collect();
            sorted.iter().map(|(k, v)| format!("{k}={}", python(v))).collect::<Vec<_>>().join(",")
        }
        other => python(other),
    }
}

/// A value as Python prints it.
fn python(value: &Value) -> String {
    let shown = |value: &Value| match value {
        Value::String(text) => quoted(text),
        other => python(other),
    };
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => python_float(float),
            None => number.to_string(),
        },
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let items = map.iter().map(|(k, v)| format!("{}: {}", quoted(k), shown(v)));
            format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
        }
    }
}

/// `repr()` of a text.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for char in text.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            char if char == quote => out.extend(['\\', quote]),
            // Python prints no spaces but the one.
            char if char.is_control() || (char.is_whitespace() && char != ' ') => {
                let code = u32::from(char);
                out.push_str(&if code < 0x100 { format!("\\x{code:02x}") } else { format!("\\u{code:04x}") });
            }
            char => out.push(char),
        }
    }
    out.push(quote);
    out
}

/// Python switches to an exponent, of two digits at least, below 1e-4 and from 1e16 on.
fn python_float(value: f64) -> String {
    if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        return if value.fract() == 0.0 { format!("{value:.1}") } else { value.to_string() };
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |e| ('-', e));
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_written_as_python_prints_them() {
        let hyperparameters = json!({
            "lr": 0.00001, "epochs": 3, "b": 1.0, "big": 1e16, "use": true, "none": null, "name": "a b",
            "layers": [1, "x", 2.5], "map": {"b": 2, "a": false},
            "texts": ["it's", "a\\b\n", "'\"", "\u{a0}\u{2003}", {"k'": "v"}],
        });
        let Value::Object(hyperparameters) = hyperparameters else { panic!("a map") };
        assert_eq!(
            arguments(&hyperparameters),
            [
                "-b",
                "1.0",
                "--big",
                "1e+16",
                "--epochs",
                "3",
                "--layers",
                "[1, 'x', 2.5]",
                "--lr",
                "1e-05",
                "--map",
                "a=False,b=2",
                "--name",
                "a b",
                "--none",
                "",
                "--texts",
                r#"["it's", 'a\\b\n', '\'"', '\xa0\u2003', {"k'": 'v'}]"#,
                "--use",
                "True",
            ]
        );
    }
}
