//! `job rollout status`

use std::time::Duration;

use api::{Client, RolloutRegion, RolloutStatus};
use model::{OnFailure, Phase};

use crate::context::{During, Global, Outcome, Stop, query};
use crate::monitor::patiently;
use crate::resolve;
use crate::show::{self, Format, Screen, section};

#[derive(clap::Args, Debug)]
#[command(
    after_help = "With -watch the exit code is 0 when the rollout ended well in all regions, 1 when it did not, 2 when it goes no further \
                        without a person."
)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Ids in full.
    #[arg(long)]
    verbose: bool,
    /// Show it again and again, until no region has anything left to do.
    #[arg(long, alias = "monitor")]
    watch: bool,
    /// With -watch: how often.
    #[arg(long, default_value = "1s")]
    wait: String,
    /// A job's name, or a prefix of it.
    job: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let pace = positive("job rollout status", "wait", &args.wait)?;
    let job = resolve::job(&client, &args.job).await?;
    if args.watch {
        let client = client.with_namespace(&job.namespace);
        return follow(&client, &job.id, args.verbose, pace).await;
    }
    let rollout = client.job_rollout(&job.id, &job.query()).await.during("querying rollout")?.value;
    if !args.format.print(&rollout)? {
        say!("{}", text(&rollout, args.verbose));
    }
    Ok(0)
}

/// A duration of a flag, longer than nothing.
pub fn positive(command: &str, flag: &str, given: &str) -> Result<Duration, Stop> {
    let nanos = model::parse_duration(given).map_err(|problem| Stop::usage(command, format!("flag -{flag}: {problem}")))?;
    match u64::try_from(nanos) {
        Ok(nanos) if nanos > 0 => Ok(Duration::from_nanos(nanos)),
        _ => Err(Stop::usage(command, format!("flag -{flag}: {given} is not longer than nothing"))),
    }
}

/// Shows a rollout until it is at rest. What other regions do has no index here, so it is asked for at a pace.
pub async fn follow(client: &Client, job: &str, verbose: bool, pace: Duration) -> Outcome {
    let mut screen = Screen::stdout();
    let now = query();
    let mut last = None;
    loop {
        let rollout = patiently(|| client.job_rollout(job, &now)).await.during("querying rollout")?.value;
        let picture = news(&rollout);
        if screen.show(show::now(), &text(&rollout, verbose), &picture).is_err() {
            return Ok(FAILED);
        }
        if rollout.regions.iter().all(is_at_rest) {
            let is_good = rollout.regions.iter().all(ended_well);
            let is_held = rollout.regions.iter().any(is_stopped_for_person) && !rollout.regions.iter().any(has_failed);
            return Ok(if is_good {
                GOOD
            } else if is_held {
                WAITS_FOR_PERSON
            } else {
                FAILED
            });
        }
        // Seen twice: what one region has just done may have moved another one already.
        if waits_for_person(&rollout.regions) && last.as_ref() == Some(&picture) {
            return Ok(WAITS_FOR_PERSON);
        }
        last = Some(picture);
        tokio::time::sleep(pace).await;
    }
}

/// It ended well in all regions.
const GOOD: u8 = 0;
const FAILED: u8 = 1;
/// Nothing moves before a person does something.
const WAITS_FOR_PERSON: u8 = 2;

/// The region does nothing more by itself in this rollout.
fn is_at_rest(region: &RolloutRegion) -> bool {
    // A region that is away and adopts when it returns is not waited for.
    region.excluded || region.phase.map_or(region.deferred, |phase| phase.is_terminal() || phase == Phase::Held)
}

fn ended_well(region: &RolloutRegion) -> bool {
    region.excluded || region.phase.map_or(region.deferred, |phase| matches!(phase, Phase::Successful | Phase::Dropped | Phase::Stopped))
}

fn has_failed(region: &RolloutRegion) -> bool {
    !region.excluded && region.phase.is_some_and(|phase| phase.is_terminal() && !ended_well(region))
}

fn is_stopped_for_person(region: &RolloutRegion) -> bool {
    matches!(region.phase, Some(Phase::Held | Phase::Paused)) || region.waiting_for.starts_with("a person")
}

/// Some region waits for a person, and all the others, if they have not ended, wait for it or for each other.
fn waits_for_person(regions: &[RolloutRegion]) -> bool {
    let waits = |region: &RolloutRegion| {
        let is_busy = region.phase.is_none_or(|phase| matches!(phase, Phase::Voted | Phase::Running));
        is_at_rest(region) || is_stopped_for_person(region) || !is_busy && !region.waiting_for.is_empty()
    };
    regions.iter().any(is_stopped_for_person) && regions.iter().all(waits)
}

