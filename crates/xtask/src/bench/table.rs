//! Results as a table for people and as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// One measurement.
#[derive(Debug, Clone)]
pub struct Row {
    what: String,
    unit: &'static str,
    better: Better,
    ours: Option<f64>,
    peers: Vec<(String, f64)>,
    /// What the value, or its ratio to the first peer, should reach.
    aim: Option<Aim>,
    note: String,
}

#[derive(Debug, Clone, Copy)]
enum Aim {
    Value(f64),
    Ratio(f64),
}

impl Row {
    /// A row without peers or aim.
    pub fn new(what: impl Into<String>, unit: &'static str, better: Better, ours: f64) -> Self {
        Self { what: what.into(), unit, better, ours: Some(ours), peers: Vec::new(), aim: None, note: String::new() }
    }

    /// A measurement that could not be made.
    pub fn failed(what: &str, why: String) -> Self {
        let better = Better::Higher;
        Self { what: what.into(), unit: "", better, ours: None, peers: Vec::new(), aim: None, note: why }
    }

    /// Adds a peer's value.
    pub fn peer(mut self, name: &str, value: f64) -> Self {
        self.peers.push((name.to_owned(), value));
        self
    }

    /// Adds the value to reach.
    pub fn aim(mut self, value: f64) -> Self {
        self.aim = Some(Aim::Value(value));
        self
    }

    /// Adds the ratio to the first peer to reach.
    pub fn aim_ratio(mut self, ratio: f64) -> Self {
        self.aim = Some(Aim::Ratio(ratio));
        self
    }

    /// Adds a remark.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn ratio(&self, peer: f64) -> Option<f64> {
        self.ours.filter(|_| peer > 0.0).map(|ours| ours / peer)
    }

    fn met(&self) -> Option<bool> {
        let (value, aim) = match self.aim? {
            Aim::Value(aim) => (self.ours?, aim),
            Aim::Ratio(aim) => (self.ratio(self.peers.first()?.1)?, aim),
        };
        Some(if self.better == Better::Higher { value >= aim } else { value <= aim })
    }

    fn aim_text(&self) -> String {
        let sign = if self.better == Better::Higher { '≥' } else { '≤' };
        let aim = match self.aim {
            None => return String::new(),
            Some(Aim::Value(v)) => format!("{sign} {}", number(v)),
            Some(Aim::Ratio(v)) => format!("{sign} {} ×", number(v)),
        };
        match self.met() {
            Some(true) => format!("{aim} met"),
            Some(false) => format!("{aim} missed"),
            None => aim,
        }
    }
}

/// All measurements of a run.
#[derive(Debug, Default)]
pub struct Table(Vec<Row>);

impl Table {
    /// Adds a row.
    pub fn push(&mut self, row: Row) {
        self.0.push(row);
    }

    /// Columns for people: ours, each peer, our ratio to it, the aim.
    pub fn text(&self) -> String {
        let mut cells = vec![["measurement", "ours", "peer", "ratio", "aim"].map(str::to_owned)];
        for row in &self.0 {
            let what = if row.unit.is_empty() { row.what.clone() } else { format!("{} ({})", row.what, row.unit) };
            let ours = row.ours.map_or_else(|| "–".to_owned(), number);
            let mut peers = row.peers.iter();
            let cell = |peer: Option<&(String, f64)>| {
                let text = peer.map_or_else(String::new, |(n, v)| format!("{n} {}", number(*v)));
                let ratio =
                    peer.and_then(|(_, v)| row.ratio(*v)).map_or_else(String::new, |r| format!("{} ×", number(r)));
                (text, ratio)
            };
            let (peer, ratio) = cell(peers.next());
            cells.push([what, ours, peer, ratio, row.aim_text()]);
            for further in peers {
                let (peer, ratio) = cell(Some(further));
                cells.push([String::new(), String::new(), peer, ratio, String::new()]);
            }
            if !row.note.is_empty() {
                cells.push([format!("  {}", row.note), String::new(), String::new(), String::new(), String::new()]);
            }
        }
        render(&cells)
    }

    /// The same for programs.
    pub fn json(&self, runs: u32) -> Value {
        let rows: Vec<Value> = self
            .0
            .iter()
            .map(|row| {
                let peers: Vec<Value> = row
                    .peers
                    .iter()
                    .map(|(name, value)| json!({"name": name, "value": value, "ratio": row.ratio(*value)}))
                    .collect();
                let (aim, aim_ratio) = match row.aim {
                    Some(Aim::Value(v)) => (Some(v), None),
                    Some(Aim::Ratio(v)) => (None, Some(v)),
                    None => (None, None),
                };
                json!({"measurement": row.what, "unit": row.unit, "ours": row.ours, "peers": peers,
                    "better": if row.better == Better::Higher { "higher" } else { "lower" },
                    "aim": aim, "aimRatio": aim_ratio, "met": row.met(), "note": row.note})
            })
            .collect();
        json!({"runs": runs, "rows": rows})
    }
}

/// Left-aligned words, right-aligned numbers; a remark may run past its column.
fn render(cells: &[[String; 5]]) -> String {
    let mut widths = [0; 5];
    for row in cells.iter().filter(|r| !r[0].starts_with("  ")) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for [what, ours, peer, ratio, aim] in cells {
        let [a, b, c, d, _] = widths;
        let line = format!("{what:<a$}  {ours:>b$}  {peer:>c$}  {ratio:>d$}  {aim}");
        writeln!(text, "{}", line.trim_end()).ok();
    }
    text
}

/// A number with as many digits as can be trusted.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aims_are_judged_by_value_or_by_ratio() {
        let fast = Row::new("a", "1/s", Better::Higher, 12_000.0).peer("moto", 500.0).aim(10_000.0);
        assert_eq!(fast.met(), Some(true));
        let slow = Row::new("b", "s", Better::Lower, 1.5).peer("bare", 1.0).aim_ratio(1.3);
        assert_eq!(slow.met(), Some(false));
        assert_eq!(Row::new("c", "s", Better::Lower, 1.0).aim_ratio(1.3).met(), None);
        assert_eq!(Row::failed("d", "why".into()).met(), None);
        let mut table = Table::default();
        [fast, slow].into_iter().for_each(|r| table.push(r));
        let text = table.text();
        assert!(text.contains("≥ 10000 met") && text.contains("≤ 1.30 × missed"), "{text}");
        assert!(text.contains("24.0 ×"), "{text}");
        assert_eq!(table.json(3)["rows"][0]["met"], json!(true));
    }
}
