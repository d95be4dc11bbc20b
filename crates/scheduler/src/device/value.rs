//! Values that devices say of themselves: numbers, perhaps with a unit, texts, and yes or no.

use std::borrow::Cow;
use std::cmp::Ordering;

use model::DeviceAttribute;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Bool(bool),
    Whole(i64, Option<Unit>),
    Number(f64, Option<Unit>),
}

/// Units of one quantity can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantity {
    Bytes,
    BytesPerSecond,
    Hertz,
    Watt,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    quantity: Quantity,
    /// In units without a prefix.
    size: f64,
}

const PREFIXES: &[(&str, f64)] = &[
    ("", 1.0),
    ("k", 1e3),
    ("K", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
    ("m", 1e-3),
];

impl Unit {
    fn parse(text: &str) -> Option<Self> {
        let (prefix, quantity) =
            [("B/s", Quantity::BytesPerSecond), ("B", Quantity::Bytes), ("Hz", Quantity::Hertz), ("W", Quantity::Watt)]
                .into_iter()
                .find_map(|(name, quantity)| Some((text.strip_suffix(name)?, quantity)))?;
        let (_, size) = PREFIXES.iter().find(|(known, _)| *known == prefix)?;
        Some(Self { quantity, size: *size })
    }
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// `2 GiB`, `1.5GHz`, `2560`, `true`; anything else is a text.
    pub(super) fn parse(text: &str) -> Self {
        let trimmed = text.trim();
        if let Ok(value) = trimmed.parse() {
            return Self::Bool(value);
        }
        let number_end = trimmed.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+')).unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(number_end);
        let unit = unit.trim();
        let known = Unit::parse(unit);
        if unit.is_empty() || known.is_some() {
            if let Ok(whole) = number.parse() {
                return Self::Whole(whole, known);
            }
            if let Ok(number) = number.parse() {
                return Self::Number(number, known);
            }
        }
        Self::Text(text.to_owned())
    }

    pub(super) fn of(attribute: &DeviceAttribute) -> Self {
        let unit = Unit::parse(&attribute.unit);
        match attribute {
            DeviceAttribute { int: Some(int), .. } => Self::Whole(*int, unit),
            DeviceAttribute { float: Some(float), .. } => Self::Number(*float, unit),
            DeviceAttribute { bool: Some(bool), .. } => Self::Bool(*bool),
            // A text that reads like a number is one, as literals are.
            DeviceAttribute { string: Some(text), .. } => Self::parse(text),
            _ => Self::Text(String::new()),
        }
    }

    pub(super) fn as_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Bool(bool) => Cow::Owned(bool.to_string()),
            Self::Whole(whole, _) => Cow::Owned(whole.to_string()),
            Self::Number(number, _) => Cow::Owned(number.to_string()),
        }
    }

    /// `None` when they are not of one kind, or only one has a unit.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            (Self::Bool(one), Self::Bool(other)) => Some(one.cmp(other)),
            (Self::Whole(one, unit), Self::Whole(other, other_unit)) if unit == other_unit => Some(one.cmp(other)),
            _ => {
                let ((one, unit), (other, other_unit)) = (self.number()?, other.number()?);
                match (unit, other_unit) {
                    (None, None) => one.partial_cmp(&other),
                    (Some(unit), Some(other_unit)) if unit.quantity == other_unit.quantity => {
                        (one * unit.size).partial_cmp(&(other * other_unit.size))
                    }
                    _ => None,
                }
            }
        }
    }

    fn number(&self) -> Option<(f64, Option<Unit>)> {
        match self {
            Self::Whole(whole, unit) => Some((*whole as f64, *unit)),
            Self::Number(number, unit) => Some((*number, *unit)),
            Self::Text(_) | Self::Bool(_) => None,
        }
    }
}
