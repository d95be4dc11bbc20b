//! `node pool init`

use std::fs::OpenOptions;
use std::io::Write;

use crate::context::{Outcome, Stop};

const HCL: &str = r#"node_pool "example" {
  description = "Example node pool"

  # Whatever others shall know about the pool.
  meta {
    environment = "test"
    owner       = "sre"
  }

  # What differs in this pool from how the region schedules.
  # scheduler_config {
  #   scheduler_algorithm             = "spread"
  #   memory_oversubscription_enabled = true
  # }
}
"#;

const JSON: &str = r#"{
  "Name": "example",
  "Description": "Example node pool",
  "Meta": {
    "environment": "test",
    "owner": "sre"
  }
}
"#;

#[derive(clap::Args, Debug)]
pub struct Args {
    /// hcl or json.
    #[arg(long, default_value = "hcl", hide_default_value = true)]
    out: String,
    /// Say nothing.
    #[arg(long)]
    quiet: bool,
    /// The file to write; pool.nomad.hcl or pool.nomad.json by default.
    filename: Option<String>,
}

pub fn run(args: &Args) -> Outcome {
    let (text, default_name) = match args.out.as_str() {
        "hcl" => (HCL, "pool.nomad.hcl"),
        "json" => (JSON, "pool.nomad.json"),
        other => return Err(Stop::usage("node pool init", format!("-out is hcl or json, not {other:?}"))),
    };
    let name = args.filename.as_deref().unwrap_or(default_name);
    let mut file = match OpenOptions::new().write(true).create_new(true).open(name) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Stop::error(format!("File \"{name}\" already exists: it is left as it is")));
        }
        Err(error) => return Err(Stop::error(format!("Failed to write '{name}': {error}"))),
    };
    file.write_all(text.as_bytes()).map_err(|error| Stop::error(format!("Failed to write '{name}': {error}")))?;
    if !args.quiet {
        say!("Example node pool specification written to {name}");
    }
    Ok(0)
}
