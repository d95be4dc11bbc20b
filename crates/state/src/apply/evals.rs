//! Evaluations.

use std::sync::Arc;

use model::{EvalId, Evaluation};

use super::Change;
use crate::command::Outcome;
use crate::watch::{Table, Watch};

impl Change<'_> {
    pub(super) fn upsert_evals(&mut self, evals: &[Evaluation], time: i64) -> Outcome {
        for eval in evals {
            self.put_eval(eval, time);
        }
        Outcome::Done
    }

    pub(super) fn put_eval(&mut self, eval: &Evaluation, time: i64) {
        let mut eval = eval.clone();
        let key = eval.job_key();
        if self.store.evals.get(&eval.id).is_some_and(|old| old.job_key() != key) {
            // One id for two jobs is a mistake of whoever made it; the indexes stay right.
            self.remove_eval(eval.id);
        }
        let old = self.store.evals.get(&eval.id).cloned();
        let was_open = old.as_ref().is_some_and(|old| !old.is_terminal());
        match &old {
            Some(old) => {
                eval.create_index = old.create_index;
                eval.create_time = old.create_time;
            }
            None => {
                eval.create_index = self.index;
                eval.create_time = time;
            }
        }
        eval.modify_index = self.index;
        eval.modify_time = time;
        let is_open = !eval.is_terminal();
        self.tally(&key, 0, i64::from(is_open) - i64::from(was_open));
        self.jobs.insert(key.clone());
        if is_open {
            self.store.open_evals.insert(eval.id);
        } else {
            self.store.open_evals.remove(&eval.id);
        }
        self.store.evals_by_job.insert((key.clone(), eval.id));
        self.touch(Watch::Table(Table::Evals));
        self.touch(Watch::Eval(eval.id));
        self.touch(Watch::JobEvals(key));
        self.store.evals.insert(eval.id, Arc::new(eval));
    }

    pub(super) fn delete_evals(&mut self, ids: &[EvalId]) -> Outcome {
        for id in ids {
            self.remove_eval(*id);
        }
        Outcome::Done
    }

    pub(super) fn remove_eval(&mut self, id: EvalId) {
        let Some(eval) = self.store.evals.remove(&id) else { return };
        let key = eval.job_key();
        self.store.open_evals.remove(&id);
        self.store.evals_by_job.remove(&(key.clone(), id));
        self.touch(Watch::EvalAllocs(id));
        self.jobs.insert(key.clone());
        self.tally(&key, 0, -i64::from(!eval.is_terminal()));
        self.touch(Watch::Table(Table::Evals));
        self.touch(Watch::Eval(id));
        self.touch(Watch::JobEvals(key));
    }
}
