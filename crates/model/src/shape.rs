//! The types of a service model, as botocore's `service-2.json` defines them.

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::OnceLock;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use crate::pattern::Pattern;

/// Text of a model: borrowed from the embedded file unless it holds escapes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Str(Cow<'static, str>);

impl Str {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Str {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Str {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Str {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de: 'static> Deserialize<'de> for Str {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de: 'static> Visitor<'de> for Text {
            type Value = Str;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Str, E> {
                Ok(Str(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Str, E> {
                Ok(Str(Cow::Owned(text.to_owned())))
            }
            // Enumerations of numbers are written as numbers in some models.
            fn visit_u64<E>(self, number: u64) -> Result<Str, E> {
                Ok(Str(Cow::Owned(number.to_string())))
            }
        }
        deserializer.deserialize_any(Text)
    }
}

/// Hashes the names of a model. They are fixed, so that no stranger can choose them to collide.
pub type Hasher = foldhash::fast::FixedState;

/// Parts of a model by name.
pub type Table<T> = HashMap<&'static str, T, Hasher>;

/// A list of names.
pub type StrList = Vec<Str>;

/// One AWS service: metadata, operations, shapes, paginators.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Service {
    /// botocore's id, for example `sagemaker-runtime`.
    #[serde(skip)]
    pub id: &'static str,
    /// Protocol, signing name, endpoint prefix.
    pub metadata: Metadata,
    /// Operations by name.
    pub operations: Table<Operation>,
    /// Shapes by name.
    pub shapes: Table<Box<Shape>>,
    /// Paginators by operation.
    #[serde(default)]
    pub paginators: Table<Paginator>,
}

/// Wire protocols of the AWS services that Sagewright talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `awsJson1_0` / `awsJson1_1`; the version is in [`Metadata::json_version`].
    Json,
    /// `restJson1`
    RestJson,
    /// `restXml`
    RestXml,
    /// `awsQuery`
    Query,
    /// `smithy.protocols#rpcv2Cbor`
    RpcV2Cbor,
}

/// What a service says of itself.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Date-like version of the API.
    pub api_version: Str,
    /// First label of the host name, for example `api.sagemaker`.
    pub endpoint_prefix: Str,
    /// `json`, `rest-json`, `rest-xml`, `query` or `smithy-rpc-v2-cbor`: the first of those that it speaks.
    pub protocol: Str,
    /// All that it speaks; empty where there is only one.
    #[serde(default)]
    pub protocols: StrList,
    /// `1.0` or `1.1` where the protocol is `json`.
    #[serde(default)]
    pub json_version: Option<Str>,
    /// Prefix of `X-Amz-Target`.
    #[serde(default)]
    pub target_prefix: Option<Str>,
    /// Service name in the SigV4 scope, where it differs from the endpoint prefix.
    #[serde(default)]
    pub signing_name: Option<Str>,
    /// The SDKs' name of the service, for example `SageMaker Runtime`.
    pub service_id: Str,
    /// Host of a service that has one for the whole partition.
    #[serde(default)]
    pub global_endpoint: Option<Str>,
    /// Namespace of XML answers, where it is a plain string.
    #[serde(default)]
    pub xml_namespace: Option<serde_json::Value>,
    /// Present where clients of the query protocol, which the service spoke once, are to find its error codes unchanged.
    #[serde(default)]
    pub aws_query_compatible: Option<serde_json::Value>,
}

impl Metadata {
    /// The service name in a SigV4 scope.
    #[must_use]
    pub fn signing_name(&self) -> &str {
        self.signing_name.as_deref().unwrap_or(&self.endpoint_prefix)
    }
}

impl Service {
    /// The wire protocol. JSON is preferred to CBOR where a service speaks both.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        match self.metadata.protocol.as_ref() {
            "rest-json" => Protocol::RestJson,
            "rest-xml" => Protocol::RestXml,
            "query" => Protocol::Query,
            "smithy-rpc-v2-cbor" if !self.metadata.protocols.iter().any(|p| p.as_ref() == "json") => {
                Protocol::RpcV2Cbor
            }
            _ => Protocol::Json,
        }
    }

