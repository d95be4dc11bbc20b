//! Reading a task's `config` block: every key known, every type right, or an error that says which is not.

use serde_json::{Map, Value};

/// What is wrong with a driver's configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("{of}: unknown key {key:?} in config{}; known are: {}", did_you_mean(.nearest), known.join(", "))]
    UnknownKey { of: String, key: String, nearest: Option<String>, known: Vec<String> },
    #[error("{of}: {key:?} is required in config")]
    Missing { of: String, key: String },
    #[error("{of}: {key:?} in config is {given}, but must be {expected}")]
    WrongType { of: String, key: String, given: String, expected: String },
    #[error("{of}: {key:?} in config: {problem}")]
    Invalid { of: String, key: String, problem: String },
    #[error("{of}: {key:?} in config is not supported yet")]
    Unsupported { of: String, key: String },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|key| format!(", did you mean {key:?}?")).unwrap_or_default()
}

/// One `config` block and whose it is.
pub(crate) struct Reader<'a> {
    of: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Reader<'a> {
    /// Refuses keys that are not in `known`.
    pub fn new(of: &'a str, map: &'a Map<String, Value>, known: &[&str]) -> Result<Self, ConfigError> {
        if let Some(key) = map.keys().find(|key| !known.contains(&key.as_str())) {
            let nearest = nearest(key, known.iter().copied());
            return Err(ConfigError::UnknownKey {
                of: of.to_owned(),
                key: key.clone(),
                nearest,
                known: known.iter().map(|key| (*key).to_owned()).collect(),
            });
        }
        Ok(Self { of, map })
    }

    pub fn invalid(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Invalid { of: self.of.to_owned(), key: key.to_owned(), problem: problem.into() }
    }

    /// A key that the interface has and this driver does not honour: anything but "nothing" is refused.
    pub fn unsupported(&self, key: &str) -> Result<(), ConfigError> {
        match self.map.get(key) {
            Some(value) if !model::json::means_nothing(value) => {
                Err(ConfigError::Unsupported { of: self.of.to_owned(), key: key.to_owned() })
            }
            _ => Ok(()),
        }
    }

    pub fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        self.get(key).map(|value| scalar(value).ok_or_else(|| self.wrong(key, value, "a text"))).transpose()
    }

    pub fn required_text(&self, key: &str) -> Result<String, ConfigError> {
        match self.text(key)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(ConfigError::Missing { of: self.of.to_owned(), key: key.to_owned() }),
        }
    }

    pub fn texts(&self, key: &str) -> Result<Vec<String>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let wrong = || self.wrong(key, value, "a list of texts");
        value.as_array().ok_or_else(wrong)?.iter().map(|item| scalar(item).ok_or_else(wrong)).collect()
    }

    pub fn integer(&self, key: &str) -> Result<Option<i64>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| self.wrong(key, value, "a whole number"))
    }

    pub fn flag(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let flag = match value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        flag.map(Some).ok_or_else(|| self.wrong(key, value, "true or false"))
    }

    /// Nanoseconds; a number means nanoseconds, a text has units.
    pub fn duration(&self, key: &str) -> Result<Option<std::time::Duration>, ConfigError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let nanoseconds = match value {
            Value::Number(number) => number.as_i64().ok_or_else(|| self.wrong(key, value, "a duration such as \"10s\""))?,
            Value::String(text) => model::parse_duration(text).map_err(|error| self.invalid(key, error.to_string()))?,
            _ => return Err(self.wrong(key, value, "a duration such as \"10s\"")),
        };
        let nanoseconds = u64::try_from(nanoseconds).map_err(|_| self.invalid(key, "a duration cannot be negative"))?;
        Ok(Some(std::time::Duration::from_nanos(nanoseconds)))
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &str, value: &Value, expected: &str) -> ConfigError {
        let given = match value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "a block",
        };
        ConfigError::WrongType { of: self.of.to_owned(), key: key.to_owned(), given: given.to_owned(), expected: expected.to_owned() }
    }
}

/// Texts, and what job files may write where a text is expected.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The known word that was probably meant.
pub(crate) fn nearest<'k>(given: &str, known: impl Iterator<Item = &'k str>) -> Option<String> {
    known
        .map(|word| (strsim::damerau_levenshtein(given, word), word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 3)
        .min()
        .map(|(_, word)| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: Value, want: Result<&str, &str>) {
        let Value::Object(map) = config.clone() else { panic!("rows are objects") };
        let read = || -> Result<String, ConfigError> {
            let reader = Reader::new("raw_exec", &map, &["command", "args", "wait", "count", "on", "old"])?;
            reader.unsupported("old")?;
            Ok(format!(
                "{} {:?} {:?} {:?} {:?}",
                reader.required_text("command")?,
                reader.texts("args")?,
                reader.duration("wait")?,
                reader.integer("count")?,
                reader.flag("on")?
            ))
        };
        let got = read().map_err(|error| error.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{config}");
    }

    /// Each row: a config block, and how it reads or why not.
    #[test]
    fn blocks() {
        use serde_json::json;
        check(
            json!({"command": "/bin/x", "args": ["a", 1, true], "wait": "1m", "count": "3", "on": true}),
            Ok("/bin/x [\"a\", \"1\", \"true\"] Some(60s) Some(3) Some(true)"),
        );
        check(json!({"command": "x", "old": [], "wait": 5_000_000_000i64}), Ok("x [] Some(5s) None None"));
        check(
            json!({"comand": "x"}),
            Err("raw_exec: unknown key \"comand\" in config, did you mean \"command\"?; known are: command, args, wait, count, on, old"),
        );
        check(json!({"zzzzzz": 1}), Err("raw_exec: unknown key \"zzzzzz\" in config; known are: command, args, wait, count, on, old"));
        check(json!({"args": []}), Err("raw_exec: \"command\" is required in config"));
        check(json!({"command": ["x"]}), Err("raw_exec: \"command\" in config is a list, but must be a text"));
        check(json!({"command": "x", "args": "y"}), Err("raw_exec: \"args\" in config is a text, but must be a list of texts"));
        check(json!({"command": "x", "old": "set"}), Err("raw_exec: \"old\" in config is not supported yet"));
        check(json!({"command": "x", "wait": "-1s"}), Err("raw_exec: \"wait\" in config: a duration cannot be negative"));
        check(json!({"command": "x", "count": 1.5}), Err("raw_exec: \"count\" in config is a number, but must be a whole number"));
    }
}
