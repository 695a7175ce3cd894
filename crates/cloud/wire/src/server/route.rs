//! Which service a request is for.

use http::request::Parts;
use http::{HeaderValue, Method};

use crate::protocol::Wire;
use crate::sigv4;

/// Who is to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// The embedded S3.
    Raw,
    /// A service by its botocore id, with its protocol. Known without its model, which is parsed on first use.
    Service(&'static str, Wire),
    /// A signing scope that nothing here answers to.
    Unknown(String),
    /// Not signed, and not something that may come unsigned.
    Unsigned(Wire),
    /// STS operations that come without a signature.
    UnsignedSts,
}

/// Signing name, botocore id, protocols: a request shows which of them it speaks, and speaks the first where it shows none.
type Row = (&'static str, &'static str, &'static [Wire]);

const SERVICES: &[Row] = &[
    ("sts", "sts", &[Wire::Query]),
    ("iam", "iam", &[Wire::Query]),
    ("logs", "logs", &[Wire::Json]),
    ("monitoring", "cloudwatch", &[Wire::Json, Wire::RpcV2Cbor, Wire::Query]),
    ("tagging", "resourcegroupstaggingapi", &[Wire::Json, Wire::RpcV2Cbor]),
    ("application-autoscaling", "application-autoscaling", &[Wire::Json]),
];

/// How paths of the feature store's runtime API begin.
const FEATURE_STORE: [&str; 3] = ["/FeatureGroup/", "/BatchGetRecord", "/BatchWriteRecord"];

/// The paths of SageMaker Metrics.
const METRICS: [&str; 2] = ["/BatchPutMetrics", "/BatchGetMetrics"];

pub(super) fn route(parts: &Parts) -> Route {
    match sigv4::scope_service(parts) {
        Some(scope) => by_scope(SERVICES, &scope, parts),
        None => unsigned(parts),
    }
}

fn by_scope(services: &[Row], scope: &str, parts: &Parts) -> Route {
    match scope {
        "s3" => Route::Raw,
        // Four services sign as `sagemaker`; only the control plane names a target, and paths tell the others apart.
        "sagemaker" if parts.headers.contains_key("x-amz-target") => Route::Service("sagemaker", Wire::Json),
        "sagemaker" if parts.uri.path() == "/" => Route::Service("sagemaker", Wire::Json),
        "sagemaker" if FEATURE_STORE.iter().any(|start| parts.uri.path().starts_with(start)) => {
            Route::Service("sagemaker-featurestore-runtime", Wire::RestJson)
        }
        "sagemaker" if METRICS.contains(&parts.uri.path()) => Route::Service("sagemaker-metrics", Wire::RestJson),
        "sagemaker" => Route::Service("sagemaker-runtime", Wire::RestJson),
        other => match services.iter().find(|(name, ..)| *name == other) {
            Some((_, id, wires)) => Route::Service(id, spoken(wires, parts)),
            None => Route::Unknown(other.to_owned()),
        },
    }
}

fn spoken(wires: &[Wire], parts: &Parts) -> Wire {
    let shown = Wire::guess(parts);
    wires.iter().copied().find(|wire| *wire == shown).or(wires.first().copied()).unwrap_or(shown)
}

fn unsigned(parts: &Parts) -> Route {
    let header = |name| parts.headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
    let query = parts.uri.query().unwrap_or_default();
    let form = header("content-type").starts_with(b"application/x-www-form-urlencoded");
    let host = String::from_utf8_lossy(header("host")).to_ascii_lowercase();
    // AWS's own host names arrive through the proxy.
    if let Some(route) = aws_host(&host).and_then(|service| by_host(service, parts, form)) {
        return route;
    }
    if parts.uri.path() == "/" && (form || query.contains("Action=")) {
        return Route::UnsignedSts;
    }
    let json =
        parts.headers.contains_key("x-amz-target") || header("content-type").starts_with(b"application/x-amz-json");
    if json {
        return Route::Unsigned(Wire::Json);
    }
    if Wire::guess(parts) == Wire::RpcV2Cbor {
        return Route::Unsigned(Wire::RpcV2Cbor);
    }
    // A malformed signature of this kind is answered by the signature check, an older one by S3.
    if header("authorization").starts_with(b"AWS4-") {
        return Route::Unsigned(Wire::guess(parts));
    }
    let runtime = parts.method == Method::POST && parts.uri.path().starts_with("/endpoints/");
    let virtual_host = host.contains(".s3.") || host.starts_with("s3.");
    if runtime || (parts.uri.path() == "/" && !virtual_host) {
        return Route::Unsigned(Wire::guess(parts));
    }
    Route::Raw
}

/// The service that an AWS host names.
fn aws_host(host: &str) -> Option<&str> {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    sagewright_model::host::parse(name)?.service
}

/// Where an unsigned request to an AWS host goes, as far as the host tells.
fn by_host(service: &str, parts: &Parts, form: bool) -> Option<Route> {
    match service {
        "s3" => Some(Route::Raw),
        "sts" if form || parts.uri.query().is_some_and(|query| query.contains("Action=")) => None,
        "sagemaker" => Some(Route::Unsigned(Wire::guess(parts))),
        known if SERVICES.iter().any(|(name, ..)| *name == known) => Some(Route::Unsigned(Wire::guess(parts))),
        unknown => Some(Route::Unknown(unknown.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Headers<'h> = &'h [(&'h str, &'h str)];

    fn of(method: &str, uri: &str, headers: Headers) -> Route {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        route(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_scope_or_else_the_form_of_a_request_chooses_the_service() {
        let signed = |scope: &str| {
            format!(
                "AWS4-HMAC-SHA256 Credential=A/20200101/us-east-1/{scope}/aws4_request, SignedHeaders=host, Signature=0"
            )
        };
        let (sagemaker, s3, sqs) = (signed("sagemaker"), signed("s3"), signed("sqs"));
        let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let target = ("x-amz-target", "SageMaker.ListModels");
        let cases: &[(&str, &str, Headers, Route)] = &[
            ("POST", "/", &[("authorization", &sagemaker), target], Route::Service("sagemaker", Wire::Json)),
            ("POST", "/", &[("authorization", &sagemaker)], Route::Service("sagemaker", Wire::Json)),
            (
                "POST",
                "/endpoints/e/invocations",
                &[("authorization", &sagemaker)],
                Route::Service("sagemaker-runtime", Wire::RestJson),
            ),
            (
                "PUT",
                "/FeatureGroup/g",
                &[("authorization", &sagemaker)],
                Route::Service("sagemaker-featurestore-runtime", Wire::RestJson),
            ),
            (
                "POST",
                "/BatchGetRecord",
                &[("authorization", &sagemaker)],
                Route::Service("sagemaker-featurestore-runtime", Wire::RestJson),
            ),
            ("PUT", "/bucket/key", &[("authorization", &s3)], Route::Raw),
            (
                "PUT",
                "/BatchPutMetrics",
                &[("authorization", &sagemaker)],
                Route::Service("sagemaker-metrics", Wire::RestJson),
            ),
            ("POST", "/", &[("authorization", &sqs), target], Route::Unknown("sqs".into())),
            (
                "GET",
                "/?X-Amz-Credential=A%2F20200101%2Fr%2Fsts%2Faws4_request",
                &[],
                Route::Service("sts", Wire::Query),
            ),
            ("GET", "/b/k?X-Amz-Credential=A%2F20200101%2Fr%2Fs3%2Faws4_request", &[], Route::Raw),
            ("GET", "/bucket/key", &[], Route::Raw),
            ("GET", "/", &[("host", "bucket.s3.localhost:4599")], Route::Raw),
            ("GET", "/", &[("host", "bucket.s3-us-west-2.amazonaws.com")], Route::Raw),
            ("GET", "/key", &[("host", "bucket.s3.cn-north-1.amazonaws.com.cn:443")], Route::Raw),
            ("POST", "/", &[("host", "sts.us-east-1.amazonaws.com"), form], Route::UnsignedSts),
            ("GET", "/x", &[("host", "iam.amazonaws.com")], Route::Unsigned(Wire::RestJson)),
            ("POST", "/", &[("host", "api.sagemaker.us-east-1.amazonaws.com"), target], Route::Unsigned(Wire::Json)),
            (
                "POST",
                "/",
                &[("host", "cognito-idp.us-east-1.amazonaws.com"), target],
                Route::Unknown("cognito-idp".into()),
            ),
            ("POST", "/bucket", &[("content-type", "multipart/form-data; boundary=x")], Route::Raw),
            ("POST", "/", &[target], Route::Unsigned(Wire::Json)),
            ("POST", "/", &[form], Route::UnsignedSts),
            ("POST", "/endpoints/e/invocations", &[("content-type", "text/csv")], Route::Unsigned(Wire::RestJson)),
            ("GET", "/", &[("host", "127.0.0.1:4599")], Route::Unsigned(Wire::RestJson)),
            ("POST", "/service/A/operation/B", &[("smithy-protocol", "rpc-v2-cbor")], Route::Unsigned(Wire::RpcV2Cbor)),
            ("POST", "/x", &[("authorization", "AWS4-HMAC-SHA256 x")], Route::Unsigned(Wire::RestJson)),
        ];
        for (method, uri, headers, expected) in cases {
            assert_eq!(of(method, uri, headers), *expected, "{method} {uri} {headers:?}");
        }
    }

    /// As CloudWatch's clients of several ages, and Route 53's.
    #[test]
    fn a_row_names_the_protocols_of_its_service_and_a_request_shows_one() {
        let services: &[Row] = &[
            ("monitoring", "cloudwatch", &[Wire::RpcV2Cbor, Wire::Json, Wire::Query]),
            ("route53", "route53", &[Wire::RestXml]),
        ];
        let cases: &[(&str, Headers, &str, Wire)] = &[
            ("monitoring", &[("smithy-protocol", "rpc-v2-cbor")], "cloudwatch", Wire::RpcV2Cbor),
            ("monitoring", &[("x-amz-target", "GraniteServiceVersion20100801.ListMetrics")], "cloudwatch", Wire::Json),
            ("monitoring", &[("content-type", "application/x-www-form-urlencoded")], "cloudwatch", Wire::Query),
            ("monitoring", &[], "cloudwatch", Wire::RpcV2Cbor),
            ("route53", &[], "route53", Wire::RestXml),
            ("route53", &[("smithy-protocol", "rpc-v2-cbor")], "route53", Wire::RestXml),
        ];
        for (scope, headers, id, wire) in cases {
            let mut request = http::Request::builder().method("POST").uri("/");
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            let parts = request.body(()).unwrap().into_parts().0;
            assert_eq!(by_scope(services, scope, &parts), Route::Service(id, *wire), "{scope} {headers:?}");
        }
    }

    #[test]
    fn the_table_agrees_with_the_models() {
        let wires = SERVICES.iter().map(|(scope, id, wires)| (*scope, *id, wires[0]));
        let wires = wires.chain([
            ("sagemaker", "sagemaker", Wire::Json),
            ("sagemaker", "sagemaker-runtime", Wire::RestJson),
            ("sagemaker", "sagemaker-featurestore-runtime", Wire::RestJson),
            ("sagemaker", "sagemaker-metrics", Wire::RestJson),
        ]);
        for (scope, id, wire) in wires {
            let service = sagewright_model::service(id).unwrap();
            assert_eq!(service.metadata.signing_name(), scope, "{id}");
            let spoken = match service.protocol() {
                sagewright_model::Protocol::Json => Wire::Json,
                sagewright_model::Protocol::RestJson => Wire::RestJson,
                sagewright_model::Protocol::Query => Wire::Query,
                sagewright_model::Protocol::RestXml => Wire::RestXml,
                sagewright_model::Protocol::RpcV2Cbor => Wire::RpcV2Cbor,
            };
            assert_eq!(spoken, wire, "{id}");
        }
    }
}
