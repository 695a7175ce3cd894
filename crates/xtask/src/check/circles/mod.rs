//! Circles of imports between the files of a crate: none in the pure crates.

mod source;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;

use anyhow::{Context, Result};

use super::metadata::Metadata;
use super::{layers, sources};
use source::{Import, Source};

/// The circles of the crates that must have none. With `all`, those of the other pure crates are printed.
pub fn check(metadata: &Metadata, all: bool) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let pure = layers::pure_crates()?;
    for package in metadata.ours().filter(|p| pure.names.contains(&p.name)) {
        let folder = format!("{}/src/", package.folder());
        let mut texts = BTreeMap::new();
        for path in sources::tracked()?.iter().filter(|p| p.starts_with(&folder) && p.ends_with(".rs")) {
            let text = fs::read_to_string(crate::root().join(path)).with_context(|| format!("cannot read {path}"))?;
            texts.insert(path[folder.len()..].to_owned(), text);
        }
        let found = circles(&texts);
        if !pure.circles.contains(&package.name) {
            wrong.extend(found.into_iter().map(|circle| {
                format!("{}: {circle}\n    move what both need into a file of its own, or pass it in", package.name)
            }));
        } else if all {
            found.iter().for_each(|circle| println!("  allowed for now in {}: {circle}", package.name));
        } else if found.is_empty() {
            wrong.push(format!(
                "{} has no circle: take it out of `circles` in crates/xtask/policy/layers.toml",
                package.name
            ));
        }
    }
    Ok(wrong)
}

/// A crate's files by their module path: `engine::act` of `engine/act.rs`.
struct Crate {
    files: BTreeMap<Vec<String>, (String, Source)>,
}

/// The circles among files, given by their paths below `src/`. Each import that is part of one is in one of the texts.
fn circles(texts: &BTreeMap<String, String>) -> Vec<String> {
    let modules: Vec<(Vec<String>, &String)> = texts.keys().map(|path| (module(path), path)).collect();
    let mut files = BTreeMap::new();
    for (module, path) in &modules {
        let children: Vec<&str> = modules
            .iter()
            .filter_map(|(m, _)| {
                m.split_last().filter(|(_, parent)| *parent == module.as_slice()).map(|(n, _)| n.as_str())
            })
            .collect();
        // A file that its parent has for its tests only.
        let test = module.last().is_some_and(|m| m == "tests");
        if !test {
            files.insert(module.clone(), ((*path).clone(), source::read(&texts[*path], &children)));
        }
    }
    let all = Crate { files };
    let edges = all.edges();
    let mut told: Vec<String> = Vec::new();
    let mut covered = BTreeSet::new();
    let mut found: Vec<Vec<&str>> =
        edges.keys().filter_map(|&(from, to)| way(&edges, to, from).map(|back| [vec![from], back].concat())).collect();
    found.sort_by_key(Vec::len);
    for circle in found {
        let steps: Vec<(&str, &str)> = circle.windows(2).map(|pair| (pair[0], pair[1])).collect();
        let new = steps.iter().filter(|step| covered.insert(**step)).count();
        if new > 0 {
            let text = |(from, to): &(&str, &str)| {
                let import: &Import = edges[&(*from, *to)];
                format!("{from}:{} imports `{}` of {to}", import.line, import.path.join("::"))
            };
            told.push(steps.iter().map(text).collect::<Vec<_>>().join(", "));
        }
    }
    told
}

fn module(path: &str) -> Vec<String> {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let mut module: Vec<String> = path.split('/').map(str::to_owned).collect();
    module.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
    module
}

impl Crate {
    /// Which file imports from which, and by which import first.
    fn edges(&self) -> BTreeMap<(&str, &str), &Import> {
        let mut edges = BTreeMap::new();
        for (module, (path, source)) in &self.files {
            // What is handed on to others and not used here is no import.
            let used = |i: &&Import| !i.public || i.name.as_ref().is_some_and(|name| source.words.contains(name));
            for import in source.imports.iter().filter(used) {
                if let Some(target) = self.resolve(module, &import.path, 0)
                    && target != path
                {
                    edges.entry((path.as_str(), target)).or_insert(import);
                }
            }
        }
        edges
    }

