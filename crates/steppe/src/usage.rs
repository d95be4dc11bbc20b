//! What people read when they ask for help, or when the arguments are wrong.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};

use crate::context::Stop;
use crate::refused_flags;

/// The command that the names lead to.
pub fn find<'a>(root: &'a Command, path: &[String]) -> &'a Command {
    path.iter().fold(root, |command, name| command.find_subcommand(name).unwrap_or(command))
}

/// All about a command: how it is called, what it does, its subcommands or its flags.
pub fn help(root: &Command, path: &[String]) -> String {
    let command = find(root, path);
    let name = full_name(root, path);
    let about = command.get_about().map(|about| format!("\n\n  {about}")).unwrap_or_default();
    let mut text = if command.has_subcommands() {
        let words = if path.is_empty() { "<command> [args]" } else { "<subcommand> [options] [args]" };
        format!("Usage: {name} {words}{about}\n\n{}", subcommands(command, path.is_empty()))
    } else {
        let arguments = positionals(command);
        let space = if arguments.is_empty() { "" } else { " " };
        format!("Usage: {name} [options]{space}{arguments}{about}\n{}", flags(command))
    };
    if let Some(after) = command.get_after_help() {
        text.push_str(&format!("\n  {}\n", after.to_string().replace('\n', "\n  ")));
    }
    text
}

fn full_name(root: &Command, path: &[String]) -> String {
    std::iter::once(root.get_name()).chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
}

fn subcommands(command: &Command, top: bool) -> String {
    let shown: Vec<&Command> = command.get_subcommands().filter(|below| !below.is_hide_set()).collect();
    let width = shown.iter().map(|below| below.get_name().len()).max().unwrap_or(0);
    let mut text = if top { "Commands:\n" } else { "Subcommands:\n" }.to_owned();
    for below in shown {
        let about = below.get_about().map(ToString::to_string).unwrap_or_default();
        text.push_str(&format!("    {:<width$}    {about}\n", below.get_name()));
    }
    text
}

fn flags(command: &Command) -> String {
    let mut text = String::new();
    for general in [false, true] {
        let shown: Vec<&Arg> = command
            .get_arguments()
            .filter(|argument| argument.get_long().is_some() && !argument.is_hide_set() && argument.get_help_heading().is_some() == general)
            .collect();
        if shown.is_empty() {
            continue;
        }
        text.push_str(if general { "\nGeneral Options:\n" } else { "\nOptions:\n" });
        for argument in shown {
            text.push_str(&format!("\n  {}\n", flag_form(argument)));
            if let Some(help) = argument.get_help() {
                text.push_str(&format!("    {help}\n"));
            }
        }
    }
    text
}

/// `-detach` or `-var=<value>`.
fn flag_form(argument: &Arg) -> String {
    let name = argument.get_long().unwrap_or_default();
    let needs_value = argument.get_num_args().is_none_or(|range| range.min_values() > 0);
    if argument.get_action().takes_values() && needs_value { format!("-{name}=<value>") } else { format!("-{name}") }
}

/// `<job> [<version>]`
fn positionals(command: &Command) -> String {
    command.get_positionals().map(positional).collect::<Vec<_>>().join(" ")
}

fn positional(argument: &Arg) -> String {
    // Several names say themselves which of them may be left out.
    if let Some(names @ [_, _, ..]) = argument.get_value_names() {
        return names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" ");
    }
    let more = argument.get_num_args().is_some_and(|range| range.max_values() > 1);
    let form = format!("<{}>{}", argument.get_id().as_str().replace('_', "-"), if more { "..." } else { "" });
    if argument.is_required_set() { form } else { format!("[{form}]") }
}

/// What is wrong with the arguments of a command, in the words of the interface. The code is that of the command.
pub fn refuse(root: &Command, path: &[String], error: &clap::Error, code: u8) -> Stop {
    let command = find(root, path);
    let text = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    let given = text(ContextKind::InvalidArg);
    let flag = single_dash(&given);
    let problem = match error.kind() {
        ErrorKind::UnknownArgument if given.starts_with("--") => {
            let near = text(ContextKind::SuggestedArg);
            match refused_flags::reason(&path.join(" "), flag.trim_start_matches('-').split('=').next().unwrap_or_default()) {
                Some(reason) => format!("flag {flag} is not supported: {reason}"),
                None if near.is_empty() => format!("flag {flag} does not exist"),
                None => format!("flag {flag} does not exist; did you mean {}?", single_dash(&near)),
            }
        }
        ErrorKind::UnknownArgument | ErrorKind::MissingRequiredArgument | ErrorKind::TooManyValues | ErrorKind::TooFewValues => {
            takes(command)
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = text(ContextKind::InvalidValue);
            let what = if given.starts_with('-') { format!("flag {flag}") } else { given.to_lowercase() };
            if value.is_empty() { format!("{what} needs a value") } else { format!("{what}: invalid value {value:?}{}", reason(error)) }
        }
        ErrorKind::ArgumentConflict => match text(ContextKind::PriorArg) {
            prior if prior.is_empty() || prior == given => format!("flag {flag} can be given once"),
            prior => format!("flags {flag} and {} exclude each other", single_dash(&prior)),
        },
        _ => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    };
    Stop { code, text: with_hint(root, path, &problem) }
}

/// Why a value is invalid, as far as there are words for it.
fn reason(error: &clap::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) if source.is::<std::num::ParseIntError>() => ": a whole number is expected".to_owned(),
        Some(source) => format!(": {source}"),
        None => String::new(),
    }
}

/// The problem, and where to read more.
pub fn with_hint(root: &Command, path: &[String], problem: &str) -> String {
    format!("{problem}\nFor additional help try '{} -help'", full_name(root, path))
}

/// `-flag` of `--flag <FLAG>`.
fn single_dash(given: &str) -> String {
    let name = given.split([' ', '=', '[']).next().unwrap_or_default();
    format!("-{}", name.trim_start_matches('-'))
}

/// How many arguments a command takes, and which.
fn takes(command: &Command) -> String {
    let n_required = command.get_positionals().filter(|argument| argument.is_required_set()).count();
    let n = command.get_positionals().count();
    let names = positionals(command);
    match (n_required, n) {
        (_, 0) => "This command takes no arguments".to_owned(),
        (1, 1) if !names.contains("...") => format!("This command takes one argument: {names}"),
        (0, 1) => format!("This command takes at most one argument: {names}"),
        _ => format!("This command takes these arguments: {names}"),
    }
}
