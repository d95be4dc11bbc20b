//! The layouts of the interface, compared with what commands print in stories.
//!
//! `tests/data/layouts.tsv` has a row per table, section, block of keys and line that a command prints, and what each is from. Of a table and
//! of keys `[some]` are not always there; `*` in a line or a title stands for anything. A row of what is not printed says why.

use std::collections::BTreeMap;
use std::path::Path;

use crate::flags;

const LAYOUTS: &str = include_str!("../../tests/data/layouts.tsv");
const COMMANDS: &str = include_str!("../../tests/data/flags.tsv");

/// What descriptions say about values among names.
const VALUES: &[&str] = &["JSON Job", "N/A - In Progress"];

#[derive(Debug)]
struct Layout {
    command: &'static str,
    kind: Kind,
    /// The heading above it; empty: none is asked for.
    title: &'static str,
    text: &'static str,
    /// `facts`: the description of the command; `facts job run`: that of another; a number: a recorded session; `ours`: nobody else's.
    from: &'static str,
    /// Why it is not printed; empty when it is.
    not_printed: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Columns, and at least a row.
    Table,
    /// A block of `key = value`.
    Keys,
    /// A heading with anything below it.
    Text,
    /// A line, also one of an error.
    Line,
    /// JSON is printed.
    Json,
    /// Something is printed that has no layout here.
    Raw,
    /// It goes well and nothing is printed.
    Nothing,
    /// Exit codes: no others, and the first one is seen.
    Exit,
    /// Another name of the command that is its text.
    Alias,
}

/// A command of a story, and what came of it.
struct Run {
    command: String,
    /// Its name in the story, which may be another one.
    typed: String,
    line: String,
    lines: Vec<String>,
    problems: Vec<String>,
    code: String,
}

fn layouts() -> Vec<Layout> {
    let row = |line: &'static str| {
        let [command, kind, title, text, from, not_printed] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("six columns: {line}")
        };
        let kind = match kind {
            "table" => Kind::Table,
            "keys" => Kind::Keys,
            "text" => Kind::Text,
            "line" => Kind::Line,
            "json" => Kind::Json,
            "raw" => Kind::Raw,
            "nothing" => Kind::Nothing,
            "exit" => Kind::Exit,
            "alias" => Kind::Alias,
            other => panic!("unknown kind {other}: {line}"),
        };
        Layout { command, kind, title, text, from, not_printed }
    };
    LAYOUTS.lines().skip(1).map(row).collect()
}

/// All commands of all stories, under their full names.
fn runs(layouts: &[Layout]) -> Vec<Run> {
    let root = super::run::root();
    let full_names: BTreeMap<&str, &str> =
        layouts.iter().filter(|row| row.kind == Kind::Alias).map(|row| (row.command, row.text)).collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut runs = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "story") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, transcript) = text.split_once("=== transcript\n").expect("a transcript");
        for part in format!("\n{transcript}").split("\n$ ").skip(1) {
            let (line, output) = part.split_once('\n').unwrap_or((part, ""));
            let Some((_, arguments)) = line.split_once("steppe ") else { continue };
            let words: Vec<String> = arguments.split(" <<< ").next().unwrap_or_default().split(' ').map(str::to_owned).collect();
            let typed = flags::normalise(&root, &words).path.join(" ");
            let command = full_names.get(typed.as_str()).map_or(typed.clone(), |name| (*name).to_owned());
            let mut run = Run { command, typed, line: line.to_owned(), lines: Vec::new(), problems: Vec::new(), code: String::new() };
            let mut is_problem = false;
            for line in output.lines() {
                if line == "--- stderr:" {
                    is_problem = true;
                } else if let Some(code) = line.strip_prefix("--- exit code: ") {
                    run.code = code.to_owned();
                    break;
                } else if !line.starts_with(">>> ") {
                    if is_problem { &mut run.problems } else { &mut run.lines }.push(line.trim_end().to_owned());
                }
            }
            runs.push(run);
        }
    }
    assert!(runs.len() > 300, "{}", runs.len());
    runs
}

