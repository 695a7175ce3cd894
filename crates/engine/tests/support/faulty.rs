//! A network and a process that fail between an engine and a cloud: calls that never arrive, answers that never come back.

use tokio::sync::Notify;

use super::*;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The process dies before it sends the call.
    CrashBefore,
    /// The process dies before it reads the answer.
    CrashAfter,
    /// The service refuses it: another change is under way.
    Conflict,
    Throttle,
    /// The connection breaks before the service sees the call.
    Reset,
    /// The connection breaks before the answer arrives.
    Lost,
    /// The answer is garbage.
    Unreadable,
    /// The service fails after it did what was asked.
    Internal,
}

/// Which call of a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The n-th of all.
    Call(usize),
    /// The n-th that writes.
    Write(usize),
}

/// A cloud behind a network that fails.
pub struct Faulty {
    cloud: Arc<Modelled>,
    next: Mutex<Option<(At, Fault)>>,
    crash: Notify,
}

impl Faulty {
    pub fn new(cloud: &Arc<Modelled>) -> Arc<Self> {
        Arc::new(Self { cloud: Arc::clone(cloud), next: Mutex::default(), crash: Notify::new() })
    }

    /// What goes wrong in the next look.
    pub fn next(&self, fault: Option<(At, Fault)>) {
        *self.next.lock().unwrap() = fault;
    }

    /// What a look comes to; `None` where the process dies meanwhile.
    pub async fn look<T>(&self, look: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.crash.notified() => None,
            done = look => Some(done),
        }
    }

    /// The fault of this call, and one less to go otherwise.
    fn fault(&self, is_write: bool) -> Option<Fault> {
        let mut next = self.next.lock().unwrap();
        let left = match &mut *next {
            Some((At::Call(left), _)) => left,
            Some((At::Write(left), _)) if is_write => left,
            _ => return None,
        };
        match left.checked_sub(1) {
            Some(fewer) => *left = fewer,
            None => return next.take().map(|(_, fault)| fault),
        }
        None
    }
}

#[async_trait::async_trait]
impl Cloud for Faulty {
    async fn call(&self, call: Call) -> Result<Value, CloudError> {
        let Some(fault) = self.fault(!is_read(&call.operation)) else { return self.cloud.call(call).await };
        let (service, operation) = (call.service.clone(), call.operation.clone());
        let error = |stage, code: &str, status| CloudError {
            status,
            ..CloudError::new(&service, &operation, stage, code, "as the test asks for")
        };
        if matches!(fault, Fault::CrashAfter | Fault::Lost | Fault::Unreadable | Fault::Internal) {
            let _ = self.cloud.call(call).await;
        }
        Err(match fault {
            Fault::CrashBefore | Fault::CrashAfter => {
                self.crash.notify_one();
                std::future::pending().await
            }
            Fault::Conflict => error(Stage::Service, "ConflictException", Some(409)),
            Fault::Throttle => error(Stage::Service, "ThrottlingException", Some(400)),
            Fault::Reset | Fault::Lost => error(Stage::Transport, "ConnectionReset", None),
            Fault::Unreadable => error(Stage::Answer, "UnreadableAnswer", Some(200)),
            Fault::Internal => error(Stage::Service, "InternalFailure", Some(500)),
        })
    }
}
