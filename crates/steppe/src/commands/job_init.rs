//! `job init`

use std::fs::OpenOptions;
use std::io::Write;

use crate::context::{Outcome, Stop};

const DEFAULT_NAME: &str = "example.nomad.hcl";
const SHORT: &str = include_str!("example_short.nomad.hcl");
const LONG: &str = include_str!("example.nomad.hcl");

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Without comments.
    #[arg(long)]
    short: bool,
    #[arg(long, hide = true)]
    connect: bool,
    #[arg(long, hide = true)]
    template: Option<String>,
    #[arg(long = "list-templates", hide = true)]
    list_templates: bool,
    /// The file to write; example.nomad.hcl by default.
    filename: Option<String>,
}

pub fn run(args: &Args) -> Outcome {
    for (flag, used) in [("-connect", args.connect), ("-template", args.template.is_some()), ("-list-templates", args.list_templates)] {
        if used {
            return Err(Stop::error(format!("{flag} is not supported yet")));
        }
    }
    let name = args.filename.as_deref().unwrap_or(DEFAULT_NAME);
    let mut file = match OpenOptions::new().write(true).create_new(true).open(name) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Stop::error(format!("Job file \"{name}\" already exists: it is left as it is")));
        }
        Err(error) => return Err(Stop::error(format!("Failed to write '{name}': {error}"))),
    };
    let text = if args.short { SHORT } else { LONG };
    file.write_all(text.as_bytes()).map_err(|error| Stop::error(format!("Failed to write '{name}': {error}")))?;
    say!("Example job file written to {name}");
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both examples are jobs without a warning.
    #[test]
    fn examples_are_valid() {
        for text in [SHORT, LONG] {
            let parsed = jobspec::parse(&jobspec::ParseInput::new(DEFAULT_NAME, text)).unwrap();
            let (errors, warnings) = parsed.validate();
            assert_eq!((errors.to_string(), parsed.warnings.len() + warnings.len()), (String::new(), 0));
        }
    }
}
