//! What the fake knows: models, their tags, and the operations of both services that the engine calls for them.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value, json};

/// Items on a page.
const PAGE: usize = 100;
const REGION_AND_ACCOUNT: &str = "us-east-1:123456789012";

struct Model {
    name: String,
    spec: Map<String, Value>,
    tags: BTreeMap<String, String>,
    /// Seconds since 1970, as the wire has them.
    created: f64,
}

impl Model {
    fn arn(&self) -> String {
        format!("arn:aws:sagemaker:{REGION_AND_ACCOUNT}:model/{}", self.name)
    }

    fn tags(&self) -> Value {
        self.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
    }

    /// Whether it has one of these values at each of these keys.
    fn has(&self, filters: &Value) -> bool {
        filters.as_array().into_iter().flatten().all(|filter| {
            let value = filter["Key"].as_str().and_then(|key| self.tags.get(key));
            let values = filter["Values"].as_array().filter(|values| !values.is_empty());
            value.is_some_and(|value| values.is_none_or(|values| values.iter().any(|v| v == value)))
        })
    }
}

/// An error as the service sends it.
fn invalid(message: String) -> Value {
    json!({"__type": "ValidationException", "message": message})
}

/// Models by the order of their creation.
#[derive(Default)]
pub struct Store {
    models: BTreeMap<u64, Model>,
    names: HashMap<String, u64>,
    next: u64,
    /// Calls that came.
    pub calls: u64,
}

impl Store {
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Answers a call; an error as the service's document of it.
    pub fn call(&mut self, operation: &str, input: &Value) -> Result<Value, Value> {
        self.calls += 1;
        match operation {
            "CreateModel" => self.create(input),
            "DescribeModel" => self.describe(input),
            "DeleteModel" => self.delete(input),
            "ListModels" => Ok(self.list(input)),
            "ListTags" => self.find(&input["ResourceArn"]).map(|model| json!({"Tags": model.tags()})),
            "AddTags" => self.tag(input),
            "GetResources" => Ok(self.index(input)),
            other => Err(json!({"__type": "UnknownOperationException", "message": other})),
        }
    }

    fn create(&mut self, input: &Value) -> Result<Value, Value> {
        let name = input["ModelName"].as_str().unwrap_or_default().to_owned();
        let mut spec = input.as_object().cloned().unwrap_or_default();
        let tags = tags(&spec.remove("Tags").unwrap_or_default());
        let created = (jiff::Timestamp::now().as_millisecond() as f64) / 1e3;
        let model = Model { name: name.clone(), spec, tags, created };
        let arn = model.arn();
        if self.names.contains_key(&name) {
            return Err(invalid(format!("Cannot create already existing model \"{arn}\".")));
        }
        self.names.insert(name, self.next);
        self.models.insert(self.next, model);
        self.next += 1;
        Ok(json!({"ModelArn": arn}))
    }

    /// The model of a name or an ARN.
    fn number(&self, of: &Value) -> Result<u64, Value> {
        let name = of.as_str().and_then(|text| text.rsplit('/').next()).unwrap_or_default();
        let missing = || {
            let arn = format!("arn:aws:sagemaker:{REGION_AND_ACCOUNT}:model/{name}");
            invalid(format!("Could not find model \"{arn}\"."))
        };
        self.names.get(name).copied().ok_or_else(missing)
    }

    fn find(&mut self, of: &Value) -> Result<&mut Model, Value> {
        let number = self.number(of)?;
        self.models.get_mut(&number).ok_or_else(|| invalid("the fake has lost a model".to_owned()))
    }

    fn describe(&mut self, input: &Value) -> Result<Value, Value> {
        let model = self.find(&input["ModelName"])?;
        let mut output = model.spec.clone();
        output.insert("ModelArn".to_owned(), json!(model.arn()));
        output.insert("CreationTime".to_owned(), json!(model.created));
        output.entry("EnableNetworkIsolation").or_insert(json!(false));
        Ok(Value::Object(output))
    }

