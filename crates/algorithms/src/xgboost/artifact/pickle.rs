//! Python pickles of a `Booster`: written for the images that save one, and read without Python. A pickle is a program;
//! this reader runs none of it. It follows the stack for what it holds and takes out the booster's state.

use std::collections::HashMap;
use std::rc::Rc;

use super::bytes::{Cut, Reader};

/// More than this many values at a time are no model.
const MOST: usize = 10_000_000;

/// The state of a pickled booster, as far as predictions need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct State {
    /// The model as the library serialised it.
    pub(super) handle: Option<Rc<[u8]>>,
    /// `best_ntree_limit`: how many trees, of each class, predict.
    pub(super) limit: Option<i64>,
}

/// What a pickle of a booster says beside the model.
pub(crate) struct Facts<'a> {
    pub(crate) booster: &'a str,
    pub(crate) features: usize,
    /// The best round, from 0, and its score; without early stopping the last round and none.
    pub(crate) best: (u32, Option<f64>),
    /// Trees of a round.
    pub(crate) parallel: u32,
}

/// A pickle of a booster in protocol 3. The error is a sentence.
pub(super) fn write(model: &[u8], facts: &Facts<'_>) -> Result<Vec<u8>, String> {
    let length = u32::try_from(model.len()).map_err(|_| "a pickle holds a model of at most 4 GiB".to_owned())?;
    let mut out = b"\x80\x03cxgboost.core\nBooster\n)\x81}(".to_vec();
    text(&mut out, "handle");
    out.extend(b"cbuiltins\nbytearray\nB");
    out.extend(length.to_le_bytes());
    out.extend(model);
    out.extend(b"\x85R");
    text(&mut out, "booster");
    text(&mut out, facts.booster);
    text(&mut out, "feature_names");
    out.extend(b"](");
    for feature in 0..facts.features {
        text(&mut out, &format!("f{feature}"));
    }
    out.push(b'e');
    text(&mut out, "feature_types");
    out.push(b'N');
    let (round, score) = facts.best;
    let trees = round.saturating_add(1).saturating_mul(facts.parallel);
    // Linear models have no trees, and the image's server fails when they have such a limit.
    let limit = (facts.booster != "gblinear").then_some(("best_ntree_limit", trees));
    for (name, value) in [("best_iteration", round)].into_iter().chain(limit) {
        text(&mut out, name);
        out.push(b'J');
        out.extend(i32::try_from(value).unwrap_or(i32::MAX).to_le_bytes());
    }
    if let Some(score) = score {
        text(&mut out, "best_score");
        out.push(b'G');
        out.extend(score.to_be_bytes());
    }
    out.extend(b"ub.");
    Ok(out)
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend(text.as_bytes());
}

/// A value on the stack, as far as it matters. Lists and what else a pickle holds are `Other`, and a tuple keeps no tuples, so
/// that nothing nests.
#[derive(Debug, Clone)]
enum Value {
    Mark,
    Other,
    Integer(i64),
    Text(Rc<str>),
    Bytes(Rc<[u8]>),
    Class(Rc<str>),
    Tuple(Rc<[Value]>),
    State(Rc<State>),
    Object(Rc<str>, Rc<State>),
}

/// Why a pickle is not read.
#[derive(Debug, PartialEq)]
pub(super) enum Unread {
    Cut,
    /// An operation that no pickle of a booster has.
    Operation(u8),
    /// It holds something else.
    NoBooster(String),
    TooLarge,
}

impl From<Cut> for Unread {
    fn from(_: Cut) -> Self {
        Self::Cut
    }
}

impl std::fmt::Display for Unread {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cut => out.write_str("it is cut off"),
            Self::Operation(code) => write!(out, "it has an operation that no Booster needs ({code:#04x})"),
            Self::NoBooster(found) => write!(out, "it holds {found}, not an xgboost.core.Booster"),
            Self::TooLarge => out.write_str("it has more parts than a model has"),
        }
    }
}

