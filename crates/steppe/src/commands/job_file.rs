//! Reading a job file for run, plan and validate: the text, the variables, the functions that read files.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::path::{Component, Path, PathBuf};

use api::Client;
use jobspec::{Diagnostics, ParseInput, Parsed, VariableFile};

use crate::context::{Global, Stop};

/// The largest file that a function of a job file reads.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Files listed below one directory at most.
const FILES_MAX: usize = 10_000;
/// The region of jobs that name none.
const ANY_REGION: &str = "global";

#[derive(clap::Args, Debug)]
pub struct FileArgs {
    /// A value of a variable, name=value; repeatable, stronger than files and the environment (NOMAD_VAR_name).
    #[arg(long = "var")]
    vars: Vec<String>,
    /// A file of values of variables; repeatable.
    #[arg(long = "var-file")]
    var_files: Vec<PathBuf>,
    /// Values for variables that the file does not declare are errors; true unless given as false.
    #[arg(long = "hcl2-strict", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    strict: Option<bool>,
    /// The file is a job in the JSON of the HTTP interface.
    #[arg(long)]
    json: bool,
    #[arg(long = "policy-override", hide = true)]
    policy_override: bool,
    #[arg(long = "consul-namespace", hide = true)]
    consul_namespace: Option<String>,
    #[arg(long = "vault-namespace", hide = true)]
    vault_namespace: Option<String>,
    /// The job file, or - for standard input.
    pub path: String,
}

impl FileArgs {
    /// The flags that change what the file means, with a blank behind each, and the path: what a person types to do the same again.
    pub fn again(&self) -> String {
        let mut text = String::new();
        for var in &self.vars {
            text.push_str(&format!("-var={} ", quoted(var)));
        }
        for file in &self.var_files {
            text.push_str(&format!("-var-file={} ", quoted(&file.display().to_string())));
        }
        if self.strict == Some(false) {
            text.push_str("-hcl2-strict=false ");
        }
        if self.json {
            text.push_str("-json ");
        }
        text + &quoted(&self.path)
    }

    fn unsupported(&self) -> Option<&'static str> {
        let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        if self.policy_override {
            Some("-policy-override")
        } else if given(&self.consul_namespace) {
            Some("-consul-namespace")
        } else if given(&self.vault_namespace) {
            Some("-vault-namespace")
        } else {
            None
        }
    }
}

/// A word for a shell.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { always_quoted(text) }
}

/// The same, in quotes also where a shell needs none.
pub fn always_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A job file that was read.
pub struct JobFile {
    pub parsed: Parsed,
    pub text: String,
    /// hcl2 or json.
    pub format: &'static str,
    /// `-var` as given.
    pub flags: BTreeMap<String, String>,
    /// The texts of `-var-file`, joined.
    pub variables: String,
}

impl JobFile {
    /// A client of the region and the namespace that the job is for.
    pub fn client(&self, global: &Global) -> Result<Client, Stop> {
        let job = &self.parsed.job;
        let unset = |flag: &Option<String>| flag.as_ref().is_none_or(String::is_empty);
        let mut client = global.client()?;
        if unset(&global.region) && job.region != ANY_REGION {
            client = client.with_region(&job.region);
        }
        if unset(&global.namespace) {
            client = client.with_namespace(job.namespace.as_str());
        }
        Ok(client)
    }

    /// Refuses a job that makes no sense, with the places in the file; gives the warnings about one that does.
    pub fn check(&self) -> Result<String, Stop> {
        let (errors, warnings) = self.parsed.validate();
        if !errors.0.is_empty() {
            return Err(Stop::error(format!("Job validation errors:\n{}", errors.to_list_text())));
        }
        Ok(if warnings.is_empty() { String::new() } else { Diagnostics(warnings).to_list_text() })
    }
}

