//! Collects what is found wrong while a text is read.

use std::cell::RefCell;

use crate::diagnostic::{Diagnostic, Kind, Severity, Source};
use crate::hcl::Fault;
use crate::tree::Span;

/// Errors that are kept, and as many warnings. Nobody reads more, and a text full of errors would otherwise make an answer that is larger
/// than itself by far.
pub(crate) const KEPT_MAX: usize = 200;

/// Characters of a summary or detail: names from the text may be long.
const TEXT_MAX: usize = 1_000;

#[derive(Default)]
pub(crate) struct Findings {
    list: RefCell<Vec<Diagnostic>>,
}

impl Findings {
    /// Adds what is wrong with a place of a text.
    pub fn add(&self, diagnostic: Diagnostic, source: &Source, span: Span) {
        if self.has_room(diagnostic.severity) {
            self.put(diagnostic.at(source, span));
        }
    }

    /// Adds what is already placed.
    pub fn put(&self, mut diagnostic: Diagnostic) {
        if !self.has_room(diagnostic.severity) {
            return;
        }
        for text in [&mut diagnostic.summary, &mut diagnostic.detail] {
            if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
                text.truncate(end);
                text.push('…');
            }
        }
        self.list.borrow_mut().push(diagnostic);
    }

    /// Adds a fault of an expression, unless it follows from one that is there.
    pub fn fault(&self, fault: Fault, source: &Source) {
        let is_repeated = fault.fatal && self.list.borrow().iter().any(|known| known.summary == fault.summary);
        if !fault.silent && !is_repeated {
            self.add(Diagnostic::error(Kind::Malformed, fault.summary).detail(fault.detail), source, fault.span);
        }
    }

    /// Errors and warnings.
    pub fn split(self) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        self.list.into_inner().into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error)
    }

    fn has_room(&self, severity: Severity) -> bool {
        self.list.borrow().iter().filter(|known| known.severity == severity).count() < KEPT_MAX
    }
}
