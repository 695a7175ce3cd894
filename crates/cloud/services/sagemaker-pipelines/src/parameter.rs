//! Parameters of a pipeline, and the values that an execution gets.

use serde_json::{Map, Value, json};

/// Type of a parameter, or of an output of a Lambda or Callback step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// Whole number.
    Integer,
    /// Number.
    Float,
    /// True or false.
    Boolean,
}

impl Type {
    /// The type of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "String" => Self::Text,
            "Integer" => Self::Integer,
            "Float" => Self::Float,
            "Boolean" => Self::Boolean,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Text => "String",
            Self::Integer => "Integer",
            Self::Float => "Float",
            Self::Boolean => "Boolean",
        }
    }

    /// A value of the type that a text stands for.
    #[must_use]
    pub fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::Text => Some(json!(text)),
            Self::Integer => text.trim().parse::<i64>().ok().map(Value::from),
            Self::Float => text.trim().parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from),
            Self::Boolean => text.trim().to_ascii_lowercase().parse::<bool>().ok().map(Value::from),
        }
    }

    /// A JSON value as one of the type; a number or boolean may be written as text.
    #[must_use]
    pub fn take(self, value: &Value) -> Option<Value> {
        match (self, value) {
            (_, Value::String(text)) => self.read(text),
            (Self::Integer, Value::Number(n)) => n.as_i64().map(Value::from),
            (Self::Float, Value::Number(n)) => n.as_f64().map(Value::from),
            (Self::Boolean, Value::Bool(_)) => Some(value.clone()),
            (Self::Text, Value::Number(_) | Value::Bool(_)) => Some(json!(value.to_string())),
            _ => None,
        }
    }
}

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Type.
    pub kind: Type,
    /// Value where an execution gives none.
    pub default: Option<Value>,
    /// The values that it may have; any where empty.
    pub choices: Vec<Value>,
}

impl Parameter {
    /// Reads a parameter of a definition.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let text = |member: &str| value.get(member).and_then(Value::as_str);
        let name = text("Name").filter(|name| !name.is_empty()).ok_or("A parameter has no Name.")?.to_owned();
        let given = text("Type").unwrap_or_default();
        let kind = Type::parse(given).ok_or_else(|| {
            format!("The type '{given}' of parameter {name} must be one of String, Integer, Float and Boolean.")
        })?;
        let of_type = |value: &Value| {
            kind.take(value)
                .ok_or_else(|| format!("The value {value} of parameter {name} is not of type {}.", kind.name()))
        };
        let default = value.get("DefaultValue").filter(|value| !value.is_null()).map(of_type).transpose()?;
        let choices = value.get("EnumValues").and_then(Value::as_array).into_iter().flatten();
        let choices = choices.map(of_type).collect::<Result<Vec<_>, _>>()?;
        let parameter = Self { name: name.clone(), kind, default, choices };
        parameter.default.as_ref().map_or(Ok(()), |value| parameter.chosen(value))?;
        Ok(parameter)
    }

    fn chosen(&self, value: &Value) -> Result<(), String> {
        if self.choices.is_empty() || self.choices.contains(value) {
            return Ok(());
        }
        let choices = Value::Array(self.choices.clone());
        Err(format!("The value {value} of parameter {} must be one of its EnumValues {choices}.", self.name))
    }
}

/// The values of all parameters, by what an execution gives.
///
/// # Errors
/// A name is unknown or given twice, a value is of another type, or one is missing.
pub fn values(parameters: &[Parameter], given: &[(String, String)]) -> Result<Map<String, Value>, String> {
    for (at, (name, _)) in given.iter().enumerate() {
        if !parameters.iter().any(|parameter| parameter.name == *name) {
            let known: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
            return Err(format!("Unknown pipeline parameter [{name}]. The pipeline has [{}].", known.join(", ")));
        }
        if given.iter().take(at).any(|(earlier, _)| earlier == name) {
            return Err(format!("Pipeline parameter [{name}] is given twice."));
        }
    }
    let mut values = Map::new();
    for parameter in parameters {
        let name = &parameter.name;
        let value = match given.iter().find(|(given, _)| given == name) {
            Some((_, text)) => parameter.kind.read(text).ok_or_else(|| {
                format!("The value '{text}' of pipeline parameter [{name}] is not of type {}.", parameter.kind.name())
            })?,
            None => parameter.default.clone().ok_or_else(|| {
                format!(
                    "Pipeline parameter [{name}] has no default value. Give it a value when you start an execution."
                )
            })?,
        };
        parameter.chosen(&value)?;
        values.insert(name.clone(), value);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(value: Value) -> Parameter {
        Parameter::parse(&value).unwrap()
    }

    fn given(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn values_are_read_by_type_and_defaults_fill_in() {
        let parameters = [
            parameter(json!({"Name": "Text", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]})),
            parameter(json!({"Name": "Count", "Type": "Integer", "DefaultValue": 3})),
            parameter(json!({"Name": "Rate", "Type": "Float", "DefaultValue": 1})),
            parameter(json!({"Name": "On", "Type": "Boolean", "DefaultValue": false})),
        ];
        let all = values(&parameters, &[given("Count", "7"), given("On", "True"), given("Text", "b")]).unwrap();
        assert_eq!(Value::Object(all), json!({"Text": "b", "Count": 7, "Rate": 1.0, "On": true}));
        for (name, value, why) in [
            ("Count", "x", "The value 'x' of pipeline parameter [Count] is not of type Integer."),
            ("Count", "1.5", "The value '1.5' of pipeline parameter [Count] is not of type Integer."),
            ("Rate", "NaN", "The value 'NaN' of pipeline parameter [Rate] is not of type Float."),
            ("On", "1", "The value '1' of pipeline parameter [On] is not of type Boolean."),
            ("Text", "c", "The value \"c\" of parameter Text must be one of its EnumValues [\"a\",\"b\"]."),
            ("Other", "c", "Unknown pipeline parameter [Other]. The pipeline has [Text, Count, Rate, On]."),
        ] {
            assert_eq!(values(&parameters, &[given(name, value)]), Err(why.to_owned()));
        }
        let twice = [given("Count", "1"), given("Count", "2")];
        assert_eq!(values(&parameters, &twice), Err("Pipeline parameter [Count] is given twice.".to_owned()));
        let needed = [parameter(json!({"Name": "Uri", "Type": "String"}))];
        assert!(values(&needed, &[]).unwrap_err().contains("[Uri] has no default value"));
    }

    #[test]
    fn a_parameter_of_another_form_is_refused() {
        for value in [
            json!({}),
            json!({"Name": "a"}),
            json!({"Name": "a", "Type": "Number"}),
            json!({"Name": "a", "Type": "Integer", "DefaultValue": "x"}),
            json!({"Name": "a", "Type": "String", "DefaultValue": {}}),
            json!({"Name": "a", "Type": "String", "DefaultValue": "c", "EnumValues": ["a"]}),
        ] {
            assert!(Parameter::parse(&value).is_err(), "{value}");
        }
    }
}
