//! Histories are judged.

use std::collections::{BTreeMap, BTreeSet};

use super::linear::{self, Verdict};
use super::{Call, History, How, Op, Told};

/// What is wrong with a history.
#[derive(Default)]
pub struct Judged {
    pub violations: Vec<String>,
    /// Keys with too many orders to look at.
    pub undecided: usize,
}

/// Knows nothing but what a register is, and that who waits or follows is told everything, once and in order.
pub fn judge(history: &History) -> Judged {
    let mut judged = Judged::default();
    let told: BTreeSet<u64> = history.told.iter().filter(|told| told.how == How::Event).filter_map(|told| told.value).collect();
    for (key, calls) in &history.calls {
        // Whether those who follow are told of every write is judged below. What they were not told of did not happen: with all the calls of
        // which nobody knows what came of them, there are too many orders to look at.
        let happened = |call: &&Call| match call.op {
            Op::Write(value) | Op::Swap(_, value) => call.end.is_some() || told.contains(&value),
            Op::Read(_) | Op::Refused(_) | Op::Delete => true,
        };
        let calls: Vec<Call> = calls.iter().filter(happened).copied().collect();
        match linear::judge(&calls) {
            Verdict::Linearizable => {}
            Verdict::Undecided => judged.undecided += 1,
            Verdict::Violated(longest) => {
                judged.violations.push(format!("{key} is no register: {longest} of {} calls have an order", calls.len()))
            }
        }
    }
    judged.violations.extend(history.late.iter().map(|what| format!("not told in time: {what}")));
    judged.violations.extend(history.nodes_down.iter().map(|what| format!("a node is taken for down, {what}")));
    forwards(history, &mut judged.violations);
    events(history, &mut judged.violations);
    judged
}

/// What one server says of a key in one of its lives never goes back.
fn forwards(history: &History, violations: &mut Vec<String>) {
    let mut last: BTreeMap<(&str, u32, How, &str), &Told> = BTreeMap::new();
    // Several clients read at the same time, so that only the order of those who wait is known.
    for told in history.told.iter().filter(|told| told.how != How::Stale) {
        let before = last.insert((&told.by, told.life, told.how, &told.key), told);
        let Some(before) = before else { continue };
        let goes_back = told.index < before.index;
        let comes_twice = told.how == How::Event && told.index == before.index;
        if goes_back || comes_twice {
            violations.push(format!("{:?} of {} at {}: {before:?}, and then {told:?}", told.how, told.key, told.by));
        }
    }
    let mut by_index: BTreeMap<(&str, u64), Option<u64>> = BTreeMap::new();
    for told in history.told.iter().filter(|told| told.how == How::Event) {
        let known = by_index.entry((&told.key, told.index)).or_insert(told.value);
        if *known != told.value {
            violations.push(format!("{} was {known:?} and {:?} at index {}", told.key, told.value, told.index));
        }
    }
}

/// Whoever followed to the end was told of every acknowledged write, under its index, and all were told the same.
fn events(history: &History, violations: &mut Vec<String>) {
    let mut streams: BTreeMap<&str, BTreeMap<(&str, u64), Option<u64>>> = BTreeMap::new();
    // After the last write everything is deleted, of which some are told and some are not.
    let end = history.written.iter().map(|written| written.index).max().unwrap_or_default();
    for told in history.told.iter().filter(|told| told.how == How::Event && told.index <= end) {
        streams.entry(&told.by).or_default().insert((&told.key, told.index), told.value);
    }
    let first = streams.values().next();
    for (server, stream) in &streams {
        for written in &history.written {
            match stream.get(&(written.key.as_str(), written.index)) {
                Some(value) if *value == Some(written.value) => {}
                other => violations.push(format!("who follows {server} was told {other:?} of {written:?}")),
            }
        }
        if let Some(first) = first.filter(|first| *first != stream) {
            let difference = stream.iter().find(|(at, value)| first.get(*at) != Some(*value));
            let missing = first.keys().find(|at| !stream.contains_key(*at));
            violations.push(format!("who follows {server} was told something else than the others: {difference:?}, missing {missing:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::histories::Written;

    fn told(by: &str, how: How, index: u64, value: Option<u64>) -> Told {
        Told { by: by.to_owned(), life: 1, how, key: "k".to_owned(), index, value }
    }

    fn whole() -> History {
        let calls = [(1, 2, Op::Write(1)), (3, 4, Op::Swap(Some(1), 2)), (5, 6, Op::Read(Some(2)))];
        let calls = calls.map(|(begin, end, op)| Call { begin, end: Some(end), op });
        let written = [(1, 5), (2, 8)].map(|(value, index)| Written { key: "k".to_owned(), value, index });
        let events = ["a", "b"].into_iter().flat_map(|by| [told(by, How::Event, 5, Some(1)), told(by, How::Event, 8, Some(2))]);
        History {
            calls: [("k".to_owned(), calls.to_vec())].into(),
            written: written.to_vec(),
            told: events.collect(),
            ..History::default()
        }
    }

    /// Each row spoils a history in one way, and names what the judge must say.
    #[test]
    fn the_judge() {
        assert_eq!(judge(&whole()).violations, Vec::<String>::new());
        let check = |words: &str, spoil: &dyn Fn(&mut History)| {
            let mut history = whole();
            spoil(&mut history);
            let violations = judge(&history).violations;
            assert!(violations.iter().any(|violation| violation.contains(words)), "{words}: {violations:?}");
        };
        check("is no register", &|history| history.calls.get_mut("k").expect("calls")[2].op = Op::Read(Some(1)));
        check("and then", &|history| history.told.swap(0, 1));
        check("and then", &|history| history.told.insert(1, history.told[0].clone()));
        check("and then", &|history| history.told.extend([told("a", How::Waiting, 9, None), told("a", How::Waiting, 8, None)]));
        check("was told None", &|history| drop(history.told.remove(0)));
        check("something else", &|history| history.told.insert(2, told("b", How::Event, 4, Some(2))));
        check("was Some(1) and Some(7)", &|history| history.told[2].value = Some(7));
        check("taken for down", &|history| history.nodes_down.push("by a".to_owned()));
        check("not told in time", &|history| history.late.push("at a".to_owned()));
    }
}
