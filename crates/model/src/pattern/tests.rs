use proptest::prelude::*;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::*;

#[test]
fn every_pattern_of_every_model_compiles() {
    let mut failed = Vec::new();
    for id in crate::SERVICES {
        for (name, shape) in &crate::service(id).unwrap().shapes {
            if let Some(p) = &shape.pattern
                && Pattern::new(p).is_none()
            {
                failed.push(format!("{id} {name}: {p}"));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn no_pattern_that_looks_around_runs_away_on_a_text_of_its_length() {
    for id in crate::SERVICES {
        for (name, shape) in &crate::service(id).unwrap().shapes {
            let looks_around = |p: &&str| ["(?=", "(?!", "(?<"].iter().any(|mark| p.contains(mark));
            let Some(pattern) = shape.pattern.as_deref().filter(looks_around) else { continue };
            let compiled = Pattern::new(pattern).unwrap();
            let regexes = || compiled.0.iter().filter_map(|p| if let Part::Regex(r) = p { Some(r) } else { None });
            let length = shape.max.map_or(4096, |max| max as usize);
            for part in ["a", "a-", "-", " ", "a.", "/", "a:", "https://a/"] {
                for end in ["", "!", "-", "\u{e9}"] {
                    let text: String = part.chars().cycle().take(length).collect::<String>() + end;
                    let ran = regexes().all(|regex| regex.is_match(&text).is_ok());
                    assert!(ran, "{id} {name}: {pattern} on {length} times {part:?}");
                }
            }
        }
    }
}

#[test]
fn what_java_reads_as_plain_characters_in_a_class_is_plain() {
    for (pattern, good, bad) in [
        ("[a&&b]+", "a&b", "c"),
        ("[a~~b]+", "~ab", "c"),
        ("[a&b]+", "&", "|"),
        ("[a[b]+c", "[abc", "]c"),
        ("[]a]+", "]a", "["),
        ("[^]a]+", "b[", "]"),
        (r"[a]\w", "a_", "aa-zA-Z0-9_"),
        (r"[\w-z]+", "b-_", "/"),
        (r"[\d-/]+\d\s\w", "1-/2\t_", "1-/2\u{a0}_"),
        (r"a&&b\[\]~~", "a&&b[]~~", "a&b"),
        (r"[\[\]]+", "[]", "a"),
        (r"[\uD800\uDC00-\uDBFF\uDFFF]", "\u{10000}", "a"),
    ] {
        let compiled = Pattern::new(pattern).unwrap_or_else(|| panic!("{pattern}"));
        assert!(compiled.is_match(good), "{pattern} on {good:?}");
        assert!(!compiled.is_match(bad), "{pattern} on {bad:?}");
    }
}

#[test]
fn word_class_is_ascii_and_look_around_works() {
    assert!(Pattern::new(r"[\w-]+").unwrap().is_match("ab_9-"));
    assert!(Pattern::new(r"[\w-\/.]+").unwrap().is_match("a-/."));
    assert!(!Pattern::new(r"\w+").unwrap().is_match("é"));
    assert!(!Pattern::new(r"(?!aws:)[a-z:]+").unwrap().is_match("aws:x"));
    assert!(Pattern::new(r"(?!aws:)[a-z:]+").unwrap().is_match("mine:x"));
}

#[test]
fn a_length_is_split_off_only_where_it_bounds_the_whole_text() {
    assert_eq!(split_length("(?=.{1,32}$)[a-z]+"), (Some(".{1,32}"), "[a-z]+"));
    for whole in ["[a-z]+", "(?=.{1,32}$)a|b", "(?=.*$)a", "(?=.{1,32})a", "(?!.{1,32}$)a", "(?=.{1,32}x{2}$)a"] {
        assert_eq!(split_length(whole), (None, whole));
    }
    let pattern = Pattern::new("(?=.{1,3}$)[a-z]+(-[a-z]+)*").unwrap();
    for (text, expected) in
        [("", false), ("a-b", true), ("a-bc", false), ("a\n", false), ("abc", true), ("abcd", false)]
    {
        assert_eq!(pattern.is_match(text), expected, "{text:?}");
    }
}

#[test]
fn only_what_can_be_counted_exactly_is_counted() {
    for pattern in ["a{2,9}", "(?:ab){0,9}c", "a{9}", "a{9,}", "(?:a{2,3}b){9}", "^a{9}$", "(?:a{9}b){2}", "[^x]{0,9}"]
    {
        assert!(Counted::new(pattern, 8).is_some(), "{pattern}");
    }
    for pattern in [
        "a{2,8}",
        "a+",
        "(?:a{9}){9}",
        "(?:a?){9}",
        "(?:a{2})+a{9}",
        "a{9}+",
        r"a{9}\b",
        "(?=a)a{9}",
        r"(a)\1{9}",
        "(?:(?:(?:(?:a{8}b){8}c){8}d){8}e){8}f{9}",
    ] {
        assert!(Counted::new(pattern, 8).is_none(), "{pattern}");
    }
}

/// Patterns with small counted repeats, in the constructs that models use.
fn patterns() -> impl Strategy<Value = String> {
    let leaf =
        prop::sample::select(vec!["a", "b", "ab", "é", ".", "[ab]", "[^a]", "^", "$", "(?:)"]).prop_map(str::to_owned);
    let any = leaf.prop_recursive(4, 12, 3, |inner| {
        let count = prop_oneof![
            (0..4_u32, 0..4_u32).prop_map(|(min, more)| format!("{{{min},{}}}", min + more)),
            (0..4_u32).prop_map(|min| format!("{{{min},}}")),
            (0..4_u32).prop_map(|n| format!("{{{n}}}")),
            prop::sample::select(vec!["*", "+", "?"]).prop_map(str::to_owned),
        ];
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| one + &other),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("(?:{one}|{other})")),
            (inner, count).prop_map(|(body, count)| format!("({body}){count}")),
        ]
    });
    (any.clone(), any.clone(), 2..6_u32, any)
        .prop_map(|(before, body, max, after)| format!("{before}(a{body}){{1,{max}}}{after}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, max_global_rejects: 4000, ..ProptestConfig::default() })]

    #[test]
    fn counting_answers_as_the_regex_engine_does(pattern in patterns(), large in 0..3_u32, texts in prop::collection::vec("[abé\n]{0,10}", 8)) {
        let counted = Counted::new(&pattern, large);
        prop_assume!(counted.is_some());
        let counted = counted.unwrap();
        let regex = regex(&pattern).unwrap();
        for text in texts {
            prop_assert_eq!(counted.is_match(&text), regex.is_match(&text).unwrap(), "{} on {:?}", pattern, text);
        }
    }
}

/// A text that a pattern may match: bounds are drawn, assertions are left to chance.
fn sample(hir: &Hir, draw: &mut impl FnMut(usize) -> usize) -> String {
    match hir.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).unwrap(),
        HirKind::Class(Class::Unicode(class)) => {
            let range = class.ranges()[draw(class.ranges().len())];
            let size = range.end() as usize - range.start() as usize + 1;
            char::from_u32((range.start() as usize + draw(size)) as u32).unwrap_or(range.start()).to_string()
        }
        HirKind::Repetition(repeat) => {
            let most = repeat.max.unwrap_or(repeat.min + 3).min(repeat.min + 200);
            let times = if draw(2) == 0 { most } else { repeat.min + draw((most - repeat.min) as usize + 1) as u32 };
            (0..times).map(|_| sample(&repeat.sub, draw)).collect()
        }
        HirKind::Capture(capture) => sample(&capture.sub, draw),
        HirKind::Concat(parts) => parts.iter().map(|part| sample(part, draw)).collect(),
        HirKind::Alternation(parts) => sample(&parts[draw(parts.len())], draw),
        HirKind::Empty | HirKind::Look(_) | HirKind::Class(Class::Bytes(_)) => String::new(),
    }
}

#[test]
fn counting_answers_as_the_regex_engine_does_for_the_models_own_patterns() {
    let mut seed = 1_u64;
    let mut draw = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let shapes = crate::SERVICES.iter().flat_map(|id| crate::service(id).unwrap().shapes.values());
    let patterns: std::collections::BTreeSet<_> =
        shapes.filter_map(|s| s.pattern.as_deref()).filter(|p| p.contains('{')).map(ascii_classes).collect();
    let (mut counted_patterns, mut matched) = (0, 0);
    for pattern in &patterns {
        // What only counting can compile within the limit has no naive answer.
        let (Some(counted), Some(regex)) = (Counted::new(pattern, 1), regex(pattern)) else { continue };
        counted_patterns += 1;
        let hir = regex_syntax::parse(pattern).unwrap();
        for _ in 0..5 {
            let good = sample(&hir, &mut draw);
            let chars: Vec<char> = good.chars().collect();
            let at = draw(chars.len() + 1);
            let cut = chars.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, c)| *c).collect();
            let odd = chars[..at].iter().chain(&['!']).chain(&chars[at..]).collect();
            let twice = chars[..at].iter().chain(&chars).collect();
            for text in [good, cut, odd, twice] {
                let expected = regex.is_match(&text).unwrap();
                matched += usize::from(expected);
                assert_eq!(counted.is_match(&text), expected, "{pattern} on {text:?}");
            }
        }
    }
    assert!(counted_patterns > 100 && matched > 500, "{counted_patterns} patterns, {matched} texts matched");
}
