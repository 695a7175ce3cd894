//! Which server gets a request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::capture::Sampler;
use super::measure::Meter;
use super::outstanding::Outstanding;
use super::server::Server;
use super::serverless::Demand;
use sagewright_cloud_sagemaker_base::Serving;

/// What an endpoint serves between two changes. A request holds it while it is under way.
pub(super) struct Routes {
    pub fleets: Vec<Fleet>,
    /// Traffic of all fleets.
    wheel: Mutex<Wheel>,
    /// Of requests that ask for a variant: what else comes must not upset their shares.
    targeted: Mutex<HashMap<String, Wheel>>,
}

/// The variants of one deployment.
pub(super) struct Fleet {
    share: f64,
    pub variants: Vec<Variant>,
    wheel: Mutex<Wheel>,
}

/// A production variant.
pub(super) struct Variant {
    pub name: String,
    /// A request goes to the one container that it names.
    pub direct: bool,
    pub capture: Option<Arc<Sampler>>,
    pub serving: Serving,
    pub instances: Vec<Arc<Instance>>,
    pub next: AtomicUsize,
    /// Of an endpoint's variant.
    pub meter: Option<Arc<Meter>>,
}

/// One copy of a variant: the servers that a request passes in order.
pub(super) struct Instance {
    /// No other one of the endpoint has this number.
    pub number: usize,
    /// As logs name it.
    pub id: String,
    pub servers: Vec<Arc<Server>>,
    /// Requests under way.
    pub outstanding: Outstanding,
    /// Of a serverless variant, which has one instance.
    pub demand: Option<Arc<Demand>>,
    // Dropped with the last request: that is the signal that its servers may go.
    _drained: oneshot::Sender<()>,
}

impl Instance {
    /// An instance, and what completes when it is out of use.
    pub fn new(
        number: usize,
        id: String,
        servers: Vec<Arc<Server>>,
        demand: Option<Arc<Demand>>,
    ) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (drained, gone) = oneshot::channel();
        let outstanding = Outstanding::default();
        (Arc::new(Self { number, id, servers, outstanding, demand, _drained: drained }), gone)
    }

    pub fn ready(&self) -> bool {
        self.servers.iter().all(|server| server.ready())
    }

    pub fn usable(&self) -> bool {
        self.servers.iter().all(|server| server.usable())
    }

    fn holds(&self, target: &str) -> bool {
        self.servers.iter().any(|server| server.models.as_ref().is_some_and(|models| models.holds(target)))
    }
}

impl Variant {
    /// The next instance in turn that answers, or else may answer; but for those already tried. One that has the model
    /// `target` loaded comes first.
    pub fn pick(&self, tried: &[usize], target: Option<&str>) -> Option<&Arc<Instance>> {
        if self.serving.serverless.is_some() {
            // It starts when it is asked.
            return self.instances.iter().find(|instance| !tried.contains(&instance.number));
        }
        let (count, start) = (self.instances.len(), self.next.fetch_add(1, Ordering::Relaxed));
        let turns = || {
            let all = (0..count).filter_map(move |n| self.instances.get(start.wrapping_add(n) % count));
            all.filter(|instance| !tried.contains(&instance.number))
        };
        let best = |fits: &dyn Fn(&Instance) -> bool| {
            let mut fitting = turns().filter(|instance| fits(instance));
            if self.serving.least_outstanding {
                fitting.min_by_key(|instance| instance.outstanding.count())
            } else {
                fitting.next()
            }
        };
        let loaded = target.and_then(|target| best(&|instance| instance.ready() && instance.holds(target)));
        loaded.or_else(|| best(&Instance::ready)).or_else(|| best(&Instance::usable))
    }

    fn available(&self, tried: &[usize]) -> bool {
        let fits = |instance: &Instance| self.serving.serverless.is_some() || instance.usable();
        self.instances.iter().any(|instance| fits(instance) && !tried.contains(&instance.number))
    }
}

impl Fleet {
    /// A fleet with a part of the traffic, and its variants with their weights.
    pub fn new(share: f64, variants: Vec<(Variant, f64)>) -> Self {
        let (variants, weights): (Vec<_>, Vec<_>) = variants.into_iter().unzip();
        Self { share, variants, wheel: Mutex::new(Wheel::new(weights)) }
    }

    /// The variant of a name.
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }

    /// A variant by weight, of those that are `eligible`.
    fn pick(&self, eligible: &impl Fn(&Variant) -> bool) -> Option<&Variant> {
        let index = lock(&self.wheel).turn(|n| self.variants.get(n).is_some_and(eligible))?;
        self.variants.get(index)
    }

    fn has(&self, eligible: &impl Fn(&Variant) -> bool) -> bool {
        let wheel = lock(&self.wheel);
        self.variants.iter().zip(&wheel.weights).any(|(variant, weight)| *weight > 0.0 && eligible(variant))
    }
}

impl Routes {
    pub fn new(fleets: Vec<Fleet>) -> Arc<Self> {
        let wheel = Mutex::new(Wheel::of(&fleets));
        Arc::new(Self { fleets, wheel, targeted: Mutex::default() })
    }

    /// The fleets that get requests.
    pub fn serving(&self) -> impl Iterator<Item = &Fleet> {
        self.fleets.iter().filter(|fleet| fleet.share > 0.0)
    }

    /// A variant by the shares of the fleets and its weight there, of those that have an instance that answers and was not
    /// tried. Where a fleet has none, the others that get requests take its part.
    pub fn pick(&self, tried: &[usize]) -> Option<&Variant> {
        self.pick_if(&|variant| variant.available(tried))
    }

    /// The same, of those that are `eligible`.
    pub fn pick_if(&self, eligible: &impl Fn(&Variant) -> bool) -> Option<&Variant> {
        let index = lock(&self.wheel).turn(|n| self.fleets.get(n).is_some_and(|fleet| fleet.has(eligible)))?;
        self.fleets.get(index)?.pick(eligible)
    }

    /// The variants that get requests.
    pub fn variants(&self) -> impl Iterator<Item = &Variant> {
        self.serving().flat_map(|fleet| &fleet.variants)
    }

    /// Whether requests go through a queue.
    pub fn is_asynchronous(&self) -> bool {
        self.variants().any(|variant| variant.serving.asynchronous.is_some())
    }

    /// The same for a request that asks for a variant.
    pub fn pick_named(&self, name: &str, tried: &[usize]) -> Option<&Variant> {
        let found = |n: usize| self.fleets.get(n).and_then(|fleet| fleet.variant(name));
        let mut targeted = lock(&self.targeted);
        let wheel = targeted.entry(name.to_owned()).or_insert_with(|| Wheel::of(&self.fleets));
        found(wheel.turn(|n| found(n).is_some_and(|variant| variant.available(tried)))?)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn of(fleets: &[Fleet]) -> Self {
        Self::new(fleets.iter().map(|fleet| fleet.share).collect())
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
