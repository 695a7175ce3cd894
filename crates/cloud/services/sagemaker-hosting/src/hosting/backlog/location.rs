//! Where an asynchronous request's input is, and where what comes of it goes.

use sagewright_cloud_core::objects::parse_s3_uri;
use sagewright_cloud_sagemaker_base::serving::AsyncPlan;

/// Where answers and failures go, as `s3://` URIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Locations {
    pub output: String,
    pub failure: Option<String>,
}

impl Locations {
    /// `<S3OutputPath>/<S3OutputPathExtension>/<id>.out` and `<S3FailurePath>/…/<id>-error.out`; `Filename` stands for `<id>.out`.
    pub fn of(plan: &AsyncPlan, extension: Option<&str>, filename: Option<&str>, id: &str) -> Self {
        let folder = |path: &str| {
            let parts = [Some(path.trim_end_matches('/')), extension.map(|text| text.trim_matches('/'))];
            parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
        };
        let name = filename.map_or_else(|| format!("{id}.out"), str::to_owned);
        let failed = match name.rsplit_once('.') {
            Some((stem, kind)) => format!("{stem}-error.{kind}"),
            None => format!("{name}-error"),
        };
        Self {
            output: format!("{}/{name}", folder(&plan.output)),
            failure: plan.failure.as_deref().map(|path| format!("{}/{failed}", folder(path))),
        }
    }
}

/// Bucket and key of an object, as S3's URIs and its URLs name it.
pub(super) fn object(uri: &str) -> Option<(String, String)> {
    let (bucket, key) = match uri.strip_prefix("https://") {
        None => parse_s3_uri(uri)?,
        Some(url) => {
            let (host, path) = url.split_once('/')?;
            let host = host.strip_suffix(".amazonaws.com").or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
            match host.split_once(".s3") {
                Some((bucket, region)) if region.is_empty() || region.starts_with(['.', '-']) => (bucket, path),
                _ if host == "s3" || host.starts_with("s3.") || host.starts_with("s3-") => path.split_once('/')?,
                _ => return None,
            }
        }
    };
    (!key.is_empty()).then(|| (bucket.to_owned(), key.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(failure: Option<&str>) -> AsyncPlan {
        let output = "s3://b/out/".to_owned();
        AsyncPlan { output, failure: failure.map(str::to_owned), concurrent: None, success: None, error: None }
    }

    #[test]
    fn answers_and_failures_have_awss_names() {
        let of = |failure, extension, filename| {
            let Locations { output, failure } = Locations::of(&plan(failure), extension, filename, "id");
            (output, failure.unwrap_or_default())
        };
        let told = |output: &str, failure: &str| (output.to_owned(), failure.to_owned());
        assert_eq!(of(None, None, None), told("s3://b/out/id.out", ""));
        assert_eq!(of(Some("s3://b/bad"), None, None), told("s3://b/out/id.out", "s3://b/bad/id-error.out"));
        let named = told("s3://b/out/2026/july/a.json", "s3://b/bad/2026/july/a-error.json");
        assert_eq!(of(Some("s3://b/bad/"), Some("2026/july/"), Some("a.json")), named);
        assert_eq!(of(Some("s3://b"), None, Some("a")), told("s3://b/out/a", "s3://b/a-error"));
    }

    #[test]
    fn an_input_is_named_by_uri_or_url() {
        for (uri, bucket, key) in [
            ("s3://b/k/1", "b", "k/1"),
            ("https://b.s3.amazonaws.com/k/1", "b", "k/1"),
            ("https://b.s3.eu-central-1.amazonaws.com/k", "b", "k"),
            ("https://my.b.s3-eu-west-1.amazonaws.com/k", "my.b", "k"),
            ("https://s3.eu-central-1.amazonaws.com/b/k/1", "b", "k/1"),
            ("https://s3.cn-north-1.amazonaws.com.cn/b/k", "b", "k"),
        ] {
            assert_eq!(object(uri), Some((bucket.to_owned(), key.to_owned())), "{uri}");
        }
        for uri in ["s3://b", "s3://b/", "s3:///k", "https://example.org/b/k", "https://s3.amazonaws.com/b", "b/k"] {
            assert_eq!(object(uri), None, "{uri}");
        }
    }
}
