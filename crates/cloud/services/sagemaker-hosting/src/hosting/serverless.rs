//! Serverless variants: no more requests at the same time than they take, and servers that start when they are asked for
//! and stop when they were idle for a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::errors;
use super::fleet::Order;
use super::measure::{NAMESPACE, micros};
use super::outstanding::{Held, Outstanding};
use super::routing::Instance;
use super::server::{Progress, Supervisor};
use sagewright_cloud_core::api::ApiError;
use sagewright_cloud_core::clock::SimClock;
use sagewright_cloud_core::metrics::{Metric, Series};
use sagewright_cloud_sagemaker_base::serving::ServerlessPlan;

/// How long servers stay up after the last request, in AWS's time. AWS does not say how long.
pub(super) const IDLE: Duration = Duration::from_secs(300);
/// Most bytes of a request or an answer.
pub(super) const MOST_PAYLOAD: usize = 4 * 1024 * 1024;

/// What a serverless variant is asked for.
pub(super) struct Demand {
    plan: ServerlessPlan,
    clock: SimClock,
    executions: Outstanding,
    /// Changes with each request that begins or ends.
    turns: watch::Sender<u64>,
    utilization: Series,
    setup: Series,
    provisioned: Option<Provisioned>,
}

/// Metrics of a variant with provisioned concurrency.
struct Provisioned {
    executions: Series,
    utilization: Series,
    invocations: Series,
    spillover: Series,
}

/// A request under way.
pub(super) struct Execution {
    demand: Arc<Demand>,
    held: Option<Held>,
}

impl Demand {
    pub fn new(order: &Order<'_>, variant: &str, plan: ServerlessPlan) -> Arc<Self> {
        let endpoint = order.endpoint;
        let series = |name: &str, unit| {
            let metric = Metric::new(&endpoint.account, &endpoint.region, NAMESPACE, name);
            order.env.metrics.series(metric.with("EndpointName", &endpoint.name).with("VariantName", variant), unit)
        };
        Arc::new(Self {
            plan,
            clock: order.env.sim.clone(),
            executions: Outstanding::default(),
            turns: watch::Sender::new(0),
            utilization: series("ServerlessConcurrentExecutionsUtilization", "None"),
            setup: series("ModelSetupTime", "Microseconds"),
            provisioned: (plan.provisioned > 0).then(|| Provisioned {
                executions: series("ServerlessProvisionedConcurrencyExecutions", "Count"),
                utilization: series("ServerlessProvisionedConcurrencyUtilization", "None"),
                invocations: series("ServerlessProvisionedConcurrencyInvocations", "Count"),
                spillover: series("ServerlessProvisionedConcurrencySpilloverInvocations", "Count"),
            }),
        })
    }

    /// Whether servers stay up without requests.
    pub fn always(&self) -> bool {
        self.plan.provisioned > 0
    }

    /// Begins a request: complete when the instance's servers answer.
    ///
    /// # Errors
    /// There are as many requests as the variant takes, or its servers have not come up before `late`.
    pub async fn begin(
        self: &Arc<Self>,
        instance: &Instance,
        variant: &str,
        late: impl Future<Output = ()>,
    ) -> Result<Execution, ApiError> {
        let held = self.executions.hold_below(self.plan.max_concurrency as usize).ok_or_else(errors::throttled)?;
        self.turned();
        let execution = Execution { demand: self.clone(), held: Some(held) };
        self.measure();
        if !instance.ready() {
            let asked = Instant::now();
            let up = async {
                for server in &instance.servers {
                    server.until_ready().await;
                }
            };
            tokio::select! {
                biased;
                () = up => self.setup.add(self.clock.now(), micros(asked.elapsed())),
                () = late => return Err(errors::provisioning(variant)),
            }
        }
        Ok(execution)
    }

    fn turned(&self) {
        self.turns.send_modify(|turns| *turns = turns.wrapping_add(1));
    }

    fn measure(&self) {
        let (now, count) = (self.clock.now(), u32::try_from(self.executions.count()).unwrap_or(u32::MAX));
        self.utilization.add(now, f64::from(count) / f64::from(self.plan.max_concurrency.max(1)));
        if let Some(metrics) = &self.provisioned {
            let within = count.min(self.plan.provisioned);
            metrics.executions.add(now, f64::from(within));
            metrics.utilization.add(now, f64::from(within) / f64::from(self.plan.provisioned.max(1)));
            let spills = count > self.plan.provisioned;
            metrics.invocations.add(now, f64::from(u8::from(!spills)));
            metrics.spillover.add(now, f64::from(u8::from(spills)));
        }
    }

    /// Completes when a request is under way.
    async fn wanted(&self) {
        // The sender is in this demand.
        let _ = self.turns.subscribe().wait_for(|_| self.executions.count() > 0).await;
    }

    /// Completes when no request was under way for a while.
    async fn idle(&self) {
        let mut turns = self.turns.subscribe();
        loop {
            turns.borrow_and_update();
            let over = async {
                if self.executions.count() > 0 {
                    std::future::pending().await
                } else {
                    self.clock.sleep(IDLE).await;
                }
            };
            tokio::select! {
                biased;
                _ = turns.changed() => {}
                () = over => return,
            }
        }
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        drop(self.held.take());
        self.demand.turned();
    }
}

impl Supervisor {
    /// Starts the server once, to see that it can be started; from then on runs it while requests ask for it. Ends when
    /// `stop` turns true, or the first start fails.
    pub async fn on_demand(mut self, demand: Arc<Demand>, mut stop: watch::Receiver<bool>) {
        let mut progress = self.progress.subscribe();
        let server = self.server.clone();
        let mut first = true;
        loop {
            if !first {
                tokio::select! {
                    biased;
                    _ = stop.wait_for(|stop| *stop) => return,
                    () = demand.wanted() => {}
                }
            }
            let (halt, halted) = watch::channel(false);
            let mut running = std::pin::pin!(self.serve_until(halted));
            loop {
                let enough = async {
                    if first {
                        let _ = progress.wait_for(|progress| *progress != Progress::Starting).await;
                    } else {
                        demand.idle().await;
                    }
                };
                tokio::select! {
                    biased;
                    () = &mut running => return,
                    _ = stop.wait_for(|stop| *stop) => break,
                    () = enough => {}
                }
                // Who comes from now on finds the server down, and waits; who came before keeps it up.
                let paused = server.pause();
                if demand.executions.count() == 0 {
                    break;
                }
                first = false;
                if paused {
                    server.resume();
                }
            }
            first = false;
            halt.send_replace(true);
            running.await;
        }
    }
}
