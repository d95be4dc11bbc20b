//! Affinities and spreads.

use std::collections::BTreeSet;

use model::{Affinity, JobType, Spread};

use super::{Report, constraints};

const WEIGHT_MAX: i64 = 100;

/// Both, of one owner. System jobs are on every node: there is nothing to prefer.
pub(super) fn check(affinities: &[Affinity], spreads: &[Spread], kind: JobType, report: &mut Report<'_>) {
    if kind.is_on_every_node() {
        if !affinities.is_empty() {
            report.error("Affinities", format!("{kind} jobs have no affinities: they run on every node that fits"));
        }
        if !spreads.is_empty() {
            report.error("Spreads", format!("{kind} jobs have no spreads: they run on every node that fits"));
        }
        return;
    }
    self::affinities(affinities, report);
    for (index, spread) in spreads.iter().enumerate() {
        check_spread(spread, &mut report.part(&format!("Spreads[{index}]"), "spread"));
    }
}

pub(super) fn affinities(affinities: &[Affinity], report: &mut Report<'_>) {
    for (index, affinity) in affinities.iter().enumerate() {
        let mut report = report.part(&format!("Affinities[{index}]"), "affinity");
        constraints::comparison(&affinity.l_target, &affinity.r_target, &affinity.operand, &mut report);
        if affinity.weight == 0 || !(-WEIGHT_MAX..=WEIGHT_MAX).contains(&affinity.weight) {
            report.error("Weight", format!("weight must be between -{WEIGHT_MAX} and {WEIGHT_MAX} and not 0, not {}", affinity.weight));
        }
    }
}

fn check_spread(spread: &Spread, report: &mut Report<'_>) {
    if spread.attribute.is_empty() {
        report.error("Attribute", "an attribute is needed, such as ${node.datacenter}");
    } else if spread.attribute.starts_with('$') && !constraints::is_node_target(&spread.attribute) {
        report
            .error("Attribute", format!("{:?} is nothing that nodes have: use ${{attr.…}}, ${{meta.…}} or ${{node.…}}", spread.attribute));
    }
    if !(1..=WEIGHT_MAX).contains(&spread.weight) {
        report.error("Weight", format!("weight must be between 1 and {WEIGHT_MAX}, not {}", spread.weight));
    }
    let mut values = BTreeSet::new();
    let mut sum = 0_i64;
    for (index, target) in spread.targets.iter().enumerate() {
        let field = format!("SpreadTarget[{index}]");
        if !values.insert(target.value.as_str()) {
            report.error(&field, format!("the target {:?} is there twice", target.value));
        }
        if !(0..=100).contains(&target.percent) {
            report.error(&field, format!("target {:?}: percent must be between 0 and 100, not {}", target.value, target.percent));
        }
        sum = sum.saturating_add(target.percent);
    }
    if sum > 100 {
        report.error("SpreadTarget", format!("the percentages of the targets are {sum} together: at most 100"));
    }
}
