//! One request to one model server.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::{HeaderValue, StatusCode};

use super::models::{Models, NoModel, TARGET_MODEL};
use super::pool::{Incoming, Outgoing, SendError};
use super::server::Server;
use super::{Hosting, errors};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_sagemaker_base::ports::EndpointKey;

/// How often a model that the container has lost is loaded again for one request.
const RELOADS: u32 = 1;

/// What a container answered when it is not the answer.
pub(super) enum Failure {
    /// It has not seen the request.
    Refused,
    Error(ApiError),
}

/// Why a server did not answer.
enum Silence {
    /// The request's time is over.
    Late,
    Send(SendError),
}

/// Completes when the request's time is over.
type Late = BoxFuture<'static, ()>;

impl Hosting {
    /// Asks a server, and takes what is no success for a failure. A multi-model server is asked for the model `target`.
    /// The `first` of a chain may be replaced by another copy's when it cannot be reached.
    pub(super) async fn ask(
        &self,
        endpoint: &EndpointKey,
        server: &Server,
        request: Outgoing,
        target: Option<&str>,
        first: bool,
    ) -> Result<Incoming, Failure> {
        let mut late = self.env.wall.sleep(self.config.invocation_timeout);
        let answer = match (&server.models, target) {
            (Some(models), Some(target)) => {
                self.ask_model(server, models, target, request, &mut late).await.map_err(Failure::Error)?
            }
            _ => self.send(server, &request, &mut late).await,
        };
        let name = &server.name;
        let (status, text) = match answer {
            Ok(answer) if answer.status.is_success() => return Ok(answer),
            Ok(answer) => (answer.status.as_u16(), String::from_utf8_lossy(&answer.body).into_owned()),
            Err(Silence::Late) => (0, errors::late(name)),
            Err(Silence::Send(SendError::Refused)) if first => return Err(Failure::Refused),
            Err(Silence::Send(why)) => {
                (0, errors::silent(name, &why, server.longest.unwrap_or(self.config.max_payload)))
            }
        };
        Err(Failure::Error(errors::model(endpoint, name, status, &text)))
    }

    async fn ask_model(
        &self,
        server: &Server,
        models: &Arc<Models>,
        target: &str,
        mut request: Outgoing,
        late: &mut Late,
    ) -> Result<Result<Incoming, Silence>, ApiError> {
        if let Ok(target) = HeaderValue::from_str(target) {
            request.headers.insert(TARGET_MODEL, target);
        }
        let mut reloads = RELOADS;
        loop {
            let model = tokio::select! {
                biased;
                model = models.get(target) => model,
                () = &mut *late => return Err(errors::not_ready(target)),
            };
            let model = match model {
                Ok(model) => model,
                Err(NoModel::Error(error)) => return Err(error),
                Err(NoModel::Refused) => return Ok(Err(doubted(server, SendError::Refused))),
                Err(NoModel::Broken(why)) => return Ok(Err(doubted(server, SendError::Broken(why)))),
            };
            request.uri = model.invocations();
            let answer = self.send(server, &request, late).await;
            let again = async {
                match answer.as_ref().map(|answer| answer.status) {
                    Ok(StatusCode::NOT_FOUND) if reloads > 0 => {
                        reloads -= 1;
                        model.is_lost().await
                    }
                    Ok(StatusCode::INSUFFICIENT_STORAGE) => models.make_room().await,
                    _ => false,
                }
            };
            let again = tokio::select! {
                biased;
                again = again => again,
                () = &mut *late => false,
            };
            if !again {
                return Ok(answer);
            }
        }
    }

    async fn send(&self, server: &Server, request: &Outgoing, late: &mut Late) -> Result<Incoming, Silence> {
        let sent = tokio::select! {
            biased;
            sent = server.pool.send(request, server.longest.unwrap_or(self.config.max_payload)) => sent,
            () = late => return Err(Silence::Late),
        };
        sent.map_err(|why| doubted(server, why))
    }
}

/// The server is looked after, where it may have ended.
fn doubted(server: &Server, why: SendError) -> Silence {
    if matches!(why, SendError::Refused | SendError::Broken(_)) {
        server.doubt();
    }
    Silence::Send(why)
}
