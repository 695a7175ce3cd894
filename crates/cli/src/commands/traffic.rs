//! `sagewright traffic`

use std::time::Duration;

use jiff::Timestamp;
use sagewright_engine::Description;
use serde_json::{Value, json};

use crate::args::{Global, Traffic};
use crate::commands::invoke;
use crate::context::{Context, engine_failure};
use crate::exit::Exit;
use crate::metrics::endpoint::{self, Detail, Variant};
use crate::metrics::{Window, number};
use crate::output::terminal::on_line;
use crate::output::{Printer, Screen, Table, amount};
use crate::resource;
use crate::steps::instant;

/// The documents' format.
const FORMAT: &str = "sagewright.dev/traffic/v1";
/// Seconds of CloudWatch's shortest period of an endpoint.
const PERIOD: i64 = 60;
/// The least and the longest time between two looks: AWS writes metrics once a minute, and a deployment may go on in between.
const LEAST: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_secs(3);
/// Shows how an endpoint's traffic is shared, and where a deployment is.
pub(crate) async fn run(args: &Traffic, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let name = invoke::name(&args.endpoint)?;
    let mut context = Context::connect(global, printer).await?;
    context.announce(&[]).await?;
    let seen = async || Seen::now(&context, name, args.since).await;
    if printer.for_programs() {
        printer.document(&seen().await?.document())?;
    } else if args.once || !printer.results_on_terminal() {
        printer.result(&seen().await?.text())?;
    } else {
        let mut text = seen().await?.text();
        let mut screen = Screen::open(printer)?;
        loop {
            screen.show(text)?;
            tokio::time::sleep(context.poll().clamp(LEAST, LOOK)).await;
            text = seen().await?.text();
        }
    }
    Ok(Exit::Done)
}

/// An endpoint at a moment.
struct Seen {
    now: Timestamp,
    window: Window,
    found: Description,
    /// In the order of the fleets.
    measured: Vec<Variant>,
}

/// A fleet of a variant: of a deployment under way, the new one too.
struct Fleet<'s> {
    told: &'s Value,
    name: &'s str,
    config: &'s str,
    /// Of a deployment under way.
    pending: bool,
    shadow: bool,
}

impl Seen {
    async fn now(context: &Context, name: &str, since: Duration) -> anyhow::Result<Self> {
        let kind = resource::kind("Endpoint")?;
        let found = context.engine.describe(kind, name).await.map_err(engine_failure)?;
        let now = context.now().await;
        let window = Window::last(since, now, PERIOD);
        let mut seen = Self { now, window, found, measured: Vec::new() };
        let deploys = seen.pending().is_some();
        let of = |fleet: &Fleet| endpoint::Fleet {
            variant: fleet.name.to_owned(),
            config: deploys.then(|| fleet.config.to_owned()),
        };
        let wanted: Vec<endpoint::Fleet> = seen.fleets().iter().map(of).collect();
        seen.measured = endpoint::variants(context, &seen.found.resource, &wanted, window, Detail::Total).await?;
        Ok(seen)
    }

    fn status(&self) -> &Value {
        &self.found.object.status
    }

    fn text_at(&self, member: &str) -> Option<&str> {
        self.status()[member].as_str().filter(|text| !text.is_empty())
    }

    fn config(&self) -> &str {
        self.found.object.spec["endpointConfigName"].as_str().unwrap_or("-")
    }

    /// The deployment under way.
    fn pending(&self) -> Option<&Value> {
        self.status().get("pendingDeploymentSummary").filter(|pending| pending.is_object())
    }

