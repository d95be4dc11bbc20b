//! `job history`

use api::diff::{self, DiffType};
use model::Job;

use crate::context::{During, Global, Outcome, Stop};
use crate::resolve;
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// What each version changed.
    #[arg(long = "p")]
    changes: bool,
    /// The whole job of each version, in JSON.
    #[arg(long)]
    full: bool,
    /// Only this version.
    #[arg(long)]
    version: Option<u64>,
    /// Compare with this version instead of the one before.
    #[arg(long = "diff-version")]
    diff_version: Option<u64>,
    /// Compare with the version of this tag instead of the one before.
    #[arg(long = "diff-tag", conflicts_with = "diff_version")]
    diff_tag: Option<String>,
    /// A job's name, or a prefix of it.
    job: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let name = resolve::job(&client, &args.job).await?;
    let mut versions = client.job_versions(&name.id, false, &name.query()).await.during("retrieving job versions")?.value.versions;
    versions.sort_by_key(|job| std::cmp::Reverse(job.version));
    let base = match &args.diff_tag {
        None => args.diff_version,
        Some(tag) => {
            let tagged = versions.iter().find(|job| job.has_tag(tag)).map(|job| job.version);
            Some(tagged.ok_or_else(|| Stop::error(format!("Job \"{}\" has no version with the tag \"{tag}\"", name.id)))?)
        }
    };
    for wanted in [args.version, base].into_iter().flatten() {
        if !versions.iter().any(|job| job.version == wanted) {
            let known: Vec<String> = versions.iter().map(|job| job.version.to_string()).collect();
            return Err(Stop::error(format!("Job \"{}\" has no version {wanted}; there are {}", name.id, known.join(", "))));
        }
    }
    let shown: Vec<&Job> = versions.iter().filter(|job| args.version.is_none_or(|version| job.version == version)).collect();
    let printed = match shown.as_slice() {
        [one] if args.version.is_some() => args.format.print(one)?,
        all => args.format.print(&all)?,
    };
    if !printed {
        let texts: Vec<String> = shown.iter().map(|job| text(&args, job, base, &versions)).collect();
        say!("{}", texts.join("\n\n"));
    }
    Ok(0)
}

fn text(args: &Args, job: &Job, base: Option<u64>, versions: &[Job]) -> String {
    let mut pairs =
        vec![("Version", job.version.to_string()), ("Stable", job.stable.to_string()), ("Submit Date", show::time(job.submit_time))];
    if let Some(tag) = &job.version_tag {
        pairs.push(("Tag Name", tag.name.clone()));
        if !tag.description.is_empty() {
            pairs.push(("Tag Description", tag.description.clone()));
        }
    }
    if args.changes || base.is_some() {
        let base = match base {
            Some(version) => versions.iter().find(|other| other.version == version),
            // Versions of a job that was purged in between are not consecutive.
            None => versions.iter().find(|other| other.version < job.version),
        };
        if let Some(base) = base.filter(|base| base.version != job.version) {
            let diff = diff::jobs(Some(base), Some(job));
            let changes = if diff.kind == DiffType::None { "no changes".to_owned() } else { show::job_diff(&diff, false) };
            pairs.push(("Diff", format!("\n{}", changes.trim_end())));
        }
    }
    if args.full {
        pairs.push(("Full", show::json(job)));
    }
    show::pairs(&pairs)
}
