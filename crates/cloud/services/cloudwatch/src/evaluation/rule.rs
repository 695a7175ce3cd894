//! The rules of composite alarms: `ALARM("a") AND NOT (OK(b) OR TRUE)`.

use sagewright_cloud_core::alarms::AlarmState;

/// Elements of a rule: alarms, `TRUE`, `FALSE` and parentheses.
const ELEMENTS: usize = 500;
/// Alarms that a rule names.
const CHILDREN: usize = 100;

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AlarmRule {
    Constant(bool),
    /// An alarm is in a state: by its name or ARN, as the rule has it.
    In(AlarmState, String),
    Not(Box<AlarmRule>),
    All(Vec<AlarmRule>),
    Any(Vec<AlarmRule>),
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoRule {
    /// CloudWatch has it, and the embedded cloud has not.
    NotHere(&'static str),
    /// What is wrong.
    Wrong(String),
}

impl AlarmRule {
    /// Reads a rule.
    pub fn parse(text: &str) -> Result<Self, NoRule> {
        let tokens = tokens(text)?;
        let elements = tokens.iter().filter(|token| !matches!(token, Token::Word(Word::And | Word::Or | Word::Not)));
        if elements.count() > ELEMENTS {
            return wrong(format!("it has more than {ELEMENTS} elements"));
        }
        let mut reader = Reader { tokens, at: 0 };
        let rule = reader.any()?;
        if let Some(token) = reader.tokens.get(reader.at) {
            return wrong(format!("{} is not expected", token.written()));
        }
        if rule.children().len() > CHILDREN {
            return wrong(format!("it names more than {CHILDREN} alarms"));
        }
        Ok(rule)
    }

    /// The alarms that it names, each once, in their order.
    pub fn children(&self) -> Vec<&str> {
        let mut out = Vec::new();
        self.gather(&mut out);
        out
    }

    fn gather<'r>(&'r self, out: &mut Vec<&'r str>) {
        match self {
            Self::Constant(_) => {}
            Self::In(_, alarm) if out.contains(&alarm.as_str()) => {}
            Self::In(_, alarm) => out.push(alarm),
            Self::Not(inner) => inner.gather(out),
            Self::All(rules) | Self::Any(rules) => rules.iter().for_each(|rule| rule.gather(out)),
        }
    }

    /// Whether it holds, by the states of the alarms. An alarm that is gone is in no state.
    pub fn holds(&self, state: &impl Fn(&str) -> Option<AlarmState>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::In(wanted, alarm) => state(alarm) == Some(*wanted),
            Self::Not(inner) => !inner.holds(state),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(state)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(state)),
        }
    }
}

/// The name of an alarm that is named by its name or its ARN in an account and region.
pub(crate) fn name_of<'r>(given: &'r str, account: &str, region: &str) -> Option<&'r str> {
    let Some(rest) = given.strip_prefix("arn:") else { return Some(given) };
    let mut parts = rest.splitn(5, ':').skip(1);
    let own = parts.next() == Some("cloudwatch") && parts.next() == Some(region) && parts.next() == Some(account);
    parts.next().filter(|_| own)?.strip_prefix("alarm:")
}

