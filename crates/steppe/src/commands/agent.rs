//! `agent`

use agent::flags::{Parsed, help, parse};

/// Runs an agent until it is told to stop; returns the exit code.
pub fn run(arguments: &[String]) -> u8 {
    match parse(arguments.iter().cloned()) {
        Ok(Parsed::Help) => {
            println!("{}", help());
            0
        }
        Ok(Parsed::Run(flags)) => agent::run(&flags),
        Err(problems) => {
            for problem in &problems.0 {
                eprintln!("{problem}");
            }
            eprintln!("For additional help try 'steppe agent -help'");
            1
        }
    }
}
