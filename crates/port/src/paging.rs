//! Listings of many pages, driven by the model's paginators.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use sagewright_model::{Service, ShapeType, StrList};
use serde_json::Value;

use crate::cloud::{Call, Cloud, CloudError, Stage, Target};

/// All pages of a listing, in order. An operation without a paginator gives its one page.
///
/// # Errors
/// What a page's call failed with, or `RepeatedToken` where the service gives a token twice.
pub async fn pages(
    cloud: &dyn Cloud,
    target: &Target,
    service: &str,
    operation: &str,
    input: Value,
) -> Result<Vec<Value>, CloudError> {
    let mut pager = Pager::new(target, service, operation, input);
    let mut pages = Vec::new();
    while let Some(page) = pager.next(cloud).await? {
        pages.push(page);
    }
    Ok(pages)
}

/// The items of all pages: those of the paginator's first result key.
///
/// # Errors
/// As [`pages`]; an operation that the model does not page is an input error.
pub async fn collect_items(
    cloud: &dyn Cloud,
    target: &Target,
    service: &str,
    operation: &str,
    input: Value,
) -> Result<Vec<Value>, CloudError> {
    let mut pager = Pager::new(target, service, operation, input);
    let Some(key) = pager.rule.as_ref().and_then(|r| r.items.clone()) else {
        let message = format!("{operation} is not a listing that the model of {service} pages: call it directly");
        return Err(CloudError::new(service, operation, Stage::Input, "NotPaged", message));
    };
    let mut items = Vec::new();
    while let Some(mut page) = pager.next(cloud).await? {
        if let Some(Value::Array(found)) = page.pointer_mut(&pointer(&key)).map(Value::take) {
            items.extend(found);
        }
    }
    Ok(items)
}

/// Walks a listing page by page.
#[derive(Debug)]
pub struct Pager {
    target: Target,
    service: String,
    operation: String,
    input: Value,
    rule: Option<Rule>,
    tokens: Option<Vec<Value>>,
    /// The tokens of all pages so far, as hashes.
    had: HashSet<u64>,
    done: bool,
}

