//! The servers that an endpoint runs, and how they come to be those of other fleets.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use futures_util::future::{join_all, try_join_all};

use super::capture::Sampler;
use super::fleet::{Crew, Order, Rising, check, instance_id, wait};
use super::routing::{Fleet, Instance, Routes, Variant};
use super::serverless::Demand;
use sagewright_cloud_sagemaker_base::ports::{FleetPlan, VariantPlan};

/// One copy of a variant of a fleet.
pub(super) struct Unit {
    fleet: u64,
    variant: String,
    /// `None` until its servers are on their way up.
    instance: Option<Arc<Instance>>,
    crew: Crew,
}

/// All that an endpoint runs.
#[derive(Default)]
pub(super) struct Units {
    all: Vec<Unit>,
    numbers: usize,
}

impl Unit {
    /// Waits until no request is under way, and stops.
    pub async fn retire(self) {
        // Requests under way hold it until they are answered.
        drop(self.instance);
        self.crew.retire().await;
    }
}

/// Stops what was started in vain.
pub(super) async fn stop(units: Vec<Unit>) {
    join_all(units.into_iter().map(|unit| unit.crew.stop())).await;
}

impl Units {
    /// Starts what the fleets lack and waits until it answers. All that was started is in `new`, after a failure as well.
    ///
    /// # Errors
    /// `FailureReason`.
    pub async fn start<'o>(
        &mut self,
        order: impl Fn() -> Order<'o>,
        fleets: &[FleetPlan],
        new: &mut Vec<Unit>,
    ) -> Result<(), String> {
        let mut waits = Vec::new();
        for fleet in fleets {
            for plan in &fleet.variants {
                let orders: Vec<_> = (0..self.missing(fleet.id, plan, &order())).map(|_| order()).collect();
                let Some(first) = orders.first() else { continue };
                check(first, std::slice::from_ref(plan))?;
                let before = new.len();
                new.extend(orders.iter().map(|order| Unit::new(fleet.id, plan, order.work.clone())));
                let mut instances = Vec::new();
                for order in &orders {
                    instances.push(async {
                        let id = instance_id();
                        let rising = order.instance(plan, order.copies(plan), &id).await?;
                        Ok::<_, String>((id, rising))
                    });
                }
                for (unit, (id, rising)) in new.iter_mut().skip(before).zip(try_join_all(instances).await?) {
                    let demand = plan.serving.serverless.map(|serverless| Demand::new(first, &plan.name, serverless));
                    let mut servers = Vec::new();
                    for Rising { server, supervisor, progress, variant } in rising {
                        match demand.as_ref().filter(|demand| !demand.always()) {
                            Some(demand) => unit.crew.supervise_on_demand(supervisor, demand.clone()),
                            None => unit.crew.supervise(supervisor),
                        }
                        waits.push(wait(server.clone(), progress, variant));
                        servers.push(server);
                    }
                    let (instance, drained) = Instance::new(self.numbers, id, servers, demand);
                    self.numbers += 1;
                    unit.instance = Some(instance);
                    unit.crew.drained = Some(drained);
                }
            }
        }
        try_join_all(waits).await.map(|_| ())
    }

    fn missing(&self, fleet: u64, plan: &VariantPlan, order: &Order<'_>) -> usize {
        let running = self.all.iter().filter(|unit| unit.is_of(fleet, &plan.name)).count();
        (order.copies(plan) as usize).saturating_sub(running)
    }

    /// What requests see from now on, and what is of no fleet any more.
    pub fn become_fleets(
        &mut self,
        order: &Order<'_>,
        fleets: &[FleetPlan],
        new: Vec<Unit>,
    ) -> (Arc<Routes>, Vec<Unit>) {
        let mut room: HashMap<(u64, String), u32> = HashMap::new();
        for fleet in fleets {
            room.extend(fleet.variants.iter().map(|plan| ((fleet.id, plan.name.clone()), order.copies(plan))));
        }
        let all = std::mem::take(&mut self.all).into_iter().chain(new);
        let (kept, gone) = all.partition(|unit| match room.get_mut(&(unit.fleet, unit.variant.clone())) {
            Some(room @ 1..) => {
                *room -= 1;
                true
            }
            _ => false,
        });
        self.all = kept;
        let variant = |fleet: &FleetPlan, plan: &VariantPlan| Variant {
            name: plan.name.clone(),
            direct: plan.direct,
            capture: plan.capture.clone().map(|plan| Arc::new(Sampler::new(plan))),
            serving: plan.serving.clone(),
            instances: self
                .all
                .iter()
                .filter(|unit| unit.is_of(fleet.id, &plan.name))
                .filter_map(|unit| unit.instance.clone())
                .collect(),
            next: AtomicUsize::new(0),
            meter: order.meter(fleet, plan).map(Arc::new),
        };
        let routed = |fleet: &FleetPlan| {
            let variants = fleet.variants.iter().map(|plan| (variant(fleet, plan), plan.weight));
            Fleet::new(fleet.share, variants.collect())
        };
        (Routes::new(fleets.iter().map(routed).collect()), gone)
    }

    /// All units: nothing is served any more.
    pub fn clear(&mut self) -> Vec<Unit> {
        std::mem::take(&mut self.all)
    }
}

impl Unit {
    fn new(fleet: u64, plan: &VariantPlan, work: PathBuf) -> Self {
        Self { fleet, variant: plan.name.clone(), instance: None, crew: Crew::new(work) }
    }

    fn is_of(&self, fleet: u64, variant: &str) -> bool {
        self.fleet == fleet && self.variant == variant
    }
}
