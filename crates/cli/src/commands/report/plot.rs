//! Values over time, drawn as SVG.

use jiff::Timestamp;
use plotters::prelude::*;

/// Size of a plot.
const SIZE: (u32, u32) = (900, 220);
/// Colors that color-blind people tell apart (Okabe and Ito), one for each variant.
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(213, 94, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(120, 110, 10),
];

/// The color of the nth variant, as HTML has it.
pub(super) fn color(n: usize) -> String {
    let RGBColor(red, green, blue) = pick(n);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn pick(n: usize) -> RGBColor {
    COLORS.get(n % COLORS.len()).copied().unwrap_or(BLACK)
}

/// One line of a plot: points that follow each other without a gap are joined.
pub(super) struct Line {
    /// Whose, by its number.
    pub(super) variant: usize,
    /// The thinner one of two.
    pub(super) faint: bool,
    pub(super) points: Vec<(Timestamp, f64)>,
}

/// A plot.
pub(super) struct Plot<'p> {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    /// Seconds between two points without a gap.
    pub(super) period: i64,
    /// Moments that are marked.
    pub(super) marks: &'p [Timestamp],
    pub(super) lines: Vec<Line>,
}

impl Plot<'_> {
    /// The highest value that is drawn.
    fn top(&self) -> f64 {
        let highest = self.lines.iter().flat_map(|line| &line.points).map(|(_, value)| *value).fold(0.0, f64::max);
        if highest > 0.0 { highest * 1.1 } else { 1.0 }
    }

    /// The plot as SVG. There is no text of others in it.
    ///
    /// # Errors
    /// It cannot be drawn.
    pub(super) fn svg(&self) -> anyhow::Result<String> {
        let mut svg = String::new();
        self.draw(&mut svg).map_err(|why| anyhow::anyhow!("a plot cannot be drawn: {why}"))?;
        Ok(svg)
    }

    fn draw(&self, svg: &mut String) -> Result<(), String> {
        let wrong = |why: &dyn std::fmt::Display| why.to_string();
        let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        let (start, end, top) = (seconds(self.from), seconds(self.to), self.top());
        let mut chart = ChartBuilder::on(&area)
            .margin(8)
            .x_label_area_size(24)
            .y_label_area_size(56)
            .build_cartesian_2d(start..end, 0.0..top)
            .map_err(|why| wrong(&why))?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(BLACK.mix(0.12))
            .x_labels(8)
            .y_labels(5)
            .x_label_formatter(&|second| clock(*second))
            .y_label_formatter(&|value| crate::metrics::number(Some(*value)))
            .draw()
            .map_err(|why| wrong(&why))?;
        for mark in self.marks {
            let x = seconds(*mark);
            let line = PathElement::new(vec![(x, 0.0), (x, top)], BLACK.mix(0.5).stroke_width(1));
            chart.draw_series(std::iter::once(line)).map_err(|why| wrong(&why))?;
        }
        for line in &self.lines {
            let style = pick(line.variant).stroke_width(if line.faint { 1 } else { 2 });
            for part in self.parts(&line.points) {
                let points: Vec<(f64, f64)> = part.iter().map(|(time, value)| (seconds(*time), *value)).collect();
                // A point alone has no line.
                if let [point] = points.as_slice() {
                    let dot = Circle::new(*point, 2, pick(line.variant).filled());
                    chart.draw_series(std::iter::once(dot)).map_err(|why| wrong(&why))?;
                } else {
                    chart.draw_series(LineSeries::new(points, style)).map_err(|why| wrong(&why))?;
                }
            }
        }
        area.present().map_err(|why| wrong(&why))
    }

    /// Points without gaps.
    fn parts<'l>(&self, points: &'l [(Timestamp, f64)]) -> impl Iterator<Item = &'l [(Timestamp, f64)]> {
        let period = self.period;
        points.chunk_by(move |(a, _), (b, _)| b.as_second() - a.as_second() <= period)
    }
}

#[allow(clippy::cast_precision_loss)] // seconds since 1970
fn seconds(time: Timestamp) -> f64 {
    time.as_second() as f64
}

/// A time of day, in UTC.
#[allow(clippy::cast_possible_truncation)] // seconds since 1970
fn clock(second: f64) -> String {
    Timestamp::from_second(second as i64).map_or_else(|_| String::new(), |time| time.strftime("%H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_with_a_gap_between_them_are_not_joined() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let points = [0, 60, 120, 300, 600, 660].map(|second| (at(second), 1.0)).to_vec();
        let line = Line { variant: 0, faint: false, points };
        let marks = [at(100)];
        let plot = Plot { from: at(0), to: at(720), period: 60, marks: &marks, lines: vec![line] };
        let parts: Vec<usize> = plot.parts(&plot.lines[0].points).map(<[_]>::len).collect();
        assert_eq!(parts, [3, 1, 2]);
        let svg = plot.svg().unwrap();
        assert!(svg.starts_with("<svg") && svg.contains("00:10"), "{svg}");
        assert_eq!((svg.matches("#0072B2").count(), svg.matches("<circle").count()), (3, 1), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_as_nothing() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let plot = Plot { from: at(0), to: at(60), period: 60, marks: &[], lines: Vec::new() };
        assert!(plot.svg().is_ok());
    }
}
