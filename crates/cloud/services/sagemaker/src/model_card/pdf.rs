//! A small writer of PDF: lines of text in the standard fonts, which every reader has, on pages of A4.

use serde_json::{Map, Value};

const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 56.0;
/// Deepest indent, in steps.
const DEEPEST: usize = 8;

/// Widths of Helvetica's characters from the space on, in thousandths of the font's size (Adobe's font metrics). Others have the
/// width of a digit, and bold ones take some more.
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];

/// Characters beyond Latin-1 that the fonts have, with their codes (WinAnsiEncoding).
const FURTHER: [(char, u8); 9] =
    [('€', 128), ('…', 133), ('‘', 145), ('’', 146), ('“', 147), ('”', 148), ('•', 149), ('–', 150), ('—', 151)];

/// A line that may be wrapped.
pub struct Line {
    text: String,
    size: f32,
    bold: bool,
    indent: f32,
}

/// A card as lines: its name, facts about it, and its sections.
pub fn lines(name: &str, facts: &[(&str, String)], sections: &Map<String, Value>) -> Vec<Line> {
    let mut out = vec![Line { text: name.to_owned(), size: 20.0, bold: true, indent: 0.0 }];
    out.extend(facts.iter().map(|(fact, value)| plain(format!("{fact}: {value}"), 0)));
    for (section, value) in sections {
        out.push(Line { text: String::new(), size: 8.0, bold: false, indent: 0.0 });
        out.push(Line { text: title(section), size: 14.0, bold: true, indent: 0.0 });
        inside(value, 0, &mut out);
    }
    out
}

fn inside(value: &Value, depth: usize, out: &mut Vec<Line>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                labelled(&title(member), value, depth, out);
            }
        }
        Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                labelled(&(number + 1).to_string(), item, depth, out);
            }
        }
        other => out.push(plain(text(other), depth)),
    }
}

fn labelled(label: &str, value: &Value, depth: usize, out: &mut Vec<Line>) {
    if value.is_object() || value.is_array() {
        out.push(Line { bold: true, ..plain(label.to_owned(), depth) });
        inside(value, depth + 1, out);
    } else {
        out.push(plain(format!("{label}: {}", text(value)), depth));
    }
}

