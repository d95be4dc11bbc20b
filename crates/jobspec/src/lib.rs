//! Job files, in HCL2 or JSON, to canonical jobs or to diagnostics with line and column.
//!
//! The crate decides what a job file means: which blocks and arguments there are, what expressions evaluate to, which defaults fill what
//! nobody set, and whether the result makes sense. It is the only place where "unset" exists: what leaves it is a [`model::Job`] in which
//! every field has its value. It deliberately does not know the disk, the clock or dice (files and a seed are handed in), nor regions,
//! nodes, drivers or other jobs: whether a namespace, a region or a driver exists is asked elsewhere.
//!
//! Start reading at [`parse`], which shows the way of a file; `schema::table` is the list of what a file may say.

mod canonical;
mod decode;
mod diagnostic;
mod findings;
mod finish;
mod hcl;
mod json_body;
mod locals;
mod operands;
mod request;
mod schema;
mod tree;
mod uncanonical;
pub mod validate;
mod variables;

use std::collections::BTreeMap;
use std::ops::Range;

use hcl_edit::Span as _;
use hcl_edit::structure::{Body, Structure};
use model::Job;
use serde_json::Value as Json;

use crate::decode::Decoder;
use crate::diagnostic::{Source, nearest};
use crate::findings::Findings;
use crate::hcl::{Evaluator, Scope, UnknownNames, Value, World};
use crate::tree::Node;
use crate::variables::Given;

pub use diagnostic::{Diagnostic, Diagnostics, Kind, Severity};
pub use hcl::Files;
pub use validate::{Problem, Validation, validate, validate_request};
pub use variables::{ENVIRONMENT_PREFIX, VariableFile};

/// The largest text that is read, in bytes: the limit of existing servers.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// `=` and `:` in one text. The parser compares each key of an object with all others, so a text full of keys would keep it busy for minutes.
const ASSIGNMENTS_MAX: usize = 20_000;

/// Groups, tasks and all the other blocks of a job together. With its defaults, one that is written in three bytes takes some ten thousand.
const BLOCKS_MAX: usize = 4_000;

/// A job file and everything it may depend on.
pub struct ParseInput<'a> {
    pub text: &'a str,
    /// For messages.
    pub file_name: &'a str,
    /// How to read files; without it the functions that do are errors.
    pub files: Option<&'a dyn Files>,
    /// The environment; variables in it that begin with [`ENVIRONMENT_PREFIX`] have values.
    pub environment: &'a BTreeMap<String, String>,
    /// Files of values, the later ones stronger.
    pub variable_files: &'a [VariableFile],
    /// `-var name=value`, stronger than all files.
    pub variables: &'a [(String, String)],
    /// Values for variables that the file does not declare are then only warnings.
    pub allow_undeclared_variables: bool,
    /// Randomness for `uuidv4` and `bcrypt`.
    pub seed: [u8; 32],
}

static NO_ENVIRONMENT: BTreeMap<String, String> = BTreeMap::new();

impl<'a> ParseInput<'a> {
    /// A file that depends on nothing but itself.
    pub fn new(file_name: &'a str, text: &'a str) -> Self {
        Self {
            text,
            file_name,
            files: None,
            environment: &NO_ENVIRONMENT,
            variable_files: &[],
            variables: &[],
            allow_undeclared_variables: false,
            seed: [0; 32],
        }
    }
}

/// A job that was read.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// Canonical.
    pub job: Job,
    pub warnings: Vec<Diagnostic>,
    /// The values of the variables.
    pub variables: BTreeMap<String, Json>,
    uncanonical: Json,
    source: Source,
    spans: BTreeMap<String, Range<usize>>,
}

impl Parsed {
    /// The job in JSON as the file says it: what it does not set is `null`.
    pub fn uncanonical_json(&self) -> Json {
        self.uncanonical.clone()
    }

    /// [`validate`] with places: what is wrong with the job, pointing into the file.
    pub fn validate(&self) -> (Diagnostics, Vec<Diagnostic>) {
        let found = validate(&self.job);
        let placed = |severity, problems: Vec<Problem>| problems.into_iter().map(|problem| self.place(severity, problem)).collect();
        (Diagnostics(placed(Severity::Error, found.errors)), placed(Severity::Warning, found.warnings))
    }

