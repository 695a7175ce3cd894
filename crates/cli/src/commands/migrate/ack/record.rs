//! What a swap remembers in the cluster, for the swap back and for a swap that was interrupted: a ConfigMap beside ACK's controller.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use sagewright_kube::lookup::Cluster;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{text, unanswered};

/// The ConfigMap's name.
pub(super) const NAME: &str = "sagewright-swap";
/// Bytes of definitions that are read at most.
const MOST: u64 = 64 << 20;

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// Sagewright works in ACK's place, or will when the swap is completed.
    Swapped,
    /// ACK works again, or will.
    Back,
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    pub(super) state: State,
    /// Replicas of Deployments before they were scaled to zero, by `namespace/name`.
    pub(super) replicas: BTreeMap<String, u64>,
    /// Specs of definitions before they were replaced, by name.
    pub(super) definitions: BTreeMap<String, Value>,
}

fn collection(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps")
}

impl Record {
    pub(super) async fn read(cluster: &Cluster, namespace: &str) -> anyhow::Result<Option<Self>> {
        let path = format!("{}/{NAME}", collection(namespace));
        let Some(map) = cluster.read(&path).await.map_err(unanswered)? else { return Ok(None) };
        let broken = || format!("the ConfigMap {namespace}/{NAME} is not as a swap wrote it");
        let packed = STANDARD.decode(text(&map, "/binaryData/definitions")).with_context(broken)?;
        let mut definitions = Vec::new();
        GzDecoder::new(packed.as_slice()).take(MOST).read_to_end(&mut definitions).with_context(broken)?;
        Ok(Some(Self {
            state: serde_json::from_value(text(&map, "/data/state").into()).with_context(broken)?,
            replicas: serde_json::from_str(text(&map, "/data/replicas")).with_context(broken)?,
            definitions: serde_json::from_slice(&definitions).with_context(broken)?,
        }))
    }

    /// Writes it, in place of one that is there.
    pub(super) async fn write(&self, cluster: &Cluster, namespace: &str) -> anyhow::Result<()> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(serde_json::to_string(&self.definitions)?.as_bytes())?;
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": namespace, "labels": {"app.kubernetes.io/managed-by": "sagewright"}},
            "data": {"state": self.state, "replicas": serde_json::to_string(&self.replicas)?},
            "binaryData": {"definitions": STANDARD.encode(packed.finish()?)},
        });
        let path = collection(namespace);
        match cluster.create(&path, &map).await {
            Err(error) if error.is_conflict() => {
                cluster.replace(&path, NAME, &map).await.map_err(unanswered)?;
            }
            other => drop(other.map_err(unanswered)?),
        }
        Ok(())
    }
}
