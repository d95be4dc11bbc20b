//! Whether a namespace or a node pool can be what it says. What others have (which pools there are, who uses them) is asked elsewhere.

use crate::{NamespaceSpec, NodePool};

/// The longest name, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// The longest description, in characters.
const DESCRIPTION_MAX: usize = 256;
/// Network modes that a namespace can name; plugins of the container network interface are `cni/…`.
const NETWORK_MODES: [&str; 3] = ["bridge", "host", "none"];

impl NamespaceSpec {
    /// With the indexes of another region's, or an older, copy of it: what is left when they are compared is what people wrote.
    pub fn as_of(&self, other: &Self) -> Self {
        Self { create_index: other.create_index, modify_index: other.modify_index, ..self.clone() }
    }

    /// Everything that is wrong with it, in words; empty when nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !is_name(&self.name, "-") {
            problems.push(format!("invalid name {:?}: a namespace has 1 to 128 letters, digits and hyphens", self.name.as_str()));
        }
        problems.extend(description(&self.description));
        if !self.quota.is_empty() {
            problems.push(format!("quota {:?}: quotas are not supported yet", self.quota));
        }
        if let Some(capabilities) = &self.capabilities {
            for (what, enabled, disabled) in [
                ("task driver", &capabilities.enabled_task_drivers, &capabilities.disabled_task_drivers),
                ("network mode", &capabilities.enabled_network_modes, &capabilities.disabled_network_modes),
            ] {
                let both = enabled.iter().filter(|name| disabled.contains(name));
                problems.extend(both.map(|name| format!("{what} {name:?} is both enabled and disabled")));
                let unnamed = enabled.iter().chain(disabled).any(|name| name.is_empty());
                problems.extend(unnamed.then(|| format!("the name of a {what} is empty")));
            }
            let modes = capabilities.enabled_network_modes.iter().chain(&capabilities.disabled_network_modes);
            let unknown = modes.filter(|mode| !mode.is_empty() && !NETWORK_MODES.contains(&mode.as_str()) && !mode.starts_with("cni/"));
            problems.extend(unknown.map(|mode| format!("unknown network mode {mode:?}: it is one of bridge, host, none, cni/<network>")));
        }
        if let Some(pools) = &self.node_pools {
            if !pools.default.is_empty() && !is_name(&pools.default, "-_") {
                problems.push(format!("invalid default node pool {:?}: it has 1 to 128 letters, digits, - and _", pools.default));
            }
            if !pools.allowed.is_empty() && !pools.denied.is_empty() {
                problems.push("node pools are either allowed or denied: give one of the two lists".to_owned());
            }
            let lists = pools.allowed.iter().chain(&pools.denied);
            let strange = lists.filter(|name| !is_name(name, "-_*"));
            problems.extend(strange.map(|name| format!("invalid node pool {name:?}: it has 1 to 128 letters, digits, -, _ and *")));
            if let Some(default) = pools.default().filter(|default| pools.denied.iter().any(|denied| matches_glob(denied, default))) {
                problems.push(format!("the default node pool {default:?} is denied"));
            }
        }
        problems
    }
}

impl crate::NamespaceNodePoolConfiguration {
    /// The pool of jobs that name none, if it differs from that of all others.
    pub fn default(&self) -> Option<&str> {
        Some(self.default.as_str()).filter(|default| !default.is_empty())
    }

    /// Whether jobs of the namespace may use the pool.
    pub fn allows(&self, pool: &str) -> bool {
        let is_listed = |list: &[String]| list.iter().any(|pattern| matches_glob(pattern, pool));
        let own = self.default().unwrap_or(crate::DEFAULT_NODE_POOL);
        pool == own || (self.allowed.is_empty() || is_listed(&self.allowed)) && !is_listed(&self.denied)
    }
}

impl NodePool {
    /// As for namespaces.
    pub fn as_of(&self, other: &Self) -> Self {
        Self { create_index: other.create_index, modify_index: other.modify_index, ..self.clone() }
    }

    /// Everything that is wrong with it, in words; empty when nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !is_name(&self.name, "-_") {
            problems
                .push(format!("invalid name {:?}: a node pool has 1 to 128 letters, digits, hyphens and underscores", self.name.as_str()));
        }
        problems.extend(description(&self.description));
        problems
    }
}

