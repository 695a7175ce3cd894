//! What a source file imports from its own crate: read from its text, without its tests.

/// A part of a source text, with its line from 1.
#[derive(Debug, Clone, PartialEq)]
struct Token<'t> {
    text: &'t str,
    line: usize,
}

/// A path into the crate that a file names.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// Its segments: `crate`, `kind`, `Kind`.
    pub path: Vec<String>,
    /// The name that it has in the file. `None` for a path that stands in the code, outside of a `use`.
    pub name: Option<String>,
    /// Others may import it from here: `pub use`, `pub(crate) use`.
    pub public: bool,
    pub line: usize,
}

/// What a file names.
#[derive(Debug, Default, PartialEq)]
pub struct Source {
    pub imports: Vec<Import>,
    /// Words of the code, imports and names of modules aside.
    pub words: std::collections::BTreeSet<String>,
}

/// Reads a file. `children` are the modules below it.
pub fn read(text: &str, children: &[&str]) -> Source {
    let tokens = without_tests(&tokens(text));
    let mut source = Source::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let before = |back: usize| at.checked_sub(back).map_or("", |i| tokens[i].text);
        let path = is_name(token.text) && tokens.get(at + 1).is_some_and(|t| t.text == "::") && before(1) != "::";
        if token.text == "use" {
            let public = before(1) == "pub" || before(1) == ")" && before(3) == "(" && before(4) == "pub";
            at += 1;
            tree(&tokens, &mut at, &mut Vec::new(), public, &mut source.imports);
        } else if path && (["crate", "self", "super"].contains(&token.text) || children.contains(&token.text)) {
            let mut path = vec![token.text.to_owned()];
            while tokens.get(at + 1).is_some_and(|t| t.text == "::")
                && tokens.get(at + 2).is_some_and(|t| is_name(t.text))
            {
                at += 2;
                path.push(tokens[at].text.to_owned());
            }
            source.imports.push(Import { path, name: None, public: false, line: token.line });
        } else if before(1) != "mod" {
            source.words.insert(token.text.to_owned());
        }
        at += 1;
    }
    source
}

/// Reads one tree of a `use`: `a::{b, c::d as e}`. Leaves `at` on what follows it.
fn tree(tokens: &[Token], at: &mut usize, path: &mut Vec<String>, public: bool, imports: &mut Vec<Import>) {
    let depth = path.len();
    let line = tokens.get(*at).map_or(0, |t| t.line);
    while let Some(token) = tokens.get(*at) {
        match token.text {
            "::" => *at += 1,
            "{" => {
                *at += 1;
                while tokens.get(*at).is_some_and(|t| t.text != "}") {
                    tree(tokens, at, path, public, imports);
                    *at += usize::from(tokens.get(*at).is_some_and(|t| t.text == ","));
                }
                *at += 1;
                path.truncate(depth);
                return;
            }
            "as" => {
                let name = tokens.get(*at + 1).map(|t| t.text.to_owned());
                *at += 2;
                imports.push(Import { path: path.clone(), name, public, line });
                path.truncate(depth);
                return;
            }
            text if is_name(text) || text == "*" => {
                path.push(text.to_owned());
                *at += 1;
            }
            _ => break,
        }
    }
    // `{self, …}` imports the module itself.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    imports.push(Import { name: path.last().cloned(), path: path.clone(), public, line });
    path.truncate(depth);
}

/// Leaves out the items under `#[cfg(test)]`.
fn without_tests<'t>(tokens: &[Token<'t>]) -> Vec<Token<'t>> {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_test = tokens[at..].iter().map(|t| t.text).take(TEST.len()).eq(TEST);
        if !is_test {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += TEST.len();
        let mut depth = 0_usize;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.text {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 && token.text == "}" {
                        break;
                    }
                }
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
    kept
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names and punctuation of a text, without comments and literals.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let line = text[..text.len() - rest.len()].matches('\n').count() + 1;
        let length = literal(rest).or_else(|| comment(rest)).unwrap_or_else(|| {
            let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let length = if rest.starts_with("::") { 2 } else { name.max(first.len_utf8()) };
            if !first.is_whitespace() {
                tokens.push(Token { text: &rest[..length], line });
            }
            length
        });
        rest = &rest[length..];
    }
    tokens
}

/// Bytes of the comment that a text starts with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let mut depth = 0_usize;
    let mut at = text.starts_with("/*").then_some(0)?;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    Some(text.len())
}

/// Bytes of the literal or lifetime that a text starts with.
fn literal(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c"].into_iter().find(|p| {
        text.strip_prefix(p)
            .is_some_and(|rest| rest.trim_start_matches('#').starts_with('"') || *p == "b" && rest.starts_with('\''))
    });
    let start = prefix.map_or(0, str::len);
    let body = &text[start..];
    let hashes = body.len() - body.trim_start_matches('#').len();
    if prefix.is_some_and(|p| p.ends_with('r')) {
        let end = format!("\"{}", "#".repeat(hashes));
        let from = start + hashes + 1;
        return Some(text[from..].find(&end).map_or(text.len(), |at| from + at + end.len()));
    }
    let quote = body.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let mut chars = body.char_indices().skip(1);
    let (_, second) = chars.clone().next()?;
    // `'a` in `&'a str` is a lifetime, `'a'` a character.
    if quote == '\'' && second != '\\' && body.chars().nth(2) != Some('\'') {
        return Some(start + 1);
    }
    while let Some((at, c)) = chars.next() {
        if c == '\\' {
            chars.next();
        } else if c == quote {
            return Some(start + at + 1);
        }
    }
    Some(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        read(text, &["child"]).imports.iter().map(|i| i.path.join("::")).collect()
    }

    #[test]
    fn trees_of_imports_are_read() {
        let text = "use crate::a::{self, B, c::{D as E, f}};\npub(crate) use super::g::*;\n";
        assert_eq!(paths(text), ["crate::a", "crate::a::B", "crate::a::c::D", "crate::a::c::f", "super::g::*"]);
        let imports = read(text, &[]).imports;
        assert_eq!(imports[2].name.as_deref(), Some("E"));
        assert_eq!((imports[3].public, imports[4].public, imports[4].line), (false, true, 2));
    }

    #[test]
    fn paths_in_the_code_are_read() {
        assert_eq!(
            paths("fn f() -> crate::a::B { child::g::<super::H>(std::mem::take(x)) }"),
            ["crate::a::B", "child::g", "super::H"]
        );
    }

    #[test]
    fn comments_literals_and_tests_are_not() {
        for text in [
            "// use crate::a;",
            "/* use crate::a; /* nested */ use crate::b; */",
            "const T: &str = \"use crate::a; \\\" crate::b::C\";",
            "const T: &str = r#\"\" crate::b::C\"#;",
            "const T: &[u8] = b\"crate::b::C\"; const Q: char = '\"'; const B: u8 = b'\\''; // crate::a::B",
            "#[cfg(test)]\nmod tests { use crate::a; fn f() { crate::b::c() } }",
            "#[cfg(test)]\nmod tests;",
            "#[cfg(test)] #[allow(x)] use crate::a;",
        ] {
            assert_eq!(paths(text), Vec::<String>::new(), "{text}");
        }
        assert_eq!(
            paths("fn f<'a>(x: &'a str) { crate::b() } #[cfg(test)] fn g() { crate::c() } fn h() { crate::d() }"),
            ["crate::b", "crate::d"]
        );
    }
}
