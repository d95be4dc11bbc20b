//! `node pool apply`

use model::NodePool;

use crate::context::{During, Global, Outcome, Stop, query};
use crate::spec_file::{Key, Kind, Source};

/// What a node pool file may say.
const KEYS: &[Key] = &[
    Key { name: "description", field: "Description", kind: Kind::Text },
    Key { name: "meta", field: "Meta", kind: Kind::Map },
    Key { name: "scheduler_config", field: "SchedulerConfiguration", kind: Kind::Block(SCHEDULER) },
    Key { name: "node_identity_ttl", field: "", kind: Kind::NotYet },
];

const SCHEDULER: &[Key] = &[
    Key { name: "scheduler_algorithm", field: "SchedulerAlgorithm", kind: Kind::Text },
    Key { name: "memory_oversubscription_enabled", field: "MemoryOversubscriptionEnabled", kind: Kind::Switch },
];

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// The file is a node pool in the JSON of the HTTP interface.
    #[arg(long)]
    json: bool,
    /// A file, or - for standard input.
    input: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let pool = read(&Source::read(&args.input)?, args.json)?;
    client.apply_node_pool(&pool, &query()).await.during("applying node pool")?;
    say!("Successfully applied node pool \"{}\"!", pool.name);
    Ok(0)
}

fn read(source: &Source, json: bool) -> Result<NodePool, Stop> {
    let decode =
        |value| api::decode::from_value::<NodePool>(&value).map_err(|error| Stop::error(format!("Error parsing node pool: {error}")));
    if source.is_json(json) {
        return decode(source.json()?);
    }
    let (name, value) = source.named_block("node_pool", KEYS)?;
    Ok(NodePool { name: name.as_str().into(), ..decode(value)? })
}