fn plain(text: String, depth: usize) -> Line {
    #[allow(clippy::cast_precision_loss)] // a handful of steps
    let indent = 14.0 * depth.min(DEEPEST) as f32;
    Line { text, size: 10.0, bold: false, indent }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `model_overview` as `Model overview`.
fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The document.
pub fn document(lines: &[Line]) -> Vec<u8> {
    let pages = pages(lines);
    let first = 5;
    let kids: String = (0..pages.len()).map(|page| format!("{} 0 R ", first + 2 * page)).collect();
    let font = |name: &str| format!("<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>");
    let mut objects: Vec<Vec<u8>> = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", pages.len()),
        font("Helvetica"),
        font("Helvetica-Bold"),
    ]
    .map(String::into_bytes)
    .to_vec();
    for (number, content) in pages.into_iter().enumerate() {
        let page = format!(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> \
             /Contents {} 0 R >>",
            first + 2 * number + 1
        );
        let stream =
            [format!("<< /Length {} >>\nstream\n", content.len()).into_bytes(), content, b"\nendstream".to_vec()];
        objects.push(page.into_bytes());
        objects.push(stream.concat());
    }
    let mut out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = Vec::with_capacity(objects.len());
    for (number, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n", number + 1).into_bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let (start, size) = (out.len(), places.len() + 1);
    out.extend(format!("xref\n0 {size}\n0000000000 65535 f \n").into_bytes());
    for place in places {
        out.extend(format!("{place:010} 00000 n \n").into_bytes());
    }
    out.extend(format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").into_bytes());
    out
}

/// The contents of pages. There is one at least.
fn pages(lines: &[Line]) -> Vec<Vec<u8>> {
    let mut pages = vec![Vec::new()];
    let mut y = HEIGHT - MARGIN;
    for line in lines {
        let leading = line.size * 1.4;
        for row in wrapped(line) {
            if y - leading < MARGIN {
                pages.push(Vec::new());
                y = HEIGHT - MARGIN;
            }
            y -= leading;
            let (font, x) = (if line.bold { "F2" } else { "F1" }, MARGIN + line.indent);
            if let Some(page) = pages.last_mut() {
                page.extend(format!("BT /{font} {} Tf {x} {y:.2} Td (", line.size).into_bytes());
                page.extend(row);
                page.extend(b") Tj ET\n");
            }
        }
    }
    pages
}

/// A line's text in rows that fit the page, each as the inside of a PDF string.
fn wrapped(line: &Line) -> Vec<Vec<u8>> {
    let room = (WIDTH - 2.0 * MARGIN - line.indent) * 1000.0 / line.size / if line.bold { 1.1 } else { 1.0 };
    let mut rows = Vec::new();
    for paragraph in line.text.replace("\r\n", "\n").split(['\n', '\r']) {
        let (mut row, mut used) = (Vec::new(), 0.0);
        for word in paragraph.split_inclusive(' ') {
            let codes: Vec<u8> = word.chars().map(code).collect();
            let width: f32 = codes.iter().copied().map(width_of).sum();
            if used > 0.0 && used + width > room {
                rows.push(std::mem::take(&mut row));
                used = 0.0;
            }
            for code in codes {
                // A word that is wider than the page, as an ARN is.
                if used + width_of(code) > room {
                    rows.push(std::mem::take(&mut row));
                    used = 0.0;
                }
                used += width_of(code);
                escaped(code, &mut row);
            }
        }
        rows.push(row);
    }
    rows
}

fn width_of(code: u8) -> f32 {
    f32::from(*usize::from(code).checked_sub(32).and_then(|at| WIDTHS.get(at)).unwrap_or(&556))
}

/// The code of a character; what the fonts do not have is a question mark.
fn code(character: char) -> u8 {
    match u32::from(character) {
        code @ (0x20..=0x7e | 0xa0..=0xff) => u8::try_from(code).unwrap_or(b'?'),
        0x09 => b' ',
        _ => FURTHER.iter().find(|(further, _)| *further == character).map_or(b'?', |(_, code)| *code),
    }
}

fn escaped(code: u8, row: &mut Vec<u8>) {
    if matches!(code, b'(' | b')' | b'\\') {
        row.push(b'\\');
    }
    row.push(code);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(sections: &Value) -> Vec<u8> {
        document(&lines("card", &[("Version", "1".to_owned())], sections.as_object().unwrap()))
    }

    #[test]
    fn the_table_of_a_document_tells_where_each_object_is() {
        let bytes = of(&json!({"model_overview": {"model_description": "é (a\\b) — 漢 ".repeat(2000)}}));
        let text: String = bytes.iter().copied().map(char::from).collect();
        let start: usize = text.rsplit("startxref\n").next().unwrap().lines().next().unwrap().parse().unwrap();
        let mut table = text[text.char_indices().nth(start).unwrap().0..].lines();
        assert_eq!(table.next(), Some("xref"));
        let count: usize = table.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        for (number, entry) in table.skip(1).take(count - 1).enumerate() {
            let place: usize = entry[..10].parse().unwrap();
            assert!(bytes[place..].starts_with(format!("{} 0 obj\n", number + 1).as_bytes()), "{entry}");
        }
        assert!(text.matches("/Type /Page ").count() > 1, "long texts go on on further pages");
        assert!(text.contains("\u{e9} \\(a\\\\b\\) \u{97} ? "));
    }

    #[test]
    fn lines_end_as_windows_ends_them_as_well() {
        let bytes = of(&json!({"model_overview": {"model_description": "one\r\ntwo\rthree\nfour"}}));
        let text = String::from_utf8_lossy(&bytes);
        for row in ["(Model description: one)", "(two)", "(three)", "(four)"] {
            assert!(text.contains(row), "{row}");
        }
    }

    #[test]
    fn every_value_of_a_card_is_in_its_document() {
        let bytes = of(&json!({
            "intended_uses": {"risk_rating": "Low"},
            "evaluation_details": [{"name": "first", "metric_groups": [{"metric_data": [{"value": 0.5}]}]}],
        }));
        let text = String::from_utf8_lossy(&bytes);
        for part in ["(card)", "(Version: 1)", "(Intended uses)", "(Risk rating: Low)", "(Name: first)", "(Value: 0.5)"]
        {
            assert!(text.contains(part), "{part}");
        }
    }
}
