//! The page: one file, with everything in it.

use std::fmt::Write as _;

/// A page that is written.
pub(super) struct Page(String);

/// How it looks. Colors follow what the reader's system has.
const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;max-width:940px;margin:2rem auto;padding:0 1rem;color:#1b1b1b;background:#fff}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:1.8rem 0 .3rem}p{margin:.3rem 0}.dim{color:#666}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{text-align:left;padding:.25rem .7rem .25rem 0;border-bottom:1px solid #ddd}\
svg{width:100%;height:auto}pre{background:#f5f5f5;padding:.8rem;overflow:auto;font-size:13px}\
.key{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.35em}.legend span{margin-right:1.2em}";

impl Page {
    pub(super) fn new(title: &str) -> Self {
        let title = escaped(title);
        Self(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <h1>{title}</h1>\n"
        ))
    }

    /// A line of text.
    pub(super) fn line(&mut self, text: &str) {
        self.tag("p", text);
    }

    /// A line that is less important.
    pub(super) fn small(&mut self, text: &str) {
        writeln!(self.0, "<p class=\"dim\">{}</p>", escaped(text)).ok();
    }

    /// A heading.
    pub(super) fn heading(&mut self, text: &str) {
        self.tag("h2", text);
    }

    fn tag(&mut self, tag: &str, text: &str) {
        writeln!(self.0, "<{tag}>{}</{tag}>", escaped(text)).ok();
    }

    /// Rows under heads.
    pub(super) fn table(&mut self, heads: &[&str], rows: &[Vec<String>]) {
        let row = |tag: &str, cells: &mut dyn Iterator<Item = &str>| {
            let cells: String = cells.map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
            format!("<tr>{cells}</tr>\n")
        };
        self.0.push_str("<table>\n");
        self.0.push_str(&row("th", &mut heads.iter().copied()));
        for cells in rows {
            self.0.push_str(&row("td", &mut cells.iter().map(String::as_str)));
        }
        self.0.push_str("</table>\n");
    }

    /// Names with their colors.
    pub(super) fn legend<'n>(&mut self, names: impl Iterator<Item = (&'n str, String)>) {
        let keys: String = names
            .map(|(name, color)| {
                format!("<span><i class=\"key\" style=\"background:{color}\"></i>{}</span>", escaped(name))
            })
            .collect();
        writeln!(self.0, "<p class=\"legend\">{keys}</p>").ok();
    }

    /// A drawing of ours.
    pub(super) fn drawing(&mut self, svg: &str) {
        self.0.push_str(svg);
        self.0.push('\n');
    }

    /// Text as it is.
    pub(super) fn code(&mut self, text: &str) {
        self.tag("pre", text);
    }

    /// The whole page.
    pub(super) fn end(mut self) -> String {
        self.0.push_str("</body>\n</html>\n");
        self.0
    }
}

/// Text that is only text: names and reasons are others'.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_text() {
        let mut page = Page::new("<script>");
        page.table(&["a"], &[vec!["\"&</td>".to_owned()]]);
        page.legend(std::iter::once(("<b>", "#000".to_owned())));
        let html = page.end();
        assert!(html.contains("<h1>&lt;script&gt;</h1>") && html.contains("<td>&quot;&amp;&lt;/td&gt;</td>"), "{html}");
        assert!(!html.contains("<b>") && html.ends_with("</html>\n"));
    }
}
