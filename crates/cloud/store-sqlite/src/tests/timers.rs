//! Timers over the store.

use super::*;

/// Timers that cannot be done, or that nobody knows, keep no other one from being done.
#[tokio::test]
async fn a_timer_that_fails_holds_up_no_other() {
    use sagewright_cloud_core::clock::{SimClock, SystemWall};
    use sagewright_cloud_core::records::StoreError;
    use sagewright_cloud_core::timers::{Timers, Waker};

    fn damaged() -> StoreError {
        let source = serde_json::from_str::<serde_json::Value>("{").unwrap_err();
        StoreError::Damaged { kind: "space".into(), name: "s".into(), source }
    }
    let store = memory();
    for (id, due) in [("nobody:1", 1), ("bad:1", 2), ("damaged:1", 2), ("good:1", 3)] {
        store.commit(vec![Write::SetTimer(Timer { id: id.into(), due, body: json!({}) })]).await.unwrap();
    }
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let own = Arc::clone(&store);
    let clock = SimClock::new(Arc::new(SystemWall));
    let begun = clock.now().as_millisecond();
    let timers = Timers::new(Arc::clone(&store), clock, Waker::default())
        .owner("bad", Arc::new(|_| Box::pin(async { Err(StoreError::Closed) })))
        .owner("damaged", Arc::new(|_| Box::pin(async { Err(damaged()) })))
        .owner(
            "good",
            Arc::new(move |timer| {
                let (own, tell) = (Arc::clone(&own), tell.clone());
                Box::pin(async move {
                    own.commit(vec![Write::CancelTimer { id: timer.id.clone(), due: timer.due }]).await.unwrap();
                    tell.send(timer.id).unwrap();
                    Ok(())
                })
            }),
        );
    let running = tokio::spawn(timers.run());
    assert_eq!(told.recv().await.unwrap(), "good:1");
    running.abort();
    let later: Vec<_> = store.due(i64::MAX, 10).await.unwrap().into_iter().map(|timer| timer.id).collect();
    assert_eq!(later, ["bad:1", "nobody:1"], "the others are tried again later, but for what is damaged");
    assert!(store.next_due().await.unwrap() >= Some(begun + 60_000), "a minute later, and not again and again");
}

/// Who skips time goes on when all is done that became due by that, however much it is.
#[tokio::test]
async fn what_is_due_is_told_as_done_when_all_of_it_is_done() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use sagewright_cloud_core::clock::{SimClock, SystemWall};
    use sagewright_cloud_core::timers::{Timers, Waker};

    const COUNT: usize = 250;
    let store = memory();
    let timers = (0..COUNT).map(|n| Write::SetTimer(Timer { id: format!("own:{n}"), due: 1, body: json!({}) }));
    store.commit(timers.collect()).await.unwrap();
    let (own, count, waker) = (Arc::clone(&store), Arc::new(AtomicUsize::new(0)), Waker::default());
    let (clock, counted) = (SimClock::new(Arc::new(SystemWall)), Arc::clone(&count));
    let by = clock.now();
    let timers = Timers::new(Arc::clone(&store), clock, waker.clone()).owner(
        "own",
        Arc::new(move |timer| {
            let (own, counted) = (Arc::clone(&own), Arc::clone(&counted));
            Box::pin(async move {
                own.commit(vec![Write::CancelTimer { id: timer.id.clone(), due: timer.due }]).await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        }),
    );
    let running = tokio::spawn(timers.run());
    tokio::time::timeout(std::time::Duration::from_secs(60), waker.done(by)).await.expect("it is never told");
    assert_eq!(count.load(Ordering::Relaxed), COUNT);
    running.abort();
}

/// Owners tell their timers from old ones by the time that a record has: to be late must not make a timer an old one. Where what
/// failed was written after all, the timer that it set stays.
#[tokio::test]
async fn a_timer_that_is_put_off_is_the_same_one_and_takes_the_place_of_no_new_one() {
    use sagewright_cloud_core::clock::{SimClock, SystemWall};
    use sagewright_cloud_core::records::StoreError;
    use sagewright_cloud_core::timers::{Timers, Waker};

    let store = memory();
    let timer = |id: &str, due: i64| Timer { id: id.into(), due, body: json!({"name": "n"}) };
    store.commit(vec![Write::SetTimer(timer("late:1", 5)), Write::SetTimer(timer("late:2", 6))]).await.unwrap();
    let (own, waker, clock) = (Arc::clone(&store), Waker::default(), SimClock::new(Arc::new(SystemWall)));
    let by = clock.now();
    let timers = Timers::new(Arc::clone(&store), clock, waker.clone()).owner(
        "late",
        Arc::new(move |timer| {
            let own = Arc::clone(&own);
            Box::pin(async move {
                if timer.id == "late:2" {
                    own.commit(vec![Write::SetTimer(Timer { due: i64::MAX, ..timer })]).await.unwrap();
                }
                Err(StoreError::Closed)
            })
        }),
    );
    let running = tokio::spawn(timers.run());
    tokio::time::timeout(std::time::Duration::from_secs(60), waker.done(by)).await.expect("it is never told");
    running.abort();
    let [late, set] = &store.due(i64::MAX, 10).await.unwrap()[..] else { panic!("two timers") };
    assert!(late.due > by.as_millisecond());
    assert_eq!((late.scheduled(), &late.body["name"]), (5, &json!("n")));
    assert_eq!(late.clone().postponed(i64::MAX).scheduled(), 5, "however often");
    assert_eq!(*set, timer("late:2", i64::MAX));
}

/// After time was skipped, what a timer sets is done before what is due after that.
#[tokio::test]
async fn a_timer_that_is_set_sooner_is_done_sooner() {
    use std::sync::Mutex;

    use sagewright_cloud_core::clock::{SimClock, SystemWall};
    use sagewright_cloud_core::timers::{Timers, Waker};

    let store = memory();
    let timer = |id: &str, due: i64| Write::SetTimer(Timer { id: id.into(), due, body: json!({}) });
    store.commit(vec![timer("own:steps", 1), timer("own:later", 35), timer("own:last", 100)]).await.unwrap();
    let (waker, clock, seen) =
        (Waker::default(), SimClock::new(Arc::new(SystemWall)), Arc::new(Mutex::new(Vec::new())));
    let (own, told, wakes, by) = (Arc::clone(&store), Arc::clone(&seen), waker.clone(), clock.now());
    let timers = Timers::new(Arc::clone(&store), clock, waker.clone()).owner(
        "own",
        Arc::new(move |timer| {
            let (own, wakes) = (Arc::clone(&own), wakes.clone());
            told.lock().unwrap().push((timer.id.clone(), timer.due));
            Box::pin(async move {
                if timer.id == "own:steps" && timer.due < 50 {
                    let due = timer.due + 10;
                    own.commit(vec![Write::SetTimer(Timer { due, ..timer })]).await.unwrap();
                    wakes.wake_by(due);
                } else {
                    own.commit(vec![Write::CancelTimer { id: timer.id, due: timer.due }]).await.unwrap();
                }
                Ok(())
            })
        }),
    );
    let running = tokio::spawn(timers.run());
    tokio::time::timeout(std::time::Duration::from_secs(60), waker.done(by)).await.expect("it is never told");
    running.abort();
    let dues: Vec<i64> = seen.lock().unwrap().iter().map(|(_, due)| *due).collect();
    assert_eq!(dues, [1, 11, 21, 31, 35, 41, 51, 100]);
}
