//! Which of a node's cores the tasks of an allocation get for themselves, and how near to each other those are.

use std::collections::BTreeMap;

use model::{Node, NumaAffinity};

/// Cores that one task wants for itself.
#[derive(Clone, Debug)]
pub(crate) struct CoreAsk {
    pub task: String,
    pub n: usize,
    pub affinity: NumaAffinity,
}

/// For each ask so many of the free cores, which come as (core, NUMA node) in the order of cores; `None` when that cannot be.
///
/// Tasks that require one NUMA node come first and the largest of them before others, each into the node where the fewest cores are left
/// (best fit decreasing: an arrangement that exists may be missed when several tasks of one group require it). Then those that prefer it,
/// and at last those that take what there is, the first cores first.
pub(crate) fn choose(asks: &[CoreAsk], free: impl Iterator<Item = (u16, u32)>) -> Option<Vec<Vec<u16>>> {
    let mut free: Vec<(u16, u32)> = free.collect();
    if free.len() < asks.iter().map(|ask| ask.n).sum() {
        return None;
    }
    let mut order: Vec<usize> = (0..asks.len()).collect();
    order.sort_by_key(|position| match asks[*position].affinity {
        NumaAffinity::Require => (0, usize::MAX - asks[*position].n),
        NumaAffinity::Prefer => (1, usize::MAX - asks[*position].n),
        NumaAffinity::None => (2, 0),
    });
    let mut chosen = vec![Vec::new(); asks.len()];
    for position in order {
        let ask = &asks[position];
        let one = if ask.affinity == NumaAffinity::None { None } else { smallest_with(&free, ask.n) };
        if one.is_none() && ask.affinity == NumaAffinity::Require {
            return None;
        }
        let mut n_left = ask.n;
        free.retain(|(core, numa)| {
            let is_taken = n_left > 0 && one.is_none_or(|one| one == *numa);
            if is_taken {
                chosen[position].push(*core);
                n_left -= 1;
            }
            !is_taken
        });
    }
    Some(chosen)
}

/// The NUMA node with the fewest free cores that are still `n`.
fn smallest_with(free: &[(u16, u32)], n: usize) -> Option<u32> {
    let mut n_free: BTreeMap<u32, usize> = BTreeMap::new();
    for (_, numa) in free {
        *n_free.entry(*numa).or_default() += 1;
    }
    n_free.into_iter().filter(|(_, free)| *free >= n).min_by_key(|(_, free)| *free).map(|(numa, _)| numa)
}

/// On which NUMA node each core of a machine is, as its attributes `numa.node<N>.cores` tell: `0-3,8`.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumaNodes {
    /// First and last core, and the node. Empty on a machine of one node.
    ranges: Vec<(u16, u16, u32)>,
}

impl NumaNodes {
    pub(crate) fn of(node: &Node) -> Self {
        let mut ranges = Vec::new();
        let attributes = node.attributes.range("numa.node".to_owned()..).take_while(|(key, _)| key.starts_with("numa.node"));
        for (key, list) in attributes {
            let number = key.strip_prefix("numa.node").and_then(|rest| rest.strip_suffix(".cores")).and_then(|number| number.parse().ok());
            let Some(number) = number else { continue };
            for range in list.split(',') {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                if let (Ok(first), Ok(last)) = (first.trim().parse(), last.trim().parse()) {
                    ranges.push((first, last, number));
                }
            }
        }
        Self { ranges }
    }

    /// 0 when nothing is said about it.
    pub(crate) fn of_core(&self, core: u16) -> u32 {
        self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&core)).map_or(0, |(_, _, node)| *node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: what the tasks ask for, the free cores of each NUMA node, and which cores each task gets.
    #[test]
    fn chosen() {
        for (asks, free, expected) in [
            ("2", "0 1 2|3 4", "0 1"),
            ("2", "0|1", "0 1"),
            ("2!", "0 1 2|3 4", "3 4"),
            ("3!", "0 1 2|3 4", "0 1 2"),
            ("3!", "0 1|3 4", "-"),
            ("3?", "0 1|3 4", "0 1 3"),
            ("2?", "0 1 2|3 4", "3 4"),
            ("1 2!", "0 1 2|3 4", "0; 3 4"),
            ("1 2!", "0 1|3", "3; 0 1"),
            ("2! 3!", "0 1 2|3 4", "3 4; 0 1 2"),
            ("3! 3!", "0 1 2|3 4", "-"),
            ("2? 2!", "0 1|3", "-"),
            ("1? 2!", "0 1|3", "3; 0 1"),
            ("6", "0 1 2|3 4", "-"),
            ("", "", ""),
        ] {
            let asks: Vec<CoreAsk> = asks
                .split_whitespace()
                .map(|ask| {
                    let affinity = match ask.chars().last() {
                        Some('!') => NumaAffinity::Require,
                        Some('?') => NumaAffinity::Prefer,
                        _ => NumaAffinity::None,
                    };
                    CoreAsk { task: String::new(), n: ask.trim_end_matches(['!', '?']).parse().expect("a number"), affinity }
                })
                .collect();
            let nodes = free.split('|').zip(0..);
            let free = nodes.flat_map(|(cores, node)| cores.split_whitespace().map(move |core| (core.parse().expect("a core"), node)));
            let shown = choose(&asks, free).map_or("-".to_owned(), |chosen| {
                let tasks: Vec<String> =
                    chosen.iter().map(|cores| cores.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")).collect();
                tasks.join("; ")
            });
            assert_eq!(shown, expected, "{asks:?}");
        }
    }

    /// Lists of ranges; what cannot be read says nothing.
    #[test]
    fn numa_nodes() {
        let node = testkit::node("n1")
            .attribute("numa.node0.cores", "0-3,8")
            .attribute("numa.node1.cores", "4-7, 9")
            .attribute("numa.node2.cores", "x");
        let nodes = NumaNodes::of(&node.attribute("numa.node.count", "3").build());
        assert_eq!([0, 3, 4, 8, 9, 77].map(|core| nodes.of_core(core)), [0, 0, 1, 0, 1, 0]);
    }
}
