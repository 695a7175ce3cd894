//! The smallest input that a shape of the service model takes.

use sagewright_model::{Service, Shape, ShapeType, validate};
use serde_json::{Map, Value, json};

/// Texts that the patterns of SageMaker's model take, tried in this order.
const TEXTS: &[&str] = &[
    "abcd",
    "d-abcdefghijkl",
    "arn:aws:iam::000000000000:role/exec",
    "s3://data/train/",
    "https://example.com/abcd",
    "000000000000.dkr.ecr.us-east-1.amazonaws.com/abcd:1",
    "arn:aws:sagemaker:us-east-1:000000000000:cluster/abcdefghijkl",
    "arn:aws:sagemaker:us-east-1:000000000000:workteam/private-crowd/abcd",
    "vpc-0123456789abcdef0",
    "subnet-0123456789abcdef0",
    "ml.m5.large",
    "1",
    "1.0",
    "us-east-1",
    "1.0.0",
    "abcdefghijkl",
    "arn:aws:sagemaker:us-east-1:000000000000:artifact/abcd",
    "arn:aws:sagemaker:us-east-1:000000000000:endpoint/abcd",
    "arn:aws:sagemaker:us-east-1:000000000000:model-card/abcd/export-job/abcd",
    "/opt/ml/processing/input",
    "arn:aws:sagemaker:us-east-1:aws:hub-content/abcd/Model/abcd/1.0.0",
    "arn:aws:sagemaker:us-east-1:000000000000:mlflow-app/app-ABCDEFGHIJKL",
    "arn:aws:sagemaker:us-east-1:000000000000:partner-app/app-ABCDEFGHIJKL",
    "arn:aws:sagemaker:us-east-1:000000000000:extension/eks-abcd/abcd/abcd",
    "abcdefghijklmnopqrstuvwxyz0123456789",
    "arn:aws:lambda:us-east-1:000000000000:function:PRE-abcd",
    "0123456789abcdef0123456789abcdef",
    "arn:aws:sagemaker:us-east-1:000000000000:mlflow-tracking-server/abcd",
    "{\"Version\": \"2020-12-01\", \"Steps\": []}",
];

/// The required members of a structure, with the smallest values.
pub fn smallest(service: &'static Service, shape: &'static Shape) -> Value {
    match shape.kind {
        ShapeType::Structure => {
            let mut out = Map::new();
            for (name, member) in &shape.members {
                if *name == "LocalPath" {
                    // The model takes any text, and a job none but these.
                    out.insert((*name).to_owned(), json!("/opt/ml/processing/input"));
                } else if shape.is_required(name) || *name == "EndpointInput" || (shape.union && out.is_empty()) {
                    out.insert((*name).to_owned(), smallest(service, service.target(member).unwrap()));
                }
            }
            Value::Object(out)
        }
        ShapeType::List => {
            let item = smallest(service, service.target(shape.member.as_ref().unwrap()).unwrap());
            json!(vec![item; shape.min.unwrap_or(1.0).max(1.0) as usize])
        }
        ShapeType::Map => {
            let key = smallest(service, service.target(shape.key.as_ref().unwrap()).unwrap());
            let value = smallest(service, service.target(shape.value.as_ref().unwrap()).unwrap());
            Value::Object(Map::from_iter([(key.as_str().unwrap().to_owned(), value)]))
        }
        ShapeType::Boolean => json!(false),
        ShapeType::Timestamp => json!(1),
        ShapeType::String if !shape.enumeration.is_empty() => json!(&*shape.enumeration[0]),
        ShapeType::String | ShapeType::Character | ShapeType::Blob => {
            let fits = TEXTS.iter().find(|text| validate(service, shape, &json!(text)).is_ok());
            json!(fits.unwrap_or_else(|| panic!("no sample for the pattern {:?}", shape.pattern)))
        }
        _ => json!(shape.min.unwrap_or(1.0).max(1.0) as i64),
    }
}
