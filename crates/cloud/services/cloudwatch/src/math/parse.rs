//! From the text of an expression to its tree.

use super::lex::{Token, tokens};
use super::{MathError, wrong};

/// Brackets within brackets within …
const DEEPEST: usize = 48;

/// The tree of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Number(f64),
    Text(String),
    /// The id of a query, or a word of a function: `REPEAT`.
    Name(String),
    Array(Vec<Expression>),
    Negated(Box<Expression>),
    Operation(&'static str, Box<Expression>, Box<Expression>),
    Call(String, Vec<Expression>),
}

impl Expression {
    /// The ids that it names.
    pub fn names<'e>(&'e self, out: &mut Vec<&'e str>) {
        match self {
            Self::Name(name) => out.push(name),
            Self::Negated(inner) => inner.names(out),
            Self::Operation(_, left, right) => [left, right].into_iter().for_each(|side| side.names(out)),
            Self::Array(items) | Self::Call(_, items) => items.iter().for_each(|item| item.names(out)),
            Self::Number(_) | Self::Text(_) => {}
        }
    }
}

/// Operators that bind alike, those that bind least first.
const LEVELS: [&[&str]; 5] =
    [&["||", "OR"], &["&&", "AND"], &["==", "!=", "<=", ">=", "<", ">"], &["+", "-"], &["*", "/"]];

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<Expression, MathError> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.eq_ignore_ascii_case("SELECT") {
        return Err(MathError::NotHere("Metrics Insights (SELECT)".to_owned()));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let expression = parser.level(0)?;
    match parser.peek() {
        None => Ok(expression),
        Some(token) => wrong(format!("{} is not expected", shown(Some(token)))),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    /// Takes a sign, where it is the next word.
    fn takes(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Some(Token::Sign(found)) if *found == sign);
        self.at += usize::from(there);
        there
    }

    fn operator(&self, level: &[&'static str]) -> Option<&'static str> {
        let word = match self.peek()? {
            Token::Sign(sign) => *sign,
            Token::Name(name) => name.as_str(),
            Token::Number(_) | Token::Text(_) => return None,
        };
        level.iter().copied().find(|operator| *operator == word)
    }

    fn level(&mut self, level: usize) -> Result<Expression, MathError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(operator) = self.operator(operators) {
            self.at += 1;
            let right = self.level(level + 1)?;
            left = Expression::Operation(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, MathError> {
        if self.depth >= DEEPEST {
            return wrong("it is nested too deeply");
        }
        self.depth += 1;
        let out = if self.takes("-") {
            Expression::Negated(Box::new(self.unary()?))
        } else {
            let base = self.primary()?;
            if self.takes("^") { Expression::Operation("^", Box::new(base), Box::new(self.unary()?)) } else { base }
        };
        self.depth -= 1;
        Ok(out)
    }

    fn primary(&mut self) -> Result<Expression, MathError> {
        match self.next() {
            Some(Token::Number(number)) => Ok(Expression::Number(number)),
            Some(Token::Text(text)) => Ok(Expression::Text(text)),
            Some(Token::Name(name)) if self.takes("(") => Ok(Expression::Call(name, self.items(")")?)),
            Some(Token::Name(name)) => Ok(Expression::Name(name)),
            Some(Token::Sign("[")) => Ok(Expression::Array(self.items("]")?)),
            Some(Token::Sign("(")) => {
                let inner = self.level(0)?;
                if self.takes(")") { Ok(inner) } else { wrong(format!("{} is not expected", shown(self.peek()))) }
            }
            other => wrong(format!("{} is not expected", shown(other.as_ref()))),
        }
    }

    /// Expressions with commas between them, up to a sign.
    fn items(&mut self, end: &str) -> Result<Vec<Expression>, MathError> {
        let mut items = Vec::new();
        if self.takes(end) {
            return Ok(items);
        }
        loop {
            items.push(self.level(0)?);
            if self.takes(end) {
                return Ok(items);
            }
            if !self.takes(",") {
                return wrong(format!("{} is not expected", shown(self.peek())));
            }
        }
    }
}

fn shown(token: Option<&Token>) -> String {
    match token {
        None => "its end".to_owned(),
        Some(Token::Number(number)) => format!("'{number}'"),
        Some(Token::Name(text) | Token::Text(text)) => format!("'{text}'"),
        Some(Token::Sign(sign)) => format!("'{sign}'"),
    }
}