/// Takes the state of the booster out of a pickle.
pub(super) fn read(pickle: &[u8]) -> Result<State, Unread> {
    let mut machine = Machine { reader: Reader::new(pickle), stack: Vec::new(), memo: HashMap::new() };
    loop {
        let code = machine.reader.byte()?;
        if code == b'.' {
            break;
        }
        machine.step(code)?;
        if machine.stack.len() > MOST || machine.memo.len() > MOST {
            return Err(Unread::TooLarge);
        }
    }
    match machine.pop()? {
        Value::Object(class, state) if &*class == "xgboost.core.Booster" => Ok((*state).clone()),
        Value::Object(class, _) => Err(Unread::NoBooster(format!("an object of {class}"))),
        _ => Err(Unread::NoBooster("something else".to_owned())),
    }
}

struct Machine<'a> {
    reader: Reader<'a>,
    stack: Vec<Value>,
    memo: HashMap<u64, Value>,
}

impl Machine<'_> {
    fn step(&mut self, code: u8) -> Result<(), Unread> {
        match code {
            // PROTO, FRAME
            0x80 => drop(self.reader.take(1)?),
            0x95 => drop(self.reader.take(8)?),
            b'(' => self.push(Value::Mark),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.marked()?),
            b'2' => {
                let top = self.stack.last().cloned().ok_or(Cut)?;
                self.push(top);
            }
            b'N' | 0x88 | 0x89 | b']' | 0x8f => self.push(Value::Other),
            b'}' => self.push(Value::State(Rc::default())),
            b')' => self.push(Value::Tuple(Rc::new([]))),
            // Numbers: of 4, 1 and 2 bytes, long ones, floats, and all of them as text.
            b'J' => {
                let bytes = self.reader.take(4)?;
                self.push(Value::Integer(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).into()));
            }
            b'K' => self.integer(1)?,
            b'M' => self.integer(2)?,
            0x8a => self.skip(1)?,
            0x8b => self.skip(4)?,
            b'G' => {
                self.reader.take(8)?;
                self.push(Value::Other);
            }
            b'I' | b'L' => {
                let line = String::from_utf8_lossy(self.reader.line()?).into_owned();
                let number = line.trim_end_matches('L').trim().parse();
                self.push(number.map_or(Value::Other, Value::Integer));
            }
            b'F' => {
                self.reader.line()?;
                self.push(Value::Other);
            }
            // Texts and bytes, by the width of their length.
            0x8c => self.text(1)?,
            b'X' => self.text(4)?,
            0x8d => self.text(8)?,
            b'C' => self.bytes(1)?,
            b'B' => self.bytes(4)?,
            0x8e | 0x96 => self.bytes(8)?,
            b'U' => self.text(1)?,
            b'T' => self.text(4)?,
            b'S' => {
                let line = String::from_utf8_lossy(self.reader.line()?).into_owned();
                self.push(Value::Text(line.trim().trim_matches(['\'', '"']).into()));
            }
            b'V' => {
                let line = String::from_utf8_lossy(self.reader.line()?).into_owned();
                self.push(Value::Text(unescaped(&line).into()));
            }
            b't' => {
                let items = self.marked()?;
                self.push(tuple(items));
            }
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let at = self.stack.len().checked_sub(count).ok_or(Cut)?;
                let items = self.stack.split_off(at);
                self.push(tuple(items));
            }
            b'l' | 0x91 => {
                self.marked()?;
                self.push(Value::Other);
            }
            // APPENDS and ADDITEMS, APPEND: what a list holds does not matter.
            b'e' | 0x90 => drop(self.marked()?),
            b'a' => drop(self.pop()?),
            b'd' => {
                let items = self.marked()?;
                self.push(Value::State(Rc::default()));
                self.set(items)?;
            }
            b'u' => {
                let items = self.marked()?;
                self.set(items)?;
            }
            b's' => {
                let at = self.stack.len().checked_sub(2).ok_or(Cut)?;
                let items = self.stack.split_off(at);
                self.set(items)?;
            }
            b'c' => {
                let (module, name) = (self.reader.line()?, self.reader.line()?);
                let class = format!("{}.{}", String::from_utf8_lossy(module), String::from_utf8_lossy(name));
                self.push(Value::Class(class.into()));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else { return Err(Unread::Cut) };
                self.push(Value::Class(format!("{module}.{name}").into()));
            }
            // REDUCE, NEWOBJ: a call that is understood, not made.
            b'R' | 0x81 => {
                let (arguments, class) = (self.pop()?, self.pop()?);
                self.push(called(&class, &arguments));
            }
            b'b' => {
                let (state, object) = (self.pop()?, self.pop()?);
                self.push(match (object, state) {
                    (Value::Object(class, _), Value::State(state)) => Value::Object(class, state),
                    (other, _) => other,
                });
            }
            b'p' => {
                let line = String::from_utf8_lossy(self.reader.line()?).into_owned();
                let index = line.trim().parse().map_err(|_| Cut)?;
                self.remember(index)?;
            }
            b'q' => {
                let index = self.reader.number(1)?;
                self.remember(index)?;
            }
            b'r' => {
                let index = self.reader.number(4)?;
                self.remember(index)?;
            }
            0x94 => self.remember(self.memo.len() as u64)?,
            b'g' => {
                let line = String::from_utf8_lossy(self.reader.line()?).into_owned();
                let index = line.trim().parse().map_err(|_| Cut)?;
                self.recall(index)?;
            }
            b'h' => {
                let index = self.reader.number(1)?;
                self.recall(index)?;
            }
            b'j' => {
                let index = self.reader.number(4)?;
                self.recall(index)?;
            }
            other => return Err(Unread::Operation(other)),
        }
        Ok(())
    }

    fn push(&mut self, value: Value) {
        self.stack.push(value);
    }

    fn pop(&mut self) -> Result<Value, Unread> {
        self.stack.pop().ok_or(Unread::Cut)
    }

    /// What is above the last mark; both are taken off.
    fn marked(&mut self) -> Result<Vec<Value>, Unread> {
        let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark)).ok_or(Unread::Cut)?;
        let items = self.stack.split_off(mark + 1);
        self.stack.pop();
        Ok(items)
    }

    /// Puts keys and values into the state on top.
    fn set(&mut self, items: Vec<Value>) -> Result<(), Unread> {
        let Some(Value::State(state)) = self.stack.last_mut() else { return Ok(()) };
        let state = Rc::make_mut(state);
        for pair in items.chunks_exact(2) {
            match pair {
                [Value::Text(key), Value::Bytes(bytes)] if &**key == "handle" => state.handle = Some(bytes.clone()),
                [Value::Text(key), Value::Integer(limit)] if &**key == "best_ntree_limit" => state.limit = Some(*limit),
                _ => {}
            }
        }
        Ok(())
    }

    fn remember(&mut self, index: u64) -> Result<(), Unread> {
        let top = self.stack.last().cloned().ok_or(Cut)?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn recall(&mut self, index: u64) -> Result<(), Unread> {
        let value = self.memo.get(&index).cloned().ok_or(Cut)?;
        self.push(value);
        Ok(())
    }

    fn integer(&mut self, width: usize) -> Result<(), Unread> {
        let number = self.reader.number(width)?;
        self.push(i64::try_from(number).map_or(Value::Other, Value::Integer));
        Ok(())
    }

    fn skip(&mut self, width: usize) -> Result<(), Unread> {
        let length = self.length(width)?;
        let bytes = self.reader.take(length)?;
        let small = bytes.len() <= 8 && bytes.last().is_none_or(|high| *high < 0x80);
        let number = bytes.iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        self.push(if small { Value::Integer(number.cast_signed()) } else { Value::Other });
        Ok(())
    }

    fn length(&mut self, width: usize) -> Result<usize, Unread> {
        usize::try_from(self.reader.number(width)?).map_err(|_| Unread::Cut)
    }

    fn text(&mut self, width: usize) -> Result<(), Unread> {
        let length = self.length(width)?;
        let text = String::from_utf8_lossy(self.reader.take(length)?);
        self.push(Value::Text(text.into()));
        Ok(())
    }

    fn bytes(&mut self, width: usize) -> Result<(), Unread> {
        let length = self.length(width)?;
        let bytes = self.reader.take(length)?.into();
        self.push(Value::Bytes(bytes));
        Ok(())
    }
}