/// `*` stands for anything.
fn fits(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

/// The names of a pattern `A|[B]|C`: with whether each may be left out.
fn names(pattern: &str) -> Vec<(&str, bool)> {
    pattern
        .split('|')
        .map(|name| name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).map_or((name, false), |name| (name, true)))
        .collect()
}

/// The names that may be left out and are there; `None`: what is there does not follow the pattern.
fn follows<'a>(pattern: &'a str, there: &[String]) -> Option<Vec<&'a str>> {
    let mut seen = Vec::new();
    let mut there = there.iter().peekable();
    for (name, may_be_left_out) in names(pattern) {
        match there.next_if(|given| *given == name) {
            Some(_) if may_be_left_out => seen.push(name),
            Some(_) => {}
            None if may_be_left_out => {}
            None => return None,
        }
    }
    there.next().is_none().then_some(seen)
}

/// The cells of a line of a table.
fn cells(line: &str) -> Vec<String> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
}

/// The keys of the block that begins with the first line.
fn keys(lines: &[String]) -> Vec<String> {
    let key = |line: &String| {
        line.split_once(" = ").or(line.split_once(" =").filter(|(_, rest)| rest.is_empty())).map(|(key, _)| key.trim_end().to_owned())
    };
    lines.iter().map_while(key).collect()
}

/// Whether the layout is at that line: the names that may be left out and are there.
fn at<'a>(row: &'a Layout, run: &Run, at: usize) -> Option<Vec<&'a str>> {
    let lines = &run.lines;
    let below_title = row.title.is_empty() || at > 0 && fits(row.title, &lines[at - 1]);
    match row.kind {
        Kind::Table => follows(row.text, &cells(&lines[at])).filter(|_| below_title),
        Kind::Keys => {
            // Without a heading, blocks begin the output or stand below what is none.
            let begins = !row.title.is_empty() || at == 0 || lines[at - 1].is_empty() || keys(&lines[at - 1..at]).is_empty();
            follows(row.text, &keys(&lines[at..])).filter(|_| begins && below_title)
        }
        Kind::Text => fits(row.title, &lines[at]).then(Vec::new),
        Kind::Line => fits(row.text, &lines[at]).then(Vec::new),
        _ => None,
    }
}

/// Where in the output the layout is shown with something in it.
fn places<'a>(row: &'a Layout, run: &Run) -> Vec<Vec<&'a str>> {
    let has_more = |at: usize| run.lines.get(at + 1).is_some_and(|line| !line.is_empty());
    let is_shown = |at: usize| !matches!(row.kind, Kind::Table | Kind::Text) || has_more(at);
    (0..run.lines.len()).filter(|line| is_shown(*line)).filter_map(|line| at(row, run, line)).collect()
}

fn is_printed(row: &Layout, run: &Run) -> bool {
    match row.kind {
        Kind::Json => run.lines.first().is_some_and(|line| line.starts_with(['{', '['])),
        Kind::Raw => run.code == "0" && !run.lines.is_empty() && !run.line.contains("json"),
        Kind::Nothing => run.code == "0" && run.lines.is_empty() && run.problems.is_empty(),
        Kind::Exit => run.code == row.text.split('|').next().unwrap_or_default(),
        Kind::Line => run.problems.iter().any(|line| fits(row.text, line)) || !places(row, run).is_empty(),
        _ => !places(row, run).is_empty(),
    }
}

