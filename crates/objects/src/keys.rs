//! Keys of the tags that Sagewright writes, and of the annotations that it reads.

/// The mark: a tag (or metadata key) whose value says which object a resource belongs to, an [`Owner`](crate::Owner).
pub const OWNER: &str = "sagewright.dev/owner";
/// Tag that holds a fingerprint of the last update that was sent.
pub const LAST_UPDATE: &str = "sagewright.dev/last-update";
/// Tag that names what a resource served before, the latest first: the endpoint configs of an endpoint.
pub const SERVED: &str = "sagewright.dev/served";
/// Tag that lists the keys of the declared tags, so that only those are ever removed.
pub const TAG_KEYS: &str = "sagewright.dev/tags";
/// Tag that holds a fingerprint of what was last declared for the members that autoscaling moves.
pub const LAST_SCALE: &str = "sagewright.dev/last-scale";
/// The set tag, which names the set that a resource belongs to: a [`crate::Selector`]. A resource that has it may be pruned when it is
/// no longer declared.
pub const SET: &str = "sagewright.dev/set";
/// Every tag key that starts so is Sagewright's own, and hidden from manifests and comparisons.
pub const PREFIX: &str = "sagewright.dev/";

/// Annotation: `adopt` or `adopt-or-create`.
pub const ADOPTION_POLICY: &str = "services.k8s.aws/adoption-policy";
/// Annotation: JSON map of the fields that identify what to adopt.
pub const ADOPTION_FIELDS: &str = "services.k8s.aws/adoption-fields";
/// Annotation: `true` to read only.
pub const READ_ONLY: &str = "services.k8s.aws/read-only";
/// Annotation: `delete` or `retain`.
pub const DELETION_POLICY: &str = "services.k8s.aws/deletion-policy";

/// Annotation: the region of this object.
pub const REGION: &str = "services.k8s.aws/region";
/// Annotation that ACK sets on what it adopted.
pub const ADOPTED: &str = "services.k8s.aws/adopted";
/// Tag that ACK gives to what it creates: the namespace of the object.
pub const ACK_NAMESPACE: &str = "services.k8s.aws/namespace";
/// The annotation in which `kubectl apply` keeps the whole manifest.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Annotation: a new value, as a time, has the operator look at the object at once.
pub const RECONCILE_AT: &str = "sagewright.dev/reconcile-at";
/// Annotation: the operator makes another resource for each change of the spec, whose name begins with this.
pub const GENERATE_NAME: &str = "sagewright.dev/generate-name";
/// Annotation beside [`GENERATE_NAME`]: how many older resources are kept that nothing uses.
pub const KEEP_GENERATED: &str = "sagewright.dev/keep-generated";
/// Annotation of a Namespace: the region of its objects.
pub const DEFAULT_REGION: &str = "services.k8s.aws/default-region";
/// Annotation of a Namespace: the account of its objects.
pub const OWNER_ACCOUNT_ID: &str = "services.k8s.aws/owner-account-id";
/// Annotation of a Namespace: the team whose role its objects are reconciled with.
pub const TEAM_ID: &str = "services.k8s.aws/team-id";
/// Annotation of a Namespace: one URL for all AWS services.
pub const ENDPOINT_URL: &str = "services.k8s.aws/endpoint-url";
