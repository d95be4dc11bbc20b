//! `operator snapshot save|inspect|restore`

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use api::archive::{self, ArchiveMeta};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::TryStreamExt;
use http_body::Frame;
use http_body_util::StreamBody;
use sha2::{Digest, Sha256};

use crate::context::{During, Global, Outcome, Stop, query};
use crate::show;

#[derive(clap::Args, Debug)]
pub struct SaveArgs {
    #[command(flatten)]
    global: Global,
    /// Any server may answer, also when there is no leader.
    #[arg(long)]
    stale: bool,
    /// Where to write it; nomad-state-<date>-<time>.snap by default.
    file: Option<PathBuf>,
}

/// Nothing lies under the file's name before all of it is there and checked.
pub async fn save(args: SaveArgs) -> Outcome {
    let client = args.global.client()?;
    let file = args.file.unwrap_or_else(|| PathBuf::from(format!("nomad-state-{}.snap", jiff::Timestamp::now().strftime("%Y%m%d-%H%M"))));
    if file.exists() {
        return Err(Stop::error(format!("Destination file already exists: {}", file.display())));
    }
    let question = if args.stale { query().stale() } else { query() };
    let (mut archive, digest) = client.save_snapshot(&question).await.during("saving snapshot")?;
    let partial = file.with_added_extension("partial");
    let written = async {
        let mut to = File::create(&partial).map_err(|error| on_disk(&partial, &error))?;
        let mut hasher = Sha256::new();
        while let Some(piece) = archive.next().await.during("saving snapshot")? {
            hasher.update(&piece);
            to.write_all(&piece).map_err(|error| on_disk(&partial, &error))?;
        }
        let found = format!("sha-256={}", STANDARD.encode(hasher.finalize()));
        if found != digest {
            return Err(Stop::error(format!("Error saving snapshot: what came has the checksum {found}, the server said {digest}")));
        }
        to.sync_all().map_err(|error| on_disk(&partial, &error))?;
        fs::rename(&partial, &file).map_err(|error| on_disk(&file, &error))
    };
    if let Err(stop) = written.await {
        let _ = fs::remove_file(&partial);
        return Err(stop);
    }
    say!("State file written to {}", file.display());
    Ok(0)
}

#[derive(clap::Args, Debug)]
pub struct RestoreArgs {
    #[command(flatten)]
    global: Global,
    /// An archive that `operator snapshot save` wrote.
    file: PathBuf,
}

pub async fn restore(args: RestoreArgs) -> Outcome {
    let client = args.global.client()?;
    // Damage is found here already, before anything is asked.
    examine(&args.file)?;
    let file = tokio::fs::File::open(&args.file).await.map_err(|error| on_disk(&args.file, &error))?;
    let pieces = tokio_util::io::ReaderStream::with_capacity(file, 1 << 18).map_ok(Frame::<Bytes>::data);
    client.restore_snapshot(&query(), StreamBody::new(pieces)).await.during("restoring snapshot")?;
    say!("Snapshot Restored");
    Ok(0)
}

#[derive(clap::Args, Debug)]
pub struct InspectArgs {
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// An archive that `operator snapshot save` wrote.
    file: PathBuf,
}

#[derive(Default, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    meta: ArchiveMeta,
    created: String,
    total_size: u64,
    stats: Vec<Kind>,
}

#[derive(Default, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
struct Kind {
    name: String,
    count: u64,
    size: u64,
}

pub fn inspect(args: &InspectArgs) -> Outcome {
    let found = examine(&args.file)?;
    if args.json {
        say!("{}", show::json(&found));
        return Ok(0);
    }
    let meta = &found.meta;
    say!(
        "{}",
        show::pairs(&[
            ("Created", found.created.clone()),
            ("ID", meta.id.clone()),
            ("Size", show::bytes(meta.size)),
            ("Index", meta.index.to_string()),
            ("Term", meta.term.to_string()),
            ("Version", meta.version.to_string()),
            ("Region", meta.region.clone()),
        ])
    );
    let mut rows = vec![show::row(&["Type", "Count", "Size"])];
    rows.extend(found.stats.iter().map(|kind| vec![kind.name.clone(), kind.count.to_string(), show::bytes(kind.size)]));
    let n_records: u64 = found.stats.iter().map(|kind| kind.count).sum();
    rows.push(vec!["Total".to_owned(), n_records.to_string(), show::bytes(found.total_size)]);
    say!("\n{}", show::table(&rows));
    Ok(0)
}

/// Reads all of an archive and checks it.
fn examine(path: &Path) -> Result<Found, Stop> {
    let unusable = |why: String| Stop::error(format!("Error reading snapshot {}: {why}", path.display()));
    let file = File::open(path).map_err(|error| on_disk(path, &error))?;
    let mut state = tempfile::tempfile().map_err(|error| Stop::error(format!("Error creating a temporary file: {error}")))?;
    let meta = archive::read(BufReader::new(file), &mut state).map_err(|error| unusable(error.to_string()))?;
    state.rewind().map_err(|error| unusable(error.to_string()))?;
    let mut kinds: BTreeMap<&'static str, Kind> = BTreeMap::new();
    raftstore::read_records(&mut state, path, |record| {
        let name = state::snapshot::kind_of(record).map_err(|error| error.to_string())?;
        let kind = kinds.entry(name).or_insert_with(|| Kind { name: name.to_owned(), ..Kind::default() });
        kind.count += 1;
        kind.size += record.len() as u64;
        Ok(())
    })
    .map_err(|error| unusable(error.to_string()))?;
    let mut stats: Vec<Kind> = kinds.into_values().collect();
    stats.sort_by_key(|kind| std::cmp::Reverse(kind.size));
    let milliseconds = meta.id.rsplit('-').next().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let created = jiff::Timestamp::from_millisecond(milliseconds).map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let total_size = stats.iter().map(|kind| kind.size).sum();
    Ok(Found { created: created.unwrap_or_default(), meta, total_size, stats })
}

fn on_disk(path: &Path, error: &io::Error) -> Stop {
    Stop::error(format!("Error with file {}: {error}", path.display()))
}