/// What commands print in stories has the layouts of the table: all of them, in every form that they have, and in the table's order; what is
/// said not to be printed is not.
#[test]
fn stories_show_every_layout() {
    let layouts = layouts();
    let runs = runs(&layouts);
    let is_used = |row: &&Layout| runs.iter().any(|run| run.typed == row.command && run.command == row.text);
    let unused = layouts.iter().filter(|row| row.kind == Kind::Alias && !is_used(row));
    let mut wrong: Vec<String> = unused.map(|row| format!("{}: in no story", row.command)).collect();
    for row in layouts.iter().filter(|row| row.kind != Kind::Alias) {
        let of_command: Vec<&Run> = runs.iter().filter(|run| run.command == row.command).collect();
        let is_printed = of_command.iter().any(|run| is_printed(row, run));
        match (is_printed, row.not_printed.is_empty()) {
            (false, true) => wrong.push(format!("{}: in no story: {:?} {} {}", row.command, row.kind, row.title, row.text)),
            (true, false) => wrong.push(format!("{}: is printed, although {}: {} {}", row.command, row.not_printed, row.title, row.text)),
            _ => {}
        }
        if !is_printed {
            continue;
        }
        if row.kind == Kind::Exit {
            let other = of_command.iter().filter(|run| !row.text.split('|').any(|code| code == run.code));
            wrong.extend(other.map(|run| format!("{}: exit code {}: {}", row.command, run.code, run.line)));
        }
        if matches!(row.kind, Kind::Table | Kind::Keys) {
            let seen: Vec<&str> = of_command.iter().flat_map(|run| places(row, run)).flatten().collect();
            let missing = names(row.text).into_iter().filter(|(name, may_be_left_out)| *may_be_left_out && !seen.contains(name));
            wrong.extend(missing.map(|(name, _)| format!("{}: in no story: {name} of {} {}", row.command, row.title, row.text)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Below a heading is what the table says, in every story: a table or keys of that heading, or a line that the command prints.
#[test]
fn sections_have_no_other_layouts() {
    let layouts = layouts();
    let mut wrong = Vec::new();
    for run in runs(&layouts) {
        let of_command: Vec<&Layout> = layouts.iter().filter(|row| row.command == run.command).collect();
        for (n, line) in run.lines.iter().enumerate() {
            let of_title = |row: &&&Layout| !row.title.is_empty() && fits(row.title, line) && matches!(row.kind, Kind::Table | Kind::Keys);
            let of_title: Vec<&&Layout> = of_command.iter().filter(of_title).collect();
            let Some(below) = run.lines.get(n + 1).filter(|_| !of_title.is_empty()) else { continue };
            let has_layout = of_title.iter().any(|row| at(row, &run, n + 1).is_some());
            let is_line = of_command.iter().any(|row| row.kind == Kind::Line && fits(row.text, below));
            if !has_layout && !is_line {
                wrong.push(format!("{}: {line}: {below}", run.line));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What comes first is what the table says, in every story: keys, a table, a heading or a line.
#[test]
fn outputs_begin_with_layouts() {
    let layouts = layouts();
    let mut wrong = Vec::new();
    for run in runs(&layouts) {
        let of_command: Vec<&Layout> = layouts.iter().filter(|row| row.command == run.command).collect();
        let is_data = run.line.contains(" -json") || run.line.contains(" -t ") || of_command.iter().any(|row| row.kind == Kind::Raw);
        let Some(first) = run.lines.first().filter(|_| !is_data && !of_command.is_empty()) else { continue };
        let begins = |row: &&Layout| if row.title.is_empty() { at(row, &run, 0).is_some() } else { fits(row.title, first) };
        let is_json = first.starts_with(['{', '[']) && of_command.iter().any(|row| row.kind == Kind::Json);
        if !is_json && !of_command.iter().any(begins) {
            wrong.push(format!("{}: {first}", run.line));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Sections come in the order of the table, in every story.
#[test]
fn sections_are_in_order() {
    let layouts = layouts();
    let mut wrong = Vec::new();
    for run in runs(&layouts) {
        // Of a section that is there several times, once per task, the first one counts.
        let sections = layouts.iter().filter(|row| row.command == run.command && !row.title.is_empty());
        let found: Vec<(usize, &str)> =
            sections.filter_map(|row| Some((run.lines.iter().position(|line| fits(row.title, line))?, row.title))).collect();
        if !found.is_sorted_by_key(|(at, _)| at) {
            wrong.push(format!("{}: {found:?}", run.line));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Commands that can print JSON, or what a template says, do so in a story.
#[test]
fn stories_show_every_format() {
    let layouts = layouts();
    let runs = runs(&layouts);
    let mut wrong = Vec::new();
    for (command, flags) in COMMANDS.lines().skip(1).filter_map(|line| line.split_once('\t')) {
        let flags: Vec<&str> = flags.split(' ').collect();
        let has_own_layouts = layouts.iter().any(|row| row.command == command && row.kind != Kind::Alias);
        // The -json of a plan is about the file.
        if !has_own_layouts || command == "job plan" || !(flags.contains(&"json") && flags.contains(&"t")) {
            continue;
        }
        for flag in [" -json", " -t "] {
            if !runs.iter().any(|run| run.command == command && run.line.contains(flag) && run.code == "0") {
                wrong.push(format!("{command}{flag}"));
            }
        }
    }
    assert!(wrong.is_empty(), "in no story: {wrong:#?}");
}

/// Every command of the interface that exists has layouts, and nothing else has.
#[test]
fn every_command_has_layouts() {
    let root = super::run::root();
    let exists = |name: &str| {
        let found = name.split(' ').try_fold(&root, |command, name| command.find_subcommand(name));
        found.is_some_and(|command| !command.has_subcommands())
    };
    let layouts = layouts();
    let has_layouts = |name: &str| layouts.iter().any(|row| row.command == name);
    let of_interface: Vec<&str> = COMMANDS.lines().skip(1).filter_map(|line| line.split('\t').next()).collect();
    let missing: Vec<&&str> = of_interface.iter().filter(|name| exists(name) && !has_layouts(name)).collect();
    assert!(missing.is_empty(), "without layouts: {missing:?}");
    let needless: Vec<&str> = layouts.iter().map(|row| row.command).filter(|name| !exists(name)).collect();
    assert!(needless.is_empty(), "layouts of what does not exist: {needless:?}");
}

/// The table of layouts has what the interface's own tables say, where these are at hand: every command is known, and every word of a layout
/// is in the description that it is from.
#[test]
fn layouts_are_those_of_the_interface() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/facts");
    let Ok(table) = std::fs::read_to_string(folder.join("cli.tsv")) else { return };
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    let layouts = layouts();
    let mut wrong = Vec::new();
    for name in rows.iter().map(|row| row[1]).filter(|name| !name.starts_with('(')) {
        let path: Vec<&str> = name.split(' ').collect();
        let is_refused = (1..=path.len()).any(|n| super::not_yet::is_known(&path[..n].join(" ")));
        let root = super::run::root();
        let found = path.iter().try_fold(&root, |command, name| command.find_subcommand(name));
        let is_noun = found.is_some_and(|command| command.has_subcommands());
        let has_layouts = layouts.iter().any(|row| row.command == name);
        if usize::from(is_refused && !has_layouts) + usize::from(has_layouts) + usize::from(is_noun && !is_refused) != 1 {
            wrong.push(format!("{name}: has layouts {has_layouts}, is refused {is_refused}, is a noun {is_noun}"));
        }
    }
    for described in &rows {
        // Some commands print what others do.
        let alike: Vec<&str> = rows.iter().filter(|row| row[6] == described[6]).map(|row| row[1]).collect();
        let of_command: Vec<&Layout> = layouts.iter().filter(|row| alike.contains(&row.command)).collect();
        let has = |name: &str| {
            let below = |row: &Layout| name.strip_prefix(row.title).is_some_and(|column| row.text.contains(column.trim_start()));
            VALUES.contains(&name) || of_command.iter().any(|row| below(row) || row.title.contains(name) || row.text.contains(name))
        };
        let names = columns(described[6]).into_iter().chain(keys_of(described[6]));
        let missing = names.filter(|name| !of_command.is_empty() && !has(name));
        wrong.extend(missing.map(|name| format!("{}: no layout has {name:?}", described[1])));
    }
    for row in layouts.iter().filter(|row| row.kind != Kind::Alias) {
        let described = match row.from.split_once(' ').unwrap_or((row.from, row.command)) {
            ("ours", _) => continue,
            ("facts", command) => {
                rows.iter().filter(|cells| cells[1] == command || cells[1].starts_with("(global)")).map(|cells| cells.join(" ")).collect()
            }
            (number, _) => {
                let transcripts = std::fs::read_dir(folder.join("transcripts")).unwrap().map(|entry| entry.unwrap().path());
                let is_meant = |path: &std::path::PathBuf| {
                    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{number}-")))
                };
                transcripts.filter(is_meant).map(|path| std::fs::read_to_string(path).unwrap()).collect::<String>()
            }
        };
        let described = described.to_lowercase();
        let text = format!("{} {}", row.title, row.text).to_lowercase();
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 2 && *word != "steppe");
        let strange: Vec<&str> = words.filter(|word| !described.contains(word)).collect();
        if !strange.is_empty() {
            wrong.push(format!("{}: {strange:?} of {} {} is not in {:?}", row.command, row.title, row.text, row.from));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The keys in a description: `KV ID, [Name], Type ; and more` has three.
fn keys_of(described: &str) -> Vec<&str> {
    let lists = described.split(';').filter_map(|part| part.split_once("KV ")).map(|(_, list)| list);
    let names = lists.flat_map(|list| list.split([',', '[', ']', '(', ')', '|', ':', '"'])).map(str::trim);
    let names = names.filter(|name| name.starts_with(|c: char| c.is_uppercase()));
    names.map(|name| if VALUES.contains(&name) { name } else { without_prose(name) }).collect()
}

/// `Status` of `Status newest first`: names have a capital letter in every word.
fn without_prose(name: &str) -> &str {
    let prose = name.match_indices(' ').find(|(at, _)| name[at + 1..].starts_with(|c: char| !c.is_uppercase()));
    name[..prose.map_or(name.len(), |(at, _)| at)].trim()
}

/// The names of columns in a description: `a list of ID|[Name|]Status, newest first` has three.
fn columns(described: &str) -> Vec<&str> {
    let chunks = described.split([';', '(', ')', '"', ':', ',', '<', '>']).filter(|chunk| chunk.contains('|'));
    let names = chunks.flat_map(|chunk| chunk.split('|')).filter_map(|name| {
        let begins = name.find(|c: char| c.is_uppercase())?;
        let ends = name[begins..].find(|c: char| !c.is_alphanumeric() && c != ' ').map_or(name.len(), |at| begins + at);
        Some(without_prose(&name[begins..ends]))
    });
    names.collect()
}

/// Rows: a pattern, a line, whether the line fits.
#[test]
fn patterns() {
    for (pattern, line, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "ab", true),
        ("*b", "ab", true),
        ("*b", "ba", false),
        ("a * c", "a b c", true),
        ("a * c * e", "a b c d e", true),
        ("a * c * e", "a b d e", false),
        ("Job \"*\" done", "Job \"x\" done", true),
        ("Job \"*\" done", "Job \"x\" undone", false),
    ] {
        assert_eq!(fits(pattern, line), expected, "{pattern} {line}");
    }
    let there = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
    for (pattern, text, expected) in [
        ("A|B", "A|B", Some(vec![])),
        ("A|B", "B|A", None),
        ("A|[B]|C", "A|C", Some(vec![])),
        ("A|[B]|C", "A|B|C", Some(vec!["B"])),
        ("A|[B]|C", "A|B", None),
        ("A|B", "A|B|C", None),
    ] {
        assert_eq!(follows(pattern, &there(text)), expected, "{pattern} {text}");
    }
    for (described, expected) in [
        ("a list of ID|[Name|]Job Status newest first ; healthy|unhealthy", vec!["ID", "Name", "Job Status"]),
        ("Allocated CPU|Disk(|Alloc Count) \"a/b MHz\"", vec!["Allocated CPU", "Disk", "Alloc Count"]),
        ("Name, Status", vec![]),
    ] {
        assert_eq!(columns(described), expected, "{described}");
    }
    assert_eq!(keys_of("A|B ; KV ID, [Job ID], Blocked Eval with -verbose ; more"), ["ID", "Job ID", "Blocked Eval"]);
}
