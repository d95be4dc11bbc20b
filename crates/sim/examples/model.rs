//! Goes through all worlds of all scenarios, then shows that every flaw is caught: `model [quick] [PART]`.

use std::process::ExitCode;

use sim::model::{Protocol, all, check, invariants, quick};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut scenarios = if words.iter().any(|word| word == "quick") { quick() } else { all() };
    if let Some(part) = words.iter().find(|word| *word != "quick") {
        let known: Vec<String> = scenarios.iter().map(|scenario| scenario.name.clone()).collect();
        scenarios.retain(|scenario| scenario.name.contains(part.as_str()));
        if scenarios.is_empty() {
            eprintln!("no scenario has {part:?} in its name; there are:\n{}", known.join("\n"));
            return ExitCode::FAILURE;
        }
    }
    let (mut n_worlds, mut n_violations) = (0, 0);
    for scenario in scenarios {
        let name = scenario.name.clone();
        let report = check(Protocol { scenario, flaw: None }, None, 2);
        println!("{name:<44} {:>10} worlds  depth {:>3}  {:>7.1} s", report.n_worlds, report.depth, report.took.as_secs_f64());
        for (invariant, events) in &report.violations {
            println!("  violated: {invariant}\n{events}\n");
        }
        (n_worlds, n_violations) = (n_worlds + report.n_worlds, n_violations + report.violations.len());
    }
    let mut n_uncaught = 0;
    for invariant in invariants::ALL {
        let (flaw, scenario) = (invariant.control)();
        let report = check(Protocol { scenario, flaw: Some(flaw) }, Some(invariant.name), 2);
        let caught = report.violations.iter().any(|(name, _)| *name == invariant.name);
        n_uncaught += usize::from(!caught);
        let said = if caught { "caught" } else { "NOT CAUGHT" };
        println!(
            "{:<44} {:>10} worlds  depth {:>3}  {:>7.1} s  {}: {said}",
            format!("{flaw:?}"),
            report.n_worlds,
            report.depth,
            report.took.as_secs_f64(),
            invariant.name
        );
    }
    println!("{n_worlds} worlds, {n_violations} violations, {n_uncaught} flaws not caught");
    if n_violations + n_uncaught == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
