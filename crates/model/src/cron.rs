//! When a periodic job is launched: cron expressions and time zones.

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::PeriodicConfig;

/// What is wrong with the schedule of a periodic job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("{expression:?} is no cron expression: {reason}")]
    Expression { expression: String, reason: String },
    #[error("{0:?} is no time zone: write an IANA name such as \"Europe/Berlin\", or \"UTC\"")]
    TimeZone(String),
    #[error("a cron expression is needed, such as crons = [\"*/15 * * * *\"]")]
    Missing,
}

/// A schedule that can be asked when it is due.
#[derive(Clone, Debug)]
pub struct Schedule {
    crons: Vec<Cron>,
    zone: TimeZone,
}

impl Schedule {
    /// Expressions have five fields (minute, hour, day of month, month, day of week), a year as the sixth, seconds in front of seven, or are a
    /// word such as `@daily`.
    pub fn new(config: &PeriodicConfig) -> Result<Self, ScheduleError> {
        let zone = if config.time_zone.is_empty() { "UTC" } else { config.time_zone.as_str() };
        let zone = TimeZone::get(zone).map_err(|_| ScheduleError::TimeZone(config.time_zone.clone()))?;
        let expressions = config.specs.iter().chain(Some(&config.spec).filter(|spec| !spec.is_empty()));
        let crons = expressions.map(|expression| parse(expression)).collect::<Result<Vec<_>, _>>()?;
        if crons.is_empty() {
            return Err(ScheduleError::Missing);
        }
        Ok(Self { crons, zone })
    }

    /// The first point in time after `after` (both unix nanoseconds) at which any of the expressions is due; `None`: never again.
    pub fn next_after(&self, after: i64) -> Option<i64> {
        let after = Timestamp::from_nanosecond(i128::from(after)).ok()?.to_zoned(self.zone.clone());
        let next = self.crons.iter().filter_map(|cron| {
            let next = cron.find_next_occurrence(&after, false).ok()?;
            i64::try_from(next.timestamp().as_nanosecond()).ok()
        });
        next.min()
    }

    /// The last point in time after `after` and not after `until` at which any of the expressions was due.
    pub fn last_due(&self, after: i64, until: i64) -> Option<i64> {
        // Looked for backwards only where there is something to find.
        let first = self.next_after(after).filter(|first| *first <= until)?;
        let end = Timestamp::from_nanosecond(i128::from(until)).ok()?.to_zoned(self.zone.clone());
        let last = self.crons.iter().filter_map(|cron| {
            let last = cron.find_previous_occurrence(&end, true).ok()?;
            i64::try_from(last.timestamp().as_nanosecond()).ok()
        });
        Some(last.filter(|last| (first..=until).contains(last)).max().unwrap_or(first))
    }
}