fn is_name(text: &str, extra: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

fn description(text: &str) -> Option<String> {
    let n = text.chars().count();
    (n > DESCRIPTION_MAX).then(|| format!("the description has {n} characters: at most {DESCRIPTION_MAX} are kept"))
}

/// `*` stands for any characters.
pub fn matches_glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|head| text.strip_prefix(head)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NamespaceCapabilities, NamespaceNodePoolConfiguration};

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    /// Rows: a namespace, and what is wrong with it.
    #[test]
    fn namespaces() {
        let named = |name: &str| NamespaceSpec { name: name.into(), ..Default::default() };
        let drivers = |enabled: &[&str], disabled: &[&str]| NamespaceSpec {
            capabilities: Some(NamespaceCapabilities {
                enabled_task_drivers: texts(enabled),
                disabled_task_drivers: texts(disabled),
                ..Default::default()
            }),
            ..named("dev")
        };
        let modes = |enabled: &[&str]| NamespaceSpec {
            capabilities: Some(NamespaceCapabilities { enabled_network_modes: texts(enabled), ..Default::default() }),
            ..named("dev")
        };
        let pools = |default: &str, allowed: &[&str], denied: &[&str]| NamespaceSpec {
            node_pools: Some(NamespaceNodePoolConfiguration { default: default.into(), allowed: texts(allowed), denied: texts(denied) }),
            ..named("dev")
        };
        for (namespace, expected) in [
            (named("dev-1"), ""),
            (named(""), "invalid name"),
            (named("a_b"), "invalid name"),
            (named(&"a".repeat(129)), "invalid name"),
            (NamespaceSpec { description: "é".repeat(256), ..named("dev") }, ""),
            (NamespaceSpec { description: "é".repeat(257), ..named("dev") }, "the description has 257 characters"),
            (NamespaceSpec { quota: "q".into(), ..named("dev") }, "quotas are not supported yet"),
            (drivers(&["raw_exec"], &["mock"]), ""),
            (drivers(&["raw_exec"], &["raw_exec"]), "task driver \"raw_exec\" is both enabled and disabled"),
            (drivers(&[""], &[]), "the name of a task driver is empty"),
            (modes(&["host", "cni/x"]), ""),
            (modes(&["wlan"]), "unknown network mode \"wlan\""),
            (pools("gpu", &["gpu*"], &[]), ""),
            (pools("gpu", &["a"], &["b"]), "either allowed or denied"),
            (pools("gpu", &[], &["g*"]), "the default node pool \"gpu\" is denied"),
            (pools("g u", &[], &[]), "invalid default node pool"),
        ] {
            let problems = namespace.problems().join("; ");
            assert!(problems.contains(expected) && problems.is_empty() == expected.is_empty(), "{namespace:?}: {problems}");
        }
    }

    /// Rows: the default, what is allowed and denied, a pool, and whether jobs may use it.
    #[test]
    fn pools_of_a_namespace() {
        for (default, allowed, denied, pool, expected) in [
            ("", &[][..], &[][..], "gpu", true),
            ("", &["gpu"], &[], "gpu", true),
            ("", &["gpu"], &[], "cpu", false),
            ("", &["gpu"], &[], "default", true),
            ("cpu", &["gpu"], &[], "default", false),
            ("cpu", &["gpu"], &[], "cpu", true),
            ("", &["g*"], &[], "gpu", true),
            ("", &[], &["g*"], "gpu", false),
            ("", &[], &["g*"], "all", true),
        ] {
            let pools = NamespaceNodePoolConfiguration { default: default.into(), allowed: texts(allowed), denied: texts(denied) };
            assert_eq!(pools.allows(pool), expected, "{pools:?} {pool}");
        }
    }

    /// Names may be given with stars.
    #[test]
    fn globs() {
        for (pattern, text, want) in [
            ("*", "west-1", true),
            ("*", "", true),
            ("**", "x", true),
            ("west-*", "west-1", true),
            ("*-1", "west-1", true),
            ("*-1", "west-2", false),
            ("us-*-a*", "us-west-a3", true),
            ("us-*-a*", "us-west-b3", false),
            ("west", "west-1", false),
            ("west", "west", true),
            ("w*t-*1", "west-1", true),
            ("e*", "west-1", false),
            ("*ab", "aab", true),
            ("a*a", "a", false),
            ("", "", true),
        ] {
            assert_eq!(matches_glob(pattern, text), want, "{pattern} {text}");
        }
    }
}
