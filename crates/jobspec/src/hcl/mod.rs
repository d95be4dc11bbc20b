//! The expression language: values, expressions, templates, type constraints and functions, on the syntax trees of `hcl-edit`.
//!
//! Names that nobody defined are not errors: `${attr.kernel.name}` stays that text, and the node that runs the task fills it in.

mod evaluate;
mod functions;
mod template;
mod types;
mod value;
mod world;

pub(crate) use evaluate::{Evaluator, UnknownNames, entries, wrong_type};
pub(crate) use types::{Type, convert, parse as parse_type};
pub(crate) use value::{Number, Value};
pub use world::Files;
pub(crate) use world::{Fault, Scope, World};

#[cfg(test)]
mod tests;
