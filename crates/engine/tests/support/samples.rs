//! Inputs that the service model allows, made from the model alone.

use sagewright_model::{Service, Shape, ShapeType, validate};
use serde_json::{Map, Value, json};

/// Texts to try where a pattern says what a text looks like; the second that fits is for a change.
const TEXTS: &[&str] = &[
    "thing",
    "other",
    "s3://bucket/key",
    "s3://bucket/other",
    "arn:aws:iam::123456789012:role/sagemaker",
    "arn:aws:iam::123456789012:role/other",
    "arn:aws:sagemaker:us-east-1:123456789012:cluster/abcdefghijkl",
    "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/team",
    "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/other",
    "arn:aws:sagemaker:us-east-1:123456789012:hub-content/hub/Model/base",
    "arn:aws:sagemaker:us-east-1:123456789012:model-package/base/1",
    "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/base/1.0.0",
    "arn:aws:lambda:us-east-1:123456789012:function:f",
    "arn:aws:lambda:us-east-1:123456789012:function:g",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:AmazonSageMaker-a",
    "arn:aws:secretsmanager:us-east-1:123456789012:secret:AmazonSageMaker-b",
    "arn:aws:sagemaker:us-east-1:123456789012:inference-component/c",
    "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e",
    "arn:aws:sagemaker:us-east-1:123456789012:image-version/mine/1",
    "arn:aws:sagemaker:us-east-1:123456789012:image-version/mine/2",
    "arn:aws:sagemaker:us-east-1:123456789012:studio-lifecycle-config/a",
    "arn:aws:sagemaker:us-east-1:123456789012:studio-lifecycle-config/b",
    "arn:aws:sagemaker:us-east-1:123456789012:model/a",
    "arn:aws:sagemaker:us-east-1:123456789012:model/b",
    "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/abcdefghijk0",
    "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/abcdefghijk1",
    "arn:aws:sagemaker:us-east-1:123456789012:human-task-ui/a",
    "arn:aws:sagemaker:us-east-1:123456789012:human-task-ui/b",
    "subnet-12345678",
    "sg-12345678",
    "vpc-12345678",
    "fs-12345678",
    "fs-87654321",
    "ml.m5.large",
    "123456789012",
    "210987654321",
    "https://example.com/x",
    "https://example.com/y",
    "https://bucket.s3.us-east-1.amazonaws.com/x",
    "https://bucket.s3.us-east-1.amazonaws.com/y",
    "d-abcdefghijkl",
    "d-lkjihgfedcba",
    "{}",
    "{\"a\": 1}",
    "amazon-eks-thing",
    "tp-abcdefghijkl",
    "tpo-thing",
    "Mon:00:00",
    "Tue:00:00",
    "1.0",
    "1.0.0",
    "1",
    "a=b",
    "/home/user",
    "/opt/ml/other",
    "arn:aws:eks:us-east-1:123456789012:cluster/c",
    "arn:aws:sns:us-east-1:123456789012:topic",
    "arn:aws:sns:us-east-1:123456789012:other",
    "arn:aws:sso:::instance/ssoins-0123456789abcdef",
    "arn:aws:sso::123456789012:application/sagemaker/apl-a",
    "arn:aws:sso::123456789012:application/sagemaker/apl-b",
    "arn:aws:sagemaker:us-east-1:123456789012:image/mine",
    "arn:aws:sagemaker:us-east-1:123456789012:image/other",
    "PyTorch 2.1",
    "notebook-al2-v3",
    "notebook-al2023-v1",
    "10.0.0.0/16",
    "us-east-1_abcdefghi",
    "text/csv",
    "text/plain",
    "-PT1H",
    "-PT2H",
    "dzd_a",
    "dzd_b",
    "UserName",
    "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "sha256:fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
];

const JSON: &[&str] = &["{}", "{\"a\": 1}"];

/// What a shape's members are to be.
#[derive(Clone, Copy)]
pub struct Sampler {
    pub service: &'static Service,
    /// Which of the texts that fit: 0, or 1 for a change.
    pub nth: usize,
}

impl Sampler {
    /// A structure with its required members, one member of a union, and these members besides.
    pub fn structure(&self, shape: &'static Shape, more: &[&str], path: &str) -> Value {
        let first = shape.union.then(|| shape.members.keys().next().copied()).flatten();
        let wanted = |name: &str| shape.is_required(name) || more.contains(&name) || first == Some(name);
        let mut out = Map::new();
        for (name, member) in shape.members.iter().filter(|(name, m)| wanted(name) && !m.idempotency_token) {
            let shape = self.service.target(member).unwrap();
            out.insert((*name).to_owned(), self.value(shape, &format!("{path}.{name}")));
        }
        Value::Object(out)
    }

    pub fn value(&self, shape: &'static Shape, path: &str) -> Value {
        use ShapeType as T;
        let target = |member: Option<&'static sagewright_model::Member>| self.service.target(member.unwrap()).unwrap();
        let least = shape.min.unwrap_or(0.0).max(1.0);
        match shape.kind {
            // A structure without required members would say nothing.
            T::Structure => {
                let none = shape.required.is_empty() && !shape.union;
                let first: Vec<&str> = shape.members.keys().copied().take(usize::from(none)).collect();
                self.structure(shape, &first, path)
            }
            T::List => {
                let element = target(shape.member.as_ref());
                let nth = |nth| Self { nth, ..*self }.value(element, path);
                let many = (0..least as usize).map(|i| nth(self.nth + i));
                Value::Array(many.collect())
            }
            T::Map => json!({"key": self.value(target(shape.value.as_ref()), path)}),
            T::Boolean => json!(self.nth == 0),
            T::Integer | T::Long | T::Short | T::Byte | T::BigInteger => json!(least as i64 + self.nth as i64),
            T::Float | T::Double | T::BigDecimal => json!(shape.min.unwrap_or(0.0) + 0.5 + 0.25 * self.nth as f64),
            T::Timestamp => json!(format!("2026-01-0{}T00:00:00Z", self.nth + 1)),
            T::String | T::Character | T::Blob => self.text(shape, path),
        }
    }

    fn text(&self, shape: &'static Shape, path: &str) -> Value {
        if !shape.enumeration.is_empty() {
            return json!(shape.enumeration[self.nth.min(shape.enumeration.len() - 1)].as_str());
        }
        let is_json = path.contains("Document") || ["Content", "Definition"].iter().any(|end| path.ends_with(end));
        let all = if is_json { JSON } else { &[] }.iter().chain(TEXTS);
        let fits: Vec<&str> = all.copied().filter(|t| validate(self.service, shape, &json!(t)).is_ok()).collect();
        assert!(!fits.is_empty(), "{path}: no text fits {:?}", shape.pattern.as_ref().map(|p| p.as_str().to_owned()));
        json!(fits[self.nth.min(fits.len() - 1)])
    }
}
