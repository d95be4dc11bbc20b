//! Values that devices say of themselves: numbers, perhaps with a unit, texts, and yes or no.

use std::cmp::Ordering;

use model::DeviceAttribute;

/// A value, and how it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Text,
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
    /// `2 GiB`, `1.5GHz`, `2560`, `true`; anything else is a text.
    pub(super) fn parse(text: &str) -> Self {
        Self { text: text.to_owned(), kind: Kind::parse(text.trim()) }
    }

    pub(super) fn of(attribute: &DeviceAttribute) -> Self {
        let unit = Unit::parse(&attribute.unit);
        let of = |text: String, kind: Kind| Self { text, kind };
        match attribute {
            DeviceAttribute { int: Some(int), .. } => of(int.to_string(), Kind::Whole(*int, unit)),
            DeviceAttribute { float: Some(float), .. } => of(float.to_string(), Kind::Number(*float, unit)),
            DeviceAttribute { bool: Some(bool), .. } => of(bool.to_string(), Kind::Bool(*bool)),
            // A text that reads like a number is one, as literals are.
            DeviceAttribute { string: Some(text), .. } => Self::parse(text),
            _ => Self::parse(""),
        }
    }

    pub(super) fn as_text(&self) -> &str {
        &self.text
    }

    /// `None` when they are not of one kind, or only one has a unit.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (&self.kind, &other.kind) {
            (Kind::Text, Kind::Text) => Some(self.text.cmp(&other.text)),
            (Kind::Bool(one), Kind::Bool(other)) => Some(one.cmp(other)),
            (Kind::Whole(one, unit), Kind::Whole(other, other_unit)) if unit == other_unit => Some(one.cmp(other)),
            (one, other) => {
                let ((one, unit), (other, other_unit)) = (one.number()?, other.number()?);
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
}

impl Kind {
    fn parse(text: &str) -> Self {
        if let Ok(value) = text.parse() {
            return Self::Bool(value);
        }
        let number_end = text.find(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+')).unwrap_or(text.len());
        let (number, unit) = text.split_at(number_end);
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
        Self::Text
    }

    fn number(&self) -> Option<(f64, Option<Unit>)> {
        match self {
            Self::Whole(whole, unit) => Some((*whole as f64, *unit)),
            Self::Number(number, unit) => Some((*number, *unit)),
            Self::Text | Self::Bool(_) => None,
        }
    }
}
