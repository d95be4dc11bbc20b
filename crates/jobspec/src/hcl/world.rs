//! What an expression can reach besides its own text: files, randomness, and how much work is left.

use std::cell::Cell;
use std::ops::Range;

use sha2::{Digest, Sha256};

/// Reading of files for the functions `file`, `fileexists`, `fileset` and their like. Whoever may not read files hands in none, and the
/// functions fail with words. Relative paths are relative to the directory of the job file.
pub trait Files {
    /// The bytes of a file, or why they cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// Whether a regular file is there; an error if something else is, or nobody can tell.
    fn exists(&self, path: &str) -> Result<bool, String>;

    /// All regular files at and below a directory, relative to it, with `/` between the parts.
    fn files_below(&self, directory: &str) -> Result<Vec<String>, String>;

    /// The path made absolute, without looking at the disk.
    fn absolute(&self, path: &str) -> String;

    /// The home directory of the user, for paths that begin with `~`.
    fn home(&self) -> Option<String>;
}

/// Why an expression has no value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fault {
    pub summary: String,
    pub detail: String,
    pub span: Option<Range<usize>>,
    /// Cannot be caught by `try` and `can`: the limit is reached.
    pub fatal: bool,
    /// Follows from a fault that is already reported.
    pub silent: bool,
}

impl Fault {
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..Self::default() }
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    pub fn silent() -> Self {
        Self { silent: true, ..Self::default() }
    }

    /// Places a fault that has no place yet.
    pub fn or_at(mut self, span: Option<Range<usize>>) -> Self {
        if self.span.is_none() {
            self.span = span;
        }
        self
    }
}

/// Units of work for one job: a second's work or so, and some hundred times what the largest real jobs need.
const WORK_MAX: u64 = 128 << 20;

/// Bytes of values and text that the expressions of one job may make, together, beside so many for each byte of its text.
const MADE_MAX: u64 = 16 << 20;
const MADE_MAX_PER_BYTE: u64 = 32;

/// What a value costs beside its text.
pub(crate) const VALUE_COST: u64 = 64;

/// What it costs to look at one expression.
pub(crate) const STEP_COST: u64 = 32;

/// What it costs to look for the name that was meant; `try` may catch the error, and come again.
pub(crate) const SEARCH_COST: u64 = 2_000;

/// Work and room left.
pub(crate) struct Budget {
    work: Cell<u64>,
    room: Cell<u64>,
}

impl Budget {
    /// For a text of that many bytes.
    fn new(text_bytes: usize) -> Self {
        Self { work: Cell::new(WORK_MAX), room: Cell::new(MADE_MAX + MADE_MAX_PER_BYTE * text_bytes as u64) }
    }

    /// Takes `work` off, or fails for good.
    pub fn charge(&self, work: u64) -> Result<(), Fault> {
        let Some(left) = self.work.get().checked_sub(work) else { return Err(self.used_up()) };
        self.work.set(left);
        Ok(())
    }

    /// The same for what takes memory.
    pub fn make(&self, bytes: u64) -> Result<(), Fault> {
        let Some(left) = self.room.get().checked_sub(bytes) else { return Err(self.used_up()) };
        self.room.set(left);
        self.charge(bytes)
    }

    fn used_up(&self) -> Fault {
        self.work.set(0);
        self.room.set(0);
        let fault = Fault::new("the job is too large to evaluate").detail("its expressions make more values and text than a job may have");
        Fault { fatal: true, ..fault }
    }
}

/// What all expressions of a job share.
pub(crate) struct World<'a> {
    pub files: Option<&'a dyn Files>,
    pub budget: Budget,
    seed: [u8; 32],
    drawn: Cell<u64>,
}

impl<'a> World<'a> {
    /// For a text of that many bytes.
    pub fn new(files: Option<&'a dyn Files>, seed: [u8; 32], text_bytes: usize) -> Self {
        Self { files, budget: Budget::new(text_bytes), seed, drawn: Cell::new(0) }
    }

    /// 16 bytes that nobody can tell without the caller's seed.
    pub fn random(&self) -> [u8; 16] {
        let count = self.drawn.get();
        self.drawn.set(count + 1);
        let digest = Sha256::new().chain_update(self.seed).chain_update(count.to_le_bytes()).finalize();
        let mut bytes = [0; 16];
        bytes.copy_from_slice(digest.get(..16).unwrap_or(&[0; 16]));
        bytes
    }
}

/// Names and values that an expression sees.
pub(crate) struct Scope<'p> {
    parent: Option<&'p Scope<'p>>,
    names: Vec<(String, crate::hcl::Value)>,
}

impl<'p> Scope<'p> {
    pub fn root(names: Vec<(String, crate::hcl::Value)>) -> Self {
        Self { parent: None, names }
    }

    pub fn child<'c>(&'c self, names: Vec<(String, crate::hcl::Value)>) -> Scope<'c> {
        Scope { parent: Some(self), names }
    }

    /// Adds a field to an object of this scope.
    pub fn define(&mut self, root: &str, name: &str, value: crate::hcl::Value) {
        if let Some((_, crate::hcl::Value::Object(fields))) = self.names.iter_mut().find(|(known, _)| known == root) {
            fields.insert(name.to_owned(), value);
        }
    }

    pub fn get(&self, name: &str) -> Option<&crate::hcl::Value> {
        let mut scope = Some(self);
        while let Some(current) = scope {
            if let Some((_, value)) = current.names.iter().find(|(known, _)| known == name) {
                return Some(value);
            }
            scope = current.parent;
        }
        None
    }
}
