//! Processes that die at each commit of a way, one after the other.

use std::sync::Arc;

use super::mortal::Life;

/// When a process dies: a test says from where on its commits count.
pub struct Death {
    life: Arc<Life>,
    commits: i64,
}

impl Death {
    /// The process dies after so many commits more, of which each run of the way has one more.
    pub fn counts(&self) {
        self.life.ends_after(self.commits);
    }
}

/// Has a process go a way until it dies, at each commit in turn, and then has `after` look at what the next process makes of what
/// it left in its world, until a process goes the whole way. Answers after how many commits processes died.
pub fn at_each_commit_in<W, P>(
    world: impl Fn() -> W,
    start: impl Fn(&W, Arc<Life>) -> P,
    way: impl AsyncFn(&P, &Death),
    after: impl AsyncFn(&W, i64),
) -> i64 {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut commits = 0;
    loop {
        let world = world();
        let first = runtime();
        let died = first.block_on(async {
            let death = Death { life: Arc::default(), commits };
            let process = start(&world, Arc::clone(&death.life));
            let died = tokio::select! {
                () = way(&process, &death) => false,
                () = death.life.over() => true,
            };
            // Not dropped by the runtime's own: a killed process tidies nothing up.
            std::mem::forget(process);
            died
        });
        first.shutdown_background();
        runtime().block_on(after(&world, commits));
        if !died {
            return commits;
        }
        commits += 1;
    }
}
