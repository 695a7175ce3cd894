//! Which cloud a command calls: told first, and held against what is expected.

mod expected;
mod installation;
mod probe;
mod project;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use sagewright_aws::Identity;
use sagewright_engine::{Installation, Object, SavedPlan, keys};
use sagewright_model::{AccountId, Arn};

pub(crate) use installation::named_installation;
pub(crate) use probe::{Answer, probe};
pub(crate) use project::Project;

use self::expected::{Actual, Expected};
use crate::context::{Context, is_local};
use crate::exit::{Exit, Failure};
use crate::output::terminal::on_line;

/// How long the account is waited for where it is only to be shown.
const SHOWN: Duration = Duration::from_secs(3);
/// How long it is waited for where nothing may be done before it is known.
const NEEDED: Duration = Duration::from_secs(30);

/// Services that commands call beside SageMaker, for an object's scaling, its tags and its role.
const BESIDE: [&str; 3] = ["application-autoscaling", "resourcegroupstaggingapi", "iam"];

impl Context {
    /// Tells which cloud this command calls. Where an account or a region is expected, another one is refused: the
    /// command calls nothing before this. From here on, it calls no other account than the one that was told.
    pub(crate) async fn announce(&mut self, objects: &[Object]) -> Result<(), Failure> {
        let expected = Expected::of(&self.global, &self.project)?;
        let regions = self.regions(objects);
        expected.check_regions(&regions)?;
        let account = self.tell(&expected, &regions, expected.needs_account()).await?;
        self.pin(account.ok());
        Ok(())
    }

    /// As [`Context::announce`]; gives the account, which has to be known.
    pub(crate) async fn announce_known(&mut self, objects: &[Object]) -> Result<AccountId, Failure> {
        let expected = Expected::of(&self.global, &self.project)?;
        let regions = self.regions(objects);
        expected.check_regions(&regions)?;
        let account = self.tell(&expected, &regions, true).await?.map_err(|why| {
            let message =
                format!("the account could not be determined ({why}), and a saved plan records it; nothing was done");
            Failure::new(Exit::Failed, message).help("STS has to answer GetCallerIdentity, which needs no permission")
        })?;
        self.pin(Some(account.clone()));
        Ok(account)
    }

    /// As [`Context::announce`], for a plan that was made before: it is done only where it was made.
    pub(crate) async fn announce_plan(&mut self, saved: &SavedPlan, path: &Path) -> Result<(), Failure> {
        let objects: Vec<Object> = saved.plan.objects.iter().map(|planned| planned.object.clone()).collect();
        let held = |what: &str, made: &str, is: &str| {
            if made == is {
                return Ok(());
            }
            let message =
                format!("{} was made for the {what} {made}, and this is {is}; nothing was done", path.display());
            Err(Failure::new(Exit::Failed, message).help("apply it where it was made, or make a new plan here"))
        };
        held("region", &saved.region, self.target.region.as_str())?;
        held("installation", &saved.installation.to_string(), &self.installation.to_string())?;
        let account = self.announce_known(&objects).await?;
        held("account", saved.account.as_deref().unwrap_or("(none)"), account.as_str())
    }

    /// As [`Context::announce`], for a command that only reads: its first reading goes on meanwhile, unless an account is
    /// expected.
    pub(crate) async fn announce_beside<T>(
        &mut self,
        objects: &[Object],
        first: impl AsyncFnOnce(Self) -> T,
    ) -> Result<T, Failure> {
        let expected = Expected::of(&self.global, &self.project)?;
        let regions = self.regions(objects);
        expected.check_regions(&regions)?;
        if expected.needs_account() {
            let account = self.tell(&expected, &regions, true).await?;
            self.pin(account.ok());
            return Ok(first(self.clone()).await);
        }
        let (told, result) = tokio::join!(self.tell(&expected, &regions, false), first(self.clone()));
        self.pin(told?.ok());
        Ok(result)
    }

    /// Holds all later calls to an account: other keys may come into use while the command goes on.
    fn pin(&mut self, account: Option<AccountId>) {
        if let Some(account) = account {
            self.target.account = Some(account.clone());
            self.engine = self.engine.clone().for_account(account);
        }
    }

    /// Tells the target; gives the account, or why it is not known.
    async fn tell(
        &self,
        expected: &Expected,
        regions: &[Actual],
        needed: bool,
    ) -> Result<Result<AccountId, String>, Failure> {
        let patience = if needed { NEEDED } else { SHOWN };
        let (is_embedded, caller) = tokio::join!(self.is_embedded(), self.caller(patience));
        let cloud = match &self.endpoint {
            _ if is_embedded => "embedded cloud",
            Some(url) => url,
            None => "AWS",
        };
        let account = match &caller {
            Ok((account, _)) => account.to_string(),
            Err(why) => format!("not known ({why})"),
        };
        let regions: Vec<&str> = regions.iter().map(|region| region.value.as_str()).collect();
        let role = match (&caller, &self.target.role) {
            (Ok((_, identity)), _) => role_name(&identity.arn),
            (Err(_), Some(role)) => Some(role.arn.clone()),
            (Err(_), None) => None,
        };
        let role = role.map(|role| format!(", role {role}")).unwrap_or_default();
        let installation = match &self.installation {
            usual if *usual == Installation::default() => String::new(),
            named => format!(", installation {named}"),
        };
        let regions = regions.join(" and ");
        let line = format!("Target: {cloud}, account {account}, {regions}{role}{installation}");
        self.printer.note(&on_line(&line));
        if let Some(warning) = &self.warning {
            self.printer.note(warning);
        }
        if let Some(warning) = self.elsewhere() {
            self.printer.note(&warning);
        }
        let account = caller.map(|(account, _)| account);
        let actual = account.clone().map(|account| Actual { value: account.to_string(), said: self.credentials() });
        expected.check_account(actual)?;
        Ok(account)
    }

