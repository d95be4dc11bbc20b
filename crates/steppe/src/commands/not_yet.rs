//! Commands of the interface that do not exist yet: known, so that they are refused for what they are.

const NOUNS: &[&str] = &[
    "acl",
    "action",
    "check",
    "debug",
    "exec",
    "license",
    "login",
    "plugin",
    "quota",
    "recommendation",
    "sentinel",
    "service",
    "setup",
    "tls",
    "ui",
    "var",
    "volume",
    "alloc checks",
    "alloc exec",
    "alloc pause",
    "job action",
    "monitor export",
    "node identity",
    "node intro",
    "operator client-state",
    "operator debug",
    "operator gossip",
    "operator raft info",
    "operator raft logs",
    "operator raft migrate-backend",
    "operator raft state",
    "operator root",
    "operator snapshot redact",
    "operator snapshot state",
    "operator utilization",
];

pub fn is_known(name: &str) -> bool {
    NOUNS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is refused as missing is really missing.
    #[test]
    fn none_of_them_exists() {
        let root = super::super::run::root();
        for name in NOUNS {
            let path: Vec<String> = name.split(' ').map(str::to_owned).collect();
            let found = crate::usage::find(&root, &path);
            assert!(found.has_subcommands() || Some(found.get_name()) != name.rsplit(' ').next(), "{name} exists");
        }
    }
}
