//! `sagewright report`

mod page;
mod plot;

use anyhow::Context as _;
use jiff::Timestamp;
use sagewright_engine::Description;
use serde_json::{Value, json};

use self::page::Page;
use self::plot::{Line, Plot};
use crate::args::{Global, Report};
use crate::context::{Context, engine_failure};
use crate::exit::{Exit, Failure};
use crate::metrics::endpoint::{self, Detail, MEASURES, Variant};
use crate::metrics::{Window, number};
use crate::output::Printer;
use crate::resource;
use crate::steps::instant;

/// The kind that reports are made of.
const KIND: &str = "Endpoint";

/// Writes a page about a resource.
pub(crate) async fn run(args: &Report, global: &Global, printer: &Printer) -> anyhow::Result<Exit> {
    let (kind, name) = resource::words(&args.what)?;
    if kind.name() != KIND {
        return Err(Failure::new(Exit::Usage, format!("there is no report of a {}", kind.words()))
            .help("there are reports of endpoints: sagewright report endpoint NAME --out FILE")
            .into());
    }
    let mut context = Context::connect(global, printer).await?;
    context.announce(&[]).await?;
    let found = context.engine.describe(kind, name).await.map_err(engine_failure)?;
    let window = Window::last(args.since, context.now().await, args.period);
    let fleets = endpoint::all(&found.object.status);
    let variants = endpoint::variants(&context, &found.resource, &fleets, window, Detail::Points).await?;
    let config = config(&context, &found).await;
    let html = Measured { found: &found, config, window, variants: &variants, region: context.target.region.as_str() }
        .html()?;
    tokio::fs::write(&args.out, html).await.with_context(|| format!("cannot write {}", args.out.display()))?;
    if printer.for_programs() {
        printer.document(&json!({"endpoint": found.resource, "file": args.out}))?;
    } else {
        printer.result(&format!("{}\n", args.out.display()))?;
    }
    Ok(Exit::Done)
}

/// The spec of the endpoint's config; nothing where it is gone.
async fn config(context: &Context, found: &Description) -> Option<Value> {
    let name = found.object.spec["endpointConfigName"].as_str()?;
    let found = context.engine.describe(resource::kind("EndpointConfig").ok()?, name).await.ok()?;
    Some(found.object.spec)
}

/// What the page tells.
struct Measured<'m> {
    found: &'m Description,
    config: Option<Value>,
    window: Window,
    variants: &'m [Variant],
    region: &'m str,
}

