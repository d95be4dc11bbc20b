//! Local values: evaluated in the order in which they need each other.

use std::collections::{BTreeMap, BTreeSet};

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, TraversalOperator};
use hcl_edit::structure::{Body, Structure};
use hcl_edit::visit::{Visit, visit_expr, visit_traversal_operator};

use crate::diagnostic::{Diagnostic, Kind, Source};
use crate::findings::Findings;
use crate::hcl::{Evaluator, Fault, Scope};
use crate::tree::Span;

/// Levels of lists and objects in one local value. They build on each other, so without a limit a long file makes a value that no stack holds.
const DEPTH_MAX: usize = 64;

struct Local<'b> {
    expression: &'b Expression,
    span: Span,
    needs: BTreeSet<String>,
}

/// Evaluates all local values of the file into `scope`, which has an empty object `local`.
pub(crate) fn evaluate(body: &Body, source: &Source, evaluator: &mut Evaluator<'_>, scope: &mut Scope<'_>, findings: &Findings) {
    let report = |diagnostic: Diagnostic, span: Span| findings.add(diagnostic, source, span);
    let mut waiting = collect(body, &report);
    // Who waits for whom, the other way round.
    let mut dependents: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut n_needed: BTreeMap<String, usize> = BTreeMap::new();
    for (name, local) in &waiting {
        let known = local.needs.iter().filter(|needed| waiting.contains_key(*needed));
        let mut count = 0;
        for needed in known {
            dependents.entry(needed.clone()).or_default().push(name.clone());
            count += 1;
        }
        n_needed.insert(name.clone(), count);
    }
    let mut ready: Vec<String> = n_needed.iter().filter(|(_, count)| **count == 0).map(|(name, _)| name.clone()).collect();
    while let Some(name) = ready.pop() {
        let Some(local) = waiting.remove(&name) else { continue };
        let value = evaluator.evaluate(local.expression, scope).and_then(|value| {
            if value.depth() > DEPTH_MAX {
                return Err(Fault::new(format!("the local value {name:?} is nested too deeply")).or_at(local.span.clone()));
            }
            Ok(value)
        });
        match value {
            Ok(value) => scope.define("local", &name, value),
            Err(fault) => {
                findings.fault(fault, source);
                evaluator.poisoned.insert(("local", name.clone()));
            }
        }
        for dependent in dependents.remove(&name).unwrap_or_default() {
            if let Some(count) = n_needed.get_mut(&dependent) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.push(dependent);
                }
            }
        }
    }
    if let Some(cycle) = find_cycle(&waiting) {
        let span = cycle.first().and_then(|name| waiting.get(name)).and_then(|local| local.span.clone());
        let path: Vec<String> = cycle.iter().chain(cycle.first()).map(|name| format!("local.{name}")).collect();
        report(Diagnostic::error(Kind::Malformed, "local values need each other in a circle").detail(path.join(" -> ")), span);
    }
    evaluator.poisoned.extend(waiting.into_keys().map(|name| ("local", name)));
}

fn collect<'b>(body: &'b Body, report: &dyn Fn(Diagnostic, Span)) -> BTreeMap<String, Local<'b>> {
    let mut locals: BTreeMap<String, Local<'b>> = BTreeMap::new();
    let blocks = body.iter().filter_map(Structure::as_block).filter(|block| block.ident.as_str() == "locals");
    for structure in blocks.flat_map(|block| block.body.iter()) {
        let Structure::Attribute(attribute) = structure else {
            report(Diagnostic::error(Kind::Malformed, "a locals block has no blocks, only names and values"), structure.span());
            continue;
        };
        let name = attribute.key.as_str();
        if locals.contains_key(name) {
            report(Diagnostic::error(Kind::Malformed, format!("the local value {name:?} is set twice")), attribute.key.span());
            continue;
        }
        let mut needs = Needs::default();
        needs.visit_expr(&attribute.value);
        if let Some(span) = needs.whole {
            report(
                Diagnostic::error(Kind::Malformed, "a local value can only name other local values one by one").detail("write local.name"),
                span,
            );
            continue;
        }
        locals.insert(name.to_owned(), Local { expression: &attribute.value, span: attribute.key.span(), needs: needs.names });
    }
    locals
}

/// The local values that an expression names.
#[derive(Default)]
struct Needs {
    names: BTreeSet<String>,
    /// `local` as a whole.
    whole: Option<Span>,
}

impl Visit for Needs {
    fn visit_expr(&mut self, expression: &Expression) {
        if let Expression::Traversal(traversal) = expression
            && let Expression::Variable(root) = &traversal.expr
            && root.as_str() == "local"
        {
            match traversal.operators.first().map(|operator| operator.value()) {
                Some(TraversalOperator::GetAttr(name)) => {
                    self.names.insert(name.as_str().to_owned());
                }
                Some(TraversalOperator::Index(Expression::String(name))) => {
                    self.names.insert(name.value().clone());
                }
                _ => self.whole = Some(expression.span()),
            }
            for operator in &traversal.operators {
                visit_traversal_operator(self, operator);
            }
            return;
        }
        if let Expression::Variable(name) = expression
            && name.as_str() == "local"
        {
            self.whole = Some(expression.span());
        }
        visit_expr(self, expression);
    }
}

/// Names that need each other, the first needing the second, and the last the first.
fn find_cycle(waiting: &BTreeMap<String, Local<'_>>) -> Option<Vec<String>> {
    let mut path: Vec<String> = vec![waiting.keys().next()?.clone()];
    loop {
        let last = path.last()?;
        // Whoever is still waiting needs somebody who is.
        let next = waiting.get(last)?.needs.iter().find(|needed| waiting.contains_key(*needed))?.clone();
        if let Some(start) = path.iter().position(|name| *name == next) {
            return Some(path.split_off(start));
        }
        path.push(next);
    }
}
