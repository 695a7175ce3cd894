//! Which server gets a request.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::capture::Sampler;
use super::measure::Meter;
use super::server::Server;

/// The variants that an endpoint serves between two deployments. A request holds it while it is under way.
pub(super) struct Generation {
    pub variants: Vec<Variant>,
    wheel: Mutex<Wheel>,
    // Dropped with the last request: that is the signal that its servers may go.
    _drained: oneshot::Sender<()>,
}

/// A production variant.
pub(super) struct Variant {
    pub name: String,
    /// A request goes to the one container that it names.
    pub direct: bool,
    pub capture: Option<Sampler>,
    pub instances: Vec<Instance>,
    pub next: AtomicUsize,
    /// Of an endpoint's variant.
    pub meter: Option<Meter>,
}

/// One copy of a variant: the servers that a request passes in order.
pub(super) struct Instance {
    /// Its number in the generation.
    pub number: usize,
    pub servers: Vec<Arc<Server>>,
}

impl Instance {
    fn ready(&self) -> bool {
        self.servers.iter().all(|server| server.ready())
    }

    fn usable(&self) -> bool {
        self.servers.iter().all(|server| server.usable())
    }

    fn holds(&self, target: &str) -> bool {
        self.servers.iter().any(|server| server.models.as_ref().is_some_and(|models| models.holds(target)))
    }
}

impl Variant {
    /// The next instance in turn that answers, or else may answer; but for those already tried. One that has the model
    /// `target` loaded comes first.
    pub fn pick(&self, tried: &[usize], target: Option<&str>) -> Option<&Instance> {
        let (count, start) = (self.instances.len(), self.next.fetch_add(1, Ordering::Relaxed));
        let turns = || {
            let all = (0..count).filter_map(move |n| self.instances.get(start.wrapping_add(n) % count));
            all.filter(|instance| !tried.contains(&instance.number))
        };
        let loaded = target.and_then(|target| turns().find(|instance| instance.ready() && instance.holds(target)));
        loaded
            .or_else(|| turns().find(|instance| instance.ready()))
            .or_else(|| turns().find(|instance| instance.usable()))
    }

    fn available(&self, tried: &[usize]) -> bool {
        self.instances.iter().any(|instance| instance.usable() && !tried.contains(&instance.number))
    }
}

impl Generation {
    /// A generation, and what completes when it is out of use.
    pub fn new(variants: Vec<(Variant, f64)>) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (variants, weights): (Vec<_>, Vec<_>) = variants.into_iter().unzip();
        let (drained, gone) = oneshot::channel();
        let wheel = Mutex::new(Wheel::new(weights));
        (Arc::new(Self { variants, wheel, _drained: drained }), gone)
    }

    /// Changes weights by name; others stay.
    pub fn set_weights(&self, weights: &[(String, f64)]) {
        let mut wheel = self.wheel.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = wheel.weights.clone();
        for (variant, weight) in self.variants.iter().zip(&mut all) {
            if let Some((_, given)) = weights.iter().find(|(name, _)| *name == variant.name) {
                *weight = *given;
            }
        }
        *wheel = Wheel::new(all);
    }

    /// A variant by weight, of those that have an instance that answers and was not tried.
    pub fn pick(&self, tried: &[usize]) -> Option<&Variant> {
        let mut wheel = self.wheel.lock().unwrap_or_else(PoisonError::into_inner);
        let index = wheel.turn(|n| self.variants.get(n).is_some_and(|v| v.available(tried)))?;
        self.variants.get(index)
    }
}

/// Smooth weighted round robin: exact shares, evenly mixed, without chance.
struct Wheel {
    weights: Vec<f64>,
    credit: Vec<f64>,
}

impl Wheel {
    fn new(weights: Vec<f64>) -> Self {
        Self { credit: vec![0.0; weights.len()], weights }
    }

    fn turn(&mut self, eligible: impl Fn(usize) -> bool) -> Option<usize> {
        let (mut total, mut best) = (0.0, None::<(usize, f64)>);
        for (index, (weight, credit)) in self.weights.iter().zip(&mut self.credit).enumerate() {
            if *weight <= 0.0 || !eligible(index) {
                continue;
            }
            total += weight;
            *credit += weight;
            if best.is_none_or(|(_, most)| *credit > most) {
                best = Some((index, *credit));
            }
        }
        let (index, _) = best?;
        if let Some(credit) = self.credit.get_mut(index) {
            *credit -= total;
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(wheel: &mut Wheel, turns: usize, eligible: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut counts = vec![0; wheel.weights.len()];
        (0..turns).filter_map(|_| wheel.turn(&eligible)).for_each(|n| counts[n] += 1);
        counts
    }

    #[test]
    fn requests_are_shared_exactly_by_weight() {
        assert_eq!(shares(&mut Wheel::new(vec![0.9, 0.1]), 1000, |_| true), [900, 100]);
        assert_eq!(shares(&mut Wheel::new(vec![1.0, 2.0, 5.0]), 800, |_| true), [100, 200, 500]);
        assert_eq!(shares(&mut Wheel::new(vec![0.0, 3.0]), 50, |_| true), [0, 50]);
        assert_eq!(shares(&mut Wheel::new(vec![0.0, 0.0]), 50, |_| true), [0, 0]);
    }

    #[test]
    fn a_variant_without_servers_gives_its_share_to_the_others() {
        assert_eq!(shares(&mut Wheel::new(vec![1.0, 1.0, 2.0]), 300, |n| n != 0), [0, 100, 200]);
    }
}