fn parse(expression: &str) -> Result<Cron, ScheduleError> {
    let fields = expression.split_whitespace().count();
    // Six fields end in a year, where the library would take the first of them for seconds.
    let with_seconds = if fields == 6 { format!("0 {expression}") } else { expression.to_owned() };
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Optional).build();
    parser
        .parse(&with_seconds)
        .map_err(|error: CronError| ScheduleError::Expression { expression: expression.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(spec: &str, zone: &str) -> PeriodicConfig {
        PeriodicConfig { specs: spec.split('|').map(str::to_owned).collect(), time_zone: zone.to_owned(), ..PeriodicConfig::default() }
    }

    fn nanoseconds(text: &str) -> i64 {
        i64::try_from(text.parse::<Timestamp>().expect("a time").as_nanosecond()).expect("fits")
    }

    /// After a point in time the next launch is where the expression, the earliest of several, and the time zone put it; days on which the
    /// clocks are changed included.
    #[test]
    fn next_launches() {
        let rows = [
            ("*/15 * * * *", "", "2026-03-01T10:07:00Z", Some("2026-03-01T10:15:00Z")),
            ("*/15 * * * *", "", "2026-03-01T10:15:00Z", Some("2026-03-01T10:30:00Z")),
            ("0 3 * * *", "UTC", "2026-03-01T10:07:00Z", Some("2026-03-02T03:00:00Z")),
            ("0 3 * * *", "America/New_York", "2026-01-01T10:07:00Z", Some("2026-01-02T08:00:00Z")),
            ("0 3 * * *", "America/New_York", "2026-07-01T10:07:00Z", Some("2026-07-02T07:00:00Z")),
            ("@daily", "", "2026-03-01T10:07:00Z", Some("2026-03-02T00:00:00Z")),
            ("@hourly|*/5 9 * * *", "", "2026-03-01T08:58:00Z", Some("2026-03-01T09:00:00Z")),
            ("@hourly|*/5 9 * * *", "", "2026-03-01T09:00:00Z", Some("2026-03-01T09:05:00Z")),
            ("*/10 * * * * * *", "", "2026-03-01T09:00:01Z", Some("2026-03-01T09:00:10Z")),
            ("0 0 1 1 * 2030", "", "2026-03-01T09:00:01Z", Some("2030-01-01T00:00:00Z")),
            ("0 0 1 1 * 2020", "", "2026-03-01T09:00:01Z", None),
            ("0 0 31 2 *", "", "2026-03-01T09:00:01Z", None),
            ("0 0 L * *", "", "2026-02-03T09:00:01Z", Some("2026-02-28T00:00:00Z")),
            ("0 12 * * MON-FRI", "", "2026-02-27T12:00:00Z", Some("2026-03-02T12:00:00Z")),
            // At half past two on this day the clocks of Berlin go from two to three.
            ("30 2 * * *", "Europe/Berlin", "2026-03-28T23:00:00Z", Some("2026-03-29T01:00:00Z")),
        ];
        for (spec, zone, after, expected) in rows {
            let schedule = Schedule::new(&config(spec, zone)).expect("a schedule");
            let next = schedule.next_after(nanoseconds(after)).map(|next| crate::Time(next).to_string());
            assert_eq!(next.as_deref(), expected, "{spec:?} {zone:?} after {after}");
        }
    }

    /// Of all that was due in a span of time, the last counts: its end belongs to it, its beginning does not.
    #[test]
    fn last_launches() {
        let rows = [
            ("*/15 * * * *", "", "2026-03-01T10:07:00Z", "2026-03-01T10:14:59Z", None),
            ("*/15 * * * *", "", "2026-03-01T10:07:00Z", "2026-03-01T10:15:00Z", Some("2026-03-01T10:15:00Z")),
            ("*/15 * * * *", "", "2026-03-01T10:07:00Z", "2026-03-01T10:15:00.7Z", Some("2026-03-01T10:15:00Z")),
            ("*/15 * * * *", "", "2026-03-01T10:15:00Z", "2026-03-01T10:15:09Z", None),
            ("*/15 * * * *", "", "2026-02-01T10:07:00Z", "2026-03-01T10:29:00Z", Some("2026-03-01T10:15:00Z")),
            ("* * * * * * *", "", "2026-03-01T10:00:00Z", "2026-03-02T10:00:00.1Z", Some("2026-03-02T10:00:00Z")),
            ("@daily|0 7 * * *", "", "2026-03-01T10:07:00Z", "2026-03-03T06:00:00Z", Some("2026-03-03T00:00:00Z")),
            ("@daily|0 7 * * *", "", "2026-03-01T10:07:00Z", "2026-03-03T08:00:00Z", Some("2026-03-03T07:00:00Z")),
            ("0 0 1 1 * 2020", "", "2019-03-01T10:07:00Z", "2026-03-03T08:00:00Z", Some("2020-01-01T00:00:00Z")),
            ("0 3 * * *", "America/New_York", "2026-07-01T10:07:00Z", "2026-07-03T07:00:00Z", Some("2026-07-03T07:00:00Z")),
        ];
        for (spec, zone, after, until, expected) in rows {
            let schedule = Schedule::new(&config(spec, zone)).expect("a schedule");
            let last = schedule.last_due(nanoseconds(after), nanoseconds(until)).map(|last| crate::Time(last).to_string());
            assert_eq!(last.as_deref(), expected, "{spec:?} {zone:?} from {after} to {until}");
        }
    }

    /// What is no expression or no time zone is refused in words that name it.
    #[test]
    fn mistakes() {
        for (spec, zone, expected) in [
            ("* * *", "", "\"* * *\" is no cron expression"),
            ("61 * * * *", "", "\"61 * * * *\" is no cron expression"),
            ("@sometimes", "", "\"@sometimes\" is no cron expression"),
            ("* * * * *", "Mars/Olympus", "\"Mars/Olympus\" is no time zone"),
        ] {
            let error = Schedule::new(&config(spec, zone)).expect_err("refused").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        assert_eq!(Schedule::new(&PeriodicConfig::default()).err(), Some(ScheduleError::Missing));
    }
}
