//! `namespace status|inspect`

use std::collections::BTreeMap;

use api::Client;
use model::{NamespaceCapabilities, NamespaceSpec};

use crate::context::{During, Global, Outcome, Stop, query};
use crate::show::{self, Format, section};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// A namespace's name, or a prefix of it.
    name: String,
}

pub async fn run(args: Args) -> Outcome {
    let namespace = find(&args.global.client()?, &args.name).await?;
    if args.format.print(&namespace)? {
        return Ok(0);
    }
    let capabilities = namespace.capabilities.clone().unwrap_or_default();
    let NamespaceCapabilities { enabled_task_drivers, disabled_task_drivers, enabled_network_modes, disabled_network_modes } = capabilities;
    say!(
        "{}",
        show::pairs(&[
            ("Name", namespace.name.to_string()),
            ("Description", namespace.description.clone()),
            ("Quota", namespace.quota.clone()),
            ("Enabled Drivers", all(&enabled_task_drivers)),
            ("Disabled Drivers", disabled_task_drivers.join(",")),
            ("Enabled Network Modes", all(&enabled_network_modes)),
            ("Disabled Network Modes", disabled_network_modes.join(",")),
        ])
    );
    if !namespace.meta.is_empty() {
        say!("\n{}", section("Metadata", &metadata(&namespace.meta)));
    }
    if let Some(pools) = &namespace.node_pools {
        let pairs = [
            ("Default", pools.default().unwrap_or(model::DEFAULT_NODE_POOL).to_owned()),
            ("Allowed", pools.allowed.join(", ")),
            ("Denied", pools.denied.join(", ")),
        ];
        say!("\n{}", section("Node Pool Configuration", &show::pairs(&pairs)));
    }
    Ok(0)
}

/// Nothing named is everything.
fn all(names: &[String]) -> String {
    if names.is_empty() { "*".to_owned() } else { names.join(",") }
}

/// Names and values.
pub fn metadata(meta: &BTreeMap<String, String>) -> String {
    show::pairs(&meta.iter().collect::<Vec<_>>())
}

#[derive(clap::Args, Debug)]
pub struct InspectArgs {
    #[command(flatten)]
    global: Global,
    /// Print with a Go template.
    #[arg(long = "t", value_name = "template")]
    template: Option<String>,
    /// A namespace's name, or a prefix of it.
    name: String,
}

pub async fn inspect(args: InspectArgs) -> Outcome {
    let namespace = find(&args.global.client()?, &args.name).await?;
    Format { json: args.template.is_none(), template: args.template }.print(&namespace)?;
    Ok(0)
}

/// The namespace of that name, or the only one that begins with it.
async fn find(client: &Client, given: &str) -> Result<NamespaceSpec, Stop> {
    let mut found = client.namespaces(&query().prefix(given)).await.during("querying namespaces")?.value;
    if let Some(at) = found.iter().position(|namespace| namespace.name == given) {
        return Ok(found.swap_remove(at));
    }
    match found.len() {
        0 => Err(Stop::error(format!("No namespace(s) with prefix \"{given}\" found"))),
        1 => Ok(found.swap_remove(0)),
        _ => {
            let names: Vec<&str> = found.iter().map(|namespace| namespace.name.as_str()).collect();
            Err(Stop::error(format!("Prefix \"{given}\" matched multiple namespaces: {}", names.join(", "))))
        }
    }
}