impl Pager {
    /// A pager before its first page.
    #[must_use]
    pub fn new(target: &Target, service: &str, operation: &str, input: Value) -> Self {
        let rule = sagewright_model::service(service).and_then(|model| Rule::of(model, operation));
        // Whoever begins in the middle says where.
        let given = rule.as_ref().map(|r| r.input.iter().map(|t| find(&input, t)).collect::<Vec<_>>());
        Self {
            target: target.clone(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            input: if input.is_null() { Value::Object(serde_json::Map::new()) } else { input },
            rule,
            tokens: given.filter(|tokens| !tokens.iter().all(is_blank)),
            had: HashSet::new(),
            done: false,
        }
    }

    /// Limits the size of the pages, where the operation can.
    #[must_use]
    pub fn page_size(mut self, size: u32) -> Self {
        if let (Some(key), Some(object)) =
            (self.rule.as_ref().and_then(|r| r.limit.clone()), self.input.as_object_mut())
        {
            object.insert(key, Value::from(size));
        }
        self
    }

    /// The next page; none after the last.
    ///
    /// # Errors
    /// As [`pages`].
    pub async fn next(&mut self, cloud: &dyn Cloud) -> Result<Option<Value>, CloudError> {
        if self.done {
            return Ok(None);
        }
        let page = cloud.call(Call::new(&self.target, &self.service, &self.operation, self.input.clone())).await?;
        let followed = self.follow(&page);
        self.done = !matches!(followed, Ok(true));
        followed.map(|_| Some(page))
    }

    /// The input of the next page, for callers that make the calls themselves.
    #[must_use]
    pub fn input(&self) -> &Value {
        &self.input
    }

    /// Takes the page tokens of an answer. Gives whether there is a next page.
    ///
    /// # Errors
    /// `RepeatedToken` where the service gives a token twice.
    pub fn follow(&mut self, page: &Value) -> Result<bool, CloudError> {
        let Some(rule) = &self.rule else { return Ok(false) };
        let tokens: Vec<Value> = rule.output.iter().map(|t| find(page, t)).collect();
        let more = rule.more.as_ref().is_none_or(|key| find(page, key) == Value::Bool(true));
        if !more || tokens.iter().all(is_blank) {
            return Ok(false);
        }
        if self.tokens.as_ref() == Some(&tokens) {
            return if rule.same_token_ends { Ok(false) } else { Err(self.repeated()) };
        }
        if !self.had.insert(hash(&tokens)) {
            return Err(self.repeated());
        }
        if let Some(object) = self.input.as_object_mut() {
            for (name, token) in rule.input.iter().zip(&tokens) {
                if is_blank(token) {
                    object.shift_remove(name);
                } else {
                    object.insert(name.clone(), token.clone());
                }
            }
        }
        self.tokens = Some(tokens);
        Ok(true)
    }

    fn repeated(&self) -> CloudError {
        let message = "the service gave a page token for the second time, so the listing would never end";
        CloudError::new(&self.service, &self.operation, Stage::Answer, "RepeatedToken", message)
    }
}

/// How a listing is followed.
#[derive(Debug, Clone, Default)]
struct Rule {
    input: Vec<String>,
    output: Vec<String>,
    items: Option<String>,
    more: Option<String>,
    limit: Option<String>,
    same_token_ends: bool,
}

impl Rule {
    /// The model's paginator, or what the operation's members say where the model has none.
    fn of(service: &Service, operation: &str) -> Option<Self> {
        if let Some(paginator) = service.paginators.get(operation) {
            let texts = |list: &StrList| list.iter().map(ToString::to_string).collect::<Vec<_>>();
            return Some(Self {
                input: texts(&paginator.input_token),
                output: texts(&paginator.output_token),
                items: paginator.result_key.first().map(ToString::to_string),
                more: paginator.more_results.as_ref().map(ToString::to_string),
                limit: paginator.limit_key.as_ref().map(ToString::to_string),
                same_token_ends: false,
            });
        }
        if (service.id, operation) == ("logs", "GetLogEvents") {
            // It says "the end" by giving back the token that it was given.
            let owned = |text: &str| Some(text.to_owned());
            return Some(Self {
                input: vec!["nextToken".to_owned()],
                output: vec!["nextForwardToken".to_owned()],
                items: owned("events"),
                limit: owned("limit"),
                same_token_ends: true,
                more: None,
            });
        }
        if !operation.starts_with("List") && !operation.starts_with("Describe") {
            return None;
        }
        // A few listings are missing from botocore's paginators, ListHubs among them.
        let (input, output) = (service.input(operation)?, service.output(operation)?);
        let token = ["NextToken", "nextToken"].into_iter().find(|t| input.members.contains_key(t))?;
        let is_list = |shape: &str| service.shape(shape).is_some_and(|s| s.kind == ShapeType::List);
        let mut lists = output.members.iter().filter(|(_, m)| is_list(&m.shape)).map(|(name, _)| (*name).to_owned());
        let (items, other) = (lists.next()?, lists.next());
        let found = output.members.contains_key(token) && other.is_none();
        found.then(|| Self {
            input: vec![token.to_owned()],
            output: vec![token.to_owned()],
            items: Some(items),
            limit: ["MaxResults", "maxResults", "limit"]
                .into_iter()
                .find(|k| input.members.contains_key(k))
                .map(str::to_owned),
            ..Self::default()
        })
    }
}

/// A hash of tokens: a listing may have many pages, and tokens are long.
fn hash(tokens: &[Value]) -> u64 {
    let mut hasher = DefaultHasher::new();
    tokens.iter().for_each(|token| token.to_string().hash(&mut hasher));
    hasher.finish()
}

/// No token: absent, null, or empty text.
fn is_blank(token: &Value) -> bool {
    token.is_null() || token.as_str() == Some("")
}

/// A member, a path of members, or the first of alternatives (`NextMarker || Contents[-1].Key`).
fn find(page: &Value, expression: &str) -> Value {
    for alternative in expression.split("||") {
        let mut value = page;
        let mut found = true;
        for step in alternative.trim().split('.') {
            let (name, last) = match step.strip_suffix("[-1]") {
                Some(name) => (name, true),
                None => (step, false),
            };
            let next = value.get(name);
            let next = if last { next.and_then(Value::as_array).and_then(|a| a.last()) } else { next };
            match next {
                Some(next) => value = next,
                None => {
                    found = false;
                    break;
                }
            }
        }
        if found && !is_blank(value) {
            return value.clone();
        }
    }
    Value::Null
}

fn pointer(key: &str) -> String {
    format!("/{}", key.replace('.', "/"))
}
