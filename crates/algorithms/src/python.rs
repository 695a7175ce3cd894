//! Text as Python prints it. The container answers with `str()` and `json.dumps()` of Python
//! values, and clients parse those bodies, so the digits and the spacing are part of the format.

use std::fmt::Write as _;

/// Appends `repr(value)` of a Python float: the shortest digits that round-trip, an exponent below
/// 1e-4 and from 1e16 on.
pub(crate) fn push_float(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("nan");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "inf" } else { "-inf" });
    } else if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        let _ = write!(out, "{value:?}");
    } else {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, power) = match exponent.strip_prefix('-') {
            Some(power) => ('-', power),
            None => ('+', exponent),
        };
        let _ = write!(out, "{digits}e{sign}{power:0>2}");
    }
}

/// `repr(value)` of a Python float.
pub(crate) fn float(value: f64) -> String {
    let mut out = String::new();
    push_float(&mut out, value);
    out
}

/// `json.dumps(value)` of a Python float, which names the special values differently.
pub(crate) fn push_json_float(out: &mut String, value: f64) {
    if value.is_nan() {
        out.push_str("NaN");
    } else if value.is_infinite() {
        out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    } else {
        push_float(out, value);
    }
}

/// `repr(items)` of a Python list of strings.
pub(crate) fn string_list<S: AsRef<str>>(items: &[S]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("'{}'", item.as_ref())).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{float, push_json_float, string_list};

    #[test]
    fn floats_print_as_python_prints_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (3.0, "3.0"),
            (f64::from(0.438_619_08_f32), "0.43861907720565796"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (-2.5e100, "-2.5e+100"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn json_names_special_values_as_json_dumps_does() {
        let mut out = String::new();
        push_json_float(&mut out, f64::NAN);
        push_json_float(&mut out, f64::NEG_INFINITY);
        assert_eq!(out, "NaN-Infinity");
    }

    #[test]
    fn string_lists_print_as_python_lists() {
        assert_eq!(string_list(&["row", "col"]), "['row', 'col']");
    }
}
