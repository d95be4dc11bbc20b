//! Names of versions of jobs.

use model::{JobKey, JobVersionTag};
use rpc::message::{Failure, TagVersion, WriteReply, WriteValue};
use state::{Command, VersionTag};

use crate::core::{Core, now};

/// Characters of a name, and of what is said about it.
const NAME_MAX: usize = 128;
const DESCRIPTION_MAX: usize = 1_000;

/// Names a version, or takes the name away.
pub async fn tag(core: &Core, key: JobKey, name: String, tag: Option<TagVersion>) -> Result<WriteReply, Failure> {
    if let Some(problem) = problem(&name, tag.as_ref()) {
        return Err(Failure::bad_request(problem));
    }
    let tag = match tag {
        None => None,
        Some(TagVersion { version, description }) => {
            let present = core.view().job(&key).map(|job| job.version);
            let version = version.or(present).ok_or_else(|| Failure::not_found("job not found"))?;
            Some(VersionTag { version, description, time: now() })
        }
    };
    let given = tag.clone().map(|tag| JobVersionTag { name: name.clone(), description: tag.description, tagged_time: tag.time });
    let applied = core.execute(Command::TagJobVersion { key, name, tag }).await?;
    Ok(WriteReply { index: applied.index, value: WriteValue::Tagged(given) })
}

fn problem(name: &str, tag: Option<&TagVersion>) -> Option<String> {
    let description = tag.map_or(0, |tag| tag.description.chars().count());
    if name.is_empty() {
        return Some("the tag needs a name".to_owned());
    }
    if name.chars().count() > NAME_MAX {
        return Some(format!("the name of a tag has at most {NAME_MAX} characters"));
    }
    if tag.is_some() && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!("{name:?} is a number and would be taken for a version: name the tag otherwise"));
    }
    (description > DESCRIPTION_MAX).then(|| format!("the description of a tag has at most {DESCRIPTION_MAX} characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: a name, the length of its description, and the beginning of the refusal.
    #[test]
    fn names() {
        let long = "n".repeat(129);
        for (name, n, expected) in [
            ("gold", 0, ""),
            ("v1.2 (blue)", 1_000, ""),
            ("", 0, "the tag needs a name"),
            (long.as_str(), 0, "the name of a tag has at most 128"),
            ("12", 0, "\"12\" is a number"),
            ("gold", 1_001, "the description of a tag has at most 1000"),
        ] {
            let tag = TagVersion { version: None, description: "d".repeat(n) };
            let found = problem(name, Some(&tag)).unwrap_or_default();
            assert!(found.starts_with(expected) && found.is_empty() == expected.is_empty(), "{name:?}: {found}");
        }
        assert_eq!(problem("12", None), None, "what is there can be taken away");
    }
}
