//! Points in time, as RFC 3339 texts. There is no "now": the same job file always makes the same job.

use jiff::{SignedDuration, Timestamp, Zoned, tz};

use super::{Answer, Arguments, Function, Refusal, function};

pub(super) const FUNCTIONS: &[Function] = &[function("formatdate", 2, 2, format_date), function("timeadd", 2, 2, add)];

/// The moment, in the offset in which it is written.
fn moment(arguments: &Arguments<'_>, index: usize) -> Result<(Zoned, bool), Refusal> {
    let text = arguments.text(index)?;
    let wrong = || arguments.refuse(index, format!("{text:?} is not a time such as 2030-01-31T12:00:00Z"));
    let is_utc = text.ends_with(['Z', 'z']);
    let timestamp: Timestamp = text.parse().map_err(|_| wrong())?;
    let offset = match text.rfind(['+', '-']).filter(|at| *at > 10 && !is_utc) {
        Some(at) => {
            let (hours, minutes) = text.get(at + 1..).and_then(|offset| offset.split_once(':')).ok_or_else(wrong)?;
            let (hours, minutes): (i32, i32) = (hours.parse().map_err(|_| wrong())?, minutes.parse().map_err(|_| wrong())?);
            let sign = if text.get(at..=at) == Some("-") { -1 } else { 1 };
            tz::Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).map_err(|_| wrong())?
        }
        None => tz::Offset::UTC,
    };
    Ok((timestamp.to_zoned(tz::TimeZone::fixed(offset)), is_utc))
}

fn add(arguments: &Arguments<'_>) -> Answer {
    let (moment, is_utc) = moment(arguments, 0)?;
    let text = arguments.text(1)?;
    let length = model::parse_duration(&text).map_err(|error| arguments.refuse(1, error.to_string()))?;
    let sum = moment.checked_add(SignedDuration::from_nanos(length)).map_err(|_| arguments.refuse(1, "the result is out of range"))?;
    Ok(format!("{}{}", sum.datetime(), zone(&sum, is_utc, true)).into())
}

fn zone(moment: &Zoned, is_utc: bool, with_colon: bool) -> String {
    if is_utc {
        return "Z".to_owned();
    }
    let minutes = moment.offset().seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}{}{:02}", minutes.abs() / 60, if with_colon { ":" } else { "" }, minutes.abs() % 60)
}

/// Letters stand for parts of the time, repeated letters for longer forms: `DD MMM YYYY hh:mm ZZZ`. Text goes in single quotes.
fn format_date(arguments: &Arguments<'_>) -> Answer {
    let pattern = arguments.text(0)?;
    let (moment, is_utc) = moment(arguments, 1)?;
    let mut result = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\'' {
            quoted(&mut chars, &mut result).ok_or_else(|| arguments.refuse(0, "a single quote is not closed"))?;
            continue;
        }
        if !c.is_ascii_alphabetic() {
            result.push(c);
            continue;
        }
        let mut count = 1;
        while chars.next_if_eq(&c).is_some() {
            count += 1;
        }
        let part = part(c, count, &moment, is_utc).ok_or_else(|| {
            arguments.refuse(0, format!("{:?} does not stand for anything; put text in single quotes", c.to_string().repeat(count.min(20))))
        })?;
        result.push_str(&part);
    }
    Ok(result.into())
}

fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, result: &mut String) -> Option<()> {
    loop {
        match chars.next()? {
            '\'' if chars.next_if_eq(&'\'').is_some() => result.push('\''),
            '\'' => return Some(()),
            c => result.push(c),
        }
    }
}

fn part(letter: char, count: usize, moment: &Zoned, is_utc: bool) -> Option<String> {
    let hour = moment.hour();
    let hour_of_12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    Some(match (letter, count) {
        ('Y', 4) => format!("{:04}", moment.year()),
        ('Y', 2) => format!("{:02}", moment.year().rem_euclid(100)),
        ('M', 4) => moment.strftime("%B").to_string(),
        ('M', 3) => moment.strftime("%b").to_string(),
        ('M', 2) => format!("{:02}", moment.month()),
        ('M', 1) => moment.month().to_string(),
        ('D', 2) => format!("{:02}", moment.day()),
        ('D', 1) => moment.day().to_string(),
        ('E', 4) => moment.strftime("%A").to_string(),
        ('E', 3) => moment.strftime("%a").to_string(),
        ('h', 2) => format!("{hour:02}"),
        ('h', 1) => hour.to_string(),
        ('H', 2) => format!("{hour_of_12:02}"),
        ('H', 1) => hour_of_12.to_string(),
        ('A', 2) => if hour < 12 { "AM" } else { "PM" }.to_owned(),
        ('a', 2) => if hour < 12 { "am" } else { "pm" }.to_owned(),
        ('m', 2) => format!("{:02}", moment.minute()),
        ('m', 1) => moment.minute().to_string(),
        ('s', 2) => format!("{:02}", moment.second()),
        ('s', 1) => moment.second().to_string(),
        ('Z', 5) => zone(moment, false, true),
        ('Z', 4) => zone(moment, false, false),
        ('Z', 3) if moment.offset().seconds() == 0 => "UTC".to_owned(),
        ('Z', 3) => zone(moment, false, false),
        ('Z', 1) => zone(moment, is_utc || moment.offset().seconds() == 0, true),
        _ => return None,
    })
}