fn tuple(items: Vec<Value>) -> Value {
    let flat = |item| if matches!(item, Value::Tuple(_)) { Value::Other } else { item };
    Value::Tuple(items.into_iter().map(flat).collect())
}

/// What a call of a class gives: bytes, an object, or something that does not matter.
fn called(class: &Value, arguments: &Value) -> Value {
    let (Value::Class(class), Value::Tuple(arguments)) = (class, arguments) else { return Value::Other };
    let name = class.as_ref();
    match (name, &arguments[..]) {
        (
            "builtins.bytearray" | "__builtin__.bytearray" | "builtins.bytes" | "__builtin__.bytes",
            [Value::Bytes(bytes)],
        ) => Value::Bytes(bytes.clone()),
        // Protocols before 3 write bytes as a text of their code points.
        (
            "builtins.bytearray" | "__builtin__.bytearray" | "_codecs.encode",
            [Value::Text(text), Value::Text(_)] | [Value::Text(text)],
        ) => {
            let bytes: Option<Vec<u8>> = text.chars().map(|point| u8::try_from(u32::from(point)).ok()).collect();
            bytes.map_or(Value::Other, |bytes| Value::Bytes(bytes.into()))
        }
        ("copyreg._reconstructor" | "copy_reg._reconstructor", [Value::Class(class), ..]) => {
            Value::Object(class.clone(), Rc::default())
        }
        _ => Value::Object(class.clone(), Rc::default()),
    }
}

