//! Smithy's services as botocore's models write them, with their tests.

use std::collections::BTreeMap;

use sagewright_cloud_wire::protocol::Wire;
use sagewright_model::Service;
use serde_json::{Map, Value, json};

/// One test of the suite.
pub struct Test {
    /// The test's id; of a malformed request with parameters, its number after it; `response` and `malformed` after both
    /// where it is not a request's.
    pub name: String,
    pub kind: Kind,
    /// The operation, or the error shape, by its local name.
    pub of: String,
    pub case: Value,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Response,
    Error,
    Malformed,
}

/// A service with its protocol.
pub struct Suite {
    pub service: &'static Service,
    pub wire: Wire,
    protocol: &'static str,
    /// AST ids of operations and error shapes.
    tested: Vec<(String, bool)>,
}

impl Suite {
    pub fn new(ast: &Value, id: &str, protocol: &'static str) -> Result<Self, String> {
        let root = &ast["shapes"][id];
        let mut convert = Convert { ast, protocol, shapes: Map::new(), names: BTreeMap::new() };
        let (mut operations, mut tested) = (Map::new(), Vec::new());
        for operation in root["operations"].as_array().into_iter().flatten() {
            let id = text(&operation["target"]);
            operations.insert(local(id).to_owned(), convert.operation(id));
            tested.push((id.to_owned(), false));
            for error in ast["shapes"][id]["errors"].as_array().into_iter().flatten() {
                let error = (text(&error["target"]).to_owned(), true);
                if !tested.contains(&error) {
                    tested.push(error);
                }
            }
        }
        let (name, wire, version) = match protocol {
            "awsJson1_0" => ("json", Wire::Json, Some("1.0")),
            "awsJson1_1" => ("json", Wire::Json, Some("1.1")),
            "awsQuery" => ("query", Wire::Query, None),
            "restXml" => ("rest-xml", Wire::RestXml, None),
            "rpcv2Cbor" => ("smithy-rpc-v2-cbor", Wire::RpcV2Cbor, None),
            _ => ("rest-json", Wire::RestJson, None),
        };
        let mut metadata = json!({
            "apiVersion": root["version"], "endpointPrefix": "test", "protocol": name, "serviceId": local(id),
            "targetPrefix": local(id), "xmlNamespace": root["traits"]["smithy.api#xmlNamespace"]["uri"],
        });
        if let Some(version) = version {
            metadata["jsonVersion"] = version.into();
        }
        let model = json!({"metadata": metadata, "operations": operations, "shapes": convert.shapes});
        // Models live as long as the process, as the embedded ones do.
        let model: &'static str = Box::leak(model.to_string().into_boxed_str());
        let service: Service = serde_json::from_str(model).map_err(|error| format!("{id}: {error}"))?;
        Ok(Self { service: Box::leak(Box::new(service)), wire, protocol, tested })
    }

    /// All tests of the service that are for servers.
    pub fn tests(&self, ast: &Value) -> Vec<Test> {
        let mut out = Vec::new();
        for (id, error) in &self.tested {
            let of = local(id).to_owned();
            let cases = |key: &str| -> Vec<Value> {
                let all = ast["shapes"][id]["traits"][key].as_array().cloned().unwrap_or_default();
                all.into_iter()
                    .filter(|case| local(text(&case["protocol"])) == self.protocol && case["appliesTo"] != "client")
                    .collect()
            };
            for case in cases("smithy.test#httpRequestTests") {
                out.push(Test { name: text(&case["id"]).to_owned(), kind: Kind::Request, of: of.clone(), case });
            }
            for case in cases("smithy.test#httpResponseTests") {
                let kind = if *error { Kind::Error } else { Kind::Response };
                out.push(Test { name: format!("{} response", text(&case["id"])), kind, of: of.clone(), case });
            }
            for case in cases("smithy.test#httpMalformedRequestTests") {
                for (i, case) in spread(&case).into_iter().enumerate() {
                    let name = format!("{} malformed {i}", text(&case["id"]));
                    out.push(Test { name, kind: Kind::Malformed, of: of.clone(), case });
                }
            }
        }
        out
    }
}

/// How many tests there are for servers of a protocol.
pub fn count(ast: &Value, protocol: &str) -> usize {
    let shapes = ast["shapes"].as_object().into_iter().flatten();
    let traits = shapes.filter_map(|(_, shape)| shape["traits"].as_object());
    let tests =
        traits.flatten().filter(|(name, _)| name.starts_with("smithy.test#http")).filter_map(|(_, v)| v.as_array());
    tests.flatten().filter(|case| local(text(&case["protocol"])) == protocol && case["appliesTo"] != "client").count()
}

