//! Reading requests as people send them.
//!
//! Keys match in any case, unknown keys are ignored, `null` means absent. A value of the wrong type is an error that names its field by path:
//! `Job.TaskGroups[0].Count: expected integer, got string`. Broken JSON is an error with line and column.

mod reader;

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A request that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("Request body is empty")]
    Empty,
    /// With line and column.
    #[error("Request body is not valid JSON: {0}")]
    Syntax(String),
    #[error("{0}")]
    Field(FieldError),
}

/// A field of the wrong type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// `Job.TaskGroups[0].Count`; empty for the whole body.
    pub path: String,
    /// `expected integer, got string`
    pub problem: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => write!(f, "request body: {}", self.problem),
            path => write!(f, "{path}: {}", self.problem),
        }
    }
}

/// Reads a body.
pub fn from_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    from_value(&parse(body)?)
}

/// Body to JSON value: what a request holds before its fields are looked at.
pub fn parse(body: &[u8]) -> Result<Value, Error> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::Empty);
    }
    serde_json::from_slice(body).map_err(|error| Error::Syntax(error.to_string()))
}

/// JSON value to type.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, Error> {
    reader::read(value).map_err(Error::Field)
}

/// Takes a field out of an object, its key in any case. `None` when it is absent or `null`.
pub fn take(value: &mut Value, key: &str) -> Option<Value> {
    let object = value.as_object_mut()?;
    let name = find(object, key)?.to_owned();
    object.remove(&name).filter(|field| !field.is_null())
}

/// The key of an object that stands for `key`: the very one, or one that differs in case.
fn find<'a>(object: &'a serde_json::Map<String, Value>, key: &str) -> Option<&'a str> {
    match object.get_key_value(key) {
        Some((name, _)) => Some(name),
        None => object.keys().find(|name| name.eq_ignore_ascii_case(key)).map(String::as_str),
    }
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "fractional number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::*;
    use model::{Constraint, Job};

    /// Keys in any case, unknown keys and nulls are read.
    #[test]
    fn lenient() {
        let request: JobRevertRequest =
            from_body(br#" {"jobid": "a", "JOBVERSION": 3, "EnforcePriorVersion": null, "Whatever": [1, {"x": 2}]} "#).unwrap();
        assert_eq!(request, JobRevertRequest { job_id: "a".into(), job_version: 3, ..Default::default() });
        let request: ScalingRequest = from_body(br#"{"Count": 5, "Target": {"Group": "web"}, "Meta": {"by": {"deep": [1.5]}}}"#).unwrap();
        assert_eq!((request.count, request.target["Group"].as_str()), (Some(5), "web"));
        assert_eq!(request.meta["by"], serde_json::json!({"deep": [1.5]}));
        let exact: JobRevertRequest = from_body(br#"{"jobid": "wrong", "JobID": "right"}"#).unwrap();
        assert_eq!(exact.job_id, "right");
    }

    /// Each body fails with the text of its row.
    #[test]
    fn errors_name_the_field() {
        fn check<T: DeserializeOwned + fmt::Debug>(body: &str, expected: &str) {
            assert_eq!(from_body::<T>(body.as_bytes()).unwrap_err().to_string(), expected, "{body}");
        }
        check::<JobRegisterRequest>("", "Request body is empty");
        check::<JobRegisterRequest>(" \n", "Request body is empty");
        check::<JobRegisterRequest>("{\"Job\":\n x}", "Request body is not valid JSON: expected value at line 2 column 2");
        check::<JobRegisterRequest>("[]", "request body: expected object, got array");
        check::<JobRegisterRequest>("{\"Job\":{}} x", "Request body is not valid JSON: trailing characters at line 1 column 12");
        check::<JobRegisterRequest>(
            r#"{"job": {"TaskGroups": [{"Count": "3"}]}}"#,
            "Job.TaskGroups[0].Count: expected integer, got string",
        );
        check::<JobRegisterRequest>(r#"{"Job": {"TaskGroups": {"Count": 3}}}"#, "Job.TaskGroups: expected array, got object");
        check::<JobRegisterRequest>(r#"{"Job": {"TaskGroups": [{}, 7]}}"#, "Job.TaskGroups[1]: expected object, got integer");
        check::<JobRegisterRequest>(r#"{"Job": {"Priority": 1.5}}"#, "Job.Priority: expected integer, got fractional number");
        check::<JobRegisterRequest>(r#"{"Job": {"Version": -1}}"#, "Job.Version: expected integer from 0, got -1");
        check::<JobRegisterRequest>(r#"{"Job": {"Priority": 18446744073709551615}}"#, "Job.Priority: 18446744073709551615 is out of range");
        check::<JobRegisterRequest>(r#"{"Job": {"Meta": {"a": 1}}}"#, "Job.Meta[a]: expected string, got integer");
        check::<JobRegisterRequest>(r#"{"Job": {"Stop": "yes"}}"#, "Job.Stop: expected boolean, got string");
        check::<JobRegisterRequest>(
            r#"{"Job": {"Type": "cron"}}"#,
            "Job.Type: unknown value \"cron\", expected one of service, batch, system, sysbatch",
        );
        check::<JobRegisterRequest>(
            r#"{"Job": {"TaskGroups": [{"Volumes": {"a": {"Type": "host"}}}]}}"#,
            "Job.TaskGroups[0].Volumes: not supported yet",
        );
        check::<JobRegisterRequest>(r#"{"Job": {"Periodic": {"Enabled": 1}}}"#, "Job.Periodic.Enabled: expected boolean, got integer");
        check::<Job>(r#"{"Constraints": [{"LTarget": []}]}"#, "Constraints[0].LTarget: expected string, got array");
        check::<Constraint>("7", "request body: expected object, got integer");
        check::<NodeUpdateDrainRequest>(r#"{"DrainSpec": {"Deadline": "1h"}}"#, "DrainSpec.Deadline: expected integer, got string");
        check::<model::Evaluation>(r#"{"ID": "abc"}"#, "ID: \"abc\" is not an id of 36 characters");
    }

    /// Nesting without end is an error, not a crash.
    #[test]
    fn deep_nesting() {
        let body = "[".repeat(100_000);
        assert!(from_body::<JobRegisterRequest>(body.as_bytes()).unwrap_err().to_string().contains("recursion limit exceeded"));
        let body = format!("{}{}", "{\"Job\":".repeat(100_000), "}".repeat(100_000));
        assert!(from_body::<JobRegisterRequest>(body.as_bytes()).unwrap_err().to_string().contains("recursion limit exceeded"));
    }

    /// A field is taken whatever the case of its key.
    #[test]
    fn take_fields() {
        let mut value = serde_json::json!({"job": {"ID": "a"}, "Submission": null});
        assert_eq!(take(&mut value, "Job"), Some(serde_json::json!({"ID": "a"})));
        assert_eq!(take(&mut value, "Job"), None);
        assert_eq!(take(&mut value, "Submission"), None);
        assert_eq!(take(&mut serde_json::json!([1]), "Job"), None);
    }
}