    fn delete(&mut self, input: &Value) -> Result<Value, Value> {
        let number = self.number(&input["ModelName"])?;
        if let Some(model) = self.models.remove(&number) {
            self.names.remove(&model.name);
        }
        Ok(json!({}))
    }

    fn tag(&mut self, input: &Value) -> Result<Value, Value> {
        let more = tags(&input["Tags"]);
        let model = self.find(&input["ResourceArn"])?;
        model.tags.extend(more);
        Ok(json!({"Tags": model.tags()}))
    }

    fn list(&self, input: &Value) -> Value {
        let after = input["CreationTimeAfter"].as_f64().unwrap_or_default();
        let item = |model: &Model| {
            (model.created > after)
                .then(|| json!({"ModelName": model.name, "ModelArn": model.arn(), "CreationTime": model.created}))
        };
        let (items, next) = self.page(&input["NextToken"], input["SortOrder"] == "Descending", item);
        let mut output = json!({"Models": items});
        if let Some(next) = next {
            output["NextToken"] = json!(next);
        }
        output
    }

    fn index(&self, input: &Value) -> Value {
        let item = |model: &Model| {
            model.has(&input["TagFilters"]).then(|| json!({"ResourceARN": model.arn(), "Tags": model.tags()}))
        };
        let (items, next) = self.page(&input["PaginationToken"], false, item);
        json!({"ResourceTagMappingList": items, "PaginationToken": next.unwrap_or_default()})
    }

    /// A page of what `item` makes of models, and the token of the next.
    fn page(
        &self,
        token: &Value,
        newest: bool,
        item: impl Fn(&Model) -> Option<Value>,
    ) -> (Vec<Value>, Option<String>) {
        let from: Option<u64> = token.as_str().and_then(|token| token.parse().ok());
        let all: Box<dyn Iterator<Item = (&u64, &Model)>> = match (newest, from) {
            (true, from) => Box::new(self.models.range(..=from.unwrap_or(u64::MAX)).rev()),
            (false, from) => Box::new(self.models.range(from.unwrap_or_default()..)),
        };
        let mut items = all.filter_map(|(number, model)| Some((number, item(model)?)));
        let page = items.by_ref().take(PAGE).map(|(_, item)| item).collect();
        (page, items.next().map(|(number, _)| number.to_string()))
    }
}

fn tags(list: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.as_array().into_iter().flatten().map(|tag| (text(&tag["Key"]), text(&tag["Value"]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_show_every_model_once_in_both_orders() {
        let mut store = Store::default();
        for number in 0..250 {
            let tags = json!([{"Key": "owner", "Value": (number % 2).to_string()}]);
            store.call("CreateModel", &json!({"ModelName": format!("m{number}"), "Tags": tags})).unwrap();
        }
        assert!(
            store.call("CreateModel", &json!({"ModelName": "m1"})).unwrap_err()["message"]
                .as_str()
                .unwrap()
                .contains("already exist")
        );
        store.call("DeleteModel", &json!({"ModelName": "m200"})).unwrap();
        for (order, first) in [("Ascending", "m0"), ("Descending", "m249")] {
            let (mut names, mut input) = (Vec::new(), json!({"SortOrder": order}));
            loop {
                let output = store.call("ListModels", &input).unwrap();
                names.extend(output["Models"].as_array().unwrap().iter().map(|m| m["ModelName"].clone()));
                match output.get("NextToken") {
                    Some(token) => input["NextToken"] = token.clone(),
                    None => break,
                }
            }
            assert_eq!((names.len(), &names[0]), (249, &json!(first)), "{order}");
        }
        let filter = json!({"TagFilters": [{"Key": "owner", "Values": ["1"]}]});
        assert_eq!(
            store.call("GetResources", &filter).unwrap()["ResourceTagMappingList"].as_array().unwrap().len(),
            100
        );
    }
}
