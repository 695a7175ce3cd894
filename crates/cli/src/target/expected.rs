//! The account and the region that a command is meant for.

use super::project::Project;
use crate::args::Global;
use crate::exit::{Exit, Failure};
use sagewright_model::{AccountId, Region};

/// Variables that say what is expected.
const ACCOUNT: &str = "SAGEWRIGHT_EXPECT_ACCOUNT";
const REGION: &str = "SAGEWRIGHT_EXPECT_REGION";

/// Values of which one has to be, and where that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The values.
    pub(super) values: Vec<String>,
    /// Where: an option, a variable, or file and line.
    pub(super) said: String,
}

/// What is, and where that was said.
#[derive(Debug, Clone)]
pub(super) struct Actual {
    /// The value.
    pub(super) value: String,
    /// Where it comes from.
    pub(super) said: String,
}

/// What is expected of the target: an option goes before its variable, and that before the project's file.
#[derive(Debug, Default)]
pub(super) struct Expected {
    account: Option<Wanted>,
    region: Option<Wanted>,
}

impl Expected {
    pub(super) fn of(global: &Global, project: &Project) -> Result<Self, Failure> {
        let texts = |values: &[_]| values.iter().map(ToString::to_string).collect::<Vec<String>>();
        let regions = global.expect_region.iter().map(ToString::to_string).collect();
        Ok(Self {
            account: option("--expect-account", texts(&global.expect_account))
                .or(variable::<AccountId>(ACCOUNT)?)
                .or_else(|| project.account.clone()),
            region: option("--expect-region", regions)
                .or(variable::<Region>(REGION)?)
                .or_else(|| project.region.clone()),
        })
    }

    /// Whether nothing may be called before the account is known.
    pub(super) fn needs_account(&self) -> bool {
        self.account.is_some()
    }

    /// Refuses regions that are not expected.
    pub(super) fn check_regions(&self, regions: &[Actual]) -> Result<(), Failure> {
        let Some(wanted) = &self.region else { return Ok(()) };
        match regions.iter().find(|region| !wanted.values.contains(&region.value)) {
            None => Ok(()),
            Some(Actual { value, said }) => {
                Err(refusal(&format!("this command would use region {value} ({said})"), "region", wanted))
            }
        }
    }

    /// Refuses an account that is not expected, and one that is not known.
    pub(super) fn check_account(&self, account: Result<Actual, String>) -> Result<(), Failure> {
        let Some(wanted) = &self.account else { return Ok(()) };
        match account {
            Ok(Actual { value, .. }) if wanted.values.contains(&value) => Ok(()),
            Ok(Actual { value, said }) => {
                Err(refusal(&format!("this command would use account {value} ({said})"), "account", wanted))
            }
            Err(why) => Err(refusal(&format!("the account could not be determined ({why})"), "account", wanted)),
        }
    }
}

fn refusal(is: &str, what: &str, wanted: &Wanted) -> Failure {
    let Wanted { values, said } = wanted;
    Failure::new(Exit::Failed, format!("{is}, but {said} requires {what} {}; nothing was done", values.join(" or ")))
        .help(format!("use credentials and a region that fit, or correct what is expected with --expect-{what}"))
}

fn option(name: &str, values: Vec<String>) -> Option<Wanted> {
    (!values.is_empty()).then(|| Wanted { values, said: name.to_owned() })
}

/// What a variable says: values with commas between them. One that is empty may have lost what it was to hold.
fn variable<T>(name: &str) -> Result<Option<Wanted>, Failure>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let Some(text) = std::env::var_os(name) else { return Ok(None) };
    let text = text.to_string_lossy();
    let values: Vec<String> = text.split(',').map(|value| value.trim().to_owned()).collect();
    match values.iter().find_map(|value| value.parse::<T>().err()) {
        None => Ok(Some(Wanted { values, said: name.to_owned() })),
        Some(why) => {
            let message = format!("{name} is '{text}': {why}; nothing was done");
            Err(Failure::new(Exit::Usage, message).help("correct it, or unset it to expect nothing"))
        }
    }
}
