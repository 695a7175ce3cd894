//! What the operator asks of the API server: plain documents, read, patched and created.

use std::fmt;
use std::time::Duration;

use kube::Client;
use kube::api::{DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams, Request};
use sagewright_objects::object::is_dns_subdomain;
use serde_json::Value;

use crate::slim::Slim;

/// How long one request may take. Watches have limits of their own.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Objects that a page of a listing holds.
pub(crate) const PAGE: u32 = 500;
/// Who writes, as `managedFields` shows it.
pub(crate) const MANAGER: &str = "sagewright";

/// Why a request had no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status; 0 where there was no answer.
    pub(crate) code: u16,
    message: String,
}

impl ApiError {
    pub(crate) fn new(code: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The object is not what it was when it was read.
    pub(crate) fn is_conflict(&self) -> bool {
        self.code == 409
    }

    /// What was sent is not taken, however often it is sent.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.code, 400 | 403 | 422)
    }

    pub(crate) fn is_missing(&self) -> bool {
        self.code == 404
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ApiError {}

impl From<kube::Error> for ApiError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::new(status.code, status.message),
            other => Self::new(0, with_causes(&other)),
        }
    }
}

/// An error with what led to it, each said once.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}

/// Where objects of one kind are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(String);

impl Place {
    pub(crate) fn new(group: &str, version: &str, namespace: Option<&str>, plural: &str) -> Self {
        let root = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let inside = namespace.map(|name| format!("/namespaces/{name}")).unwrap_or_default();
        Self(format!("{root}{inside}/{plural}"))
    }

    /// Where the objects of a kind of ours are.
    pub(crate) fn of(kind: &sagewright_kinds::Kind, namespace: &str) -> Self {
        Self::new(kind.group(), kind.version(), Some(namespace), kind.plural())
    }

    /// A request to the place. Namespaces are named by whoever writes objects: what cannot be the name of one would lead elsewhere.
    fn request(&self) -> Result<Request, ApiError> {
        let fits = |path: &str| path.split('/').skip(1).all(is_dns_subdomain);
        if fits(&self.0) { Ok(Request::new(&self.0)) } else { Err(Self::nothing(&self.0)) }
    }

    /// A request to an object at the place; nothing where no object can have the name.
    fn object(&self, name: &str) -> Option<Request> {
        self.request().ok().filter(|_| is_dns_subdomain(name))
    }

    fn nothing(path: &str) -> ApiError {
        ApiError::new(404, format!("there is nothing at {path}: a part of it is no name"))
    }
}

/// The API server.
#[derive(Clone)]
pub(crate) struct Api {
    client: Client,
}

pub(crate) type Raw = Result<http::Request<Vec<u8>>, kube::core::request::Error>;

impl Api {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    async fn send(&self, request: Raw) -> Result<Value, ApiError> {
        let request = request.map_err(|error| ApiError::new(0, with_causes(&error)))?;
        match tokio::time::timeout(TIMEOUT, self.client.request::<Slim>(request)).await {
            Ok(answer) => Ok(answer?.0),
            Err(_) => Err(ApiError::new(0, format!("no answer within {} seconds", TIMEOUT.as_secs()))),
        }
    }

    /// An object as it is now; nothing where it is not there.
    pub(crate) async fn get(&self, place: &Place, name: &str) -> Result<Option<Value>, ApiError> {
        let Some(request) = place.object(name) else { return Ok(None) };
        found(self.send(request.get(name, &GetParams::default())).await)
    }

    /// Changes an object by a merge patch; nothing where it is not there.
    pub(crate) async fn patch(&self, place: &Place, name: &str, patch: &Value) -> Result<Option<Value>, ApiError> {
        let Some(request) = place.object(name) else { return Ok(None) };
        found(self.send(request.patch(name, &by_us(), &Patch::Merge(patch))).await)
    }

    /// Changes an object's status by a merge patch; nothing where it is not there.
    pub(crate) async fn patch_status(
        &self,
        place: &Place,
        name: &str,
        patch: &Value,
    ) -> Result<Option<Value>, ApiError> {
        let Some(request) = place.object(name) else { return Ok(None) };
        found(self.send(request.patch_subresource("status", name, &by_us(), &Patch::Merge(patch))).await)
    }

