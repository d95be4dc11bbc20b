//! `job rollout abort`, `exclude`, `pause`, `release`, `resume`: what a person decides about a rollout as a whole, from any region.

use api::client::Query;
use api::{Client, RolloutOverrideRequest, RolloutStatus};
use model::Phase;

use crate::context::{During, Global, Outcome, Stop, confirm};
use crate::resolve::{self, JobName};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// A job's name, or a prefix of it.
    job: String,
}

impl Args {
    /// The agent's own region is asked: the region of the flag is what it is about, and may be gone.
    async fn find(&self) -> Result<Found, Stop> {
        let client = self.global.client()?.with_region("");
        let job = resolve::job(&client, &self.job).await?;
        let rollout = client.job_rollout(&job.id, &job.query()).await.during("querying rollout")?.value;
        Ok(Found { client, job, rollout })
    }

    fn subject(&self) -> Option<&str> {
        self.global.region.as_deref().filter(|region| !region.is_empty())
    }
}

struct Found {
    client: Client,
    job: JobName,
    rollout: RolloutStatus,
}

/// Says what will be asserted, asks, and asserts it.
async fn assert(args: &Args, found: &Found, action: &str, region: &str, assertion: &str) -> Outcome {
    say!("{assertion}");
    if !args.yes {
        confirm(&format!("Are you sure you want to {action} the rollout of job \"{}\"?", found.job.id), "job rollout")?;
    }
    let request = RolloutOverrideRequest { action: action.to_owned(), region: region.to_owned() };
    found.client.override_rollout(&found.job.id, &request, &found.job.query()).await.during("overriding rollout")?;
    say!("Written down: {}", found.rollout.id);
    Ok(0)
}

pub async fn abort(args: Args) -> Outcome {
    let found = args.find().await?;
    let assertion = "The rollout fails in every region where it has not ended; groups with auto_revert return to their last stable version. \
                     Regions that cannot be reached now do so when they hear of it.";
    assert(&args, &found, "abort", "", assertion).await
}

pub async fn release(args: Args) -> Outcome {
    let Some(region) = args.subject() else { return Err(no_region("release")) };
    let found = args.find().await?;
    let assertion = format!(
        "Region {region:?} is taken to have done its part of the order: the regions after it no longer wait for its turn to end. They still \
         wait for it before they are successful."
    );
    assert(&args, &found, "release", region, &assertion).await
}

pub async fn exclude(args: Args) -> Outcome {
    let Some(region) = args.subject() else { return Err(no_region("exclude")) };
    let found = args.find().await?;
    let assertion = format!(
        "Region {region:?} takes no part in the rollout any more: nobody waits for it, and what it does counts for nobody else. When it hears \
         of this, its own part fails."
    );
    assert(&args, &found, "exclude", region, &assertion).await
}

fn no_region(what: &str) -> Stop {
    Stop::usage(&format!("job rollout {what}"), format!("Which region? Name it: job rollout {what} -region REGION JOB"))
}

pub async fn pause(args: Args) -> Outcome {
    pause_or_resume(args, true).await
}

pub async fn resume(args: Args) -> Outcome {
    pause_or_resume(args, false).await
}

/// Every region pauses for itself; those that cannot be reached are named.
async fn pause_or_resume(args: Args, pause: bool) -> Outcome {
    let found = args.find().await?;
    let fits = |phase: Phase| if pause { matches!(phase, Phase::Adopted | Phase::Running) } else { phase == Phase::Paused };
    let is_meant = |region: &str| args.subject().is_none_or(|subject| subject == region);
    let regions = found.rollout.regions.iter().filter(|region| is_meant(&region.region) && region.phase.is_some_and(fits));
    let (regions, at_once): (Vec<_>, Vec<_>) = regions.partition(|region| !region.deployment_id.is_nil());
    let (verb, done) = if pause { ("pause", "paused") } else { ("resume", "resumed") };
    if !at_once.is_empty() {
        return Err(Stop::error(format!(
            "Nothing to {verb}: a job of this type has no deployments, each region runs it as soon as it has it (job stop -global ends it everywhere)"
        )));
    }
    if regions.is_empty() {
        let whose = args.subject().map_or("no region".to_owned(), |region| format!("region {region:?}"));
        let state = if pause { "pending or running" } else { "paused" };
        return Err(Stop::error(format!("Nothing to {verb}: {whose} is known to be {state} in this rollout")));
    }
    let names: Vec<&str> = regions.iter().map(|region| region.region.as_str()).collect();
    if pause {
        say!(
            "The rollout stands still in {}: nothing of it starts or ends there, and regions that wait for their turn go on waiting. What runs \
             goes on, and is repaired.",
            names.join(", ")
        );
    } else {
        say!("The rollout goes on in {} where it stood still.", names.join(", "));
    }
    if !args.yes {
        confirm(&format!("Are you sure you want to {verb} the rollout of job \"{}\"?", found.job.id), "job rollout")?;
    }
    let mut code = 0;
    for region in regions {
        let query: Query = found.job.query();
        let there = found.client.clone().with_region(region.region.as_str());
        match there.pause_deployment(&region.deployment_id.to_string(), pause, &query).await {
            Ok(_) => say!("Region {:?} {done}", region.region),
            Err(problem) => {
                complain!("Region {:?} not {done}: {problem}", region.region);
                code = 1;
            }
        }
    }
    Ok(code)
}
