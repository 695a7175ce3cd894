//! A request through the servers of an instance, where the answer of the last one is passed on as it comes.

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use serde_json::Value;

use super::invoke::request;
use super::pool::{Flow, SendError};
use super::server::Server;
use sagewright_cloud_sagemaker_base::ports::Body;

/// Why there is no answer.
pub(super) enum Trouble {
    /// The first server has not seen the request.
    Refused,
    /// A container answered with an error.
    Status { container: String, status: u16, body: Bytes },
    /// The time is over.
    Late { container: String },
    /// A container did not answer.
    Silent { container: String, why: SendError },
}

/// Most bytes of an error's text.
const LONGEST_TEXT: usize = 6 * 1024 * 1024;

/// Sends a request with these members of its input. What one container answers is what the next one is sent; between them
/// it has at most `limit` bytes. The answer may be of any length. A body that is read while it is sent has `length` bytes.
pub(super) async fn open(
    servers: &[&Server],
    input: &Value,
    (body, length): (Body, Option<u64>),
    limit: usize,
) -> Result<Flow, Trouble> {
    let content_type = input.get("ContentType").and_then(Value::as_str);
    let mut content_type = content_type.and_then(|text| HeaderValue::from_str(text).ok());
    let mut body = body;
    let mut left = servers;
    let mut first = true;
    while let Some((server, after)) = left.split_first() {
        let silent = |why| Trouble::Silent { container: server.name.clone(), why };
        let mut outgoing = request(input, body, content_type, after.is_empty());
        if let Some(length) = length.filter(|_| first) {
            outgoing.headers.insert(CONTENT_LENGTH, length.into());
        }
        let flow = match server.pool.open(&outgoing).await {
            Ok(flow) => flow,
            Err(why) => {
                server.doubt();
                return Err(if first && matches!(why, SendError::Refused) { Trouble::Refused } else { silent(why) });
            }
        };
        if !flow.status.is_success() {
            let (container, status) = (server.name.clone(), flow.status.as_u16());
            let body = flow.whole(LONGEST_TEXT).await.map(|answer| answer.body).unwrap_or_default();
            return Err(Trouble::Status { container, status, body });
        }
        if after.is_empty() {
            return Ok(flow);
        }
        content_type = flow.headers.get(CONTENT_TYPE).cloned();
        body = flow.whole(limit).await.map_err(silent)?.body.into();
        (left, first) = (after, false);
    }
    Err(Trouble::Refused)
}