/// Where the regions stand that wait for others, a line each; `None` when nobody waits.
pub fn reasons(rollout: &RolloutStatus) -> Option<String> {
    let waits = |region: &&RolloutRegion| {
        let is_open = region.phase.is_none_or(|phase| !phase.is_terminal() && phase != Phase::Running);
        is_open && !region.excluded && !region.waiting_for.is_empty()
    };
    let line = |region: &RolloutRegion| {
        let status = region.status.map_or("unknown".to_owned(), |status| status.to_string());
        let seen = if region.age > 0 { format!(", as of {} ago", show::span(region.age / 1_000_000_000)) } else { String::new() };
        format!("{}: {status}, {}{seen}", region.region, region.waiting_for)
    };
    let lines: Vec<String> = rollout.regions.iter().filter(waits).map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The rollout, and a row per region.
fn text(rollout: &RolloutStatus, verbose: bool) -> String {
    let on_failure = match rollout.strategy.on_failure {
        OnFailure::FailRemaining => "fail the regions after it",
        OnFailure::FailAll => "fail_all",
        OnFailure::FailLocal => "fail_local",
    };
    let max_parallel = match rollout.strategy.max_parallel {
        0 => "all at once".to_owned(),
        n => n.to_string(),
    };
    let mut pairs = vec![
        ("Rollout ID", rollout.id.clone()),
        ("Job ID", rollout.job_id.to_string()),
        ("Job Version", rollout.job_version.to_string()),
        ("Kind", rollout.kind.to_string()),
        ("Origin", rollout.origin.clone()),
        ("Submitted", show::ago(rollout.submit_time)),
        ("Max Parallel", max_parallel),
        ("On Failure", on_failure.to_owned()),
    ];
    if rollout.aborted {
        pairs.push(("Aborted", "true".to_owned()));
    }
    if verbose {
        pairs.push(("Replaces", rollout.base.clone().unwrap_or_default()));
        pairs.push(("Specification", rollout.spec_hash.clone()));
    }
    format!("{}\n\n{}", show::pairs(&pairs), section("Regions", &regions(&rollout.regions, verbose)))
}

/// A row per region. A column for causes is there when a region has one.
fn regions(regions: &[RolloutRegion], verbose: bool) -> String {
    let causes = regions.iter().any(|region| !region.cause.is_empty());
    let mut header = vec!["Region", "Phase", "Version", "Deployment", "Healthy", "Seen", "Waiting For"];
    header.extend(causes.then_some("Cause"));
    let mut rows = vec![show::row(&header)];
    for region in regions {
        let known = |text: String| if region.known { text } else { String::new() };
        let seen = match region.age {
            _ if !region.known => "never".to_owned(),
            age if age <= 0 => "here".to_owned(),
            age => format!("{} ago", show::span(age / 1_000_000_000)),
        };
        let waiting_for = region.waiting_for.strip_prefix("waiting for ").unwrap_or(&region.waiting_for);
        let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
        let mut row = vec![
            region.region.clone(),
            phase(region),
            known(region.job_version.to_string()),
            show::id(region.deployment_id, verbose),
            known(format!("{} of {}", region.healthy, region.desired)),
            seen,
            or_dash(waiting_for),
        ];
        row.extend(causes.then(|| or_dash(&region.cause)));
        rows.push(row);
    }
    show::table(&rows)
}

fn phase(region: &RolloutRegion) -> String {
    let mut words = region.phase.map_or("unknown".to_owned(), |phase| phase.to_string());
    let words_of = [
        ("forced", region.forced),
        ("deferred", region.deferred),
        ("dropped", !region.listed),
        ("released", region.released),
        ("excluded", region.excluded),
    ];
    for (word, is) in words_of {
        if is && words != word {
            words.push_str(&format!(" ({word})"));
        }
    }
    words
}

/// What is worth another look: not how old the picture is.
fn news(rollout: &RolloutStatus) -> String {
    let of =
        |region: &RolloutRegion| format!("{} {} {} {} {:?}", region.region, phase(region), region.healthy, region.desired, region.cause);
    rollout.regions.iter().map(of).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: the phases of two regions; whether there is nothing left to wait for, and whether that is good.
    #[test]
    fn when_a_rollout_is_over() {
        let check = |phases: [Option<Phase>; 2], deferred: bool, expected: (bool, bool)| {
            let regions = phases.map(|phase| RolloutRegion {
                phase,
                known: phase.is_some(),
                deferred: deferred && phase.is_none(),
                ..Default::default()
            });
            assert_eq!((regions.iter().all(is_at_rest), regions.iter().all(ended_well)), expected, "{phases:?}");
        };
        check([Some(Phase::Running), Some(Phase::Adopted)], false, (false, false));
        check([Some(Phase::Blocked), Some(Phase::Running)], false, (false, false));
        check([Some(Phase::Successful), Some(Phase::Unblocking)], false, (false, false));
        check([Some(Phase::Successful), Some(Phase::Successful)], false, (true, true));
        check([Some(Phase::Held), Some(Phase::Failed)], false, (true, false));
        check([Some(Phase::Failed), Some(Phase::Failed)], false, (true, false));
        check([Some(Phase::Stopped), Some(Phase::Stopped)], false, (true, true));
        check([Some(Phase::Successful), None], false, (false, false));
        check([Some(Phase::Successful), None], true, (true, true));
    }

    /// Rows: phase and what it waits for, of two regions; whether nothing moves without a person.
    #[test]
    fn when_a_person_is_needed() {
        let check = |regions: [(Phase, &str); 2], expected: bool| {
            let regions =
                regions.map(|(phase, words)| RolloutRegion { phase: Some(phase), waiting_for: words.to_owned(), ..Default::default() });
            assert_eq!(waits_for_person(&regions), expected, "{regions:?}");
        };
        check([(Phase::Paused, "a person: resume it"), (Phase::Adopted, "waiting for west (paused)")], true);
        check([(Phase::Paused, "a person: resume it"), (Phase::Running, "its own allocations")], false);
        check([(Phase::Held, "a person: another region failed"), (Phase::Adopted, "")], false);
        check([(Phase::Blocked, "a person: west was cancelled"), (Phase::Cancelled, "")], true);
        check([(Phase::Blocked, "waiting for east (running)"), (Phase::Running, "its own allocations")], false);
        check([(Phase::Blocked, "waiting for east (pending)"), (Phase::Adopted, "waiting for west")], false);
    }
}
