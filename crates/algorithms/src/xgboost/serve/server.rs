//! The HTTP server.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::access::Access;
use super::answer::Answer;
use super::invocation::Predictor;
use super::model::Model;
use super::models::Models;
use super::settings::Settings;
use crate::log;

/// SageMaker kills a container 30 seconds after SIGTERM; what has not ended by now is cut off.
const GRACE: Duration = Duration::from_secs(25);

/// What the server serves, and how.
pub(super) struct Service {
    pub(super) access: Access,
    pub(super) settings: Settings,
    pub(super) served: Served,
}

/// One model from the start, or those that the platform loads meanwhile.
pub(super) enum Served {
    One(Model),
    Many(Models),
}

/// Serves until SIGTERM or SIGINT, then lets running requests end.
pub(super) async fn serve(service: Arc<Service>) -> Result<(), String> {
    let handler = |kind| signal(kind).map_err(|error| format!("cannot listen for signals: {error}"));
    let (mut terminate, mut interrupt) = (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, service.settings.port));
    let listener = TcpListener::bind(address).await.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let address = listener.local_addr().map_err(|error| format!("cannot listen on {address}: {error}"))?;
    log::info(&format!("Listening at: http://{address}"));

    let (stop, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&service), stopped.clone()));
                }
                Err(error) => {
                    // Too many open files, mostly: without a pause this would spin.
                    log::warning(&format!("cannot accept a connection: {error}"));
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
        }
    }
    log::info("Stopping: running requests may end");
    drop(listener);
    let _ = stop.send(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, all).await.is_err() {
        log::warning("Requests that still run are cut off");
    }
    Ok(())
}

async fn connection(stream: TcpStream, service: Arc<Service>, mut stopped: watch::Receiver<bool>) {
    // Answers are small and whole: waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<Response<Full<Bytes>>, Infallible>(respond(&service, request).await.into()) }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let stop = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // The client left, or sent no HTTP; neither is the server's failure.
    drop(ended);
}

async fn respond(service: &Service, request: Request<Incoming>) -> Answer {
    let Service { access, settings, served } = service;
    if let Err(reason) = access.check(request.headers()) {
        log::warning(&reason);
        return Answer::text(StatusCode::FORBIDDEN, reason);
    }
    match (request.uri().path(), request.method()) {
        ("/ping", &Method::GET) => Answer::empty(StatusCode::OK),
        ("/execution-parameters", &Method::GET) => execution_parameters(settings),
        ("/invocations", &Method::POST) => match served {
            Served::One(model) => Predictor { model, settings, name: None }.answer(request).await,
            Served::Many(models) => models.refuse_unnamed(settings, request).await,
        },
        ("/ping" | "/execution-parameters" | "/invocations", _) => Answer::empty(StatusCode::METHOD_NOT_ALLOWED),
        _ => match served {
            Served::One(_) => Answer::empty(StatusCode::NOT_FOUND),
            Served::Many(models) => models.respond(settings, request).await,
        },
    }
}

/// What a batch transform asks for before it starts.
fn execution_parameters(settings: &Settings) -> Answer {
    let body = format!(
        r#"{{"MaxConcurrentTransforms": {}, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": {}}}"#,
        settings.workers,
        settings.max_content / (1024 * 1024)
    );
    Answer { status: StatusCode::OK, mime: "application/json", body: body.into() }
}
