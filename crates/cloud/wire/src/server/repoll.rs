//! Polls a connection again where it woke itself.
//!
//! hyper asks for a request's body by waking the task that it runs in itself. tokio then puts the task at the end of a queue and
//! wakes another thread to take it: two system calls and a change of threads for each request that has a body.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Polls at a time; other connections wait for their turn.
const MOST: usize = 8;

const IDLE: u8 = 0;
const POLLED: u8 = 1;
const WOKEN: u8 = 2;

#[derive(Default)]
struct Shared {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Wake for Shared {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // While it is polled, the one who polls sees it.
        if self.state.swap(WOKEN, Ordering::AcqRel) == IDLE {
            self.task.wake();
        }
    }
}

/// Tells whether what is polled woke itself.
pub(super) struct Repoll {
    shared: Arc<Shared>,
    waker: Waker,
}

impl Repoll {
    pub(super) fn new() -> Self {
        let shared = Arc::<Shared>::default();
        Self { waker: Waker::from(Arc::clone(&shared)), shared }
    }

    /// Polls a future, always the same, until it waits for something else than itself.
    pub(super) fn poll<F: Future>(&self, mut future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.shared.task.register(context.waker());
        for _ in 0..MOST {
            self.shared.state.swap(POLLED, Ordering::AcqRel);
            let ready = future.as_mut().poll(&mut Context::from_waker(&self.waker));
            let waits = self.shared.state.compare_exchange(POLLED, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok();
            if ready.is_ready() || waits {
                return ready;
            }
        }
        self.shared.state.store(IDLE, Ordering::Release);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::poll_fn;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls once a future that wakes itself so often; its outcome, how often it was polled, and wakes of the task.
    fn polled(wakes: usize, finishes: bool) -> (Poll<()>, usize, usize) {
        let (count, repoll) = (Arc::<Count>::default(), Repoll::new());
        let mut polls = 0;
        let future = std::pin::pin!(poll_fn(|context: &mut Context<'_>| {
            polls += 1;
            if polls <= wakes {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            if finishes { Poll::Ready(()) } else { Poll::Pending }
        }));
        let outcome = repoll.poll(future, &mut Context::from_waker(&Waker::from(Arc::clone(&count))));
        (outcome, polls, count.0.load(Ordering::Relaxed))
    }

    #[test]
    fn what_wakes_itself_is_polled_again_and_no_task_is_woken() {
        assert_eq!(polled(0, false), (Poll::Pending, 1, 0));
        assert_eq!(polled(2, false), (Poll::Pending, 3, 0));
        assert_eq!(polled(2, true), (Poll::Ready(()), 3, 0));
        assert_eq!(polled(1000, true), (Poll::Pending, MOST, 1), "others have their turn");
    }

    #[test]
    fn a_wake_after_the_poll_reaches_the_task() {
        let (count, repoll) = (Arc::<Count>::default(), Repoll::new());
        let mut inner = None;
        let waker = Waker::from(Arc::clone(&count));
        let future = std::pin::pin!(poll_fn(|context: &mut Context<'_>| {
            inner = Some(context.waker().clone());
            Poll::<()>::Pending
        }));
        assert!(repoll.poll(future, &mut Context::from_waker(&waker)).is_pending());
        inner.unwrap().wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}
