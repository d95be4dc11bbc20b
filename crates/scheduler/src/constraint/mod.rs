//! Constraints: one condition on one node, made ready once and then asked for every class of nodes.

mod version;

use std::borrow::Cow;
use std::cmp::Ordering;

use model::{Constraint, Node};
use regex::Regex;
use version::{Conditions, Rules, Version};

/// Compiled size of a regular expression, so that a job cannot ask for memory that it did not send.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Where the value of one side comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Literal(String),
    Attribute(String),
    Meta(String),
    NodeId,
    NodeName,
    Datacenter,
    Class,
    Pool,
    Region,
    /// `${…}` that nodes do not have.
    Unknown,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Self {
        let Some(inner) = text.strip_prefix("${").and_then(|text| text.strip_suffix('}')) else { return Self::Literal(text.to_owned()) };
        if let Some(name) = inner.strip_prefix("attr.") {
            return Self::Attribute(name.to_owned());
        }
        if let Some(name) = inner.strip_prefix("meta.") {
            return Self::Meta(name.to_owned());
        }
        match inner {
            "node.unique.id" => Self::NodeId,
            "node.unique.name" => Self::NodeName,
            "node.datacenter" => Self::Datacenter,
            "node.class" => Self::Class,
            "node.pool" => Self::Pool,
            "node.region" => Self::Region,
            _ => Self::Unknown,
        }
    }

    pub(crate) fn resolve<'a>(&'a self, node: &'a Node, region: &'a str) -> Option<Cow<'a, str>> {
        match self {
            Self::Literal(text) => Some(Cow::Borrowed(text)),
            Self::Attribute(name) => node.attributes.get(name).map(|value| Cow::Borrowed(value.as_str())),
            Self::Meta(name) => node.meta.get(name).map(|value| Cow::Borrowed(value.as_str())),
            Self::NodeId => Some(Cow::Owned(node.id.to_string())),
            Self::NodeName => Some(Cow::Borrowed(&node.name)),
            Self::Datacenter => Some(Cow::Borrowed(&node.datacenter)),
            Self::Class => Some(Cow::Borrowed(&node.node_class)),
            Self::Pool => Some(Cow::Borrowed(&node.node_pool)),
            Self::Region => Some(Cow::Borrowed(region)),
            Self::Unknown => None,
        }
    }

    /// May differ between nodes of one computed class.
    pub(crate) fn is_unique(&self) -> bool {
        match self {
            Self::NodeId | Self::NodeName => true,
            Self::Attribute(name) | Self::Meta(name) => name.starts_with("unique."),
            _ => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Regexp,
    Version(Rules),
    SetContainsAll,
    SetContainsAny,
    IsSet,
    IsNotSet,
    /// Never holds; says so by the constraint's own words in the metrics.
    Unknown,
}

impl Operator {
    pub(crate) fn parse(word: &str) -> Self {
        match word {
            "=" | "==" | "is" | "" => Self::Equal,
            "!=" | "not" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            "regexp" => Self::Regexp,
            "version" => Self::Version(Rules::Loose),
            "semver" => Self::Version(Rules::Semver),
            "set_contains" | "set_contains_all" => Self::SetContainsAll,
            "set_contains_any" => Self::SetContainsAny,
            "is_set" => Self::IsSet,
            "is_not_set" => Self::IsNotSet,
            _ => Self::Unknown,
        }
    }
}

impl Operator {
    /// Of two texts that are there.
    pub(crate) fn holds_for(&self, left: impl AsRef<str>, right: impl AsRef<str>) -> bool {
        let (left, right) = (left.as_ref(), right.as_ref());
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => compare(left, right).is_lt(),
            Self::LessOrEqual => compare(left, right).is_le(),
            Self::Greater => compare(left, right).is_gt(),
            Self::GreaterOrEqual => compare(left, right).is_ge(),
            Self::Regexp => compile(right).is_some_and(|regex| regex.is_match(left)),
            Self::Version(rules) => {
                let version = Version::parse(left);
                version.is_some_and(|version| Conditions::parse(right, *rules).is_some_and(|conditions| conditions.hold(&version)))
            }
            Self::SetContainsAll => set(right).all(|wanted| set(left).any(|there| there == wanted)),
            Self::SetContainsAny => set(right).any(|wanted| set(left).any(|there| there == wanted)),
            Self::IsSet => true,
            Self::IsNotSet | Self::Unknown => false,
        }
    }
}

/// What can be read from a literal right side once and for all.
#[derive(Clone, Debug)]
enum Ready {
    Nothing,
    Regex(Option<Regex>),
    Version(Option<Conditions>),
}

impl Ready {
    fn make(operator: &Operator, right: &str) -> Self {
        match operator {
            Operator::Regexp => Self::Regex(compile(right)),
            Operator::Version(rules) => Self::Version(Conditions::parse(right, *rules)),
            _ => Self::Nothing,
        }
    }
}

fn compile(pattern: &str) -> Option<Regex> {
    regex::RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).build().ok()
}

/// A constraint made ready.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// As shown in metrics: `${attr.kernel.name} = linux`.
    pub label: String,
    left: Target,
    operator: Operator,
    right: Target,
    ready: Ready,
}

