//! What is wrong, where, and what to do about it.

use std::fmt;
use std::ops::Range;

use hcl_edit::parser;

/// Whether a diagnostic stops the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    Error,
    Warning,
}

/// What sort of mistake it is; callers that speak HTTP choose the status by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The text is not HCL or not JSON.
    Syntax,
    /// The text has the wrong shape: an unknown name, a wrong type, a failing expression.
    Malformed,
    /// The job asks for something that is known but not supported yet.
    Unsupported,
    /// The job has the right shape and an impossible value.
    Invalid,
}

/// One error or warning.
///
/// Its `Display` is one line: `web.nomad.hcl:12,5: unsupported argument "cont": did you mean "count"?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub kind: Kind,
    /// What is wrong.
    pub summary: String,
    /// What to do, or why; may be empty.
    pub detail: String,
    /// The field it is about, such as `TaskGroups[0].Count`, where there is no text to point into; else empty.
    pub subject: String,
    /// The file or other source of the text; empty when there is none.
    pub file: String,
    /// Counted from 1; 0 when the place is not known.
    pub line: usize,
    /// In characters, counted from 1; 0 when the place is not known.
    pub column: usize,
    /// Bytes of the source text that it is about.
    pub span: Option<Range<usize>>,
}

impl Diagnostic {
    pub(crate) fn new(severity: Severity, kind: Kind, summary: impl Into<String>) -> Self {
        Self {
            severity,
            kind,
            summary: summary.into(),
            detail: String::new(),
            subject: String::new(),
            file: String::new(),
            line: 0,
            column: 0,
            span: None,
        }
    }

    pub(crate) fn error(kind: Kind, summary: impl Into<String>) -> Self {
        Self::new(Severity::Error, kind, summary)
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    pub(crate) fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    pub(crate) fn at(mut self, source: &Source, span: Option<Range<usize>>) -> Self {
        self.file.clone_from(&source.name);
        if let Some(span) = span
            && source.positions
        {
            (self.line, self.column) = source.locate(span.start);
            self.span = Some(span);
        }
        self
    }

    /// The line of `source` with the place marked below it, for terminals; empty when the place is not known.
    pub fn excerpt(&self, source: &str) -> String {
        let Some(text) = self.line.checked_sub(1).and_then(|index| source.lines().nth(index)) else { return String::new() };
        // A tab moves the mark as far as it moves the text.
        let indent: String = text.chars().take(self.column.saturating_sub(1)).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let rest = text.chars().count().saturating_sub(self.column.saturating_sub(1));
        let marked = self
            .span
            .as_ref()
            .and_then(|span| source.get(span.clone()))
            .map_or(1, |marked| marked.lines().next().unwrap_or("").chars().count());
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let hint = if self.detail.is_empty() { String::new() } else { format!(" {}", self.detail) };
        format!(" {number} | {text}\n {gutter} | {indent}{}{hint}\n", "^".repeat(marked.min(rest).max(1)))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{},{}: ", self.file, self.line, self.column)?;
        } else if !self.file.is_empty() {
            write!(f, "{}: ", self.file)?;
        }
        if !self.subject.is_empty() {
            write!(f, "{}: ", self.subject)?;
        }
        f.write_str(&self.summary)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a text, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// Whether the text could not be read at all, as against asking for something impossible or unsupported.
    pub fn is_malformed(&self) -> bool {
        self.0.iter().any(|diagnostic| matches!(diagnostic.kind, Kind::Syntax | Kind::Malformed))
    }

    /// `N error(s) occurred:` and a line for each, as the HTTP interface gives several errors at once.
    pub fn to_list_text(&self) -> String {
        model::lists::errors(self.0.iter().map(ToString::to_string))
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// A text with a name, in which bytes are found again as line and column.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub name: String,
    pub text: String,
    /// False for JSON: the syntax trees made from it do not know where they stood.
    pub positions: bool,
    /// Where each line begins.
    line_starts: Vec<usize>,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let line_starts =
            [0].into_iter().chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1)).collect();
        Self { name: name.into(), text, positions: true, line_starts }
    }

    /// Line and column in characters, both from 1.
    pub fn locate(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied().unwrap_or(0);
        let before = self.text.get(start..).unwrap_or("").char_indices().take_while(|(at, _)| start + at < offset);
        (line, before.count() + 1)
    }

    pub fn syntax_error(&self, error: &parser::Error) -> Diagnostic {
        let offset = error.location().offset();
        // An error at the end of the input is about what is missing after the last character.
        let mut diagnostic = Diagnostic::error(Kind::Syntax, "syntax error").detail(error.message()).at(self, Some(offset..offset + 1));
        let before = self.text.get(..offset).and_then(|before| before.lines().last()).unwrap_or("");
        if before.contains('{') && error.message().starts_with("invalid attribute") {
            diagnostic.detail.push_str("; a block on one line holds one argument: put blocks and further arguments on lines of their own");
        }
        if self.positions {
            diagnostic.line = error.location().line();
            diagnostic.column = error.location().column();
        }
        diagnostic
    }
}

/// Names that are compared; longer lists and longer names would only keep the machine busy.
const CANDIDATES_MAX: usize = 200;
const NAME_CHARS_MAX: usize = 64;

/// The candidate that `given` is most probably a slip for.
pub(crate) fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = given.chars().take(NAME_CHARS_MAX + 1).count();
    if length > NAME_CHARS_MAX {
        return None;
    }
    // A third of the letters may differ: `cont` finds `count`, `x` finds nothing.
    let allowed = length.max(3) / 3;
    candidates
        .into_iter()
        .take(CANDIDATES_MAX)
        .filter(|candidate| candidate.len() <= 2 * NAME_CHARS_MAX)
        .map(|candidate| (strsim::damerau_levenshtein(given, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed && *distance < length)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
