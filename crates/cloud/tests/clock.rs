//! The simulated clock: over a wall clock that a test holds.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use sagewright_cloud::clock::{Change, ClockError, Keeper, SimClock, Speed, Wall};
use sagewright_cloud_store_sqlite::SqliteRecords;

mod runner_support;
use runner_support::ManualClock;

const HOUR: Duration = Duration::from_secs(3600);

fn advance(by: Duration) -> Change {
    Change { advance: Some(by), speed: None }
}

fn speed(factor: f64) -> Change {
    Change { advance: None, speed: Some(Speed::new(factor).unwrap()) }
}

/// A wall clock that can be set back.
struct Hands(Mutex<Timestamp>);

impl Hands {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Timestamp::from_second(1_800_000_000).unwrap())))
    }

    fn turn(&self, seconds: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }
}

impl Wall for Hands {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        std::future::pending().boxed()
    }
}

#[tokio::test]
async fn who_sleeps_wakes_when_the_clock_is_advanced_or_sped_up() {
    let wall = ManualClock::new();
    let sim = SimClock::new(wall.clone());
    let sleeper = tokio::spawn(sim.sleep(HOUR));
    // It looks after a minute whether the machine's clock was set.
    wall.sleeping(Duration::from_secs(60)).await;
    sim.change(advance(HOUR)).unwrap();
    sleeper.await.unwrap();

    let sleeper = tokio::spawn(sim.sleep(HOUR));
    sim.change(speed(3600.0)).unwrap();
    wall.sleeping(Duration::from_secs(1)).await;
    wall.advance(Duration::from_secs(1));
    sleeper.await.unwrap();

    let until = sim.now();
    sim.sleep_until(until).now_or_never().expect("it has come");
    assert!(sim.sleep(Duration::from_millis(1)).now_or_never().is_none());
}

#[test]
fn a_clock_that_was_never_changed_is_the_wall_clock_and_another_never_goes_back() {
    let wall = Hands::new();
    let sim = SimClock::new(wall.clone());
    sim.change(Change::default()).unwrap();
    sim.change(Change { advance: Some(Duration::ZERO), speed: Some(Speed::REAL) }).unwrap();
    for turn in [5, -3600, 7200] {
        wall.turn(turn);
        assert_eq!(sim.now().timestamp(), wall.now());
    }
    sim.change(speed(60.0)).unwrap();
    let begun = sim.now().as_second();
    for (turn, passed) in [(10, 600), (-3600, 600), (10, 1200), (-1, 1200), (1, 1260)] {
        wall.turn(turn);
        assert_eq!(sim.now().as_second() - begun, passed, "{turn}");
    }
    let reading = sim.read();
    assert_eq!((reading.wall, reading.speed.factor()), (wall.now(), 60.0));
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let wall = Hands::new();
    let sim = SimClock::new(wall.clone());
    let before = sim.read();
    let ten_years = Duration::from_secs(3653 * 86_400);
    let refused = (0..).map(|_| sim.change(advance(ten_years))).find_map(Result::err).unwrap();
    assert!(matches!(refused, ClockError::End(_)), "{refused}");
    let last = sim.read();
    assert!(last.sim > before.sim && last.wall == before.wall);
    let both = Change { advance: Some(ten_years), ..speed(60.0) };
    sim.change(both).unwrap_err();
    assert_eq!(sim.read(), last);
}

async fn keeper(wall: &Arc<Hands>, data: &Path, speed: f64) -> Keeper {
    let store = SqliteRecords::open(&data.join("state.sqlite")).unwrap();
    Keeper::open(SimClock::new(wall.clone()), Arc::new(store), Speed::new(speed).unwrap()).await.unwrap()
}

/// How far the clock is ahead, in seconds.
fn ahead(keeper: &Keeper) -> i64 {
    let reading = keeper.clock().read();
    reading.sim.timestamp().duration_since(reading.wall).as_secs()
}

#[tokio::test]
async fn an_advanced_clock_stays_advanced_and_a_fast_one_slows_down_with_its_process() {
    let (wall, data) = (Hands::new(), tempfile::tempdir().unwrap());
    let first = keeper(&wall, data.path(), 1.0).await;
    assert_eq!(ahead(&first), 0);
    first.change(advance(HOUR)).await.unwrap();
    drop(first);
    wall.turn(86_400);
    let second = keeper(&wall, data.path(), 60.0).await;
    assert_eq!(ahead(&second), 3600, "a day went by while it was down");
    wall.turn(5);
    let told = ahead(&second);
    assert_eq!(told, 3600 + 5 * 59);
    // Killed: how long it ran on is not known. No time that it told comes again, and a day is not sixty.
    drop(second);
    wall.turn(86_400);
    let third = keeper(&wall, data.path(), 1.0).await;
    let now = ahead(&third);
    assert!((told..told + 600).contains(&now), "{told} {now}");
    third.change(speed(1000.0)).await.unwrap();
    wall.turn(7);
    let told = ahead(&third);
    // Stopped in order: it goes on from there.
    third.close().await.unwrap();
    let stood = third.clock().now();
    wall.turn(86_400);
    assert_eq!(third.clock().now(), stood, "what ends tells no time that the next one does not know of");
    assert_eq!(ahead(&keeper(&wall, data.path(), 1.0).await), told);
}

#[tokio::test]
async fn a_fast_clock_that_is_killed_long_after_its_last_change_does_not_go_back() {
    let (wall, data) = (ManualClock::new(), tempfile::tempdir().unwrap());
    let open = async |factor: f64| {
        let store = SqliteRecords::open(&data.path().join("state.sqlite")).unwrap();
        Keeper::open(SimClock::new(wall.clone()), Arc::new(store), Speed::new(factor).unwrap()).await.unwrap()
    };
    let first = open(1000.0).await;
    let renewal = tokio::spawn(first.clone().run());
    for _ in 0..30 {
        wall.sleeping(Duration::from_secs(2)).await;
        wall.advance(Duration::from_secs(2));
    }
    wall.sleeping(Duration::from_secs(2)).await;
    wall.advance(Duration::from_millis(1900));
    let told = first.clock().now();
    // A kill: what it told last is known to nobody.
    renewal.abort();
    drop(first);
    let now = open(1.0).await.clock().now();
    assert!(now >= told, "{told:?} {now:?}");
}

#[tokio::test]
async fn a_clock_that_cannot_be_kept_is_not_changed() {
    let (wall, data) = (Hands::new(), tempfile::tempdir().unwrap());
    let keeper = keeper(&wall, data.path(), 1.0).await;
    let other = rusqlite::Connection::open(data.path().join("state.sqlite")).unwrap();
    other.execute_batch("ALTER TABLE record RENAME TO gone").unwrap();
    let error = keeper.change(advance(HOUR)).await.unwrap_err().to_string();
    assert!(error.starts_with("the simulated clock could not be kept, and was left as it was: "), "{error}");
    wall.turn(1);
    assert_eq!(ahead(&keeper), 0);
    other.execute_batch("ALTER TABLE gone RENAME TO record").unwrap();
    keeper.change(advance(HOUR)).await.unwrap();
    assert_eq!(ahead(&keeper), 3600);
}