/// A malformed request for each of its parameters' values: `$name` and, quoted, `$name:S` stand for them.
fn spread(case: &Value) -> Vec<Value> {
    let Some(parameters) = case["testParameters"].as_object() else { return vec![case.clone()] };
    let length = parameters.values().filter_map(Value::as_array).map(Vec::len).max().unwrap_or(0);
    (0..length)
        .map(|i| {
            let mut out = case.clone();
            for (name, values) in parameters {
                let value = text(&values[i]);
                let with = |text: &str| {
                    let quoted = Value::from(value).to_string();
                    text.replace(&format!("${name}:L"), value)
                        .replace(&format!("${{{name}:L}}"), value)
                        .replace(&format!("${{{name}:S}}"), &quoted)
                        .replace(&format!("${name}:S"), &quoted)
                };
                replace(&mut out["request"], &with);
                replace(&mut out["response"], &with);
            }
            out
        })
        .collect()
}

fn replace(value: &mut Value, with: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = with(text),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, with)),
        Value::Object(map) => map.values_mut().for_each(|item| replace(item, with)),
        _ => {}
    }
}

struct Convert<'a> {
    ast: &'a Value,
    protocol: &'a str,
    shapes: Map<String, Value>,
    /// Names by AST id.
    names: BTreeMap<String, String>,
}

