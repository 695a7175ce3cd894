//! In which order an epoch carries a channel's entries, and which of them a host gets.

/// The order of `count` entries in an epoch: as they are, or shuffled by a seed. The same seed and epoch give the same
/// order on every host.
pub(super) fn order(count: usize, seed: Option<i64>, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let Some(seed) = seed else { return order };
    // The epoch goes through the generator first: neighbouring seeds and epochs must not give related orders.
    let mut random = SplitMix(seed.cast_unsigned() ^ SplitMix(epoch).next());
    for last in (1..count).rev() {
        order.swap(last, random.below(last + 1));
    }
    order
}

/// The places that a host gets of a sharded channel, dealt out one by one.
pub(super) fn is_dealt(place: usize, host: usize, hosts: usize) -> bool {
    place % hosts.max(1) == host
}

/// Steele, Lea and Flood's generator: <https://doi.org/10.1145/2714064.2660195>.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `limit`, by the upper half of a product: its bias is far below what a shuffle could show.
    fn below(&mut self, limit: usize) -> usize {
        let product = u128::from(self.next()) * (limit as u128);
        usize::try_from(product >> 64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn without_a_seed_each_epoch_has_the_given_order() {
        for epoch in 0..3 {
            assert_eq!(order(4, None, epoch), [0, 1, 2, 3]);
        }
    }

    #[test]
    fn a_seed_gives_each_epoch_an_order_of_its_own_and_always_the_same() {
        for seed in [i64::MIN, -1, 0, 1, 7] {
            let orders: BTreeSet<Vec<usize>> = (0..20).map(|epoch| order(20, Some(seed), epoch)).collect();
            assert_eq!(orders.len(), 20, "{seed}");
            for (epoch, shuffled) in (0..20).map(|epoch| (epoch, order(20, Some(seed), epoch))) {
                assert_eq!(order(20, Some(seed), epoch), shuffled);
                assert_eq!(shuffled.into_iter().collect::<BTreeSet<_>>(), (0..20).collect());
            }
        }
        assert_ne!(order(20, Some(1), 0), order(20, Some(2), 0));
        assert_ne!(order(20, Some(1), 0), order(20, Some(0), 1));
    }

    #[test]
    fn every_order_is_as_likely_as_every_other() {
        let mut seen = std::collections::BTreeMap::<Vec<usize>, u32>::new();
        for epoch in 0..6_000 {
            *seen.entry(order(3, Some(42), epoch)).or_default() += 1;
        }
        assert_eq!(seen.len(), 6);
        assert!(seen.values().all(|count| (850..1150).contains(count)), "{seen:?}");
    }

    #[test]
    fn each_entry_is_dealt_to_one_host() {
        for hosts in 1..5 {
            for place in 0..20 {
                assert_eq!((0..hosts).filter(|host| is_dealt(place, *host, hosts)).count(), 1);
            }
        }
    }
}