impl Measured<'_> {
    fn html(&self) -> anyhow::Result<String> {
        let status = &self.found.object.status;
        let text = |member: &str| status[member].as_str().filter(|text| !text.is_empty());
        let name = &self.found.resource;
        let mut page = Page::new(&format!("Endpoint {name}"));
        let serves = self.found.object.spec["endpointConfigName"].as_str().unwrap_or("-");
        page.line(&format!("{}, config {serves}, {}", text("endpointStatus").unwrap_or("-"), self.region));
        if let Some(reason) = text("failureReason") {
            page.line(&format!("Last update failed: {reason}"));
        }
        if let Some(pending) = status["pendingDeploymentSummary"]["endpointConfigName"].as_str() {
            page.line(&format!("A deployment of {pending} is under way."));
        }
        let Window { from, to, period } = self.window;
        page.small(&format!("{from} to {to}, in periods of {period} s. Times are UTC."));
        page.heading("Variants");
        self.table(&mut page);
        let marks = self.marks();
        page.heading("Traffic");
        page.legend(self.variants.iter().enumerate().map(|(n, variant)| (variant.name.as_str(), plot::color(n))));
        for (moment, what) in &marks {
            page.small(&format!("Line at {moment}: {what}"));
        }
        let moments: Vec<Timestamp> = marks.iter().map(|(moment, _)| *moment).collect();
        let plots = [
            ("Requests in a period", self.lines(&|v| self.counts(v, &["invocations"]))),
            ("Share of the requests, in percent", self.lines(&|v| self.shares(v))),
            ("Errors in a period (4XX and 5XX)", self.lines(&|v| self.counts(v, &["errors4xx", "errors5xx"]))),
            ("Latency of the model in milliseconds: p99, and thinner p50", self.latencies()),
        ];
        for (heading, lines) in plots {
            page.heading(heading);
            page.drawing(&Plot { from, to, period, marks: &moments, lines }.svg()?);
        }
        page.heading("Config");
        match &self.config {
            Some(config) => page.code(&serde_json::to_string_pretty(config)?),
            None => page.line(&format!("The endpoint config {serves} cannot be read.")),
        }
        Ok(page.end())
    }

    fn table(&self, page: &mut Page) {
        let told = self.found.object.status["productionVariants"].as_array().cloned().unwrap_or_default();
        let row = |variant: &Variant| {
            let told = told.iter().find(|told| told["variantName"].as_str() == Some(&variant.name));
            let of = |member: &str| number(told.and_then(|told| told[member].as_f64()));
            let mut cells = vec![variant.name.clone(), of("currentWeight"), of("currentInstanceCount")];
            cells.extend(MEASURES.iter().zip(&variant.total).map(|(measure, value)| measure.shown(*value)));
            cells
        };
        let heads: Vec<&str> =
            ["VARIANT", "WEIGHT", "INSTANCES"].into_iter().chain(MEASURES.iter().map(|measure| measure.head)).collect();
        page.table(&heads, &self.variants.iter().map(row).collect::<Vec<_>>());
    }

    /// Changes of the endpoint in this time, as far as AWS tells of them.
    fn marks(&self) -> Vec<(Timestamp, &'static str)> {
        let status = &self.found.object.status;
        let created = instant(&status["creationTime"]);
        let changed = instant(&status["lastModifiedTime"]).filter(|changed| Some(*changed) != created);
        let begun = instant(&status["pendingDeploymentSummary"]["startTime"]);
        let all = [(created, "created"), (changed, "last changed"), (begun, "deployment begun")];
        let within = |moment: &Timestamp| (self.window.from..self.window.to).contains(moment);
        all.into_iter().filter_map(|(moment, what)| Some((moment.filter(within)?, what))).collect()
    }

    fn lines(&self, points: &dyn Fn(&Variant) -> Vec<(Timestamp, f64)>) -> Vec<Line> {
        let line = |(variant, of)| Line { variant, faint: false, points: points(of) };
        self.variants.iter().enumerate().map(line).collect()
    }

    fn latencies(&self) -> Vec<Line> {
        let line = |variant, faint, of: &Variant| {
            let name = if faint { "modelLatencyP50Ms" } else { "modelLatencyP99Ms" };
            let points = of.points.iter().filter_map(|(time, values)| Some((*time, endpoint::value(values, name)?)));
            Line { variant, faint, points: points.collect() }
        };
        let both = |(n, of)| [line(n, false, of), line(n, true, of)];
        self.variants.iter().enumerate().flat_map(both).collect()
    }

    /// The starts of all periods.
    fn periods(&self) -> impl Iterator<Item = Timestamp> {
        let Window { from, to, period } = self.window;
        let count = (to.as_second() - from.as_second()) / period;
        (0..count).filter_map(move |n| Timestamp::from_second(from.as_second() + n * period).ok())
    }

    /// A sum for each period: without a value there was nothing.
    fn counts(&self, variant: &Variant, names: &[&str]) -> Vec<(Timestamp, f64)> {
        let at = |time: Timestamp| {
            let point = variant.points.iter().find(|(start, _)| *start == time);
            point.map_or(0.0, |(_, values)| names.iter().filter_map(|name| endpoint::value(values, name)).sum())
        };
        self.periods().map(|time| (time, at(time))).collect()
    }

    /// The share of a variant in each period that has requests.
    fn shares(&self, variant: &Variant) -> Vec<(Timestamp, f64)> {
        let all: Vec<_> = self.variants.iter().map(|variant| self.counts(variant, &["invocations"])).collect();
        let own = self.counts(variant, &["invocations"]);
        let whole = |n: usize| all.iter().filter_map(|counts| counts.get(n)).map(|(_, count)| count).sum::<f64>();
        let share = |(n, (time, count)): (usize, (Timestamp, f64))| (time, whole(n), count);
        own.into_iter()
            .enumerate()
            .map(share)
            .filter(|(_, whole, _)| *whole > 0.0)
            .map(|(time, whole, count)| (time, count * 100.0 / whole))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use sagewright_engine::Object;

    use super::*;

    #[test]
    fn a_page_has_everything_in_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let variant = |name: &str, count: f64| {
            let values =
                MEASURES.iter().map(|measure| (measure.name == "invocations").then_some(count)).collect::<Vec<_>>();
            Variant { name: name.to_owned(), total: values.clone(), points: vec![(at(60), values)] }
        };
        let mut object = Object::new(sagewright_kinds::find("Endpoint").unwrap(), "e");
        object.spec = json!({"endpointConfigName": "c"});
        object.status = json!({
            "endpointStatus": "InService", "failureReason": "<alarm>", "lastModifiedTime": "1970-01-01T00:01:30Z",
            "productionVariants": [{"variantName": "a", "currentWeight": 3, "currentInstanceCount": 2}],
        });
        let found = Description { object, resource: "e".to_owned(), owner: None, tags: Vec::new(), logs: None };
        let window = Window { from: at(0), to: at(240), period: 60 };
        let variants = [variant("a", 3.0), variant("b", 1.0)];
        let measured =
            Measured { found: &found, config: Some(json!({"x": 1})), window, variants: &variants, region: "r" };
        let shares =
            |n: usize| measured.shares(&variants[n]).iter().map(|(_, share)| share.round()).collect::<Vec<_>>();
        assert_eq!((shares(0), shares(1)), (vec![75.0], vec![25.0]));
        assert_eq!(measured.counts(&variants[0], &["invocations"]).iter().map(|(_, n)| *n).sum::<f64>().round(), 3.0);
        let html = measured.html().unwrap();
        assert_eq!(html.matches("<svg").count(), 4);
        for text in ["&lt;alarm&gt;", "last changed", "<td>a</td><td>3</td><td>2</td>", "&quot;x&quot;: 1"] {
            assert!(html.contains(text), "{text}: {html}");
        }
        assert!(
            !html.contains("http://") || html.matches("http://").count() == html.matches("http://www.w3.org").count()
        );
        assert!(!html.contains("https://") && !html.contains("<script"));
    }
}
