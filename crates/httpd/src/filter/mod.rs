//! Filter expressions over the JSON of an object: `Status == "running" and not (Meta.owner is empty)`.
//!
//! Selectors are fields with dots, or brackets for keys that are no words: `Attributes["os.name"]`. A field that is not there counts as empty,
//! because some objects leave out what is empty; a first field that the type does not have is an error.

mod evaluate;
mod fields;
mod parse;
mod pick;

use regex::Regex;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A filter expression, checked.
#[derive(Debug)]
pub struct Filter {
    expression: Expression,
    /// What it looks at.
    selectors: Vec<Vec<String>>,
}

impl Filter {
    /// Reads an expression over objects of type `T`; the error says what is wrong.
    pub fn parse<T: DeserializeOwned>(text: &str) -> Result<Self, String> {
        let (this, known) = (Self::new(parse::expression(text)?), fields::of::<T>());
        if let Some(unknown) = this.first_fields().find(|field| !known.is_empty() && !known.contains(field)) {
            return Err(format!("unknown field {unknown:?}"));
        }
        Ok(this)
    }

    /// Whether it looks at this field of an object, or into it.
    pub fn looks_at(&self, field: &str) -> bool {
        self.first_fields().any(|first| first == field)
    }

    /// Whether an object meets it; the error says which comparison makes no sense.
    pub fn matches<T: Serialize>(&self, object: &T) -> Result<bool, String> {
        let value = pick::pick(object, self.selectors.iter().map(Vec::as_slice).collect()).map_err(|error| error.to_string())?;
        evaluate::holds(&self.expression, &value)
    }

    fn new(expression: Expression) -> Self {
        let mut selectors = Vec::new();
        expression.collect_selectors(&mut selectors);
        Self { expression, selectors }
    }

    fn first_fields(&self) -> impl Iterator<Item = &str> {
        self.selectors.iter().filter_map(|selector| selector.first()).map(String::as_str)
    }
}

#[derive(Debug)]
enum Expression {
    Or(Box<Expression>, Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    Test(Vec<String>, Test),
}

#[derive(Debug)]
enum Test {
    Equals(String),
    Contains(String),
    Empty,
    Matches(Regex),
}

impl Expression {
    fn collect_selectors(&self, into: &mut Vec<Vec<String>>) {
        match self {
            Self::Or(left, right) | Self::And(left, right) => {
                left.collect_selectors(into);
                right.collect_selectors(into);
            }
            Self::Not(inner) => inner.collect_selectors(into),
            Self::Test(selector, _) => into.push(selector.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Allocation, ClientStatus, Job, Node};
    use serde_json::json;

    fn job() -> Job {
        serde_json::from_value(json!({
            "ID": "web-1", "Priority": 70, "Stop": false, "Type": "service", "Datacenters": ["dc1", "dc2"], "Meta": {"owner": "ann", "os.name": "x"},
            "TaskGroups": [{"Name": "app", "Count": 2}]
        }))
        .unwrap()
    }

    /// What an expression does not look at costs nothing, and what it looks at is as in the whole object.
    #[test]
    fn only_what_is_looked_at() {
        /// Cannot be made JSON of.
        struct Broken;
        impl Serialize for Broken {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("was looked at"))
            }
        }
        #[derive(Serialize)]
        struct Inner {
            list: Vec<Option<u8>>,
            map: std::collections::BTreeMap<u8, Option<&'static str>>,
            broken: Broken,
        }
        #[derive(Serialize)]
        struct Outer {
            inner: Option<std::sync::Arc<Inner>>,
            none: Option<Broken>,
            broken: Broken,
        }
        let inner = Inner { list: vec![Some(1), None], map: [(7, Some("seven")), (8, None)].into(), broken: Broken };
        let outer = Outer { inner: Some(inner.into()), none: None, broken: Broken };
        for (text, expected) in [
            ("inner.list contains 1", Ok(true)),
            ("inner.list.1 is empty", Ok(true)),
            ("inner.map.7 == seven and inner.map.8 is empty", Ok(true)),
            ("inner.map contains 8 and inner.map.7 == eight", Ok(false)),
            ("none.x is empty and none is empty and inner.absent.x is empty", Ok(true)),
            ("inner.list.0.x is empty", Ok(true)),
            ("inner.map.7.x is empty", Ok(true)),
            ("broken == 1", Err("was looked at".to_owned())),
            ("inner is empty", Err("was looked at".to_owned())),
            ("inner.map is empty or inner.broken == 1", Err("was looked at".to_owned())),
        ] {
            let filter = Filter::new(parse::expression(text).unwrap());
            assert_eq!(filter.matches(&outer), expected, "{text}");
        }
    }

