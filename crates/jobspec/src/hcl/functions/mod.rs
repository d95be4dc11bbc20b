//! The functions of expressions, one file per theme. `try`, `can` and `convert` are not here: they take expressions, not values.

mod collections;
mod encoding;
mod files;
mod format;
mod hashes;
mod networks;
mod numbers;
mod rsa;
mod sets;
mod texts;
mod times;
mod yaml;

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::evaluate::wrong_type;
use super::value::{Number, Value};
use super::world::{Fault, Files, VALUE_COST, World};

/// A function: how many arguments it takes, and what it does with them.
pub(crate) struct Function {
    pub name: &'static str,
    least: usize,
    most: usize,
    pub call: fn(&Arguments<'_>) -> Answer,
}

type Answer = Result<Value, Refusal>;

/// Why a function has no value, and which argument is to blame.
pub(crate) struct Refusal {
    pub argument: Option<usize>,
    pub fault: Fault,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { argument: None, fault }
    }
}

impl From<&str> for Refusal {
    fn from(text: &str) -> Self {
        Fault::new(text).into()
    }
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Fault::new(text).into()
    }
}

const MANY: usize = usize::MAX;

const fn function(name: &'static str, least: usize, most: usize, call: fn(&Arguments<'_>) -> Answer) -> Function {
    Function { name, least, most, call }
}

const THEMES: &[&[Function]] = &[
    collections::FUNCTIONS,
    encoding::FUNCTIONS,
    files::FUNCTIONS,
    format::FUNCTIONS,
    hashes::FUNCTIONS,
    networks::FUNCTIONS,
    numbers::FUNCTIONS,
    sets::FUNCTIONS,
    texts::FUNCTIONS,
    times::FUNCTIONS,
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    THEMES.iter().flat_map(|theme| theme.iter()).find(|function| function.name == name)
}

pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    THEMES.iter().flat_map(|theme| theme.iter()).map(|function| function.name).chain(["try", "can", "convert"])
}

impl Function {
    pub fn check_count(&self, count: usize) -> Result<(), String> {
        if (self.least..=self.most).contains(&count) {
            return Ok(());
        }
        let name = self.name;
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        Err(match (self.least, self.most) {
            (least, most) if least == most => format!("{name}: takes exactly {least} argument{}, not {count}", plural(least)),
            (least, MANY) => format!("{name}: takes at least {least} argument{}, not {count}", plural(least)),
            (least, most) => format!("{name}: takes {least} to {most} arguments, not {count}"),
        })
    }
}

/// The arguments of one call, read as the function wants them.
pub(crate) struct Arguments<'a> {
    values: &'a [Value],
    world: &'a World<'a>,
}

impl<'a> Arguments<'a> {
    pub fn new(values: &'a [Value], world: &'a World<'a>) -> Self {
        Self { values, world }
    }

    fn all(&self) -> &'a [Value] {
        self.values
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    fn has(&self, index: usize) -> bool {
        index < self.values.len()
    }

    /// Pays for what the call makes, in bytes.
    fn charge(&self, bytes: usize) -> Result<(), Refusal> {
        Ok(self.world.budget.make(bytes as u64)?)
    }

    /// Pays for work that takes no memory.
    fn charge_work(&self, work: usize) -> Result<(), Refusal> {
        Ok(self.world.budget.charge(work as u64)?)
    }

    /// Pays for this many values.
    fn charge_values(&self, count: usize) -> Result<(), Refusal> {
        Ok(self.world.budget.make(VALUE_COST.saturating_mul(count as u64))?)
    }

    fn random(&self) -> [u8; 16] {
        self.world.random()
    }

    fn files(&self) -> Result<&'a dyn Files, Refusal> {
        self.world.files.ok_or_else(|| {
            Fault::new("filesystem function disabled").detail("files can be read where the job file is, not over HTTP").into()
        })
    }

    fn refuse(&self, index: usize, reason: impl Into<String>) -> Refusal {
        Refusal { argument: Some(index), fault: Fault::new(reason) }
    }

    fn any(&self, index: usize) -> Result<&'a Value, Refusal> {
        self.values.get(index).ok_or_else(|| self.refuse(index, "an argument is missing"))
    }

    fn wrong(&self, index: usize, wanted: &str, value: &Value) -> Refusal {
        Refusal { argument: Some(index), fault: wrong_type(wanted, value) }
    }

    fn text(&self, index: usize) -> Result<Cow<'a, str>, Refusal> {
        match self.any(index)? {
            Value::Text(text) => Ok(Cow::Borrowed(text)),
            other => other.to_text().map(Cow::Owned).ok_or_else(|| self.wrong(index, "string", other)),
        }
    }

    fn number(&self, index: usize) -> Result<Number, Refusal> {
        let value = self.any(index)?;
        value.to_number().ok_or_else(|| self.wrong(index, "number", value))
    }

    fn integer(&self, index: usize) -> Result<i64, Refusal> {
        let number = self.number(index)?;
        number.to_integer().ok_or_else(|| self.refuse(index, format!("expected a whole number, got {number}")))
    }

    /// A whole number that is not negative.
    fn count(&self, index: usize) -> Result<usize, Refusal> {
        let integer = self.integer(index)?;
        usize::try_from(integer).map_err(|_| self.refuse(index, format!("expected a number that is not negative, got {integer}")))
    }

    /// Items of a list or set.
    fn items(&self, index: usize) -> Result<&'a [Value], Refusal> {
        let value = self.any(index)?;
        value.items().ok_or_else(|| self.wrong(index, "list", value))
    }

    /// Items of a list or set, as texts.
    fn texts(&self, index: usize) -> Result<Vec<String>, Refusal> {
        let items = self.items(index)?.iter();
        items.map(|item| item.to_text().ok_or_else(|| self.wrong(index, "list of strings", item))).collect()
    }

    fn object(&self, index: usize) -> Result<&'a BTreeMap<String, Value>, Refusal> {
        match self.any(index)? {
            Value::Object(fields) => Ok(fields),
            other => Err(self.wrong(index, "object", other)),
        }
    }
}