    /// A shape by name.
    #[must_use]
    pub fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name).map(Box::as_ref)
    }

    /// An operation by name.
    #[must_use]
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.get(name)
    }

    /// The input shape of an operation, where it has one.
    #[must_use]
    pub fn input(&self, operation: &str) -> Option<&Shape> {
        self.shape(&self.operation(operation)?.input.as_ref()?.shape)
    }

    /// The output shape of an operation, where it has one.
    #[must_use]
    pub fn output(&self, operation: &str) -> Option<&Shape> {
        self.shape(&self.operation(operation)?.output.as_ref()?.shape)
    }

    /// The shape that a member refers to.
    #[must_use]
    pub fn target(&self, member: &Member) -> Option<&Shape> {
        self.shape(&member.shape)
    }
}

/// HTTP binding of an operation.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
#[serde(rename_all = "camelCase")]
pub struct Http {
    /// Method.
    pub method: Str,
    /// URI template with `{Label}` and `{Label+}` parts.
    pub request_uri: Str,
    /// Status of a successful answer, where the model names one.
    #[serde(default)]
    pub response_code: Option<u16>,
}

/// A reference to a shape from an operation.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
#[serde(rename_all = "camelCase")]
pub struct ShapeRef {
    /// Name of the shape.
    pub shape: Str,
    /// Element that wraps the result (query protocol).
    #[serde(default)]
    pub result_wrapper: Option<Str>,
    /// Element name of the input (rest-xml).
    #[serde(default)]
    pub location_name: Option<Str>,
    /// Namespace of the input's element (rest-xml).
    #[serde(default)]
    pub xml_namespace: Option<serde_json::Value>,
}

/// One operation of a service.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Operation {
    /// Name, as on the wire.
    pub name: Str,
    /// HTTP binding.
    pub http: Http,
    /// Input, where it takes one.
    #[serde(default)]
    pub input: Option<ShapeRef>,
    /// Output, where it gives one.
    #[serde(default)]
    pub output: Option<ShapeRef>,
    /// Declared errors.
    #[serde(default)]
    pub errors: Vec<ShapeRef>,
    /// Safe to send twice.
    #[serde(default)]
    pub idempotent: bool,
}

/// How to follow the pages of a listing.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
pub struct Paginator {
    /// Member of the input that takes the token.
    #[serde(deserialize_with = "one_or_many")]
    pub input_token: StrList,
    /// Member (or JMESPath) of the output that gives it.
    #[serde(deserialize_with = "one_or_many")]
    pub output_token: StrList,
    /// Members of the output that hold the items.
    #[serde(deserialize_with = "one_or_many", default)]
    pub result_key: StrList,
    /// Member of the input that limits a page.
    #[serde(default)]
    pub limit_key: Option<Str>,
    /// Member of the output that says whether more follows, where tokens alone do not.
    #[serde(default)]
    pub more_results: Option<Str>,
}

fn one_or_many<'de: 'static, D: Deserializer<'de>>(deserializer: D) -> Result<StrList, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(one) => vec![Str(Cow::Owned(one))],
        serde_json::Value::Array(many) => {
            many.into_iter().filter_map(|v| v.as_str().map(|s| Str(Cow::Owned(s.to_owned())))).collect()
        }
        _ => Vec::new(),
    })
}

/// The types a shape can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ShapeType {
    /// Named members.
    Structure,
    /// Ordered members of one shape.
    List,
    /// String keys to members of one shape.
    Map,
    /// UTF-8 text.
    String,
    /// `a` to `z` … a single character; read as text.
    Character,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// 16 bits.
    Short,
    /// 8 bits.
    Byte,
    /// Single precision.
    Float,
    /// Double precision.
    Double,
    /// Any size.
    #[serde(rename = "bigdecimal", alias = "bigDecimal")]
    BigDecimal,
    /// Any size.
    #[serde(rename = "biginteger", alias = "bigInteger")]
    BigInteger,
    /// True or false.
    Boolean,
    /// Bytes; base64 text in JSON.
    Blob,
    /// A point in time.
    Timestamp,
}

