//! The flags of the interface, compared with those that the commands have.

use std::collections::BTreeSet;

use crate::refused_flags::{REFUSED, reason};

/// Every command of the interface, with its own flags; without `agent`, whose flags are keys of its configuration.
const TABLE: &str = include_str!("../../tests/data/flags.tsv");

/// Commands of the interface exist or are refused by name. Those that exist have every flag that the interface gives them, or it is on the list of those that are refused, with a reason; and
/// nothing is on that list which exists.
#[test]
fn every_flag_exists_or_is_refused() {
    let root = super::run::root();
    let mut missing = Vec::new();
    let mut needless: BTreeSet<(&str, &str)> = REFUSED.iter().map(|(command, flag, _)| (*command, *flag)).collect();
    let mut n_commands = 0;
    for line in TABLE.lines().skip(1) {
        let (name, flags) = line.split_once('\t').expect("two columns");
        let path: Vec<String> = name.split(' ').map(str::to_owned).collect();
        let found = path.iter().try_fold(&root, |command, name| command.find_subcommand(name));
        let Some(command) = found else {
            let is_known = (1..=path.len()).any(|n| super::not_yet::is_known(&path[..n].join(" ")));
            if !is_known {
                missing.push(name.to_owned());
            }
            continue;
        };
        n_commands += 1;
        for flag in flags.split_whitespace() {
            let exists = command.get_arguments().any(|argument| {
                argument.get_long() == Some(flag) || argument.get_all_aliases().is_some_and(|aliases| aliases.contains(&flag))
            });
            match (exists, reason(name, flag)) {
                (true, _) => {}
                (false, Some(_)) => _ = needless.remove(&(name, flag)),
                (false, None) => missing.push(format!("{name} -{flag}")),
            }
        }
    }
    assert!(n_commands > 50, "{n_commands}");
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(needless.is_empty(), "on the list of what is refused, and not missing: {needless:?}");
}