impl Convert<'_> {
    fn operation(&mut self, id: &str) -> Value {
        let operation = &self.ast["shapes"][id];
        let name = local(id);
        let bound = &operation["traits"]["smithy.api#http"];
        let mut http = json!({"method": "POST", "requestUri": "/"});
        if self.rest() && bound.is_object() {
            http = json!({"method": bound["method"], "requestUri": bound["uri"], "responseCode": bound["code"].as_u64().unwrap_or(200)});
        }
        let mut out = json!({"name": name, "http": http});
        for side in ["input", "output"] {
            let target = text(&operation[side]["target"]);
            if !target.is_empty() && target != "smithy.api#Unit" {
                out[side] = json!({"shape": self.shape(target)});
                let traits = &self.ast["shapes"][target]["traits"];
                if self.protocol == "restXml" {
                    out[side]["locationName"] = traits["smithy.api#xmlName"].as_str().unwrap_or(local(target)).into();
                }
                if side == "output" && self.protocol == "awsQuery" {
                    out[side]["resultWrapper"] = format!("{name}Result").into();
                }
            }
        }
        let errors = operation["errors"].as_array().into_iter().flatten();
        out["errors"] = errors.map(|error| json!({"shape": self.shape(text(&error["target"]))})).collect();
        out
    }

    fn rest(&self) -> bool {
        matches!(self.protocol, "restJson1" | "restXml")
    }

    /// Whether names and attributes of XML count.
    fn xml(&self) -> bool {
        matches!(self.protocol, "awsQuery" | "restXml")
    }

    /// The name of a shape, which is converted when it is met first.
    fn shape(&mut self, id: &str) -> String {
        if let Some(name) = self.names.get(id) {
            return name.clone();
        }
        let taken = self.shapes.contains_key(local(id));
        let name = if taken { id.replace('#', ".") } else { local(id).to_owned() };
        self.names.insert(id.to_owned(), name.clone());
        self.shapes.insert(name.clone(), Value::Null);
        let shape = self.converted(id);
        self.shapes.insert(name.clone(), shape);
        name
    }

    fn converted(&mut self, id: &str) -> Value {
        let ast = self.ast;
        let shape = &ast["shapes"][id];
        let kind = match shape["type"].as_str() {
            Some(kind) => kind.to_owned(),
            // The prelude is not in the AST.
            None => local(id).trim_start_matches("Primitive").to_owned(),
        };
        let traits = &shape["traits"];
        let mut out = Map::new();
        let kind = match &*kind.to_lowercase() {
            "enum" => {
                let values = shape["members"].as_object().into_iter().flatten();
                let value = |(name, member): (&String, &Value)| {
                    member["traits"]["smithy.api#enumValue"].as_str().unwrap_or(name).to_owned()
                };
                out.insert("enum".into(), values.map(value).collect::<Vec<_>>().into());
                "string".to_owned()
            }
            "intenum" => "integer".to_owned(),
            "set" => "list".to_owned(),
            "document" | "unit" | "union" => "structure".to_owned(),
            other => other.to_owned(),
        };
        if shape["type"] == "union" {
            out.insert("union".into(), true.into());
        }
        if kind == "structure" && shape["type"] != "document" {
            let mut members = Map::new();
            let mut required = Vec::new();
            for (name, member) in shape["members"].as_object().into_iter().flatten() {
                members.insert(name.clone(), self.member(name, member));
                if member["traits"].get("smithy.api#required").is_some() {
                    required.push(Value::from(name.as_str()));
                }
                if self.rest() && member["traits"].get("smithy.api#httpPayload").is_some() {
                    out.insert("payload".into(), name.as_str().into());
                }
            }
            out.insert("members".into(), members.into());
            out.insert("required".into(), required.into());
        }
        for side in ["member", "key", "value"] {
            if shape[side].is_object() {
                let member = self.member("", &shape[side]);
                out.insert(side.into(), member);
            }
        }
        constrain(&mut out, traits);
        if let Some(namespace) = traits.get("smithy.api#xmlNamespace").filter(|_| self.protocol == "restXml") {
            out.insert("xmlNamespace".into(), namespace.clone());
        }
        if let Some(format) = timestamp_format(traits) {
            out.insert("timestampFormat".into(), format.into());
        }
        if let Some(error) = traits["smithy.api#error"].as_str() {
            let query = &traits["aws.protocols#awsQueryError"];
            let usual = if error == "client" { 400 } else { 500 };
            let status =
                query["httpResponseCode"].as_u64().or(traits["smithy.api#httpError"].as_u64()).unwrap_or(usual);
            let code = query["code"].as_str().unwrap_or(local(id));
            out.insert("exception".into(), true.into());
            out.insert("error".into(), json!({"code": code, "httpStatusCode": status}));
        }
        out.insert("type".into(), kind.into());
        out.into()
    }

    fn member(&mut self, name: &str, member: &Value) -> Value {
        let traits = &member["traits"];
        let mut out = Map::new();
        let mut shape = self.shape(text(&member["target"]));
        // What constrains a member is on a shape of its own in botocore's models.
        if let Some(Value::Object(target)) = self.shapes.get(&shape) {
            let mut own = target.clone();
            constrain(&mut own, traits);
            if own != *target {
                shape = format!("{shape}{}", self.shapes.len());
                self.shapes.insert(shape.clone(), own.into());
            }
        }
        out.insert("shape".into(), shape.into());
        let mut bind = |location: Option<&str>, wire: &Value| {
            if let Some(location) = location {
                out.insert("location".into(), location.into());
            }
            if let Some(wire) = wire.as_str() {
                out.insert("locationName".into(), wire.into());
            }
        };
        if self.rest() {
            let has = |name: &str| traits.get(name).filter(|value| !value.is_null());
            if let Some(header) = has("smithy.api#httpHeader") {
                bind(Some("header"), header);
            } else if let Some(prefix) = has("smithy.api#httpPrefixHeaders") {
                bind(Some("headers"), prefix);
            } else if let Some(query) = has("smithy.api#httpQuery") {
                bind(Some("querystring"), query);
            } else if has("smithy.api#httpQueryParams").is_some() {
                bind(Some("querystring"), &Value::Null);
            } else if has("smithy.api#httpLabel").is_some() {
                bind(Some("uri"), &name.into());
            } else if has("smithy.api#httpResponseCode").is_some() {
                bind(Some("statusCode"), &Value::Null);
            } else {
                bind(None, &traits[if self.xml() { "smithy.api#xmlName" } else { "smithy.api#jsonName" }]);
            }
        } else if self.xml() {
            bind(None, &traits["smithy.api#xmlName"]);
        }
        if self.protocol == "restXml" {
            if traits.get("smithy.api#xmlAttribute").is_some() {
                out.insert("xmlAttribute".into(), true.into());
            }
            if let Some(namespace) = traits.get("smithy.api#xmlNamespace") {
                out.insert("xmlNamespace".into(), namespace.clone());
            }
            // botocore's models name a payload's root at the member.
            let of_target = &self.ast["shapes"][text(&member["target"])]["traits"]["smithy.api#xmlName"];
            if traits.get("smithy.api#httpPayload").is_some()
                && of_target.is_string()
                && !out.contains_key("locationName")
            {
                out.insert("locationName".into(), of_target.clone());
            }
        }
        if traits.get("smithy.api#xmlFlattened").is_some() {
            out.insert("flattened".into(), true.into());
        }
        if let Some(format) = timestamp_format(traits) {
            out.insert("timestampFormat".into(), format.into());
        }
        out.into()
    }
}

/// Adds the constraints of traits.
fn constrain(shape: &mut Map<String, Value>, traits: &Value) {
    for name in ["smithy.api#range", "smithy.api#length"] {
        let bounds = traits[name].as_object().into_iter().flatten();
        shape.extend(bounds.map(|(bound, value)| (bound.clone(), value.clone())));
    }
    if let Some(pattern) = traits.get("smithy.api#pattern") {
        shape.insert("pattern".into(), pattern.clone());
    }
    if let Some(values) = traits["smithy.api#enum"].as_array() {
        shape.insert("enum".into(), values.iter().map(|value| value["value"].clone()).collect());
    }
}

fn timestamp_format(traits: &Value) -> Option<&'static str> {
    match traits["smithy.api#timestampFormat"].as_str()? {
        "date-time" => Some("iso8601"),
        "http-date" => Some("rfc822"),
        _ => Some("unixTimestamp"),
    }
}

/// A name without its namespace.
pub fn local(id: &str) -> &str {
    id.rsplit('#').next().unwrap_or(id)
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
