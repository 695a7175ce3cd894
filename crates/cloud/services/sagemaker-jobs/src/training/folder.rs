//! The folder that a host's container sees as `/opt/ml`, and its configuration files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::input::Channel;
use super::request::{Group, Plan};
use crate::job::hosts::{HostFolder, INTERFACE};

/// Folder of the model, below `/opt/ml`.
pub(super) const MODEL: &str = "model";
/// Folder of other results.
pub(super) const OUTPUT_DATA: &str = "output/data";
/// The file in which the program says why it failed.
pub(super) const FAILURE: &str = "output/failure";

impl HostFolder {
    /// Folder of all channels.
    pub fn channels(&self) -> PathBuf {
        self.base.join("input/data")
    }

    /// Folder of a channel.
    pub fn channel(&self, name: &str) -> PathBuf {
        self.channels().join(name)
    }
}

/// The hosts that get a channel.
pub(super) fn receivers<'a>(plan: &'a Plan, channel: &'a Channel, hosts: &'a [HostFolder]) -> Vec<&'a HostFolder> {
    plan.hosts().zip(hosts).filter(|((_, group), _)| channel.reaches(&group.name)).map(|(_, host)| host).collect()
}

/// Makes the folders and configuration files of all hosts.
pub(super) fn make(root: &Path, plan: &Plan) -> io::Result<Vec<HostFolder>> {
    let mut made = Vec::new();
    for (host, group) in plan.hosts() {
        let base = root.join(host);
        for folder in ["input/config", "input/data", MODEL, OUTPUT_DATA, "output/intermediate", "code"] {
            fs::create_dir_all(base.join(folder))?;
        }
        for kept in &plan.kept {
            fs::create_dir_all(base.join(&kept.folder))?;
            if let Some((name, config)) = &kept.config {
                write(&base, name, config)?;
            }
        }
        write(&base, "hyperparameters.json", &json!(plan.hyperparameters))?;
        write(&base, "inputdataconfig.json", &inputs(plan, group))?;
        write(&base, "resourceconfig.json", &resources(plan, host, group))?;
        let folder = HostFolder { name: host.to_owned(), base };
        for channel in plan.channels_of(group).filter(|channel| channel.pipe.is_none()) {
            fs::create_dir_all(folder.channel(&channel.name))?;
        }
        made.push(folder);
    }
    Ok(made)
}

fn write(base: &Path, name: &str, value: &Value) -> io::Result<()> {
    fs::write(base.join("input/config").join(name), value.to_string())
}

pub(super) fn inputs(plan: &Plan, group: &Group) -> Value {
    let mut all = Map::new();
    for channel in plan.channels_of(group) {
        // FastFile too is announced as File: programs see files either way.
        let mut config = json!({
            "TrainingInputMode": if channel.pipe.is_some() { "Pipe" } else { "File" },
            "S3DistributionType": if channel.data.sharded { "ShardedByS3Key" } else { "FullyReplicated" },
            "RecordWrapperType": channel.record_wrapper,
        });
        if let (Some(config), Some(kind)) = (config.as_object_mut(), &channel.content_type) {
            config.insert("ContentType".into(), json!(kind));
        }
        all.insert(channel.name.clone(), config);
    }
    Value::Object(all)
}

pub(super) fn resources(plan: &Plan, host: &str, group: &Group) -> Value {
    let hosts: Vec<&str> = plan.hosts().map(|(host, _)| host).collect();
    let one = |group: &Group| {
        json!({
            "instance_group_name": group.name,
            "instance_type": group.instance_type,
            "hosts": group.hosts,
        })
    };
    json!({
        "current_host": host,
        "current_instance_type": group.instance_type,
        "current_group_name": group.name,
        "hosts": hosts,
        "instance_groups": plan.groups.iter().map(one).collect::<Vec<_>>(),
        "network_interface_name": INTERFACE,
    })
}
