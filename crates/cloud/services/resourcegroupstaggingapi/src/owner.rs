//! Whose the tags are: the services that keep tags in the store, and how they are asked to change them.

use serde_json::{Value, json};

use sagewright_cloud_core::api::Call;
use sagewright_model::{Arn, partition_of};

/// Resources of a service that are tagged in the same way.
#[derive(Debug)]
pub(crate) struct Owner {
    /// The service, as ARNs and botocore name it.
    pub(crate) service: &'static str,
    /// What their ARNs have behind the account.
    kind: &'static str,
    /// ARNs without a region, which are known in the partition's first region only.
    global: bool,
    /// Whether they are found by their tags. IAM's users and roles are not (Resource Groups Tagging, "Services that support
    /// the Resource Groups Tagging API").
    pub(crate) found: bool,
    /// The operation that adds tags, and the member for them.
    add: (&'static str, &'static str),
    /// The operation that removes tags, and the member for their keys.
    remove: (&'static str, &'static str),
    /// Member that names the resource.
    name: &'static str,
    /// It is given as a name, which an ARN ends with, and not as an ARN.
    by_name: bool,
    /// Tags are a map, and not a list.
    map: bool,
}

/// A service that keeps tags in the store has its row here.
const OWNERS: &[Owner] = &[
    Owner {
        add: ("AddTags", "Tags"),
        remove: ("DeleteTags", "TagKeys"),
        name: "ResourceArn",
        ..regional("sagemaker", "")
    },
    Owner {
        add: ("TagResource", "tags"),
        remove: ("UntagResource", "tagKeys"),
        name: "resourceArn",
        map: true,
        ..regional("logs", "log-group:")
    },
    regional("cloudwatch", "alarm:"),
    Owner { map: true, ..regional("application-autoscaling", "scalable-target/") },
    Owner { kind: "policy/", found: true, name: "PolicyArn", by_name: false, ..iam("TagPolicy", "UntagPolicy") },
    Owner { kind: "role/", name: "RoleName", ..iam("TagRole", "UntagRole") },
    Owner { kind: "user/", name: "UserName", ..iam("TagUser", "UntagUser") },
];

/// Resources of a region, tagged by their ARNs with operations of the usual names.
const fn regional(service: &'static str, kind: &'static str) -> Owner {
    Owner {
        service,
        kind,
        global: false,
        found: true,
        add: ("TagResource", "Tags"),
        remove: ("UntagResource", "TagKeys"),
        name: "ResourceARN",
        by_name: false,
        map: false,
    }
}

const fn iam(add: &'static str, remove: &'static str) -> Owner {
    Owner {
        service: "iam",
        kind: "",
        global: true,
        found: false,
        add: (add, "Tags"),
        remove: (remove, "TagKeys"),
        name: "",
        by_name: true,
        map: false,
    }
}

/// A change of tags.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'c> {
    /// Adds tags: a map of keys and values.
    Add(&'c Value),
    /// Removes tags: a list of keys.
    Remove(&'c Value),
}

impl Owner {
    /// The owner of a resource's tags.
    pub(crate) fn of(arn: &Arn) -> Option<&'static Self> {
        OWNERS.iter().find(|owner| owner.service == arn.service && arn.resource.starts_with(owner.kind))
    }

    /// The region in which the caller meets the resources. `None`: in another one.
    fn region<'c>(&self, call: &'c Call) -> Option<&'c str> {
        let first = partition_of(&call.region).map(|partition| partition.implicit_global_region.as_str());
        match self.global {
            false => Some(&call.region),
            true => first.is_none_or(|first| first == call.region).then_some(""),
        }
    }

    /// Whether the caller meets a resource in this account and region.
    pub(crate) fn meets(&self, call: &Call, arn: &Arn) -> bool {
        arn.partition == call.partition()
            && arn.account == call.caller.account
            && self.region(call) == Some(arn.region.as_str())
    }

    /// The operation and the input that make a change.
    pub(crate) fn request(&self, arn: &str, change: Change<'_>) -> (&'static str, Value) {
        let name = if self.by_name { arn.rsplit('/').next().unwrap_or(arn) } else { arn };
        let (operation, member, value) = match change {
            Change::Add(tags) if self.map => (self.add.0, self.add.1, tags.clone()),
            Change::Add(tags) => {
                let pairs = tags.as_object().into_iter().flatten();
                let list = pairs.map(|(key, value)| json!({"Key": key, "Value": value})).collect();
                (self.add.0, self.add.1, list)
            }
            Change::Remove(keys) => (self.remove.0, self.remove.1, keys.clone()),
        };
        (operation, json!({self.name: name, member: value}))
    }
}

/// The beginnings of the ARNs of what the caller finds in this account and region: of everything, or of the types
/// `service` and `service:type`.
pub(crate) fn scopes(call: &Call, types: &[&str]) -> Vec<String> {
    let mut scopes = Vec::new();
    for owner in OWNERS.iter().filter(|owner| owner.found) {
        let Some(region) = owner.region(call) else { continue };
        let start = ["arn", call.partition(), owner.service, region, &call.caller.account, owner.kind].join(":");
        if types.is_empty() {
            scopes.push(start);
            continue;
        }
        for wanted in types {
            match wanted.split_once(':') {
                None if *wanted == owner.service => scopes.push(start.clone()),
                // What comes behind the type is told by the owner, or one of two.
                Some((service, kind)) if service == owner.service => {
                    let of_kind = |end: char| format!("{kind}{end}");
                    scopes.extend(['/', ':'].map(of_kind).into_iter().filter_map(|kind| {
                        let rest = kind.strip_prefix(owner.kind).or_else(|| owner.kind.is_empty().then_some(&kind))?;
                        Some(format!("{start}{rest}"))
                    }));
                }
                _ => {}
            }
        }
    }
    scopes.sort_unstable();
    scopes.dedup();
    scopes
}
