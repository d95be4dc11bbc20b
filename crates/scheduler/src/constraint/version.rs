//! Versions and conditions on them: `>= 1.2, < 2.0`, `~> 1.4`.

use std::cmp::Ordering;

/// How pre-releases take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// A pre-release meets only conditions that name a pre-release of the same numbers.
    Loose,
    /// A pre-release is simply older than its release, as semver.org says.
    Semver,
}

/// `1.2.3-beta.1+build`; any count of numbers, a leading `v` is allowed, the build is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    numbers: Vec<u64>,
    /// Empty for a release.
    pre_release: Vec<String>,
}

impl Version {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(version, _build)| version);
        let numeric_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (numbers, rest) = text.split_at(numeric_end);
        let numbers = numbers.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
        let pre_release = rest.strip_prefix('-').unwrap_or(rest);
        if rest.starts_with('-') && pre_release.is_empty() {
            return None;
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '~' | '.');
        if !pre_release.chars().all(allowed) || pre_release.split('.').any(str::is_empty) && !pre_release.is_empty() {
            return None;
        }
        let pre_release = pre_release.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Some(Self { numbers, pre_release })
    }

    fn is_pre_release(&self) -> bool {
        !self.pre_release.is_empty()
    }

    fn number(&self, position: usize) -> u64 {
        self.numbers.get(position).copied().unwrap_or(0)
    }

    fn compare_numbers(&self, other: &Self) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        (0..length).map(|i| self.number(i).cmp(&other.number(i))).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.compare_numbers(other).then_with(|| match (self.is_pre_release(), other.is_pre_release()) {
            (false, false) => Ordering::Equal,
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (true, true) => compare_pre_releases(&self.pre_release, &other.pre_release),
        })
    }
}

/// Numbers by value and before words, words by their letters, the shorter one first.
fn compare_pre_releases(left: &[String], right: &[String]) -> Ordering {
    for (left, right) in left.iter().zip(right) {
        let order = match (left.parse::<u64>(), right.parse::<u64>()) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => left.cmp(right),
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// The last given number may grow, those before it may not.
    Pessimistic,
}

/// A list of conditions that must all hold.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    conditions: Vec<(Relation, Version)>,
    rules: Rules,
}

impl Conditions {
    /// `None` when some part cannot be read.
    pub(crate) fn parse(text: &str, rules: Rules) -> Option<Self> {
        let conditions = text.split(',').map(parse_condition).collect::<Option<Vec<_>>>()?;
        Some(Self { conditions, rules })
    }

    pub(crate) fn hold(&self, version: &Version) -> bool {
        self.conditions.iter().all(|(relation, wanted)| holds(version, *relation, wanted, self.rules))
    }
}

fn parse_condition(text: &str) -> Option<(Relation, Version)> {
    let text = text.trim();
    // Longer signs stand before those that they begin with.
    let signs = [
        ("~>", Relation::Pessimistic),
        (">=", Relation::GreaterOrEqual),
        ("<=", Relation::LessOrEqual),
        ("!=", Relation::NotEqual),
        (">", Relation::Greater),
        ("<", Relation::Less),
        ("=", Relation::Equal),
    ];
    let (relation, version) =
        signs.iter().find_map(|(sign, relation)| text.strip_prefix(sign).map(|rest| (*relation, rest))).unwrap_or((Relation::Equal, text));
    Version::parse(version).map(|version| (relation, version))
}

fn holds(version: &Version, relation: Relation, wanted: &Version, rules: Rules) -> bool {
    let order = version.compare(wanted);
    match relation {
        Relation::Equal => return order.is_eq(),
        Relation::NotEqual => return order.is_ne(),
        _ => {}
    }
    if rules == Rules::Loose && version.is_pre_release() {
        let same_numbers = version.compare_numbers(wanted).is_eq();
        if !wanted.is_pre_release() || !same_numbers {
            return false;
        }
    }
    match relation {
        Relation::Equal | Relation::NotEqual => false,
        Relation::Less => order.is_lt(),
        Relation::LessOrEqual => order.is_le(),
        Relation::Greater => order.is_gt(),
        Relation::GreaterOrEqual => order.is_ge(),
        Relation::Pessimistic => {
            let fixed = wanted.numbers.len().saturating_sub(1);
            order.is_ge() && (0..fixed).all(|i| version.number(i) == wanted.number(i))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: &str, conditions: &str, rules: Rules) -> Option<bool> {
        Some(Conditions::parse(conditions, rules)?.hold(&Version::parse(version)?))
    }

    /// Versions meet conditions as the documents of both rules say; what cannot be read is `None`.
    #[test]
    fn table() {
        use Rules::{Loose, Semver};
        let rows = [
            ("1.2.3", ">= 1.2", Loose, Some(true)),
            ("1.2.3", ">= 1.2, < 1.3", Loose, Some(true)),
            ("1.3", ">= 1.2, < 1.3", Loose, Some(false)),
            ("v1.2", "1.2.0", Loose, Some(true)),
            ("1.2.3", "= 1.2.3", Loose, Some(true)),
            ("1.2.3", "!= 1.2.3", Loose, Some(false)),
            ("1.10.0", "> 1.9.0", Loose, Some(true)),
            ("1.10.0", "<= 1.9", Loose, Some(false)),
            ("1.4.9", "~> 1.4", Loose, Some(true)),
            ("1.9", "~> 1.4", Loose, Some(true)),
            ("2.0", "~> 1.4", Loose, Some(false)),
            ("1.4.9", "~> 1.4.2", Loose, Some(true)),
            ("1.5.0", "~> 1.4.2", Loose, Some(false)),
            ("6.18.44.1", "> 6.18.44", Loose, Some(true)),
            ("1.6.0-beta", ">= 1.5.0", Loose, Some(false)),
            ("1.6.0-beta", ">= 1.5.0", Semver, Some(true)),
            ("1.6.0-beta", ">= 1.6.0", Semver, Some(false)),
            ("1.6.0-beta2", ">= 1.6.0-beta1", Loose, Some(true)),
            ("1.6.0", ">= 1.6.0-beta1", Loose, Some(true)),
            ("1.6.1-beta2", ">= 1.6.0-beta1", Loose, Some(false)),
            ("1.0.0-alpha.2", "< 1.0.0-alpha.10", Semver, Some(true)),
            ("1.0.0-alpha", "< 1.0.0-alpha.1", Semver, Some(true)),
            ("1.0.0-1", "< 1.0.0-rc", Semver, Some(true)),
            ("1.0.0+build5", "= 1.0.0", Semver, Some(true)),
            ("1.2beta", "< 1.2", Semver, Some(true)),
            ("latest", ">= 1.0", Loose, None),
            ("1.0", ">= ", Loose, None),
            ("1..0", ">= 1", Loose, None),
            ("1.0-", ">= 1", Loose, None),
            ("1.0-a..b", ">= 1", Loose, None),
            ("99999999999999999999", ">= 1", Loose, None),
        ];
        for (version, conditions, rules, expected) in rows {
            assert_eq!(check(version, conditions, rules), expected, "{version} {conditions} {rules:?}");
        }
    }
}
