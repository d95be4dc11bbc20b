//! `namespace apply`

use model::NamespaceSpec;

use crate::context::{During, Global, Outcome, Stop, query};
use crate::spec_file::{Key, Kind, Source};

/// What a namespace file may say.
const KEYS: &[Key] = &[
    Key { name: "name", field: "Name", kind: Kind::Text },
    Key { name: "description", field: "Description", kind: Kind::Text },
    Key { name: "quota", field: "Quota", kind: Kind::Text },
    Key { name: "meta", field: "Meta", kind: Kind::Map },
    Key { name: "capabilities", field: "Capabilities", kind: Kind::Block(CAPABILITIES) },
    Key { name: "node_pool_config", field: "NodePoolConfiguration", kind: Kind::Block(NODE_POOLS) },
    Key { name: "vault", field: "", kind: Kind::NotYet },
    Key { name: "consul", field: "", kind: Kind::NotYet },
    Key { name: "required_extra_claims", field: "", kind: Kind::NotYet },
    Key { name: "optional_extra_claims", field: "", kind: Kind::NotYet },
];

const CAPABILITIES: &[Key] = &[
    Key { name: "enabled_task_drivers", field: "EnabledTaskDrivers", kind: Kind::Texts },
    Key { name: "disabled_task_drivers", field: "DisabledTaskDrivers", kind: Kind::Texts },
    Key { name: "enabled_network_modes", field: "EnabledNetworkModes", kind: Kind::Texts },
    Key { name: "disabled_network_modes", field: "DisabledNetworkModes", kind: Kind::Texts },
];

const NODE_POOLS: &[Key] = &[
    Key { name: "default", field: "Default", kind: Kind::Text },
    Key { name: "allowed", field: "Allowed", kind: Kind::Texts },
    Key { name: "denied", field: "Denied", kind: Kind::Texts },
];

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// The file is a namespace in the JSON of the HTTP interface.
    #[arg(long)]
    json: bool,
    /// What the namespace is for.
    #[arg(long)]
    description: Option<String>,
    /// Quotas are not supported yet.
    #[arg(long)]
    quota: Option<String>,
    /// A file, - for standard input, or the name of a namespace.
    input: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let is_file = args.input == "-" || std::fs::metadata(&args.input).is_ok_and(|found| !found.is_dir());
    let namespace = if is_file {
        if args.description.is_some() || args.quota.is_some() {
            return Err(Stop::usage("namespace apply", "-description and -quota are for a namespace that is named, not for one in a file"));
        }
        read(&Source::read(&args.input)?, args.json)?
    } else {
        if args.json {
            return Err(Stop::error(format!("Error reading {}: there is no such file", args.input)));
        }
        // What it has stays, unless a flag says otherwise.
        let known = client.namespaces(&query().prefix(&args.input)).await.during("querying namespaces")?.value;
        let known = known.into_iter().find(|namespace| namespace.name == args.input.as_str());
        let mut namespace = known.unwrap_or_else(|| NamespaceSpec { name: args.input.as_str().into(), ..Default::default() });
        namespace.description = args.description.unwrap_or(namespace.description);
        namespace.quota = args.quota.unwrap_or(namespace.quota);
        namespace
    };
    client.apply_namespace(&namespace, &query()).await.during("applying namespace")?;
    say!("Successfully applied namespace \"{}\"!", namespace.name);
    Ok(0)
}

fn read(source: &Source, json: bool) -> Result<NamespaceSpec, Stop> {
    let value = if source.is_json(json) { source.json()? } else { source.keys(KEYS)? };
    let namespace: NamespaceSpec =
        api::decode::from_value(&value).map_err(|error| Stop::error(format!("Error parsing namespace: {error}")))?;
    if namespace.name.is_empty() {
        return Err(Stop::error("Error parsing namespace: it has no name"));
    }
    Ok(namespace)
}
