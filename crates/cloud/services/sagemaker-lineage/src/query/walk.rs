//! The part of the graph that a query reaches. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};

/// An association, followed from one of its ends.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it leads.
    pub to: String,
    /// The type of what is there.
    pub kind: String,
    pub source: String,
    pub destination: String,
    pub association: Option<String>,
}

/// An entity that was reached.
#[derive(Debug)]
pub struct Vertex {
    pub arn: String,
    pub kind: String,
    depth: usize,
}

/// What was reached so far.
#[derive(Debug)]
pub struct Walk {
    /// In the order in which they were reached.
    vertices: Vec<Vertex>,
    found: HashMap<String, usize>,
    /// By source and destination.
    edges: BTreeMap<(String, String), Step>,
    /// From each vertex to those that are one step farther from the start.
    onward: Vec<(usize, usize)>,
    depth: usize,
    followed: usize,
}

impl Walk {
    pub fn new(arn: &str, kind: &str) -> Self {
        let start = Vertex { arn: arn.to_owned(), kind: kind.to_owned(), depth: 0 };
        Self {
            found: HashMap::from([(arn.to_owned(), 0)]),
            vertices: vec![start],
            edges: BTreeMap::new(),
            onward: Vec::new(),
            depth: 0,
            followed: 0,
        }
    }

    pub fn vertices(&self) -> &[Vertex] {
        &self.vertices
    }

    /// The vertices that are farthest from the start, to be followed next.
    pub fn border(&self) -> Vec<String> {
        self.vertices.iter().filter(|v| v.depth == self.depth).map(|v| v.arn.clone()).collect()
    }

    /// Associations that were followed.
    pub fn followed(&self) -> usize {
        self.followed
    }

    /// The border is followed.
    pub fn next_level(&mut self) {
        self.depth += 1;
    }

    /// Follows an association of a vertex of the border.
    pub fn follow(&mut self, from: &str, step: Step) {
        self.followed += 1;
        let Some(&from) = self.found.get(from) else { return };
        let next = self.depth + 1;
        let to = *self.found.entry(step.to.clone()).or_insert_with(|| {
            self.vertices.push(Vertex { arn: step.to.clone(), kind: step.kind.clone(), depth: next });
            self.vertices.len() - 1
        });
        if self.vertices[to].depth == next {
            self.onward.push((from, to));
        }
        self.edges.insert((step.source.clone(), step.destination.clone()), step);
    }

    /// The type of a vertex.
    pub fn kind(&self, arn: &str) -> &str {
        self.found.get(arn).map_or("", |at| &self.vertices[*at].kind)
    }

    /// The vertices on the shortest ways from the start to some others: the start first, then as they were reached.
    pub fn paths(&self, to: &[String]) -> Vec<String> {
        let mut kept = vec![false; self.vertices.len()];
        kept[0] = true;
        to.iter().filter_map(|arn| self.found.get(arn)).for_each(|at| kept[*at] = true);
        // Steps come nearest first, so that backwards each vertex is done before those that lead to it.
        for (from, to) in self.onward.iter().rev() {
            kept[*from] |= kept[*to];
        }
        let all = self.vertices.iter().zip(kept);
        all.filter(|(_, kept)| *kept).map(|(vertex, _)| vertex.arn.clone()).collect()
    }

    /// The associations between vertices that are shown, of which a page has the last end: each is in one page.
    pub fn edges<'a>(&'a self, shown: &'a [String], page: &'a [String]) -> impl Iterator<Item = &'a Step> {
        let places: HashMap<&str, usize> = shown.iter().enumerate().map(|(at, arn)| (&**arn, at)).collect();
        let page: HashSet<usize> = page.iter().filter_map(|arn| places.get(&**arn).copied()).collect();
        self.edges.values().filter(move |step| match (places.get(&*step.source), places.get(&*step.destination)) {
            (Some(a), Some(b)) => page.contains(a.max(b)),
            _ => false,
        })
    }
}

/// A page of ARNs, and the one that it ends with where there are more.
pub struct Page<'a> {
    pub arns: &'a [String],
    pub next: Option<&'a str>,
}

/// The page behind an ARN; `None` where that is not shown any more, so that nobody can tell what comes behind it.
pub fn page<'a>(shown: &'a [String], after: Option<&str>, limit: usize) -> Option<Page<'a>> {
    let begin = match after {
        Some(arn) => shown.iter().position(|s| s == arn)? + 1,
        None => 0,
    };
    let rest = &shown[begin..];
    let arns = &rest[..limit.min(rest.len())];
    Some(Page { arns, next: arns.last().filter(|_| rest.len() > arns.len()).map(String::as_str) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_the_last_has_no_next() {
        let all: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        let page = |all, after, limit| page(all, after, limit).unwrap();
        let first = page(&all, None, 2);
        assert_eq!((first.arns, first.next), (&all[..2], Some("b")));
        let last = page(&all, Some("b"), 2);
        assert_eq!((last.arns, last.next), (&all[2..], None));
        assert_eq!(page(&all, None, 3).next, None);
        assert_eq!(page(&[], None, 3).arns.len(), 0);
    }

    #[test]
    fn no_page_follows_an_entity_that_is_not_shown_any_more() {
        assert!(page(&["a".to_owned(), "c".to_owned()], Some("b"), 2).is_none());
    }
}
