//! The interface's flags, `-region=eu` or `--region eu`, in front of clap, which wants two dashes.

use clap::{Arg, ArgAction, Command};

/// What was typed, in clap's form.
#[derive(Debug, PartialEq)]
pub struct Typed {
    /// The program's name and the arguments.
    pub arguments: Vec<String>,
    /// Names of the selected command, without the program.
    pub path: Vec<String>,
    /// `-h` or `-help` is among the flags.
    pub help: bool,
}

/// Lets every switch of the command and of those below it be `-flag`, `-flag=true` or `-flag=false`.
pub fn switches(command: Command) -> Command {
    command.mut_args(switch).mut_subcommands(switches)
}

fn switch(argument: Arg) -> Arg {
    if !matches!(argument.get_action(), ArgAction::SetTrue) {
        return argument;
    }
    let argument = argument.action(ArgAction::Set).num_args(0..=1).require_equals(true);
    argument.default_missing_value("true").default_value("false").hide_default_value(true).value_parser(truth)
}

/// The texts of the interface for yes and no.
fn truth(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Ok(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Ok(false),
        _ => Err("it is true or false".to_owned()),
    }
}

/// Rewrites every flag of the selected command to `--flag` or `--flag=value`; what follows `--` is left alone. `arguments` begin after the
/// program's name.
pub fn normalise(root: &Command, arguments: &[String]) -> Typed {
    let mut command = root;
    let mut typed = Typed { arguments: vec![root.get_name().to_owned()], path: Vec::new(), help: false };
    // A word that names no subcommand: what follows are arguments, whatever they look like.
    let mut lost = false;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            typed.arguments.push(argument.clone());
            typed.arguments.extend(arguments.cloned());
            break;
        }
        let Some(body) = flag_body(argument) else {
            match command.find_subcommand(argument) {
                Some(below) if !lost => {
                    command = below;
                    typed.path.push(argument.clone());
                }
                _ => lost = true,
            }
            typed.arguments.push(argument.clone());
            continue;
        };
        let (name, value) = body.split_once('=').map_or((body, None), |(name, value)| (name, Some(value.to_owned())));
        if matches!(name, "h" | "help") {
            typed.help = true;
            continue;
        }
        let takes_value = command.get_arguments().any(|known| is_called(known, name) && takes_value(known));
        let value = value.or_else(|| takes_value.then(|| arguments.next().cloned()).flatten());
        typed.arguments.push(match value {
            Some(value) => format!("--{name}={value}"),
            None => format!("--{name}"),
        });
    }
    typed
}

fn is_called(known: &Arg, name: &str) -> bool {
    known.get_long() == Some(name) || known.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
}

/// The flag is incomplete without a value.
fn takes_value(known: &Arg) -> bool {
    known.get_action().takes_values() && known.get_num_args().is_none_or(|range| range.min_values() > 0)
}

/// `region=eu` of `-region=eu`; `None` for what is no flag: `-`, `-5`, words.
fn flag_body(argument: &str) -> Option<&str> {
    let body = argument.strip_prefix('-')?;
    let body = body.strip_prefix('-').unwrap_or(body);
    body.starts_with(|first: char| first.is_ascii_alphabetic()).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Command {
        let flag = |name: &'static str| Arg::new(name).long(name);
        let run = Command::new("run")
            .arg(flag("region").alias("area"))
            .arg(flag("var").action(ArgAction::Append))
            .arg(flag("n"))
            .arg(flag("detach").action(ArgAction::SetTrue))
            .arg(Arg::new("path"));
        let mut root = switches(Command::new("steppe").subcommand(Command::new("job").subcommand(run)));
        root.build();
        root
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// Rows: what a person types; what clap gets.
    #[test]
    fn rewriting() {
        for (typed, want) in [
            ("job run -region=eu x.hcl", "job run --region=eu x.hcl"),
            ("job run -region eu x.hcl", "job run --region=eu x.hcl"),
            ("job run --area eu -detach x.hcl", "job run --area=eu --detach x.hcl"),
            ("job run -detach=false x.hcl", "job run --detach=false x.hcl"),
            ("job run -var a=-b -n -5 x.hcl", "job run --var=a=-b --n=-5 x.hcl"),
            ("job run -region -detach x.hcl", "job run --region=-detach x.hcl"),
            ("job run -region", "job run --region"),
            ("job run -what x.hcl", "job run --what x.hcl"),
            ("job run -", "job run -"),
            ("job run -- -detach", "job run -- -detach"),
            ("job run job", "job run job"),
        ] {
            let got = normalise(&root(), &words(typed));
            assert_eq!((got.arguments[1..].join(" ").as_str(), got.help), (want, false), "{typed}");
            assert_eq!(got.path, ["job", "run"], "{typed}");
        }
    }

    /// Rows: what a person types; the command that is selected.
    #[test]
    fn selecting() {
        for (typed, want) in [("job run job run", "job run"), ("nosuch job run", ""), ("job nosuch run", "job"), ("-region x job", "")] {
            assert_eq!(normalise(&root(), &words(typed)).path.join(" "), want, "{typed}");
        }
    }

    /// Help is asked for with one dash or two, in short or in full, anywhere.
    #[test]
    fn help() {
        for typed in ["job run -h", "job run --help", "job -help run", "job run -region -h -help"] {
            assert!(normalise(&root(), &words(typed)).help, "{typed}");
        }
        assert!(!normalise(&root(), &words("job run -region -h")).help);
    }

    /// Rows: how a switch is given; whether it is on.
    #[test]
    fn switches_take_truth_values() {
        for (typed, want) in [
            ("job run", Some(false)),
            ("job run -detach", Some(true)),
            ("job run -detach=true", Some(true)),
            ("job run -detach=0", Some(false)),
            ("job run -detach=F", Some(false)),
            ("job run -detach=maybe", None),
        ] {
            let typed_arguments = normalise(&root(), &words(typed)).arguments;
            let detach = root().try_get_matches_from(typed_arguments).ok().and_then(|matches| {
                let (_, job) = matches.subcommand()?;
                let (_, run) = job.subcommand()?;
                run.get_one::<bool>("detach").copied()
            });
            assert_eq!(detach, want, "{typed}");
        }
    }
}