    /// The place of a field, or of the nearest thing around it.
    fn place(&self, severity: Severity, problem: Problem) -> Diagnostic {
        let mut path = problem.path.as_str();
        loop {
            if let Some(span) = self.spans.get(path) {
                return Diagnostic::new(severity, Kind::Invalid, problem.text).at(&self.source, Some(span.clone()));
            }
            let Some(shorter) = path.rfind(['.', '[']).and_then(|end| path.get(..end)) else { break };
            path = shorter;
        }
        let diagnostic = Diagnostic::new(severity, Kind::Invalid, problem.text);
        match self.spans.get("") {
            Some(span) => diagnostic.at(&self.source, Some(span.clone())),
            None => diagnostic.subject(problem.path).at(&self.source, None),
        }
    }
}

/// Reads a job file: HCL2, the same in JSON, or a job in the JSON of the HTTP interface.
///
/// The way of a file: text → syntax tree → variables → local values → blocks by the table, as a tree in which unset is absent → defaults →
/// [`model::Job`]. Everything that is wrong is reported together; [`Parsed::validate`] then asks whether the job makes sense.
pub fn parse(input: &ParseInput<'_>) -> Result<Parsed, Diagnostics> {
    let mut source = Source::new(input.file_name, input.text);
    let one = |diagnostic: Diagnostic| Diagnostics(vec![diagnostic]);
    check_size(input.text).map_err(|reason| one(Diagnostic::error(Kind::Malformed, reason).at(&source, None)))?;
    let body = if input.text.trim_start().starts_with('{') {
        let json: Json = serde_json::from_str(input.text).map_err(|error| one(json_error(&source, &error)))?;
        if let Some(job) = job_of_interface(&json) {
            return from_interface(job, source);
        }
        source.positions = false;
        let file =
            json.as_object().ok_or_else(|| one(Diagnostic::error(Kind::Syntax, "a job file in JSON is an object").at(&source, None)))?;
        json_body::body(file).map_err(|wrong| Diagnostics(wrong.0.into_iter().map(|diagnostic| diagnostic.at(&source, None)).collect()))?
    } else {
        check_hcl(input.text).map_err(|reason| one(Diagnostic::error(Kind::Malformed, reason).at(&source, None)))?;
        hcl_edit::parser::parse_body(input.text).map_err(|error| one(source.syntax_error(&error)))?
    };
    from_body(&body, source, input)
}

/// The canonical job of a request body: the value of its field `Job`, as the HTTP interface has it. Fields of features that are not
/// supported yet may be there if they ask for nothing. The diagnostics name the path of a field: `TaskGroups[0].Count`. A priority of 0 is one
/// that the region gives, which knows its default.
pub fn from_api(value: &Json) -> Result<Job, Diagnostics> {
    let (mut node, _) = request::job(value)?;
    if let Some(fields) = node.as_fields_mut() {
        canonical::leave_to_region(fields);
    }
    canonical_job(node).map(|(job, _)| job)
}

/// The same job with every default in its place. Canonical jobs stay as they are.
pub fn canonicalize(job: &Job) -> Result<Job, Diagnostics> {
    let json = serde_json::to_value(job).map_err(|error| Diagnostics(vec![Diagnostic::error(Kind::Malformed, error.to_string())]))?;
    canonical_job(Node::from_json(json)).map(|(job, _)| job)
}

fn from_body(body: &Body, source: Source, input: &ParseInput<'_>) -> Result<Parsed, Diagnostics> {
    let world = World::new(input.files, input.seed, input.text.len());
    let findings = Findings::default();
    let given = Given {
        environment: input.environment,
        files: input.variable_files,
        flags: input.variables,
        allow_undeclared: input.allow_undeclared_variables,
    };
    let variables = variables::resolve(body, &source, &given, &world, &findings);
    // Trees made from JSON point nowhere.
    let text = if source.positions { source.text.as_str() } else { "" };
    let mut evaluator = Evaluator::new(&world, text, UnknownNames::ForTheNode);
    evaluator.poisoned.extend(variables.failed.into_iter().map(|name| ("var", name)));
    let shown = variables.values.iter().map(|(name, value)| (name.clone(), value.to_json())).collect();
    let mut scope =
        Scope::root(vec![("var".to_owned(), Value::Object(variables.values)), ("local".to_owned(), Value::Object(BTreeMap::new()))]);
    locals::evaluate(body, &source, &mut evaluator, &mut scope, &findings);

    let decoder = Decoder::new(&evaluator, &source, &findings);
    let job = job_block(body, &decoder, &scope);
    let (mut errors, warnings) = findings.split();
    // In the order of the text; what has no place comes last.
    errors.sort_by_key(|diagnostic| (diagnostic.file != source.name, diagnostic.line == 0, diagnostic.line, diagnostic.column));
    match job {
        Some(node) if errors.is_empty() => parsed(node, source, warnings, shown),
        _ => Err(Diagnostics(errors)),
    }
}

