//! Actions that a service of the embedded cloud does: each is a timer, set in the commit in which the alarm enters its state.

use serde_json::{Value, json};

use sagewright_cloud_core::alarms::{AlarmNews, AlarmState};
use sagewright_cloud_core::records::{Batch, CommitError, Record, StoreError, Timer, Write};

use super::Watch;
use crate::alarm::{self, actions_of, acts, history};

/// Whose timers do actions.
pub(crate) const OWNER: &str = "alarm-actions";
/// Why nothing was done.
const NO_ACTOR: &str = "The embedded cloud has no service for this action.";

impl Watch {
    /// What is to be written for an action: it is done, or has failed.
    pub(super) fn acted(&self, record: &Record, action: &str, news: &AlarmNews) -> Done {
        match self.actor(action) {
            Some(_) => Done::Later(Write::SetTimer(timer(action, news))),
            None => Done::Failed(history::of_action(record, action, Err(NO_ACTOR), news.at)),
        }
    }

    /// Whether an alarm's actions go on for as long as it is in its state, as AWS invokes scaling policies.
    pub(super) fn repeats(&self, record: &Record) -> bool {
        acts(record) && self.repeated(record).next().is_some()
    }

    /// The actions that go on.
    pub(super) fn repeated<'r>(&'r self, record: &'r Record) -> impl Iterator<Item = &'r str> {
        let scales = |action: &&str| action.split(':').nth(2) == Some("autoscaling");
        actions_of(record, alarm::state(record)).filter(scales).filter(|action| self.actor(action).is_some())
    }

    /// Does an action. What came of it is in the alarm's history, but for one that was repeated and done.
    pub async fn act(&self, timer: Timer) -> Result<(), StoreError> {
        let mut batch: Batch = vec![Write::CancelTimer { id: timer.id.clone(), due: timer.due }];
        if let Some((action, news)) = read(&timer.body) {
            let outcome = match self.actor(&action) {
                Some(actor) => actor.act(&action, &news).await,
                None => Err(NO_ACTOR.to_owned()),
            };
            let record = self.store.record(&alarm::key(&news.account, &news.region, &news.name)).await?;
            if let Some(record) = record.filter(|_| !news.repeated || outcome.is_err()) {
                let outcome = match &outcome {
                    Ok(()) => Ok(()),
                    Err(why) => Err(why.as_str()),
                };
                let item = history::of_action(&record, &action, outcome, news.at);
                batch.extend(history::writes(&self.store, vec![item]).await?);
            }
        }
        match self.store.commit(batch).await {
            Err(CommitError::Store(error)) => Err(error),
            Ok(()) | Err(CommitError::Conflict(_)) => Ok(()),
        }
    }
}

/// What becomes of an action.
pub(super) enum Done {
    Later(Write),
    Failed(history::Item),
}

fn timer(action: &str, news: &AlarmNews) -> Timer {
    let AlarmNews { account, region, name, at, .. } = news;
    let body = json!({
        "action": action,
        "account": account,
        "region": region,
        "name": name,
        "arn": news.arn,
        "state": news.state.name(),
        "reason": news.reason,
        "at": at,
        "value": news.value,
        "threshold": news.threshold,
        "repeated": news.repeated,
    });
    Timer { id: format!("{OWNER}:{account}:{region}:{name}:{at}:{action}"), due: *at, body }
}

fn read(body: &Value) -> Option<(String, AlarmNews)> {
    let text = |member: &str| body[member].as_str().map(str::to_owned);
    let news = AlarmNews {
        account: text("account")?,
        region: text("region")?,
        name: text("name")?,
        arn: text("arn")?,
        state: AlarmState::parse(body["state"].as_str()?)?,
        reason: text("reason")?,
        at: body["at"].as_i64()?,
        value: body["value"].as_f64(),
        threshold: body["threshold"].as_f64(),
        repeated: body["repeated"].as_bool()?,
    };
    Some((text("action")?, news))
}
