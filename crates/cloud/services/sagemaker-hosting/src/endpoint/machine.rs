//! The endpoint's machine: its state in the record, its effects at the host.

use std::sync::Arc;

use async_trait::async_trait;

use super::step::{Effect, Event, Work};
use super::{KIND, earlier, state::State, timer};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::records::{Batch, Key, Record};
use sagewright_cloud_sagemaker_base::machine::{self, Machine, Next};
use sagewright_cloud_sagemaker_base::resource::{HIDDEN, Kind, fields};
use sagewright_cloud_sagemaker_base::state::ResumeError;
use sagewright_cloud_sagemaker_base::{EndpointKey, SageMaker};

/// The endpoints of a SageMaker.
#[derive(Clone)]
pub(super) struct Endpoints(pub SageMaker);

#[async_trait]
impl Machine for Endpoints {
    const KIND: Kind = KIND;
    type State = State;
    type Event = Event;
    type Effect = Effect;

    fn sagemaker(&self) -> &SageMaker {
        &self.0
    }

    fn step(state: State, event: &Event, now: i64) -> Result<Next<State, Effect>, ApiError> {
        state.step(event, now)
    }

    fn show(state: &State, record: &mut Record, _: i64) -> Result<(), ApiError> {
        state.status().clone_into(&mut record.status);
        record.modified = state.modified;
        let stored = fields(record)?;
        // The state is all that is hidden; earlier versions kept more.
        stored.swap_remove(HIDDEN);
        state.show(stored);
        Ok(())
    }

    fn adopt(record: &Record) -> State {
        earlier::state(record)
    }

    fn beside(state: &State, record: &Record) -> Batch {
        state.due().map(|due| timer::set(&record.key, state.epoch, due)).into_iter().collect()
    }

    async fn act(&self, key: Key, effect: Effect) {
        let epoch = effect.epoch;
        let event = match self.carry_out(&key, effect).await {
            Ok(()) => Event::Succeeded { epoch },
            Err(reason) => Event::Failed { epoch, reason },
        };
        machine::insist(self, &key, &event).await;
    }

    async fn meanwhile(&self, key: Key, effect: Effect) {
        if matches!(effect.work, Work::Serve(_))
            && let Err(reason) = self.carry_out(&key, effect).await
        {
            tracing::warn!(endpoint = key.name, reason, "an endpoint cannot be served again yet");
        }
    }
}

impl Endpoints {
    /// In a task of its own, so that a panic fails the deployment and not its record.
    async fn carry_out(&self, key: &Key, effect: Effect) -> Result<(), String> {
        let Effect { epoch, name, arn, work } = effect;
        let endpoint = EndpointKey { account: key.account.clone(), region: key.region.clone(), name };
        let host = Arc::clone(&self.0.execution().host);
        let done = tokio::spawn(async move {
            match work {
                Work::Serve(fleets) => host.serve(endpoint, arn, epoch, fleets).await,
                Work::Remove => {
                    host.remove(&endpoint).await;
                    Ok(())
                }
            }
        });
        done.await.unwrap_or_else(|error| {
            tracing::error!(endpoint = key.name, %error, "the host of endpoints broke");
            Err(format!(
                "Request to service failed. If failure persists after retry, contact customer support. ({error})"
            ))
        })
    }
}

/// Takes up the endpoints of the last process, none of which is served now.
///
/// # Errors
/// The records could not be read.
pub async fn resume(sm: &SageMaker) -> Result<(), ResumeError> {
    let statuses = [
        "Deleting",
        "Creating",
        "Updating",
        "RollingBack",
        "SystemUpdating",
        "InService",
        "UpdateRollbackFailed",
        "OutOfService",
    ];
    let epoch = |record: &Record| machine::state::<Endpoints>(record).epoch;
    let restarted = |record: &Record| Event::Restarted { epoch: epoch(record) };
    machine::resume(&Endpoints(sm.clone()), &statuses, restarted).await
}
