//! The children of periodic and parameterized jobs: what they take from their parent.

use std::collections::BTreeMap;

use model::{IdSource, Job, Payload, PayloadRule};

/// Bytes of a payload.
pub const PAYLOAD_MAX: usize = 16_384;

const SECOND: i64 = 1_000_000_000;

/// The child of a periodic job for a point in time (unix nanoseconds), which names it.
pub fn periodic_child(parent: &Job, at: i64) -> Job {
    let id = format!("{}/periodic-{}", parent.id, at.div_euclid(SECOND));
    Job { periodic: None, ..child(parent, id) }
}

/// With what a parameterized job is launched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dispatch {
    pub payload: Vec<u8>,
    pub meta: BTreeMap<String, String>,
    /// Goes into the child's id.
    pub id_prefix: String,
    pub idempotency_token: String,
    /// 0: that of the parent.
    pub priority: i64,
}

/// The child of a parameterized job; `Err` says what the parent does not take. `now` in unix nanoseconds.
pub fn dispatched_child(parent: &Job, dispatch: &Dispatch, now: i64, ids: &mut IdSource) -> Result<Job, String> {
    let Some(config) = parent.parameterized_job.as_ref().filter(|_| parent.is_parameterized()) else {
        return Err(format!("job {:?} is not parameterized: only jobs with a parameterized block are dispatched", parent.id.as_str()));
    };
    let name = parent.id.as_str();
    match (config.payload, dispatch.payload.len()) {
        (PayloadRule::Required, 0) => return Err(format!("job {name:?} requires a payload")),
        (PayloadRule::Forbidden, 1..) => return Err(format!("job {name:?} forbids a payload")),
        (_, n) if n > PAYLOAD_MAX => return Err(format!("the payload has {n} bytes, at most {PAYLOAD_MAX} are allowed")),
        _ => {}
    }
    let missing: Vec<&str> = config.meta_required.iter().filter(|key| !dispatch.meta.contains_key(*key)).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err(format!("job {name:?} requires meta that is not given: {}", missing.join(", ")));
    }
    let is_known = |key: &String| config.meta_required.contains(key) || config.meta_optional.contains(key);
    let unknown: Vec<&str> = dispatch.meta.keys().filter(|key| !is_known(key)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let known: Vec<&str> = config.meta_required.iter().chain(&config.meta_optional).map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(format!("job {name:?} takes no meta of these names: {}; it takes {known}", unknown.join(", ")));
    }
    if let Some(c) = dispatch.id_prefix.chars().find(|c| c.is_whitespace() || matches!(c, '\0' | '/')) {
        return Err(format!("the id prefix {:?} has the character {c:?}, which ids of children do not have", dispatch.id_prefix));
    }
    let dash = if dispatch.id_prefix.is_empty() { "" } else { "-" };
    let unique = ids.next_uuid().to_string();
    let unique = unique.get(..8).unwrap_or_default();
    let id = format!("{name}/dispatch-{}{dash}{}-{unique}", dispatch.id_prefix, now.div_euclid(SECOND));
    let mut job = Job {
        dispatched: true,
        payload: Payload(dispatch.payload.as_slice().into()),
        dispatch_idempotency_token: dispatch.idempotency_token.clone(),
        ..child(parent, id)
    };
    job.meta.extend(dispatch.meta.clone());
    if dispatch.priority > 0 {
        job.priority = dispatch.priority;
    }
    Ok(job)
}

/// A job of its own, in this region only, whatever becomes of its parent.
fn child(parent: &Job, id: String) -> Job {
    let mut job = Job {
        name: id.clone(),
        id: id.into(),
        parent_id: parent.id.clone(),
        multiregion: None,
        version_tag: None,
        status_description: String::new(),
        stable: false,
        stop: false,
        version: 0,
        ..parent.clone()
    };
    job.identify_policies();
    job
}
