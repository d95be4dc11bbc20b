//! Which figures are shown.

/// Prefixes of names that are shown or hidden; the longest that fits decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Prefix, and whether it is shown.
    rules: Vec<(String, bool)>,
    /// What no rule is about.
    default: bool,
}

/// A rule that says neither yes nor no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFilter(pub String);

impl std::fmt::Display for BadFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\" is not a filter: write \"+prefix\" to show or \"-prefix\" to hide what begins with it", self.0)
    }
}

impl std::error::Error for BadFilter {}

impl Default for Filter {
    /// Everything is shown.
    fn default() -> Self {
        Self { rules: Vec::new(), default: true }
    }
}

impl Filter {
    /// `rules` are `+prefix` and `-prefix`; `default`: whether the rest is shown.
    ///
    /// # Errors
    /// The first rule that begins with neither, or names nothing.
    pub fn new(rules: &[String], default: bool) -> Result<Self, BadFilter> {
        let read = |rule: &String| match (rule.strip_prefix('+'), rule.strip_prefix('-')) {
            (Some(prefix), _) if !prefix.is_empty() => Ok((prefix.to_owned(), true)),
            (_, Some(prefix)) if !prefix.is_empty() => Ok((prefix.to_owned(), false)),
            _ => Err(BadFilter(rule.clone())),
        };
        Ok(Self { rules: rules.iter().map(read).collect::<Result<_, _>>()?, default })
    }

    /// Whether the figure of this name is shown.
    pub fn shows(&self, name: &str) -> bool {
        let fitting = self.rules.iter().filter(|(prefix, _)| name.starts_with(prefix.as_str()));
        fitting.max_by_key(|(prefix, _)| prefix.len()).map_or(self.default, |(_, shown)| *shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: rules, what the rest is, a name, whether it is shown.
    #[test]
    fn rules() {
        let rows: [(&[&str], bool, &str, bool); 7] = [
            (&[], true, "nomad.raft.apply", true),
            (&[], false, "nomad.raft.apply", false),
            (&["-nomad.raft"], true, "nomad.raft.apply", false),
            (&["-nomad.raft", "+nomad.raft.apply"], true, "nomad.raft.apply", true),
            (&["+nomad.raft.apply", "-nomad.raft"], true, "nomad.raft.apply", true),
            (&["+nomad.raft"], false, "nomad.client.uptime", false),
            (&["+nomad.raft"], false, "nomad.raft.apply", true),
        ];
        for (rules, default, name, shown) in rows {
            let words: Vec<String> = rules.iter().map(|rule| (*rule).to_owned()).collect();
            assert_eq!(Filter::new(&words, default).unwrap().shows(name), shown, "{rules:?} {default} {name}");
        }
        for bad in ["nomad.raft", "", "+", "-"] {
            assert_eq!(Filter::new(&[bad.to_owned()], true), Err(BadFilter(bad.to_owned())));
        }
    }
}