    fn fleets(&self) -> Vec<Fleet<'_>> {
        let mut fleets = Vec::new();
        let both = [(self.status(), self.config(), false)];
        let next = self.pending().map(|of| (of, of["endpointConfigName"].as_str().unwrap_or("-"), true));
        for (of, config, pending) in both.into_iter().chain(next) {
            for (member, shadow) in [("productionVariants", false), ("shadowProductionVariants", true)] {
                let told = of[member].as_array().into_iter().flatten();
                fleets.extend(told.map(|told| Fleet {
                    told,
                    name: told["variantName"].as_str().unwrap_or("-"),
                    config,
                    pending,
                    shadow,
                }));
            }
        }
        fleets
    }

    /// For people.
    fn text(&self) -> String {
        let mut out = format!(
            "{}: {}, config {}",
            self.found.resource,
            self.text_at("endpointStatus").unwrap_or("-"),
            self.config()
        );
        if let Some(pending) = self.pending() {
            let next = pending["endpointConfigName"].as_str().unwrap_or("-");
            let since = instant(&pending["startTime"]).map(|start| amount::age(start, self.now));
            let since = since.map(|since| format!(", for {since}")).unwrap_or_default();
            out.push_str(&format!("\ndeployment of {next}{since}"));
        } else if let Some(reason) = self.text_at("failureReason") {
            out.push_str(&format!("\nlast update failed: {}", on_line(reason)));
        }
        let heads = ["VARIANT", "CONFIG", "WEIGHT", "INSTANCES", "REQUESTS", "ERRORS", "P50", "P99", "STEP"];
        let mut table = Table::new(heads);
        for (fleet, measured) in self.fleets().into_iter().zip(&self.measured) {
            let errors = ["errors4xx", "errors5xx"].map(|name| measured.total(name));
            let latency = |name| measured.total(name).map_or_else(|| number(None), amount::milliseconds);
            table.row([
                if fleet.shadow { format!("{} (shadow)", fleet.name) } else { fleet.name.to_owned() },
                fleet.config.to_owned(),
                moves(fleet.told, "currentWeight", "desiredWeight"),
                moves(fleet.told, "currentInstanceCount", "desiredInstanceCount"),
                number(measured.total("invocations")),
                number(errors.into_iter().flatten().reduce(|a, b| a + b)),
                latency("modelLatencyP50Ms"),
                latency("modelLatencyP99Ms"),
                self.step(&fleet),
            ]);
        }
        let since = self.window.from;
        format!("{out}\n\n{}\nrequests, errors and latency since {since}\n", table.render())
    }

    /// What a fleet is doing, and for how long.
    fn step(&self, fleet: &Fleet) -> String {
        let Some(last) = fleet.told["variantStatus"].as_array().and_then(|all| all.last()) else {
            return "-".to_owned();
        };
        let word = last["status"].as_str().unwrap_or("-");
        let message = last["statusMessage"].as_str().map(|text| format!(": {text}")).unwrap_or_default();
        let since = instant(&last["startTime"]).map(|start| format!(" ({})", amount::age(start, self.now)));
        format!("{word}{message}{}", since.unwrap_or_default())
    }

    /// For programs.
    fn document(&self) -> Value {
        let variants = self.fleets().into_iter().zip(&self.measured).map(|(fleet, measured)| {
            let told = |member: &str| fleet.told.get(member).cloned().unwrap_or_default();
            json!({
                "name": fleet.name, "config": fleet.config, "pending": fleet.pending, "shadow": fleet.shadow,
                "currentWeight": told("currentWeight"), "desiredWeight": told("desiredWeight"),
                "currentInstanceCount": told("currentInstanceCount"), "desiredInstanceCount": told("desiredInstanceCount"),
                "variantStatus": told("variantStatus"),
                "measured": endpoint::members(&measured.total),
            })
        });
        json!({
            "format": FORMAT,
            "endpoint": self.found.resource,
            "time": self.now,
            "from": self.window.from, "to": self.window.to,
            "status": self.text_at("endpointStatus"),
            "failureReason": self.text_at("failureReason"),
            "config": self.config(),
            "deployment": self.pending().map(|pending| json!({
                "config": pending["endpointConfigName"], "startTime": pending["startTime"],
            })),
            "lastDeploymentConfig": self.status().get("lastDeploymentConfig"),
            "variants": variants.collect::<Vec<_>>(),
        })
    }
}

/// A number and what it is to become: `1`, `1 → 3`.
fn moves(told: &Value, current: &str, desired: &str) -> String {
    let (current, desired) = (told[current].as_f64(), told[desired].as_f64());
    match (current, desired) {
        (Some(from), Some(to)) if (from - to).abs() > f64::EPSILON => {
            format!("{} → {}", number(current), number(desired))
        }
        (None, Some(_)) => format!("- → {}", number(desired)),
        _ => number(current),
    }
}
