//! The object's document: read once, and written with what it said then.

use sagewright_engine::reconcile::Memory;
use sagewright_kinds::Kind;
use sagewright_objects::{Object, keys};
use serde_json::{Value, json};

use super::{Context, Task};
use crate::api::{ApiError, Place};
use crate::declared::Declared;
use crate::finalizer;
use crate::remembered::Remembered;
use crate::status::merge_patch;

/// An object as it is in the cluster.
pub(super) struct Document<'a> {
    context: &'a Context,
    pub(super) kind: &'static Kind,
    place: Place,
    pub(super) object: Object,
    pub(super) declared: Declared,
}

impl<'a> Document<'a> {
    /// Reads it; nothing where it is not there.
    pub(super) async fn read(context: &'a Context, task: &Task) -> Result<Option<Self>, ApiError> {
        let kind = task.kind;
        let place = Place::of(kind, &task.key.namespace);
        let Some(found) = context.api.get(&place, &task.key.name).await? else { return Ok(None) };
        let object = Object::from_value(found).map_err(|error| ApiError::new(0, error.message))?;
        let declared = Declared::document(kind, &object);
        Ok(Some(Self { context, kind, place, object, declared }))
    }

    /// Whether nothing is known in AWS that was made for it.
    pub(super) fn nothing_known(&self, memory: &Memory) -> bool {
        let made = &self.declared.remembered.generated;
        self.object.arn().is_none() && memory.is_like(&Memory::default()) && made.is_empty()
    }

    /// What the object was when it was read, so that it is no other one that is written to.
    fn same(&self, guarded: bool) -> Value {
        let other = &self.object.metadata.other;
        let version = other.get("resourceVersion").filter(|_| guarded);
        match version {
            Some(version) => json!({"uid": self.declared.uid, "resourceVersion": version}),
            None => json!({"uid": self.declared.uid}),
        }
    }

    fn take(&mut self, written: Option<Value>) -> Result<(), ApiError> {
        let gone = || ApiError::new(404, "the object went meanwhile");
        let object = Object::from_value(written.ok_or_else(gone)?).map_err(|e| ApiError::new(0, e.message))?;
        self.object.status = object.status;
        self.object.metadata.other = object.metadata.other;
        self.object.metadata.generation = object.metadata.generation;
        Ok(())
    }

    /// Adds the finalizer of its kind, if nothing has changed since it was read.
    pub(super) async fn hold(&mut self) -> Result<(), ApiError> {
        let patch = finalizer::patch(&finalizer::name(self.kind), &self.object, true);
        let written = self.context.api.patch(&self.place, &self.object.metadata.name, &patch).await?;
        self.context.metrics.wrote(self.kind.name(), "finalizer");
        self.take(written)?;
        self.declared.held = true;
        Ok(())
    }

    /// Takes the finalizer of its kind away, if nothing has changed since it was read.
    pub(super) async fn release(&self) -> Result<(), ApiError> {
        let patch = finalizer::patch(&finalizer::name(self.kind), &self.object, false);
        self.context.api.patch(&self.place, &self.object.metadata.name, &patch).await?;
        self.context.metrics.wrote(self.kind.name(), "finalizer");
        Ok(())
    }

    /// Says that its resource was there before, and takes over the spec that AWS shows, if nothing has changed since it was
    /// read.
    pub(super) async fn adopted(&mut self, spec: Option<Value>) -> Result<(), ApiError> {
        let mut metadata = self.same(true);
        metadata["annotations"] = json!({keys::ADOPTED: "true"});
        let mut patch = json!({"metadata": metadata});
        if let Some(spec) = spec {
            patch["spec"] = spec;
        }
        let written = self.context.api.patch(&self.place, &self.object.metadata.name, &patch).await?;
        self.context.metrics.wrote(self.kind.name(), "adopted");
        self.take(written)
    }

    /// Writes down what the next process has to know before something is sent, if nothing has changed since the object was read.
    /// Whether it stands there now: a definition that does not know the field drops it.
    pub(super) async fn remember(&mut self, remembered: &Remembered) -> Result<bool, ApiError> {
        let mut status = self.object.status.clone();
        if !status.is_object() {
            status = json!({});
        }
        remembered.write(&mut status);
        self.write_status(&status, true).await?;
        Ok(Remembered::read(&self.object.status) == Remembered::read(&status))
    }

    /// Writes a status, where it says something else than the present one. `guarded`: only if nothing has changed since it was
    /// read.
    pub(super) async fn write_status(&mut self, status: &Value, guarded: bool) -> Result<bool, ApiError> {
        let Some(patch) = merge_patch(&self.object.status, status) else { return Ok(false) };
        let patch = json!({"metadata": self.same(guarded), "status": patch});
        let written = self.context.api.patch_status(&self.place, &self.object.metadata.name, &patch).await?;
        self.context.metrics.wrote(self.kind.name(), "status");
        self.take(written)?;
        Ok(true)
    }
}
