//! Arithmetic.

use super::{Answer, Arguments, Function, MANY, function};
use crate::hcl::value::{Number, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    function("abs", 1, 1, abs),
    function("ceil", 1, 1, |arguments| rounded(arguments, f64::ceil)),
    function("floor", 1, 1, |arguments| rounded(arguments, f64::floor)),
    function("log", 2, 2, log),
    function("max", 1, MANY, |arguments| extreme(arguments, std::cmp::Ordering::is_gt)),
    function("min", 1, MANY, |arguments| extreme(arguments, std::cmp::Ordering::is_lt)),
    function("parseint", 2, 2, parse_integer),
    function("pow", 2, 2, power),
    function("signum", 1, 1, sign),
];

fn abs(arguments: &Arguments<'_>) -> Answer {
    Ok(Value::Number(match arguments.number(0)? {
        Number::Integer(integer) => integer.checked_abs().map_or(Number::Float((integer as f64).abs()), Number::Integer),
        Number::Float(float) => Number::Float(float.abs()),
    }))
}

fn rounded(arguments: &Arguments<'_>, round: fn(f64) -> f64) -> Answer {
    Ok(Value::Number(match arguments.number(0)? {
        Number::Integer(integer) => Number::Integer(integer),
        Number::Float(float) => Number::from_float(round(float)).unwrap_or(Number::Float(float)),
    }))
}

fn finite(result: f64) -> Answer {
    Number::from_arithmetic(result).map(Value::Number).ok_or_else(|| "the result is not a number".into())
}

fn log(arguments: &Arguments<'_>) -> Answer {
    let (number, base) = (arguments.number(0)?.to_float(), arguments.number(1)?.to_float());
    // Exact where the base has a function of its own.
    finite(if base == 10.0 {
        number.log10()
    } else if base == 2.0 {
        number.log2()
    } else {
        number.ln() / base.ln()
    })
}

fn power(arguments: &Arguments<'_>) -> Answer {
    let (base, exponent) = (arguments.number(0)?, arguments.number(1)?);
    if let (Number::Integer(base), Number::Integer(exponent)) = (base, exponent)
        && let Some(result) = u32::try_from(exponent).ok().and_then(|exponent| base.checked_pow(exponent))
    {
        return Ok(Value::Number(Number::Integer(result)));
    }
    finite(base.to_float().powf(exponent.to_float()))
}

fn extreme(arguments: &Arguments<'_>, better: fn(std::cmp::Ordering) -> bool) -> Answer {
    let mut best = arguments.number(0)?;
    for index in 1..arguments.len() {
        let number = arguments.number(index)?;
        if better(number.compare(best)) {
            best = number;
        }
    }
    Ok(Value::Number(best))
}

fn sign(arguments: &Arguments<'_>) -> Answer {
    let ordering = arguments.number(0)?.compare(Number::Integer(0));
    Ok(Value::from(ordering as i64))
}

/// Digits beyond 9 are a to z, then A to Z for bases beyond 36.
fn parse_integer(arguments: &Arguments<'_>) -> Answer {
    let text = arguments.text(0)?;
    let base = arguments.integer(1)?;
    if !(2..=62).contains(&base) {
        return Err(arguments.refuse(1, format!("the base must be between 2 and 62, not {base}")));
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(&text)),
    };
    let value_of = |digit: char| match digit {
        '0'..='9' => Some(digit as i128 - '0' as i128),
        'a'..='z' => Some(digit as i128 - 'a' as i128 + 10),
        'A'..='Z' if base <= 36 => Some(digit as i128 - 'A' as i128 + 10),
        'A'..='Z' => Some(digit as i128 - 'A' as i128 + 36),
        _ => None,
    };
    let mut total: i128 = 0;
    for digit in digits.chars() {
        let value = value_of(digit).filter(|value| *value < i128::from(base));
        let Some(value) = value else { return Err(arguments.refuse(0, format!("{text:?} is not a number of base {base}"))) };
        let sum = total.checked_mul(i128::from(base)).and_then(|total| total.checked_add(value));
        total = sum.ok_or_else(|| arguments.refuse(0, "the number is too large"))?;
    }
    if digits.is_empty() {
        return Err(arguments.refuse(0, format!("{text:?} is not a number of base {base}")));
    }
    Ok(Value::Number(Number::Integer(sign * total)))
}