/// Reads and evaluates the file. The error has everything that is wrong with it.
pub fn read(args: &FileArgs) -> Result<JobFile, Stop> {
    if let Some(flag) = args.unsupported() {
        return Err(Stop::error(format!("{flag} is not supported yet")));
    }
    let (text, name) = source(&args.path)?;
    if args.json && !text.trim_start().starts_with('{') {
        let problem = format!("-json is for a job in JSON, and {name} does not begin with an object");
        return Err(Stop::error(format!("Error getting job struct: Error parsing job file from {name}:\n{problem}")));
    }
    let mut variables = Vec::new();
    for given in &args.vars {
        let Some((name, value)) = given.split_once('=') else {
            return Err(Stop::error(format!("Error getting job struct: -var {given:?} is not name=value")));
        };
        variables.push((name.to_owned(), value.to_owned()));
    }
    let mut variable_files = Vec::new();
    for path in &args.var_files {
        let failed = |error| Stop::error(format!("Error getting job struct: Error reading variables from {}: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(failed)?;
        variable_files.push(VariableFile { name: path.display().to_string(), text });
    }
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(jobspec::ENVIRONMENT_PREFIX))
        .collect();
    let folder = if args.path == "-" { None } else { Path::new(&args.path).parent() };
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = Folder(folder.to_path_buf());
    let input = ParseInput {
        files: Some(&files),
        environment: &environment,
        variable_files: &variable_files,
        variables: &variables,
        allow_undeclared_variables: args.strict == Some(false),
        seed: seed(),
        ..ParseInput::new(&name, &text)
    };
    let parsed = jobspec::parse(&input).map_err(|problems| {
        Stop::error(format!("Error getting job struct: Error parsing job file from {name}:\n{}", with_excerpts(&problems, &name, &text)))
    })?;
    for warning in &parsed.warnings {
        complain!("{warning}");
    }
    let format = if args.json || text.trim_start().starts_with('{') { "json" } else { "hcl2" };
    let joined = variable_files.iter().map(|file| file.text.as_str()).collect::<Vec<_>>().join("\n");
    Ok(JobFile { parsed, format, flags: variables.into_iter().collect(), variables: joined, text })
}

/// The problems, on a terminal each with its line of the file.
fn with_excerpts(problems: &Diagnostics, name: &str, text: &str) -> String {
    if !std::io::stderr().is_terminal() {
        return problems.to_string();
    }
    let one = |problem: &jobspec::Diagnostic| {
        // Problems may also be in a file of values.
        let excerpt = if problem.file == name { problem.excerpt(text) } else { String::new() };
        format!("{problem}\n{excerpt}")
    };
    problems.iter().map(one).collect::<String>().trim_end().to_owned()
}

fn source(path: &str) -> Result<(String, String), Stop> {
    let failed = |error: std::io::Error| Stop::error(format!("Error getting job struct: Error reading job file from {path}: {error}"));
    if path == "-" {
        let mut text = String::new();
        std::io::stdin().take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        return Ok((text, "stdin".to_owned()));
    }
    Ok((std::fs::read_to_string(path).map_err(failed)?, path.to_owned()))
}

/// Randomness for the functions that want it; without it they repeat themselves.
fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    if let Ok(mut random) = std::fs::File::open("/dev/urandom") {
        let _ = random.read_exact(&mut seed);
    }
    seed
}

/// Files beside the job file.
struct Folder(PathBuf);

impl jobspec::Files for Folder {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        let path = self.0.join(path);
        let size = std::fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?.len();
        if size > FILE_BYTES_MAX {
            return Err(format!("{} has {size} bytes, more than {FILE_BYTES_MAX}", path.display()));
        }
        std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        let path = self.0.join(path);
        match std::fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(true),
            Ok(_) => Err(format!("{} is not a regular file", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    fn files_below(&self, directory: &str) -> Result<Vec<String>, String> {
        let root = self.0.join(directory);
        let mut found = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(folder) = open.pop() {
            let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            for entry in entries {
                let entry = entry.map_err(|error| error.to_string())?;
                let kind = entry.file_type().map_err(|error| error.to_string())?;
                if kind.is_dir() {
                    open.push(entry.path());
                } else if kind.is_file()
                    && let Ok(relative) = entry.path().strip_prefix(&root)
                {
                    found.push(relative.to_string_lossy().into_owned());
                }
                if found.len() > FILES_MAX {
                    return Err(format!("more than {FILES_MAX} files below {}", root.display()));
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn absolute(&self, path: &str) -> String {
        let joined = self.0.join(path);
        let absolute = std::path::absolute(&joined).unwrap_or(joined);
        let mut clean = PathBuf::new();
        for part in absolute.components() {
            match part {
                Component::ParentDir => {
                    clean.pop();
                }
                Component::CurDir => {}
                other => clean.push(other),
            }
        }
        clean.to_string_lossy().into_owned()
    }

    fn home(&self) -> Option<String> {
        std::env::var("HOME").ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: a word; how a shell gets the same word.
    #[test]
    fn quoting() {
        for (word, expected) in [("a.hcl", "a.hcl"), ("a=b", "a=b"), ("it's", "'it'\\''s'"), ("a b", "'a b'"), ("", "''"), ("$x", "'$x'")] {
            assert_eq!(quoted(word), expected);
        }
    }
}