/// The one job of the file. Other blocks than those that belong there are reported.
fn job_block(body: &Body, decoder: &Decoder<'_>, scope: &Scope<'_>) -> Option<Node> {
    const KNOWN: &[&str] = &["job", "variable", "variables", "locals"];
    let mut job = None;
    for structure in body.iter() {
        let (noun, word, span) = match structure {
            Structure::Attribute(attribute) => ("argument", attribute.key.as_str(), attribute.key.span()),
            Structure::Block(block) => ("block", block.ident.as_str(), block.ident.span()),
        };
        match structure {
            Structure::Block(block) if word == "job" => {
                if job.is_some() {
                    decoder.report(Diagnostic::error(Kind::Malformed, "a file has one job block, and this is another"), span);
                    continue;
                }
                job = Some(decoder.job(block, scope));
            }
            Structure::Block(_) if KNOWN.contains(&word) => {}
            _ => {
                let detail = match nearest(word, KNOWN.iter().copied()) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("a job file has the blocks {}", KNOWN.join(", ")),
                };
                decoder.report(Diagnostic::error(Kind::Malformed, format!("unsupported {noun} {word:?}")).detail(detail), span);
            }
        }
    }
    if job.is_none() {
        decoder.report(Diagnostic::error(Kind::Malformed, "the file has no job block").detail("write job \"name\" { … }"), None);
    }
    job
}

/// The job in a text that is JSON of the HTTP interface: `{"Job": {…}}`, or the job itself.
fn job_of_interface(json: &Json) -> Option<&Json> {
    let fields = json.as_object()?;
    if let Some(job) = fields.get("Job") {
        return Some(job);
    }
    let is_job = |value: &Json| value.as_object().is_some_and(|fields| fields.contains_key("TaskGroups"));
    if is_job(json) {
        return Some(json);
    }
    fields.get("job").filter(|job| is_job(job))
}

fn from_interface(job: &Json, mut source: Source) -> Result<Parsed, Diagnostics> {
    let named = |diagnostic: Diagnostic| Diagnostic { file: source.name.clone(), ..diagnostic };
    let (node, warnings) = request::job(job).map_err(|diagnostics| Diagnostics(diagnostics.0.into_iter().map(named).collect()))?;
    let warnings = warnings.into_iter().map(|diagnostic| Diagnostic { file: source.name.clone(), ..diagnostic }).collect();
    source.positions = false;
    parsed(node, source, warnings, BTreeMap::new())
}

fn parsed(node: Node, source: Source, warnings: Vec<Diagnostic>, variables: BTreeMap<String, Json>) -> Result<Parsed, Diagnostics> {
    let uncanonical = uncanonical::json(&node);
    let mut spans = node.spans();
    let (job, canonical) = canonical_job(node)?;
    // Fields that groups took over from the job lead to where they stand in the job.
    for (path, span) in canonical.spans() {
        spans.entry(path).or_insert(span);
    }
    Ok(Parsed { job, warnings, variables, uncanonical, source, spans })
}

fn canonical_job(mut node: Node) -> Result<(Job, Node), Diagnostics> {
    let n_blocks = node.n_repeated();
    if n_blocks > BLOCKS_MAX {
        let text = format!("the job is too large: {n_blocks} groups, tasks and other blocks, at most {BLOCKS_MAX} are allowed");
        return Err(Diagnostics(vec![Diagnostic::error(Kind::Malformed, text).detail("split it into several jobs")]));
    }
    if let Some(fields) = node.as_fields_mut() {
        canonical::canonicalize(fields);
    }
    let job = serde_json::from_value(node.to_json());
    let job = job.map_err(|error| Diagnostics(vec![Diagnostic::error(Kind::Malformed, error.to_string())]))?;
    Ok((job, node))
}

/// Refuses HCL that would keep the parser busy for too long. Whoever parses some asks this before.
pub fn check_hcl(text: &str) -> Result<(), String> {
    check_size(text)?;
    operands::check(text)
}

/// Refuses a text that is too large for any parser.
fn check_size(text: &str) -> Result<(), String> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("the text is too large: {} bytes, at most {TEXT_BYTES_MAX} are read", text.len()));
    }
    let assignments = text.bytes().filter(|byte| matches!(byte, b'=' | b':')).count();
    if assignments > ASSIGNMENTS_MAX {
        return Err(format!("the text has too many assignments: {assignments}, at most {ASSIGNMENTS_MAX} are read"));
    }
    Ok(())
}

fn json_error(source: &Source, error: &serde_json::Error) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(Kind::Syntax, "not JSON").detail(error.to_string()).at(source, None);
    (diagnostic.line, diagnostic.column) = (error.line(), error.column().max(1));
    diagnostic
}