impl Condition {
    pub(crate) fn new(constraint: &Constraint) -> Self {
        let operator = Operator::parse(&constraint.operand);
        let right = Target::parse(&constraint.r_target);
        let ready = match &right {
            Target::Literal(text) => Ready::make(&operator, text),
            _ => Ready::Nothing,
        };
        let word = if constraint.operand.is_empty() { "=" } else { &constraint.operand };
        let label = format!("{} {word} {}", constraint.l_target, constraint.r_target).trim().to_owned();
        Self { label, left: Target::parse(&constraint.l_target), operator, right, ready }
    }

    /// May differ between nodes of one computed class.
    pub(crate) fn is_unique(&self) -> bool {
        self.left.is_unique() || self.right.is_unique()
    }

    pub(crate) fn holds(&self, node: &Node, region: &str) -> bool {
        let left = self.left.resolve(node, region);
        let right = self.right.resolve(node, region);
        match self.operator {
            Operator::IsSet => return left.is_some(),
            Operator::IsNotSet => return left.is_none(),
            Operator::NotEqual => return left != right,
            _ => {}
        }
        let (Some(left), Some(right)) = (left, right) else { return false };
        match &self.ready {
            Ready::Nothing => self.operator.holds_for(left, right),
            Ready::Regex(regex) => regex.as_ref().is_some_and(|regex| regex.is_match(&left)),
            Ready::Version(conditions) => {
                let version = Version::parse(&left);
                version.is_some_and(|version| conditions.as_ref().is_some_and(|conditions| conditions.hold(&version)))
            }
        }
    }
}

/// As whole numbers if both are, else as numbers, else as texts.
fn compare(left: &str, right: &str) -> Ordering {
    if let (Ok(left), Ok(right)) = (left.parse::<i64>(), right.parse::<i64>()) {
        return left.cmp(&right);
    }
    if let (Ok(left), Ok(right)) = (left.parse::<f64>(), right.parse::<f64>()) {
        return left.total_cmp(&right);
    }
    left.cmp(right)
}

fn set(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node() -> Node {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Node {
            id: "5456bd7a-9fc0-c0dd-6131-cbee77f57577".parse().unwrap(),
            name: "n1".to_owned(),
            datacenter: "dc1".to_owned(),
            node_class: "fast".to_owned(),
            node_pool: "default".to_owned(),
            attributes: map(&[
                ("kernel.name", "linux"),
                ("cpu.numcores", "10"),
                ("load", "0.5"),
                ("os.version", "12.11"),
                ("os.signals", "SIGINT, SIGTERM,SIGHUP"),
                ("driver.docker.version", "20.10.24-rc1"),
            ]),
            meta: map(&[("rack", "r1"), ("same", "r1"), ("pattern", "^lin")]),
            ..Node::default()
        }
    }

    /// Every operator on values, numbers, missing attributes and both sides.
    #[test]
    fn operators() {
        let rows = [
            ("${attr.kernel.name}", "=", "linux", true),
            ("${attr.kernel.name}", "", "linux", true),
            ("${attr.kernel.name}", "is", "plan9", false),
            ("${attr.kernel.name}", "==", "linux", true),
            ("${attr.missing}", "=", "", false),
            ("${attr.missing}", "=", "${attr.missing2}", false),
            ("${attr.missing}", "!=", "linux", true),
            ("${attr.kernel.name}", "not", "linux", false),
            ("${attr.kernel.name}", "not", "plan9", true),
            ("${meta.rack}", "=", "${meta.same}", true),
            ("${node.unique.id}", "=", "5456bd7a-9fc0-c0dd-6131-cbee77f57577", true),
            ("${node.unique.name}", "=", "n1", true),
            ("${node.datacenter}", "regexp", "^dc[0-9]$", true),
            ("${node.class}", "=", "fast", true),
            ("${node.pool}", "=", "default", true),
            ("${node.region}", "=", "west", true),
            ("${node.other}", "is_set", "", false),
            ("literal", "=", "literal", true),
            ("${attr.cpu.numcores}", ">", "9", true),
            ("${attr.cpu.numcores}", "<", "9", false),
            ("${attr.load}", "<=", "0.50", true),
            ("${attr.load}", ">=", "1", false),
            ("${attr.kernel.name}", "<", "m", true),
            ("${attr.missing}", "<", "m", false),
            ("${attr.kernel.name}", "regexp", "^lin", true),
            ("${attr.kernel.name}", "regexp", "${meta.pattern}", true),
            ("${attr.kernel.name}", "regexp", "(", false),
            ("${attr.os.version}", "version", ">= 12.2, < 13", true),
            ("${attr.driver.docker.version}", "version", ">= 20.0.0", false),
            ("${attr.driver.docker.version}", "semver", ">= 20.0.0", true),
            ("${attr.kernel.name}", "version", ">= 1", false),
            ("${attr.os.signals}", "set_contains", "SIGHUP,SIGINT", true),
            ("${attr.os.signals}", "set_contains_all", "SIGHUP,SIGUSR1", false),
            ("${attr.os.signals}", "set_contains_any", "SIGUSR1, SIGHUP", true),
            ("${attr.os.signals}", "set_contains_any", "SIGUSR1", false),
            ("${attr.kernel.name}", "is_set", "", true),
            ("${attr.kernel.name}", "is_not_set", "", false),
            ("${attr.missing}", "is_not_set", "", true),
            ("${attr.kernel.name}", "resembles", "linux", false),
        ];
        let node = node();
        for (left, operand, right, expected) in rows {
            let constraint = Constraint { l_target: left.to_owned(), operand: operand.to_owned(), r_target: right.to_owned() };
            assert_eq!(Condition::new(&constraint).holds(&node, "west"), expected, "{left} {operand} {right}");
        }
    }
}