    /// The objects that have a label, page by page; none where the cluster does not have the kind.
    pub(crate) async fn list(&self, place: &Place, labels: &str) -> Result<Vec<Value>, ApiError> {
        let mut params = ListParams::default().labels(labels).limit(PAGE);
        let mut all = Vec::new();
        while let Some(mut page) = found(self.send(place.request()?.list(&params)).await)? {
            let text = |at: &str| page.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
            // The elements of a list do not say their kind.
            let (version, kind, next) = (text("/apiVersion"), text("/kind"), text("/metadata/continue"));
            let kind = kind.trim_end_matches("List");
            if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
                all.extend(items.into_iter().map(|mut item| {
                    if let Some(fields) = item.as_object_mut() {
                        fields.entry("apiVersion").or_insert_with(|| version.as_str().into());
                        fields.entry("kind").or_insert_with(|| kind.into());
                    }
                    item
                }));
            }
            if next.is_empty() {
                break;
            }
            params.continue_token = Some(next);
        }
        Ok(all)
    }

    /// Makes an object as it is declared, fields of others left as they are.
    pub(crate) async fn apply(&self, place: &Place, name: &str, object: &Value) -> Result<Value, ApiError> {
        let params = PatchParams::apply(MANAGER).force();
        let request = place.object(name).ok_or_else(|| Place::nothing(&format!("{}/{name}", place.0)))?;
        self.send(request.patch(name, &params, &Patch::Apply(object))).await
    }

    /// Has an object deleted, if it is there.
    pub(crate) async fn delete(&self, place: &Place, name: &str) -> Result<(), ApiError> {
        let Some(request) = place.object(name) else { return Ok(()) };
        found(self.send(request.delete(name, &DeleteParams::background())).await).map(drop)
    }

    /// Creates an object.
    pub(crate) async fn create(&self, place: &Place, object: &Value) -> Result<Value, ApiError> {
        self.create_text(place, object.to_string()).await
    }

    /// Creates an object, which is JSON already.
    pub(crate) async fn create_text(&self, place: &Place, object: impl Into<String>) -> Result<Value, ApiError> {
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        self.send(place.request()?.create(&params, object.into().into_bytes())).await
    }

    /// Plurals of the kinds that a version of a group serves; none where the group is not served.
    pub(crate) async fn served(&self, group: &str, version: &str) -> Result<Vec<String>, ApiError> {
        let Some(list) = self.path(&format!("/apis/{group}/{version}")).await? else { return Ok(Vec::new()) };
        let names = list.get("resources").and_then(Value::as_array).into_iter().flatten();
        let names = names.filter_map(|resource| resource.get("name").and_then(Value::as_str));
        Ok(names.map(str::to_owned).collect())
    }
}

impl Api {
    /// The answer to a request; nothing where there is nothing.
    pub(crate) async fn sent(&self, request: Raw) -> Result<Option<Value>, ApiError> {
        found(self.send(request).await)
    }

    /// What is at a path; nothing where there is nothing.
    pub(crate) async fn path(&self, path: &str) -> Result<Option<Value>, ApiError> {
        let request = http::Request::get(path).body(Vec::new()).map_err(kube::core::request::Error::BuildRequest);
        found(self.send(request).await)
    }

    /// The version in which a group serves a kind, and the kind's plural.
    pub(crate) async fn preferred(&self, group: &str, kind: &str) -> Result<Option<(String, String)>, ApiError> {
        let Some(served) = self.path(&format!("/apis/{group}")).await? else { return Ok(None) };
        let Some(version) = served.pointer("/preferredVersion/version").and_then(Value::as_str) else {
            return Ok(None);
        };
        let Some(list) = self.path(&format!("/apis/{group}/{version}")).await? else { return Ok(None) };
        let mut resources = list.get("resources").and_then(Value::as_array).into_iter().flatten();
        let text = |resource: &Value, field: &str| resource.get(field).and_then(Value::as_str).map(str::to_owned);
        let found = resources.find(|r| {
            r.get("kind").and_then(Value::as_str) == Some(kind) && text(r, "name").is_some_and(|n| !n.contains('/'))
        });
        Ok(found.and_then(|r| Some((version.to_owned(), text(r, "name")?))))
    }
}

fn by_us() -> PatchParams {
    PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() }
}

fn found(answer: Result<Value, ApiError>) -> Result<Option<Value>, ApiError> {
    match answer {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_the_paths_of_the_api() {
        assert_eq!(Place::new("", "v1", Some("team"), "events").0, "/api/v1/namespaces/team/events");
        let model = sagewright_kinds::find("Model").unwrap();
        assert_eq!(Place::of(model, "a").0, "/apis/sagemaker.services.k8s.aws/v1alpha1/namespaces/a/models");
        assert_eq!(Place::new("g", "v1", None, "things").0, "/apis/g/v1/things");
    }

    #[test]
    fn what_is_no_name_leads_nowhere() {
        let place = |namespace: &str| Place::new("g", "v1", Some(namespace), "things");
        assert!(place("team").object("a.b-1").is_some());
        for (namespace, name) in
            [("team", "x/status"), ("team", ".."), ("team", "a?b"), ("team", ""), ("../other", "x"), ("", "x")]
        {
            assert!(place(namespace).object(name).is_none(), "{namespace} {name}");
        }
    }
}
