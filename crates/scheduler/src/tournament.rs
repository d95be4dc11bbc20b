//! The best few of many nodes, when one of them changes at a time.

/// A tree of matches: every inner place holds the winner of the two below it. A change costs one path to the root.
pub(crate) struct Tournament {
    /// Leaves, a power of two.
    n_leaves: usize,
    /// Places 1.. as in a heap; leaves are at `n_leaves` + position.
    winners: Vec<u32>,
    /// Negative infinity: takes no part.
    scores: Vec<f64>,
    /// Smaller wins among equal scores.
    tie: Vec<u32>,
}

const NOBODY: f64 = f64::NEG_INFINITY;

impl Tournament {
    pub(crate) fn new(tie: &[u32]) -> Self {
        let n_leaves = tie.len().next_power_of_two();
        let mut tie = tie.to_vec();
        tie.resize(n_leaves, u32::MAX);
        let mut this = Self { n_leaves, winners: vec![0; 2 * n_leaves], scores: vec![NOBODY; n_leaves], tie };
        for leaf in 0..n_leaves {
            this.winners[n_leaves + leaf] = leaf as u32;
        }
        this
    }

    /// Sets all scores at once.
    pub(crate) fn fill(&mut self, scores: impl Iterator<Item = Option<f64>>) {
        for (leaf, score) in scores.enumerate().take(self.n_leaves) {
            self.scores[leaf] = score.unwrap_or(NOBODY);
        }
        self.settle();
    }

    pub(crate) fn set(&mut self, leaf: u32, score: Option<f64>) {
        self.scores[leaf as usize] = score.unwrap_or(NOBODY);
        let mut place = (self.n_leaves + leaf as usize) / 2;
        while place > 0 {
            self.winners[place] = self.better(self.winners[2 * place], self.winners[2 * place + 1]);
            place /= 2;
        }
    }

    /// As [`Tournament::set`], for many: they count after [`Tournament::settle`].
    pub(crate) fn put(&mut self, leaf: u32, score: Option<f64>) {
        self.scores[leaf as usize] = score.unwrap_or(NOBODY);
    }

    pub(crate) fn settle(&mut self) {
        for place in (1..self.n_leaves).rev() {
            self.winners[place] = self.better(self.winners[2 * place], self.winners[2 * place + 1]);
        }
    }

    fn better(&self, one: u32, other: u32) -> u32 {
        let key = |leaf: u32| (self.scores[leaf as usize], self.tie[leaf as usize]);
        let ((score, tie), (other_score, other_tie)) = (key(one), key(other));
        if score.total_cmp(&other_score).then(other_tie.cmp(&tie)).is_ge() { one } else { other }
    }

    pub(crate) fn score(&self, leaf: u32) -> Option<f64> {
        self.scores.get(leaf as usize).copied().filter(|score| *score != NOBODY)
    }

    /// The best `k`, best first; fewer when fewer take part.
    pub(crate) fn top(&self, k: usize) -> Vec<u32> {
        let mut best = Vec::with_capacity(k);
        // Places whose winners have not been taken yet and together hold everybody who has not.
        let mut open = vec![1_usize.min(2 * self.n_leaves - 1)];
        while best.len() < k && !open.is_empty() {
            let mut first = 0;
            for candidate in 1..open.len() {
                let (one, other) = (self.winners[open[first]], self.winners[open[candidate]]);
                if self.better(one, other) == other && one != other {
                    first = candidate;
                }
            }
            let mut place = open.swap_remove(first);
            let winner = self.winners[place];
            if self.scores[winner as usize] == NOBODY {
                break;
            }
            best.push(winner);
            // Down the winner's path: whoever lost to it is a candidate now.
            while place < self.n_leaves {
                let (left, right) = (2 * place, 2 * place + 1);
                let (path, loser) = if self.winners[left] == winner { (left, right) } else { (right, left) };
                if self.scores[self.winners[loser] as usize] != NOBODY {
                    open.push(loser);
                }
                place = path;
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;
    use model::EvalId;

    /// The best few are those of a plain sort, whatever changed before.
    #[test]
    fn top_is_what_sorting_says() {
        let mut dice = Dice::new(3, EvalId::NIL, 0);
        for n in [0_usize, 1, 2, 3, 7, 8, 100] {
            let tie = dice.permutation(n);
            let mut scores: Vec<Option<f64>> = (0..n).map(|_| None).collect();
            let mut tournament = Tournament::new(&tie);
            tournament.fill(scores.iter().copied());
            for _ in 0..200 {
                if n > 0 {
                    let leaf = dice.below(n as u64) as usize;
                    scores[leaf] = (dice.below(4) > 0).then(|| dice.below(5) as f64);
                    tournament.set(leaf as u32, scores[leaf]);
                }
                let mut expected: Vec<u32> = (0..n as u32).filter(|leaf| scores[*leaf as usize].is_some()).collect();
                expected.sort_by(|a, b| {
                    let key = |leaf: &u32| (scores[*leaf as usize].unwrap_or_default(), tie[*leaf as usize]);
                    key(b).0.total_cmp(&key(a).0).then(key(a).1.cmp(&key(b).1))
                });
                expected.truncate(5);
                assert_eq!(tournament.top(5), expected);
            }
        }
    }
}