/// The error trait of an exception shape.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
#[serde(rename_all = "camelCase")]
pub struct ErrorInfo {
    /// Code on the wire, where it differs from the shape's name.
    #[serde(default)]
    pub code: Option<Str>,
    /// HTTP status.
    #[serde(default)]
    pub http_status_code: Option<u16>,
}

/// One shape with its constraints.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: ShapeType,
    /// Members of a structure, in the model's order.
    #[serde(default)]
    pub members: IndexMap<&'static str, Member, Hasher>,
    /// Members that must be present.
    #[serde(default)]
    pub required: StrList,
    /// Element of a list.
    #[serde(default)]
    pub member: Option<Member>,
    /// Key of a map.
    #[serde(default)]
    pub key: Option<Member>,
    /// Value of a map.
    #[serde(default)]
    pub value: Option<Member>,
    /// Smallest value or length.
    #[serde(default)]
    pub min: Option<f64>,
    /// Largest value or length.
    #[serde(default)]
    pub max: Option<f64>,
    /// Regular expression that the whole text must match.
    #[serde(default)]
    pub pattern: Option<Str>,
    /// Allowed values.
    #[serde(default, rename = "enum")]
    pub enumeration: StrList,
    /// Exactly one member is set.
    #[serde(default)]
    pub union: bool,
    /// Member that is the HTTP body.
    #[serde(default)]
    pub payload: Option<Str>,
    /// Items stand without a wrapping element (XML, query).
    #[serde(default)]
    pub flattened: bool,
    /// This is an error.
    #[serde(default)]
    pub exception: bool,
    /// Code and status of an error.
    #[serde(default)]
    pub error: Option<ErrorInfo>,
    /// `iso8601`, `rfc822` or `unixTimestamp`, where it differs from the protocol's own.
    #[serde(default)]
    pub timestamp_format: Option<Str>,
    /// Namespace of its element (rest-xml).
    #[serde(default)]
    pub xml_namespace: Option<serde_json::Value>,
    /// Values must not be shown.
    #[serde(default)]
    pub sensitive: bool,
    /// A body that is streamed.
    #[serde(default)]
    pub streaming: bool,
    #[serde(skip)]
    pub(crate) compiled: OnceLock<Option<Pattern>>,
    #[serde(skip)]
    pub(crate) crd_names: OnceLock<IndexMap<String, &'static str>>,
}

impl Shape {
    /// Names of all shapes this one refers to.
    pub fn references(&self) -> impl Iterator<Item = &str> {
        let single = [&self.member, &self.key, &self.value].into_iter().flatten();
        self.members.values().chain(single).map(|m| m.shape.as_ref())
    }

    /// Whether a member must be present.
    #[must_use]
    pub fn is_required(&self, member: &str) -> bool {
        self.required.iter().any(|r| r == member)
    }
}

/// A member of a structure, or the element of a list or map.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "'de: 'static"))]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Name of its shape.
    pub shape: Str,
    /// `uri`, `querystring`, `header`, `headers` or `statusCode`; the body otherwise.
    #[serde(default)]
    pub location: Option<Str>,
    /// Name on the wire, where it differs.
    #[serde(default)]
    pub location_name: Option<Str>,
    /// Filled by the client when absent.
    #[serde(default)]
    pub idempotency_token: bool,
    /// Timestamp format of this member.
    #[serde(default)]
    pub timestamp_format: Option<Str>,
    /// Still accepted, no longer used.
    #[serde(default)]
    pub deprecated: bool,
    /// JSON text inside a header.
    #[serde(default)]
    pub jsonvalue: bool,
    /// Items stand without a wrapping element (XML, query).
    #[serde(default)]
    pub flattened: bool,
    /// An attribute of the structure's element (rest-xml).
    #[serde(default)]
    pub xml_attribute: bool,
    /// Namespace of its element (rest-xml).
    #[serde(default)]
    pub xml_namespace: Option<serde_json::Value>,
    /// A body that is streamed.
    #[serde(default)]
    pub streaming: bool,
}
