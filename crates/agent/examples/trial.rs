use std::process::ExitCode;
fn main() -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "executor") {
        return drivers::executor::main(arguments.into_iter().skip(2));
    }
    let parsed = agent::flags::parse(arguments.into_iter().skip(2).map(|a| a.to_string_lossy().into_owned()));
    match parsed {
        Ok(agent::flags::Parsed::Run(flags)) => ExitCode::from(agent::run(&flags)),
        Ok(_) => { println!("{}", agent::flags::help()); ExitCode::SUCCESS }
        Err(problems) => { eprintln!("{problems}"); ExitCode::FAILURE }
    }
}