    /// What goes to AWS although SageMaker's calls do not.
    fn elsewhere(&self) -> Option<String> {
        self.aws.configured_endpoint("sagemaker")?;
        let at_aws: Vec<&str> =
            BESIDE.into_iter().filter(|name| self.aws.configured_endpoint(name).is_none()).collect();
        let names = at_aws.join(", ");
        let advice = "set AWS_ENDPOINT_URL to send all calls to one cloud";
        (!at_aws.is_empty())
            .then(|| format!("warning: calls to {names} go to AWS, unlike those to sagemaker; {advice}"))
    }

    /// Whether the embedded cloud answers: it says so itself.
    async fn is_embedded(&self) -> bool {
        if self.embedded {
            return true;
        }
        match self.endpoint.as_deref().filter(|url| !is_local(url)) {
            // One of this machine was asked when the connection was tried.
            None => false,
            Some(url) => matches!(probe(url).await, Answer::Embedded),
        }
    }

    /// Who makes the calls, as STS says; or why that is not known, in a few words.
    async fn caller(&self, patience: Duration) -> Result<(AccountId, Identity), String> {
        let here = self.endpoint.as_deref().is_some_and(is_local);
        if here && self.aws.configured_endpoint("sts").is_none() {
            // Keys of an emulator are not AWS's business.
            return Err("STS has no configured endpoint".to_owned());
        }
        let (aws, target) = (self.aws.clone(), self.target.clone());
        // A task of its own: the command's calls wait for the same credentials when this one gives up.
        let asked = tokio::spawn(async move { aws.identity(&target).await });
        match tokio::time::timeout(patience, asked).await {
            Ok(Ok(Ok(identity))) => match identity.account.parse() {
                Ok(account) => Ok((account, identity)),
                Err(_) => Err(format!("GetCallerIdentity gave '{}'", identity.account)),
            },
            Ok(Ok(Err(error))) => Err(format!("GetCallerIdentity: {}", error.code)),
            Ok(Err(error)) => Err(format!("GetCallerIdentity ended early: {error}")),
            Err(_) => Err(format!("GetCallerIdentity did not answer within {} s", patience.as_secs())),
        }
    }

    /// The regions that are called, and where each was said.
    fn regions(&self, objects: &[Object]) -> Vec<Actual> {
        let set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let said = match (&self.global.region, ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().find(|name| set(name))) {
            (Some(_), _) => "--region".to_owned(),
            (None, _) if self.global.local => "the embedded cloud".to_owned(),
            (None, Some(name)) => (*name).to_owned(),
            (None, None) => format!("the profile {}", self.aws.profile()),
        };
        let own = self.target.region.to_string();
        let other: BTreeSet<(&str, String)> = objects
            .iter()
            .filter_map(|object| Some((object.annotation(keys::REGION)?, object.id().to_string())))
            .filter(|(region, _)| *region != own)
            .collect();
        let mut regions = vec![Actual { value: own, said }];
        for (region, object) in other {
            if !regions.iter().any(|known| known.value == region) {
                let said = format!("the annotation {} of {object}", keys::REGION);
                regions.push(Actual { value: region.to_owned(), said });
            }
        }
        regions
    }

    /// Where the credentials come from, as far as that can be seen.
    fn credentials(&self) -> String {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        match (&self.target.role, &self.global.profile) {
            (Some(role), _) => format!("the role {}", role.arn),
            (None, _) if self.global.local => "--local".to_owned(),
            (None, Some(profile)) => format!("the profile {profile}"),
            (None, None) if set("AWS_ACCESS_KEY_ID").is_some() => "the keys of the environment".to_owned(),
            (None, None) => format!("the profile {} or this machine's role", self.aws.profile()),
        }
    }
}

/// The role's name in the ARN of one of its sessions.
fn role_name(arn: &str) -> Option<String> {
    let arn: Arn = arn.parse().ok()?;
    let mut parts = arn.resource.split('/');
    (parts.next() == Some("assumed-role")).then(|| parts.next().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_session_of_a_role_is_told_by_the_roles_name() {
        let name = |arn: &str| super::role_name(arn);
        assert_eq!(name("arn:aws:sts::123456789012:assumed-role/deployer/sagewright").as_deref(), Some("deployer"));
        assert_eq!(name("arn:aws:iam::123456789012:user/me"), None);
        assert_eq!(name("nothing"), None);
    }
}
