//! Whatever is in a configuration file, the answer is a configuration or a list of problems.

use std::fs;

use agent::config;
use agent::flags::Flags;
use proptest::prelude::*;

const PIECES: &[&str] = &[
    "region",
    "server",
    "client",
    "plugin",
    "\"raw_exec\"",
    "config",
    "enabled",
    "ports",
    "http",
    "meta",
    "options",
    "retry_join",
    "server_join",
    "heartbeat_grace",
    "=",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\n",
    "\n",
    " ",
    "true",
    "null",
    "-1",
    "3",
    "1e400",
    "99999999999999999999",
    "\"\"",
    "\"x\"",
    "\"30s\"",
    "\"${a}\"",
    "\"%{if true}\"",
    "\"\\u00e9\"",
    "\"127.0.0.1:1\"",
    "<<E\nx\nE\n",
    "#",
    "/*",
    "*/",
    "é",
    "\u{1F600}",
    "\"",
    "\\",
    "\0",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_agent_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40), json in any::<bool>()) {
        // keys, values and punctuation in any order, in either syntax
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(if json { "a.json" } else { "a.hcl" });
        let text = if json { format!("{{{}}}", pieces.concat()) } else { pieces.concat() };
        fs::write(&file, text).expect("written");
        let mut flags = Flags::default();
        flags.set("dev", None).expect("a flag");
        flags.set("config", file.to_str()).expect("a flag");
        if let Err(problems) = config::load(&flags) {
            prop_assert!(!problems.is_empty() && !problems.to_string().is_empty());
        }
    }
}

/// Labels are levels of a tree, which must not become too deep for the stack: in both languages.
#[test]
fn a_block_with_very_many_labels_is_a_problem() {
    for text in [format!("server {} {{}}\n", "\"a\" ".repeat(200_000)), format!("\"server\" {} {{}}\n", "\"a\" ".repeat(200_000))] {
        assert!(config::read_text(std::path::Path::new("agent.hcl"), &text).is_err());
    }
}