fn wrong<T>(why: impl Into<String>) -> Result<T, NoRule> {
    Err(NoRule::Wrong(why.into()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    And,
    Or,
    Not,
    Constant(bool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(Word),
    In(AlarmState, String),
    Open,
    Close,
}

impl Token {
    fn written(&self) -> String {
        match self {
            Self::Word(Word::And) => "AND".to_owned(),
            Self::Word(Word::Or) => "OR".to_owned(),
            Self::Word(Word::Not) => "NOT".to_owned(),
            Self::Word(Word::Constant(true)) => "TRUE".to_owned(),
            Self::Word(Word::Constant(false)) => "FALSE".to_owned(),
            Self::In(state, alarm) => format!("{}({alarm})", state.name()),
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, NoRule> {
    let mut out = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, end) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            _ => word(rest)?,
        };
        out.push(token);
        rest = rest[end..].trim_start();
    }
    Ok(out)
}

/// A word, or a condition on an alarm, and where it ends.
fn word(text: &str) -> Result<(Token, usize), NoRule> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if let Some(state) = AlarmState::parse(name) {
        let skipped = rest.len() - rest.trim_start().len();
        let Some(inner) = rest.trim_start().strip_prefix('(') else {
            return wrong(format!("{name} needs an alarm: {name}(\"NAME\")"));
        };
        let (alarm, length) = alarm(inner)?;
        return Ok((Token::In(state, alarm), end + skipped + 1 + length));
    }
    let word = match name {
        "AND" => Word::And,
        "OR" => Word::Or,
        "NOT" => Word::Not,
        "TRUE" => Word::Constant(true),
        "FALSE" => Word::Constant(false),
        "AT_LEAST" => return Err(NoRule::NotHere("AT_LEAST")),
        "" => return wrong(format!("{:?} is not expected", text.chars().next().unwrap_or(' '))),
        other => return wrong(format!("{other} is not known")),
    };
    Ok((Token::Word(word), end))
}

/// An alarm's name or ARN, and where it ends: behind its parenthesis.
fn alarm(text: &str) -> Result<(String, usize), NoRule> {
    let inner = text.trim_start();
    let skipped = text.len() - inner.len();
    let unclosed = || NoRule::Wrong("a condition on an alarm is not closed".to_owned());
    let (name, length) = match inner.chars().next().filter(|c| *c == '"' || *c == '\'') {
        Some(quote) => {
            let end = inner[1..].find(quote).ok_or_else(unclosed)?;
            let after = &inner[end + 2..];
            let close = after.len() - after.trim_start().len();
            if !after.trim_start().starts_with(')') {
                return Err(unclosed());
            }
            (inner[1..=end].to_owned(), end + 2 + close + 1)
        }
        None => {
            let end = inner.find(')').ok_or_else(unclosed)?;
            (inner[..end].trim_end().to_owned(), end + 1)
        }
    };
    if name.is_empty() {
        return wrong("a condition names no alarm");
    }
    Ok((name, skipped + length))
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn takes(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Result<AlarmRule, NoRule> {
        let mut rules = vec![self.all()?];
        while self.takes(&Token::Word(Word::Or)) {
            rules.push(self.all()?);
        }
        Ok(if rules.len() == 1 { rules.remove(0) } else { AlarmRule::Any(rules) })
    }

    fn all(&mut self) -> Result<AlarmRule, NoRule> {
        let mut rules = vec![self.one()?];
        while self.takes(&Token::Word(Word::And)) {
            rules.push(self.one()?);
        }
        Ok(if rules.len() == 1 { rules.remove(0) } else { AlarmRule::All(rules) })
    }

    fn one(&mut self) -> Result<AlarmRule, NoRule> {
        // Any number of them, without going deeper.
        let mut negated = false;
        while self.takes(&Token::Word(Word::Not)) {
            negated = !negated;
        }
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        let rule = match token {
            Some(Token::In(state, alarm)) => AlarmRule::In(state, alarm),
            Some(Token::Word(Word::Constant(value))) => AlarmRule::Constant(value),
            Some(Token::Open) => {
                let inner = self.any()?;
                if !self.takes(&Token::Close) {
                    return wrong("a parenthesis is not closed");
                }
                inner
            }
            Some(other) => return wrong(format!("{} is not expected", other.written())),
            None => return wrong("it ends too early"),
        };
        Ok(if negated { AlarmRule::Not(Box::new(rule)) } else { rule })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;
    use sagewright_cloud_core::alarms::AlarmState::{Alarm, InsufficientData, Ok as Fine};

    use super::*;

    fn holds(rule: &str, states: &[(&str, AlarmState)]) -> bool {
        let states: HashMap<&str, AlarmState> = states.iter().copied().collect();
        AlarmRule::parse(rule).unwrap().holds(&|alarm| states.get(alarm).copied())
    }

    #[test]
    fn rules_hold_as_their_operators_say() {
        let states =
            [("a", Alarm), ("b", Fine), ("c d", InsufficientData), ("arn:aws:cloudwatch:r:1:alarm:e(1)", Alarm)];
        for (rule, expected) in [
            ("ALARM(a)", true),
            ("ALARM(\"a\")", true),
            ("ALARM('a') AND OK( b )", true),
            ("ALARM(a) AND ALARM(b)", false),
            ("ALARM(b) OR ALARM(a) AND OK(b)", true),
            ("NOT ALARM(a) OR ALARM(a)", true),
            ("NOT (ALARM(a) OR ALARM(b))", false),
            ("NOT NOT ALARM(a)", true),
            ("INSUFFICIENT_DATA (c d)", true),
            ("ALARM(\"arn:aws:cloudwatch:r:1:alarm:e(1)\")", true),
            ("ALARM(gone) OR OK(gone) OR INSUFFICIENT_DATA(gone)", false),
            ("NOT ALARM(gone)", true),
            ("TRUE", true),
            ("FALSE OR TRUE AND FALSE", false),
            ("(((TRUE)))", true),
        ] {
            assert_eq!(holds(rule, &states), expected, "{rule}");
        }
    }

    #[test]
    fn what_is_no_rule_is_told() {
        let many = |n: usize| (0..n).map(|n| format!("ALARM(a{n})")).collect::<Vec<_>>().join(" OR ");
        assert_eq!(AlarmRule::parse(&many(100)).unwrap().children().len(), 100);
        for (rule, why) in [
            ("", "it ends too early"),
            ("ALARM(a) AND", "it ends too early"),
            ("ALARM(a) ALARM(b)", "ALARM(b) is not expected"),
            ("ALARM(a", "a condition on an alarm is not closed"),
            ("ALARM(\"a)", "a condition on an alarm is not closed"),
            ("ALARM()", "a condition names no alarm"),
            ("ALARM", "ALARM needs an alarm: ALARM(\"NAME\")"),
            ("(TRUE", "a parenthesis is not closed"),
            ("TRUE)", ") is not expected"),
            ("alarm(a)", "alarm is not known"),
            ("&", "'&' is not expected"),
            (&many(101), "it names more than 100 alarms"),
            (&format!("{}TRUE{}", "(".repeat(300), ")".repeat(300)), "it has more than 500 elements"),
        ] {
            assert_eq!(AlarmRule::parse(rule), Err(NoRule::Wrong(why.to_owned())), "{rule}");
        }
        assert_eq!(AlarmRule::parse("AT_LEAST(1, ALARM, (a, b))"), Err(NoRule::NotHere("AT_LEAST")));
    }

    #[test]
    fn alarms_are_named_by_name_or_arn() {
        for (given, name) in [
            ("a", Some("a")),
            ("arn:aws:cloudwatch:r:1:alarm:a:b", Some("a:b")),
            ("arn:aws:cloudwatch:other:1:alarm:a", None),
            ("arn:aws:cloudwatch:r:2:alarm:a", None),
            ("arn:aws:sns:r:1:alarm:a", None),
        ] {
            assert_eq!(name_of(given, "1", "r"), name, "{given}");
        }
    }

    fn any_rule() -> impl Strategy<Value = AlarmRule> {
        let state = prop::sample::select(vec![Alarm, Fine, InsufficientData]);
        let leaf = prop_oneof![
            any::<bool>().prop_map(AlarmRule::Constant),
            (state, "[a-c]").prop_map(|(state, alarm)| AlarmRule::In(state, alarm)),
        ];
        leaf.prop_recursive(4, 30, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|rule| AlarmRule::Not(Box::new(rule))),
                prop::collection::vec(inner.clone(), 2..4).prop_map(AlarmRule::All),
                prop::collection::vec(inner, 2..4).prop_map(AlarmRule::Any),
            ]
        })
    }

    fn written(rule: &AlarmRule) -> String {
        let joined = |rules: &[AlarmRule], by: &str| {
            rules.iter().map(|r| format!("({})", written(r))).collect::<Vec<_>>().join(by)
        };
        match rule {
            AlarmRule::Constant(value) => value.to_string().to_uppercase(),
            AlarmRule::In(state, alarm) => format!("{}(\"{alarm}\")", state.name()),
            AlarmRule::Not(inner) => format!("NOT ({})", written(inner)),
            AlarmRule::All(rules) => joined(rules, " AND "),
            AlarmRule::Any(rules) => joined(rules, " OR "),
        }
    }

    proptest! {
        #[test]
        fn a_rule_that_is_written_down_holds_where_it_held(rule in any_rule(), states in prop::array::uniform3(0..4_usize)) {
            let state = |alarm: &str| {
                let n = usize::from(alarm.as_bytes()[0] - b'a');
                [Some(Alarm), Some(Fine), Some(InsufficientData), None][states[n]]
            };
            let read = AlarmRule::parse(&written(&rule)).unwrap();
            prop_assert_eq!(read.holds(&state), rule.holds(&state));
        }

        #[test]
        fn no_text_is_too_much(text in "[()\"' ANDORNOTTRUEalarm_&é]{0,200}") {
            let _ = AlarmRule::parse(&text);
        }
    }
}
