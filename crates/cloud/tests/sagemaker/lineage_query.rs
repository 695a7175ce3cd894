//! `QueryLineage`: filters, and graphs of all forms.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::restart::run;
use crate::support::{Cloud, with};

#[tokio::test]
async fn a_query_filters_by_times_and_properties() {
    let cloud = Cloud::new();
    let start = cloud.artifact("s3://b/start", "DataSet").await;
    for (n, properties) in [json!({"a": "1"}), json!({"b": "2"}), json!({})].into_iter().enumerate() {
        cloud.clock.advance(10_000);
        let input = json!({"ContextName": format!("c{n}"), "Source": {"SourceUri": "s"}, "ContextType": "t", "Properties": properties});
        let context = cloud.ok("CreateContext", input).await["ContextArn"].as_str().unwrap().to_owned();
        cloud.associate(&start, &context).await;
    }
    cloud.clock.advance(10_000);
    cloud.ok("UpdateContext", json!({"ContextName": "c0", "Description": "later"})).await;
    for (filters, expected) in [
        (json!({"Properties": {"a": "1"}}), vec!["c0"]),
        (json!({"Properties": {"a": "1", "b": "2"}}), vec!["c0", "c1"]),
        (json!({"CreatedAfter": 1_760_000_015}), vec!["c1", "c2"]),
        (json!({"CreatedBefore": 1_760_000_025}), vec!["c0", "c1"]),
        (json!({"ModifiedAfter": 1_760_000_035}), vec!["c0"]),
        (json!({"ModifiedBefore": 1_760_000_025, "LineageTypes": ["Context"]}), vec!["c1"]),
        (json!({"Types": ["t"], "LineageTypes": ["Artifact"]}), vec![]),
    ] {
        let input = json!({"StartArns": [start], "IncludeEdges": false, "Filters": filters});
        let (vertices, _) = cloud.query(input).await;
        let names: Vec<_> =
            vertices.iter().map(|v| v["Arn"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect();
        assert_eq!(names, expected, "{filters}");
    }
}

/// A graph of a few artifacts: associations by their numbers.
fn graphs() -> impl Strategy<Value = (Vec<(usize, usize)>, usize, u64, usize)> {
    let edges = proptest::collection::btree_set((0..7usize, 0..7usize), 0..14);
    (edges, 0..7usize, 0..4u64, 0..3usize).prop_map(|(edges, start, depth, direction)| {
        (edges.into_iter().filter(|(from, to)| from != to).collect(), start, depth, direction)
    })
}

/// How far each is from each, by trying all ways.
fn distances(edges: &[(usize, usize)], direction: usize) -> Vec<Vec<u64>> {
    let mut out = vec![vec![u64::from(u32::MAX); 7]; 7];
    for (n, row) in out.iter_mut().enumerate() {
        row[n] = 0;
    }
    for (from, to) in edges {
        if direction != 0 {
            out[*from][*to] = 1;
        }
        if direction != 1 {
            out[*to][*from] = 1;
        }
    }
    for via in 0..7 {
        for from in 0..7 {
            for to in 0..7 {
                out[from][to] = out[from][to].min(out[from][via] + out[via][to]);
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_query_finds_what_a_naive_walk_finds((edges, start, depth, direction) in graphs()) {
        run(async {
            let cloud = Cloud::new();
            let mut arns = Vec::new();
            for n in 0..7 {
                arns.push(cloud.artifact(&format!("s3://b/{n}"), if n < 3 { "A" } else { "B" }).await);
            }
            for (from, to) in &edges {
                cloud.associate(&arns[*from], &arns[*to]).await;
            }
            let directed = ["Ascendants", "Descendants", "Both"][direction];
            let input = json!({
                "StartArns": [arns[start]], "Direction": directed, "MaxDepth": depth, "MaxResults": 2,
                "Filters": {"Types": ["A"]},
            });
            let far = distances(&edges, direction);
            let matched: Vec<usize> = (0..3).filter(|n| *n != start && far[start][*n] <= depth).collect();
            let on_way = |n: usize| n == start || matched.iter().any(|m| far[start][n] + far[n][*m] == far[start][*m]);
            let names: BTreeMap<&str, usize> = arns.iter().enumerate().map(|(n, arn)| (&**arn, n)).collect();
            let numbers = |vertices: &[Value]| -> Vec<usize> {
                vertices.iter().map(|v| names[v["Arn"].as_str().unwrap()]).collect()
            };
            let (vertices, _) = cloud.query(with(input.clone(), "/IncludeEdges", json!(false))).await;
            let mut found = numbers(&vertices);
            assert!(found.is_sorted_by_key(|n| far[start][*n]), "nearest first: {found:?}");
            found.sort_unstable();
            assert_eq!(found, matched);
            let (vertices, shown) = cloud.query(input).await;
            let mut found = numbers(&vertices);
            found.sort_unstable();
            assert_eq!(found, (0..7).filter(|n| on_way(*n)).collect::<Vec<_>>());
            // An association is told where the walk went over it and both ends are shown.
            let followed = |from: usize, to: usize| {
                (direction != 0 && far[start][from] < depth) || (direction != 1 && far[start][to] < depth)
            };
            let expected: BTreeSet<_> =
                edges.iter().filter(|(f, t)| on_way(*f) && on_way(*t) && followed(*f, *t)).copied().collect();
            let all: Vec<_> = shown
                .iter()
                .map(|e| (names[e["SourceArn"].as_str().unwrap()], names[e["DestinationArn"].as_str().unwrap()]))
                .collect();
            assert_eq!(all.iter().copied().collect::<BTreeSet<_>>(), expected);
            assert_eq!(all.len(), expected.len(), "each once");
        });
    }
}
