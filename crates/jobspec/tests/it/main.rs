//! What people who write job files, and clients that send them, notice.

mod canonical;
mod errors;
mod examples;
mod hostile;
mod requests;
mod table;
mod validation;
mod variables;

use jobspec::{Diagnostics, ParseInput, Parsed};

/// Parses a text that depends on nothing but itself.
pub fn parse(text: &str) -> Result<Parsed, Diagnostics> {
    jobspec::parse(&ParseInput::new("web.nomad.hcl", text))
}

/// Parses a text that must be right.
pub fn good(text: &str) -> Parsed {
    parse(text).unwrap_or_else(|diagnostics| panic!("{diagnostics}\n{text}"))
}

/// The errors of a text that must be wrong, a line each.
pub fn bad(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => panic!("no error in\n{text}"),
        Err(diagnostics) => diagnostics.iter().map(ToString::to_string).collect(),
    }
}

/// A job with one group and one task, with more lines in each.
pub fn job(in_job: &str, in_group: &str, in_task: &str) -> String {
    format!(
        "job \"web\" {{\n{in_job}\n  group \"app\" {{\n{in_group}\n    task \"server\" {{\n      driver = \"mock_driver\"\n{in_task}\n    }}\n  }}\n}}\n"
    )
}
