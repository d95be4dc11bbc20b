//! `format` and `formatlist`.

use super::{Answer, Arguments, Function, MANY, Refusal, function};
use crate::hcl::value::{Number, Value};

pub(super) const FUNCTIONS: &[Function] = &[function("format", 1, MANY, format), function("formatlist", 1, MANY, format_list)];

/// Wider or more precise than any text needs to be.
const WIDTH_MAX: usize = 10_000;

fn format(arguments: &Arguments<'_>) -> Answer {
    let pattern = arguments.text(0)?;
    render(arguments, &pattern, arguments.all().get(1..).unwrap_or(&[])).map(Value::Text)
}

/// One text for each item of the lists; what is not a list is the same for all.
fn format_list(arguments: &Arguments<'_>) -> Answer {
    let pattern = arguments.text(0)?;
    let rest = arguments.all().get(1..).unwrap_or(&[]);
    let mut count = None;
    for (index, argument) in rest.iter().enumerate() {
        let Some(items) = argument.items() else { continue };
        if count.is_some_and(|count| count != items.len()) {
            return Err(arguments.refuse(index + 1, "all lists must have the same length"));
        }
        count = Some(items.len());
    }
    let mut texts = Vec::new();
    for index in 0..count.unwrap_or(1) {
        let row: Vec<Value> = rest
            .iter()
            .map(|argument| argument.items().map_or(argument, |items| items.get(index).unwrap_or(&Value::Null)).clone())
            .collect();
        arguments.charge_values(row.len())?;
        texts.push(Value::Text(render(arguments, &pattern, &row)?));
    }
    Ok(Value::List(texts))
}

/// `%[2]-08.3f`, read.
#[derive(Default)]
struct Verb {
    letter: char,
    minus: bool,
    plus: bool,
    space: bool,
    zero: bool,
    sharp: bool,
    width: usize,
    precision: Option<usize>,
}

fn render(arguments: &Arguments<'_>, pattern: &str, values: &[Value]) -> Result<String, Refusal> {
    let mut text = String::new();
    let mut next = 0;
    let mut highest = 0;
    let mut positional = false;
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        if chars.peek() == Some(&'%') {
            chars.next();
            text.push('%');
            continue;
        }
        let mut verb = Verb::default();
        while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '+' | ' ' | '0' | '#')) {
            match flag {
                '-' => verb.minus = true,
                '+' => verb.plus = true,
                ' ' => verb.space = true,
                '0' => verb.zero = true,
                _ => verb.sharp = true,
            }
        }
        verb.width = digits(&mut chars).unwrap_or(0);
        if chars.next_if_eq(&'.').is_some() {
            verb.precision = Some(digits(&mut chars).unwrap_or(0));
        }
        if chars.next_if_eq(&'[').is_some() {
            positional = true;
            let number = digits(&mut chars).filter(|number| *number > 0);
            let (Some(number), Some(_)) = (number, chars.next_if_eq(&']')) else {
                return Err(arguments.refuse(0, "after % a number in brackets names an argument, from 1"));
            };
            next = number - 1;
        }
        if verb.width > WIDTH_MAX || verb.precision.is_some_and(|precision| precision > WIDTH_MAX) {
            return Err(arguments.refuse(0, format!("a width of more than {WIDTH_MAX} is too large")));
        }
        let Some(letter) = chars.next() else { return Err(arguments.refuse(0, "the text ends after %; write %% for a percent sign")) };
        verb.letter = letter;
        let Some(value) = values.get(next) else {
            return Err(arguments.refuse(0, format!("%{letter} has no argument: there are {}", values.len())));
        };
        let part = render_one(&verb, value).map_err(|reason| arguments.refuse(next + 1, reason))?;
        arguments.charge(part.len())?;
        text.push_str(&part);
        next += 1;
        highest = highest.max(next);
    }
    if highest < values.len() && !positional {
        return Err(arguments.refuse(highest + 1, "the text does not use this argument"));
    }
    Ok(text)
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut number: Option<usize> = None;
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        let digit = digit.to_digit(10).unwrap_or(0) as usize;
        number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(digit));
    }
    number
}

