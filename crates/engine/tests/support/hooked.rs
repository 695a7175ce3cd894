//! A cloud with a person in front of it: calls can be answered, refused or watched before they reach the fake.

use super::*;

type Before = dyn Fn(&Target, &str, &Value) -> Option<Result<Value, CloudError>> + Send + Sync;

struct Hooked {
    fake: Arc<Fake>,
    before: Box<Before>,
}

#[async_trait::async_trait]
impl Cloud for Hooked {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        match (self.before)(&call.target, &call.operation, &call.input) {
            Some(answer) => answer,
            None => self.fake.call(call).await,
        }
    }
}

/// An engine whose calls are asked about first; `None` lets a call through.
pub fn hooked(
    fake: &Arc<Fake>,
    clock: &Arc<TestClock>,
    before: impl Fn(&Target, &str, &Value) -> Option<Result<Value, CloudError>> + Send + Sync + 'static,
) -> Engine {
    let target = Target::new(REGION.parse().unwrap());
    let cloud = Arc::new(Hooked { fake: Arc::clone(fake), before: Box::new(before) });
    Engine::new(cloud, Arc::clone(clock) as Arc<dyn Clock>, target)
}

/// An answer that says to try again.
pub fn slow_down() -> CloudError {
    CloudError { status: Some(429), ..fail("ThrottlingException", "Rate exceeded") }
}