    /// The file that holds what a path names, as seen from a module.
    fn resolve(&self, from: &[String], path: &[String], depth: usize) -> Option<&str> {
        let mut module = match path.first()?.as_str() {
            "crate" => Vec::new(),
            _ => from.to_vec(),
        };
        for (at, segment) in path.iter().enumerate() {
            let (file, source) = self.files.get(&module)?;
            let child = [module.clone(), vec![segment.clone()]].concat();
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => drop(module.pop()),
                _ if self.files.contains_key(&child) => module = child,
                name => {
                    let again = |i: &&Import| i.name.as_deref() == Some(name) && i.path != path;
                    let import = source.imports.iter().find(again).filter(|_| depth < 8);
                    // The first segment of a path from another crate is not to be found here.
                    let Some(import) = import else { return (at > 0).then_some(file.as_str()) };
                    let onward = [import.path.as_slice(), &path[at + 1..]].concat();
                    // What a file imports from another crate is no part of this one.
                    return self.resolve(&module, &onward, depth + 1);
                }
            }
        }
        self.files.get(&module).map(|(file, _)| file.as_str())
    }
}

/// The shortest way from one file to another.
fn way<'e>(edges: &BTreeMap<(&'e str, &'e str), &Import>, from: &'e str, to: &'e str) -> Option<Vec<&'e str>> {
    let mut ways = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::from([from]);
    while let Some(way) = ways.pop_front() {
        let last = *way.last()?;
        if last == to {
            return Some(way);
        }
        for &(_, next) in edges.keys().filter(|(start, _)| *start == last) {
            if seen.insert(next) {
                ways.push_back([way.as_slice(), &[next]].concat());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        circles(&files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect())
    }

    #[test]
    fn a_circle_is_told_with_the_imports_that_make_it() {
        let files = [
            ("lib.rs", "mod a;\nmod b;\nmod c;\npub use a::A;\n"),
            ("a.rs", "\nuse crate::b::B;\npub struct A(B);"),
            ("b.rs", "use crate::c::{C, D};\npub struct B(C, D);"),
            ("c.rs", "pub struct C; pub struct D;\nfn f(a: &crate::A) {}"),
        ];
        assert_eq!(
            found(&files),
            [
                "a.rs:2 imports `crate::b::B` of b.rs, b.rs:1 imports `crate::c::C` of c.rs, c.rs:2 imports `crate::A` of a.rs"
            ]
        );
        assert_eq!(found(&files[..3]), Vec::<String>::new());
    }

    #[test]
    fn a_module_and_its_child_can_be_a_circle() {
        let child = ("a/b.rs", "use super::A;\npub fn f(a: &A) {}");
        let calls = ("a/mod.rs", "mod b;\npub struct A;\nimpl A { fn g(&self) { b::f(self) } }");
        let circle = "a/b.rs:1 imports `super::A` of a/mod.rs, a/mod.rs:3 imports `b::f` of a/b.rs";
        assert_eq!(found(&[("lib.rs", "mod a;"), child, calls]), [circle]);
        let hands_on = ("a/mod.rs", "mod b;\npub mod f;\npub use b::f;\npub struct A;");
        assert_eq!(found(&[("lib.rs", "mod a;"), child, hands_on]), Vec::<String>::new());
    }

    #[test]
    fn names_are_followed_to_the_file_that_holds_them() {
        // `x` imports `Y` by way of two modules that hand it on.
        let files = [
            ("lib.rs", "mod x; mod y;\npub(crate) use y::Y as Z;"),
            ("x.rs", "use crate::Z;\npub fn x(z: Z) { std::mem::drop(z) }"),
            ("y/mod.rs", "mod inner;\npub use inner::Y;"),
            ("y/inner.rs", "pub struct Y;\nuse crate::x;"),
        ];
        assert_eq!(found(&files), ["x.rs:1 imports `crate::Z` of y/inner.rs, y/inner.rs:2 imports `crate::x` of x.rs"]);
    }

    #[test]
    fn tests_may_import_what_they_like() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B;\npub struct A;\n#[cfg(test)]\nmod tests;"),
            ("a/tests.rs", "use super::*;\nuse crate::b::B;"),
            ("b.rs", "pub struct B;\n#[cfg(test)]\nmod tests { use crate::a::A; }"),
        ];
        assert_eq!(found(&files), Vec::<String>::new());
    }
}