fn render_one(verb: &Verb, value: &Value) -> Result<String, String> {
    let letter = verb.letter;
    let number = || value.to_number().ok_or_else(|| format!("%{letter} needs a number, not a {}", value.type_name()));
    let integer = || match number()? {
        Number::Integer(integer) => Ok::<i128, String>(integer),
        Number::Float(float) => Ok(float.trunc() as i128),
    };
    let text = || match value {
        Value::Text(_) | Value::Number(_) | Value::Bool(_) => value.to_text().unwrap_or_default(),
        other => other.to_json().to_string(),
    };
    let cut = |text: String| match verb.precision {
        Some(precision) => text.chars().take(precision).collect(),
        None => text,
    };
    Ok(match letter {
        'v' if verb.sharp => pad(verb, value.to_json().to_string()),
        'v' => match value {
            Value::Number(number) => signed(verb, number.to_float() < 0.0, number.to_string().trim_start_matches('-').to_owned()),
            Value::Null => pad(verb, "null".to_owned()),
            _ => pad(verb, cut(text())),
        },
        't' => pad(verb, value.to_bool().ok_or_else(|| format!("%t needs a bool, not a {}", value.type_name()))?.to_string()),
        'd' => integer().map(|integer| signed(verb, integer < 0, integer.unsigned_abs().to_string()))?,
        'b' => integer().map(|integer| signed(verb, integer < 0, format!("{:b}", integer.unsigned_abs())))?,
        'o' => integer().map(|integer| signed(verb, integer < 0, format!("{:o}", integer.unsigned_abs())))?,
        'x' | 'X' => {
            let hexadecimal = match value {
                Value::Text(text) if value.to_number().is_none() => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
                _ => integer().map(|integer| signed(verb, integer < 0, format!("{:x}", integer.unsigned_abs())))?,
            };
            if letter == 'X' { hexadecimal.to_uppercase() } else { hexadecimal }
        }
        'e' | 'E' => {
            let float = number()?.to_float();
            let rendered = scientific(float.abs(), verb.precision.unwrap_or(6));
            signed(verb, float < 0.0, if letter == 'E' { rendered.to_uppercase() } else { rendered })
        }
        'f' | 'F' => number().map(|number| {
            let float = number.to_float();
            signed(verb, float < 0.0, format!("{:.*}", verb.precision.unwrap_or(6), float.abs()))
        })?,
        'g' | 'G' => {
            let float = number()?.to_float();
            let rendered = shortest(float.abs(), verb.precision);
            signed(verb, float < 0.0, if letter == 'G' { rendered.to_uppercase() } else { rendered })
        }
        's' => match value {
            Value::Null => return Err("%s needs a string, not null".to_owned()),
            _ => pad(verb, cut(text())),
        },
        'q' => match value {
            Value::Text(_) | Value::Number(_) | Value::Bool(_) => pad(verb, serde_json::Value::String(cut(text())).to_string()),
            other => return Err(format!("%q needs a string, not a {}", other.type_name())),
        },
        other => return Err(format!("there is no verb %{other}")),
    })
}

/// Exponents have a sign and at least two digits.
fn scientific(float: f64, precision: usize) -> String {
    exponent_form(&format!("{float:.precision$e}"))
}

fn exponent_form(rust: &str) -> String {
    let (mantissa, exponent) = rust.split_once('e').unwrap_or((rust, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// `%g`: an exponent where the number is very large or small, else plain, without trailing zeros.
fn shortest(float: f64, precision: Option<usize>) -> String {
    let scientific = match precision {
        Some(precision) => format!("{float:.*e}", precision.saturating_sub(1)),
        None => format!("{float:e}"),
    };
    let exponent: i32 = scientific.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let limit = precision.map_or(21, |precision| i32::try_from(precision.max(1)).unwrap_or(i32::MAX));
    let without_zeros =
        |text: &str| if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() };
    if exponent < -4 || exponent >= limit {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        return exponent_form(&format!("{}e{exponent}", without_zeros(mantissa)));
    }
    match precision {
        Some(precision) => {
            let decimals = usize::try_from(i32::try_from(precision.max(1)).unwrap_or(i32::MAX) - 1 - exponent).unwrap_or(0);
            without_zeros(&format!("{float:.decimals$}"))
        }
        None => float.to_string(),
    }
}

fn signed(verb: &Verb, is_negative: bool, magnitude: String) -> String {
    let sign = match (is_negative, verb.plus, verb.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        _ => "",
    };
    if verb.zero && !verb.minus {
        let width = verb.width.saturating_sub(sign.len());
        return format!("{sign}{magnitude:0>width$}");
    }
    pad(verb, format!("{sign}{magnitude}"))
}

fn pad(verb: &Verb, text: String) -> String {
    let width = verb.width;
    if verb.minus { format!("{text:<width$}") } else { format!("{text:>width$}") }
}
