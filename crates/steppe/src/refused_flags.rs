//! Flags of the interface that commands do not have, and why.

/// Command, flag, reason.
pub const REFUSED: &[(&str, &str, &str)] = &[
    ("operator autopilot set-config", "disable-upgrade-migration", "servers of all versions vote alike, so there is nothing to migrate"),
    ("operator autopilot set-config", "redundancy-zone-tag", "there are no redundancy zones: every server may vote"),
    ("operator autopilot set-config", "upgrade-version-tag", "servers of all versions vote alike, so no tag tells them apart"),
    ("operator snapshot save", "redact", "there are no keys in an archive that could be taken out"),
];

/// Why the command does not have the flag; `None`: it is none of the interface.
pub fn reason(command: &str, flag: &str) -> Option<&'static str> {
    REFUSED.iter().find(|(refused, name, _)| *refused == command && *name == flag).map(|(_, _, reason)| *reason)
}
