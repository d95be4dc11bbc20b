//! The user that a task runs as.

use std::ffi::CString;

use nix::unistd::{Gid, Uid, User, geteuid, getgrouplist};
use serde::{Deserialize, Serialize};

/// Ids to take on before the task's program begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub uid: u32,
    pub gid: u32,
    pub groups: Vec<u32>,
}

/// `None`: the agent's own user.
pub(crate) fn identity(name: &str) -> Result<Option<Identity>, String> {
    if name.is_empty() {
        return Ok(None);
    }
    let found = match name.parse::<u32>() {
        Ok(uid) => User::from_uid(Uid::from_raw(uid)),
        Err(_) => User::from_name(name),
    };
    let user = found.map_err(|error| format!("looking up user {name:?}: {error}"))?;
    let user = user.ok_or_else(|| format!("no user {name:?} on this node"))?;
    if user.uid == geteuid() {
        return Ok(None);
    }
    if !geteuid().is_root() {
        return Err(format!("cannot run a task as user {name:?}: the agent does not run as root"));
    }
    let c_name = CString::new(user.name.clone()).map_err(|_| format!("no user {name:?} on this node"))?;
    let groups = getgrouplist(&c_name, user.gid).map_err(|error| format!("looking up groups of user {name:?}: {error}"))?;
    Ok(Some(Identity { uid: user.uid.as_raw(), gid: user.gid.as_raw(), groups: groups.into_iter().map(Gid::as_raw).collect() }))
}

/// Numbers such as `0,100-999`, for the users and groups that tasks may not have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(u32, u32)>);

impl Ranges {
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut ranges = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let number =
                |text: &str| text.trim().parse::<u32>().map_err(|_| format!("{part:?} is neither a number nor a range such as 100-999"));
            let (low, high) = (number(low)?, number(high)?);
            if low > high {
                return Err(format!("the range {part:?} ends before it begins"));
            }
            ranges.push((low, high));
        }
        Ok(Self(ranges))
    }

    pub fn contains(&self, number: u32) -> bool {
        self.0.iter().any(|(low, high)| (*low..=*high).contains(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ranges contain their ends, and nonsense is refused.
    #[test]
    fn ranges() {
        let ranges = Ranges::parse("0, 100-999").unwrap();
        for (number, want) in [(0, true), (1, false), (99, false), (100, true), (999, true), (1000, false)] {
            assert_eq!(ranges.contains(number), want, "{number}");
        }
        assert!(!Ranges::parse("").unwrap().contains(0));
        for text in ["a", "1-", "9-1", "-1"] {
            assert!(Ranges::parse(text).is_err(), "{text}");
        }
    }

    /// Unknown users are named.
    #[test]
    fn unknown_user() {
        assert_eq!(identity("nobody-of-that-name"), Err("no user \"nobody-of-that-name\" on this node".to_owned()));
        assert_eq!(identity(""), Ok(None));
    }
}
