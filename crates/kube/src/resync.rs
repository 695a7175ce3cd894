//! When a settled object is looked at again although nothing is known to have changed.

use std::time::Duration;

use sagewright_kinds::{Kind, Shows};

use crate::options::Options;

/// ACK's pause between looks at settled objects, for kinds that say no other.
const SETTLED: u64 = 36_000;

/// The pause before the next look at an object that is settled. `listed`: the last poll of the kind's listing shows its resource.
///
/// What the flags say counts. Without them, an object whose every change a listing shows is not looked at.
pub(crate) fn pause(options: &Options, kind: &Kind, listed: bool) -> Option<Duration> {
    if let Some(seconds) = options.resync_of.of(kind) {
        return (seconds > 0).then(|| Duration::from_secs(seconds));
    }
    let shows_all = listed && kind.listing().is_some_and(|listing| listing.shows == Shows::All);
    let own = kind.row().resync.settled.map(|seconds| Duration::from_secs(seconds.into()));
    match (shows_all, options.resync) {
        (true, resync) => resync,
        (false, resync) => own.or(resync).or(Some(Duration::from_secs(SETTLED))),
    }
}

/// A pause that differs from object to object, so that those that were created together are not looked at together: up to a
/// tenth longer.
pub(crate) fn spread(pause: Duration, id: u32) -> Duration {
    let tenth = pause / 10;
    pause + tenth.mul_f64(f64::from(id.wrapping_mul(2_654_435_761) >> 16) / f64::from(1_u32 << 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::PerKind;
    use crate::run::tests::options;

    #[test]
    fn the_flag_of_a_kind_goes_before_the_kind_and_that_before_the_flag_of_all() {
        let seconds = |options: &Options, kind: &str, listed: bool| {
            pause(options, sagewright_kinds::find(kind).unwrap(), listed).map(|pause| pause.as_secs())
        };
        let mut all = options();
        assert_eq!(seconds(&all, "Endpoint", true), None, "each change of an endpoint is listed");
        assert_eq!(seconds(&all, "Endpoint", false), Some(30));
        assert_eq!(seconds(&all, "Model", true), None);
        all.resync = Some(Duration::from_secs(600));
        assert_eq!((seconds(&all, "Model", true), seconds(&all, "Endpoint", false)), (Some(600), Some(30)));
        all.resync_of = PerKind::parse("Endpoint=20").unwrap();
        assert_eq!((seconds(&all, "Endpoint", true), seconds(&all, "Endpoint", false)), (Some(20), Some(20)));
    }

    #[test]
    fn pauses_are_spread() {
        let spread: Vec<u64> = (0..4).map(|id| spread(Duration::from_secs(1_000), id).as_secs()).collect();
        assert!(spread.iter().all(|s| (1_000..=1_100).contains(s)), "{spread:?}");
        assert!(spread.windows(2).any(|pair| pair.first() != pair.last()), "{spread:?}");
    }
}