/// A text in Python's raw-unicode-escape.
fn unescaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("\\u").or_else(|| rest.find("\\U")) {
        let width = if rest.as_bytes().get(at + 1) == Some(&b'u') { 4 } else { 8 };
        let point = rest.get(at + 2..at + 2 + width).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        out.push_str(&rest[..at]);
        match point.and_then(char::from_u32) {
            Some(point) => {
                out.push(point);
                rest = &rest[at + 2 + width..];
            }
            None => {
                out.push_str(&rest[at..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Facts, State, Unread, read, write};

    #[test]
    fn a_written_pickle_is_read_again() {
        let facts = Facts { booster: "gbtree", features: 3, best: (4, Some(0.5)), parallel: 2 };
        let pickle = write(b"the model", &facts).expect("it is small");
        let state = read(&pickle).expect("it is a booster");
        assert_eq!(state, State { handle: Some((*b"the model").into()), limit: Some(10) });
        for end in 0..pickle.len() {
            assert_eq!(read(&pickle[..end]), Err(Unread::Cut), "cut at {end}");
        }
    }

    #[test]
    fn pickles_of_old_protocols_hold_bytes_as_text() {
        let zero = b"ccopy_reg\n_reconstructor\n(cxgboost.core\nBooster\nc__builtin__\nobject\nNtR(dS'handle'\n\
                     c__builtin__\nbytearray\n(Va\\u00ff\nS'latin-1'\ntRsb.";
        assert_eq!(read(zero).expect("it is a booster").handle.as_deref(), Some(&b"a\xff"[..]));
    }

    #[test]
    fn nothing_of_a_pickle_is_run_and_no_other_object_is_a_model() {
        let harm = b"cos\nsystem\n(S'touch /tmp/harm'\ntR.";
        let found = read(harm).expect_err("no model").to_string();
        assert!(found.contains("os.system") && found.contains("not an xgboost.core.Booster"), "{found}");
        assert_eq!(read(b"P1\n."), Err(Unread::Operation(b'P')));
    }

    proptest! {
        #[test]
        fn the_reader_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        #[test]
        fn the_reader_never_panics_on_operations(
            codes in proptest::collection::vec(prop::sample::select(b"(01)]}tldusbeaR2K\x05\x81\x85\x86\x87\x94\x93c\nX\x01\0\0\0Ah\0.".to_vec()), 0..300)
        ) {
            let _ = read(&codes);
        }
    }
}
