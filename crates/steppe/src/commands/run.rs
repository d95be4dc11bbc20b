//! From arguments to an exit code.

use std::io::IsTerminal;

use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use super::{Cli, agent, dispatch, not_yet, version};
use crate::context::Stop;
use crate::{flags, show, usage};

/// There is no such command.
const UNKNOWN_COMMAND: u8 = 127;
/// The arguments of a command whose other codes say something about a job.
const WRONG_ARGUMENTS_OF_PLAN: u8 = 255;

/// Runs the command line and returns the exit code. The arguments begin after the program's name.
pub fn run(arguments: &[String]) -> u8 {
    match outcome(arguments) {
        Ok(code) => code,
        Err(Stop { code, text }) => {
            if !text.is_empty() {
                // Colors are decided by the output; errors may go elsewhere.
                let text = if std::io::stderr().is_terminal() { show::color(show::Color::Red, &text) } else { text };
                complain!("{text}");
            }
            code
        }
    }
}

fn outcome(arguments: &[String]) -> Result<u8, Stop> {
    // The agent's flags are keys of its configuration and are read there.
    if let Some((noun, rest)) = arguments.split_first()
        && noun == "agent"
    {
        return Ok(agent::run(rest));
    }
    let root = root();
    if matches!(arguments, [only] if matches!(only.as_str(), "-version" | "--version" | "-v")) {
        say!("{}", version());
        return Ok(0);
    }
    let typed = flags::normalise(&root, arguments);
    if typed.help {
        print_help(&root, &typed.path);
        return Ok(0);
    }
    let words: Vec<&String> = typed.arguments.iter().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if usage::find(&root, &typed.path).has_subcommands() {
        return unknown_command(&root, &typed.path, &words);
    }
    // A command of ours that has others of the interface below it.
    if let Some(given) = words.get(typed.path.len())
        && let name = format!("{} {given}", typed.path.join(" "))
        && not_yet::is_known(&name)
    {
        return Err(Stop::error(format!("steppe {name} is not supported yet")));
    }
    let code = match typed.path.join(" ").as_str() {
        "job plan" | "job validate" | "plan" | "validate" => WRONG_ARGUMENTS_OF_PLAN,
        _ => 1,
    };
    let refuse = |error: &clap::Error| usage::refuse(&root, &typed.path, error, code);
    let matches = root.clone().try_get_matches_from(&typed.arguments).map_err(|error| refuse(&error))?;
    show::paint(colors(&matches));
    let cli = Cli::from_arg_matches(&matches).map_err(|error| refuse(&error))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stop::error(format!("the runtime cannot start: {error}")))?;
    runtime.block_on(dispatch(cli.command))
}

/// All commands with all their flags.
pub fn root() -> Command {
    let mut root = flags::switches(Cli::command());
    root.build();
    root
}

/// The arguments end at a noun: say what there is.
fn unknown_command(root: &Command, path: &[String], words: &[&String]) -> Result<u8, Stop> {
    let given = words.get(path.len());
    if let Some(given) = given {
        let name = path.iter().chain([*given]).map(String::as_str).collect::<Vec<_>>().join(" ");
        if not_yet::is_known(&name) {
            return Err(Stop::error(format!("steppe {name} is not supported yet")));
        }
        complain!("There is no command \"{} {name}\".\n", root.get_name());
    }
    print_help(root, path);
    Ok(if path.is_empty() { UNKNOWN_COMMAND } else { 1 })
}

fn print_help(root: &Command, path: &[String]) {
    show::raw(usage::help(root, path).as_bytes());
}

/// What the flags of the selected command and the environment say about colors.
fn colors(matches: &ArgMatches) -> bool {
    let mut selected = matches;
    while let Some((_, below)) = selected.subcommand() {
        selected = below;
    }
    let talks_to_agents = selected.try_contains_id("force_color").is_ok();
    talks_to_agents && crate::context::Global::from_arg_matches(selected).is_ok_and(|global| global.colors())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole tree of commands is well-formed: names and flags are there once, positional arguments stand in order.
    #[test]
    fn tree() {
        flags::switches(Cli::command()).debug_assert();
    }

    /// Every command and flag has a line of help.
    #[test]
    fn every_visible_part_is_explained() {
        fn check(command: &Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            if !command.is_hide_set() {
                assert!(command.get_about().is_some(), "{path} has no help");
            }
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set() && argument.get_long().is_some()) {
                assert!(argument.get_help().is_some(), "{path} {:?} has no help", argument.get_id());
            }
            command.get_subcommands().for_each(|below| check(below, &path));
        }
        check(&root(), "");
    }
}