    /// Each row: an expression over the job, and whether it holds.
    #[test]
    fn holds() {
        let check = |text: &str, expected: bool| assert_eq!(Filter::parse::<Job>(text).unwrap().matches(&job()), Ok(expected), "{text}");
        check("ID == \"web-1\"", true);
        check("ID == web", false);
        check("ID != `web`", true);
        check("Priority == 70", true);
        check("Priority != 70", false);
        check("Stop == false", true);
        check("Stop == true or Priority == 70", true);
        check("Stop == true and Priority == 70", false);
        check("not Stop == true", true);
        check("not (Stop == true or Priority == 70)", false);
        check("Stop == true and ID == nope or Priority == 70", true);
        check("\"dc1\" in Datacenters", true);
        check("dc3 in Datacenters", false);
        check("\"dc3\" not in Datacenters", true);
        check("Datacenters contains dc2", true);
        check("Datacenters not contains dc2", false);
        check("ID contains \"eb-\"", true);
        check("ID matches \"^web-[0-9]+$\"", true);
        check("ID not matches \"^api\"", true);
        check("owner in Meta", true);
        check("Meta.owner == ann", true);
        check("Meta[\"os.name\"] == \"x\"", true);
        check("Meta.nobody is empty", true);
        check("Meta is not empty", true);
        check("Constraints is empty", true);
        check("Datacenters is empty", false);
        check("StatusDescription == \"\"", true);
        check("TaskGroups is not empty", true);
        check("TaskGroups.0.Name == app", true);
        check("TaskGroups.1.Name is empty", true);
    }

    /// What an object leaves out because it is empty compares as empty.
    #[test]
    fn left_out_fields() {
        let alloc = Allocation { client_status: ClientStatus::Running, ..Default::default() };
        for (text, expected) in [
            ("NextAllocation == \"\"", true),
            ("NextAllocation is empty", true),
            ("CreateIndex == 0", true),
            ("ClientStatus == running", true),
            ("ClientDescription matches \"^$\"", true),
        ] {
            assert_eq!(Filter::parse::<Allocation>(text).unwrap().matches(&alloc), Ok(expected), "{text}");
        }
        let node: Node = serde_json::from_value(json!({"Attributes": {"os.name": "debian"}})).unwrap();
        assert_eq!(Filter::parse::<Node>("Attributes[\"os.name\"] == \"debian\"").unwrap().matches(&node), Ok(true));
    }

    /// Each row: an expression, and what is wrong with it.
    #[test]
    fn errors() {
        let check = |text: &str, expected: &str| assert_eq!(Filter::parse::<Job>(text).unwrap_err(), expected, "{text}");
        check("", "expected a field or a value at the end");
        check("Nope == 1", "unknown field \"Nope\"");
        check("ID ==", "expected a value at the end");
        check("ID", "expected ==, !=, in, not in, contains, not contains, matches, not matches, is empty or is not empty at the end");
        check("ID = 1", "unexpected character '=' at position 4: write == to compare");
        check("(ID == 1", "expected ) at the end");
        check("ID == 1)", "unexpected ) at position 8");
        check("ID == 1 ID == 2", "expected and, or, or the end at position 9");
        check("ID == \"x", "the text that begins at position 7 does not end");
        check("ID matches \"(\"", "invalid regular expression \"(\"");
        check("ID is full", "expected empty or not empty after is at position 7");
        check("\"a\" == ID", "expected in or not in after a value at position 5");
        check(&"(".repeat(5000), "the expression is longer than 4096 bytes");
        check(&format!("{}ID == 1{}", "(".repeat(100), ")".repeat(100)), "the expression is nested deeper than 64 levels");
        let many = vec!["ID matches \"(a{50}){50}\""; 100].join(" or ");
        check(&many, "the regular expressions are too large");
        assert!(Filter::parse::<Job>(&vec!["ID matches \"^web-[0-9]+$\""; 100].join(" or ")).is_ok());
        let fails = |text: &str| Filter::parse::<Job>(text).unwrap().matches(&job()).unwrap_err();
        let hint = "TaskGroups is a list: name one of its items by its number, as in TaskGroups.0.Name";
        assert_eq!(fails("TaskGroups.Name == app"), hint);
        assert_eq!(fails("Priority == high"), "Priority is a number, \"high\" is not");
        assert_eq!(fails("Stop == 3"), "Stop is true or false, \"3\" is not");
        assert_eq!(fails("Datacenters == dc1"), "Datacenters is a list: use in or contains");
        assert_eq!(fails("Priority contains 1"), "Priority is a number and contains nothing");
        assert_eq!(fails("Priority matches 1"), "Priority is a number and cannot be matched");
        assert_eq!(fails("Priority is empty"), "Priority is a number and is never empty");
    }
}
