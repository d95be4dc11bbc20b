//! Expressions to values.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use hcl_edit::expr::{
    BinaryOp, BinaryOperator, Conditional, Expression, ForExpr, FuncCall, Object, ObjectKey, Traversal, TraversalOperator, UnaryOp,
    UnaryOperator,
};
use hcl_edit::{Decorated, Ident, Span};

use super::functions::{self, Arguments};
use super::value::{Number, Value};
use super::world::{Fault, SEARCH_COST, STEP_COST, Scope, VALUE_COST, World};
use super::{convert, types};
use crate::diagnostic::nearest;

type Operators<'e> = &'e [Decorated<TraversalOperator>];

/// Evaluates the expressions of one text.
pub(crate) struct Evaluator<'a> {
    pub world: &'a World<'a>,
    /// The text that the spans of the expressions point into; empty when they point nowhere.
    pub source: &'a str,
    /// What a name may be that nobody defined.
    pub unknown_names: UnknownNames,
    /// `(root, name)` of values whose own fault is already reported.
    pub poisoned: BTreeSet<(&'static str, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnknownNames {
    /// They are for the node and stay as they are written.
    ForTheNode,
    /// They are errors: values of variables are constants.
    Refused,
}

impl<'a> Evaluator<'a> {
    pub fn new(world: &'a World<'a>, source: &'a str, unknown_names: UnknownNames) -> Self {
        Self { world, source, unknown_names, poisoned: BTreeSet::new() }
    }

    pub fn evaluate(&self, expression: &Expression, scope: &Scope<'_>) -> Result<Value, Fault> {
        let value = self.charge(STEP_COST).and_then(|()| match expression {
            Expression::Null(_) => Ok(Value::Null),
            Expression::Bool(flag) => Ok(Value::Bool(*flag.value())),
            Expression::Number(number) => {
                Number::from_hcl(number.value()).map(Value::Number).ok_or_else(|| Fault::new("the number is too large"))
            }
            Expression::String(text) => self.charge(text.len() as u64).map(|()| Value::Text(text.value().clone())),
            Expression::Array(array) => array.iter().map(|item| self.evaluate(item, scope)).collect::<Result<_, _>>().map(Value::List),
            Expression::Object(object) => self.object(object, scope),
            Expression::StringTemplate(template) => self.string_template(template, scope),
            Expression::HeredocTemplate(heredoc) => self.heredoc(heredoc, scope),
            Expression::Parenthesis(parenthesis) => self.evaluate(parenthesis.inner(), scope),
            Expression::Variable(name) => self.reference(name, &[], scope),
            Expression::Conditional(conditional) => self.conditional(conditional, scope),
            Expression::FuncCall(call) => self.call(call, scope),
            Expression::Traversal(traversal) => self.traversal(traversal, scope),
            Expression::UnaryOp(operation) => self.unary(operation, scope),
            Expression::BinaryOp(operation) => self.binary(operation, scope),
            Expression::ForExpr(expression) => self.for_expression(expression, scope),
        });
        value.map_err(|fault| fault.or_at(expression.span()))
    }

    /// Pays for what is made.
    pub(super) fn charge(&self, bytes: u64) -> Result<(), Fault> {
        self.world.budget.make(bytes)
    }

    fn object(&self, object: &Object, scope: &Scope<'_>) -> Result<Value, Fault> {
        let mut fields = BTreeMap::new();
        for (key, value) in object.iter() {
            let key = match key {
                ObjectKey::Ident(name) => name.as_str().to_owned(),
                ObjectKey::Expression(expression) => self.text_key(expression, scope)?,
            };
            self.charge(key.len() as u64)?;
            fields.insert(key, self.evaluate(value.expr(), scope)?);
        }
        Ok(Value::Object(fields))
    }

    fn text_key(&self, expression: &Expression, scope: &Scope<'_>) -> Result<String, Fault> {
        let key = self.evaluate(expression, scope)?;
        key.to_text().ok_or_else(|| Fault::new(format!("a key must be a string, not {}", article(&key))).or_at(expression.span()))
    }

    fn conditional(&self, conditional: &Conditional, scope: &Scope<'_>) -> Result<Value, Fault> {
        let condition = self.condition(&conditional.cond_expr, scope)?;
        let (chosen, other) =
            if condition { (&conditional.true_expr, &conditional.false_expr) } else { (&conditional.false_expr, &conditional.true_expr) };
        let value = self.evaluate(chosen, scope)?;
        // Both sides have one type: a number or bool beside a string is a string.
        if matches!(value, Value::Number(_) | Value::Bool(_)) {
            match self.evaluate(other, scope) {
                Ok(Value::Text(_)) => return Ok(value.to_text().map_or(value, Value::Text)),
                Err(fault) if fault.fatal => return Err(fault),
                _ => {}
            }
        }
        Ok(value)
    }

    /// The value of an expression that must be true or false.
    pub(super) fn condition(&self, expression: &Expression, scope: &Scope<'_>) -> Result<bool, Fault> {
        let value = self.evaluate(expression, scope)?;
        value.to_bool().ok_or_else(|| wrong_type("bool", &value).or_at(expression.span()))
    }

    fn unary(&self, operation: &UnaryOp, scope: &Scope<'_>) -> Result<Value, Fault> {
        match *operation.operator.value() {
            UnaryOperator::Not => Ok(Value::Bool(!self.condition(&operation.expr, scope)?)),
            UnaryOperator::Neg => match self.number(&operation.expr, scope)? {
                Number::Integer(integer) => {
                    Ok(Value::Number(integer.checked_neg().map_or(Number::Float(-(integer as f64)), Number::Integer)))
                }
                Number::Float(float) => Ok(Value::Number(Number::Float(-float))),
            },
        }
    }

    fn number(&self, expression: &Expression, scope: &Scope<'_>) -> Result<Number, Fault> {
        let value = self.evaluate(expression, scope)?;
        value.to_number().ok_or_else(|| wrong_type("number", &value).or_at(expression.span()))
    }

    fn binary(&self, operation: &BinaryOp, scope: &Scope<'_>) -> Result<Value, Fault> {
        let (left, right) = (&operation.lhs_expr, &operation.rhs_expr);
        let operator = *operation.operator.value();
        match operator {
            BinaryOperator::And => return Ok(Value::Bool(self.condition(left, scope)? && self.condition(right, scope)?)),
            BinaryOperator::Or => return Ok(Value::Bool(self.condition(left, scope)? || self.condition(right, scope)?)),
            BinaryOperator::Eq | BinaryOperator::NotEq => {
                let equal = self.evaluate(left, scope)?.equals(&self.evaluate(right, scope)?);
                return Ok(Value::Bool(equal == (operator == BinaryOperator::Eq)));
            }
            _ => {}
        }
        let (left, right) = (self.number(left, scope)?, self.number(right, scope)?);
        let ordering = left.compare(right);
        match operator {
            BinaryOperator::LessEq => Ok(Value::Bool(ordering.is_le())),
            BinaryOperator::GreaterEq => Ok(Value::Bool(ordering.is_ge())),
            BinaryOperator::Less => Ok(Value::Bool(ordering.is_lt())),
            BinaryOperator::Greater => Ok(Value::Bool(ordering.is_gt())),
            _ => arithmetic(operator, left, right).map(Value::Number),
        }
    }

    fn for_expression(&self, expression: &ForExpr, scope: &Scope<'_>) -> Result<Value, Fault> {
        let intro = &expression.intro;
        let collection = self.evaluate(&intro.collection_expr, scope)?;
        let entries = entries(collection).map_err(|fault| fault.or_at(intro.collection_expr.span()))?;
        let mut list = Vec::new();
        let mut object: BTreeMap<String, Value> = BTreeMap::new();
        for (key, value) in entries {
            self.charge(VALUE_COST)?;
            let inner = scope.child(loop_names(intro.key_var.as_ref(), &intro.value_var, key, value));
            if let Some(condition) = &expression.cond
                && !self.condition(&condition.expr, &inner)?
            {
                continue;
            }
            let Some(key_expression) = &expression.key_expr else {
                list.push(self.evaluate(&expression.value_expr, &inner)?);
                continue;
            };
            let key = self.text_key(key_expression, &inner)?;
            let value = self.evaluate(&expression.value_expr, &inner)?;
            self.charge(key.len() as u64)?;
            if expression.grouping {
                match object.entry(key).or_insert_with(|| Value::List(Vec::new())) {
                    Value::List(group) => group.push(value),
                    other => *other = Value::List(vec![value]),
                }
                continue;
            }
            match object.entry(key) {
                Entry::Vacant(vacant) => {
                    vacant.insert(value);
                }
                Entry::Occupied(taken) => {
                    let fault = Fault::new(format!("two items have the key {:?}", taken.key()));
                    return Err(fault.detail("add \"...\" after the value to group the items of a key").or_at(key_expression.span()));
                }
            }
        }
        Ok(if expression.key_expr.is_some() { Value::Object(object) } else { Value::List(list) })
    }

    fn traversal(&self, traversal: &Traversal, scope: &Scope<'_>) -> Result<Value, Fault> {
        if let Expression::Variable(name) = &traversal.expr {
            return self.reference(name, &traversal.operators, scope);
        }
        let base = self.evaluate(&traversal.expr, scope)?;
        self.follow(Cow::Owned(base), &traversal.operators, scope).map(Cow::into_owned)
    }

    /// `name` and what follows it: a value that somebody defined, or text for the node.
    fn reference(&self, name: &Ident, operators: Operators<'_>, scope: &Scope<'_>) -> Result<Value, Fault> {
        let Some(base) = scope.get(name.as_str()) else { return self.runtime_reference(name, operators, scope) };
        let missing_root = [("var", "variable"), ("local", "local value")].into_iter().find(|(root, _)| *root == name.as_str());
        if let (Some((root, noun)), Value::Object(known)) = (missing_root, base)
            && let Some(TraversalOperator::GetAttr(attribute)) = operators.first().map(Decorated::value)
            && !known.contains_key(attribute.as_str())
        {
            self.world.budget.charge(SEARCH_COST)?;
            let wanted = attribute.as_str();
            if self.poisoned.contains(&(root, wanted.to_owned())) {
                return Err(Fault::silent());
            }
            let fault = Fault::new(format!("the {noun} {wanted:?} is not declared")).or_at(attribute.span());
            return Err(match nearest(wanted, known.keys().map(String::as_str)) {
                Some(near) => fault.detail(format!("did you mean {near:?}?")),
                None => fault,
            });
        }
        let value = self.follow(Cow::Borrowed(base), operators, scope)?;
        self.charge(value.size())?;
        Ok(value.into_owned())
    }

    /// `${attr.kernel.name}` and its like: the text as it is written, with computed indexes put in.
    fn runtime_reference(&self, name: &Ident, operators: Operators<'_>, scope: &Scope<'_>) -> Result<Value, Fault> {
        if self.unknown_names == UnknownNames::Refused {
            let fault = Fault::new(format!("{:?} cannot be used here", name.as_str()));
            return Err(fault.detail("the value of a variable is a constant; a text goes in quotes"));
        }
        let mut text = name.as_str().to_owned();
        for operator in operators {
            match operator.value() {
                TraversalOperator::GetAttr(attribute) => text = format!("{text}.{}", attribute.as_str()),
                TraversalOperator::LegacyIndex(index) => text = format!("{text}.{}", index.value()),
                TraversalOperator::Index(key) => match self.evaluate(key, scope)? {
                    Value::Text(key) => text = format!("{text}[{}]", serde_json::Value::String(key)),
                    Value::Number(index) => text = format!("{text}[{index}]"),
                    other => {
                        return Err(Fault::new(format!("an index must be a string or a number, not {}", article(&other))).or_at(key.span()));
                    }
                },
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => {
                    let fault = Fault::new(format!("{:?} is known only on the node that runs the task", name.as_str()));
                    return Err(fault.detail("it is one text there and cannot be taken apart with \"*\"").or_at(operator.span()));
                }
            }
        }
        self.charge(text.len() as u64)?;
        Ok(Value::Text(format!("${{{text}}}")))
    }

    fn follow<'v>(&self, mut value: Cow<'v, Value>, operators: Operators<'_>, scope: &Scope<'_>) -> Result<Cow<'v, Value>, Fault> {
        let mut rest = operators;
        while let Some((operator, after)) = rest.split_first() {
            rest = after;
            let span = operator.span();
            value = match operator.value() {
                TraversalOperator::GetAttr(name) => self.step_into(value, &Value::Text(name.as_str().to_owned()), span)?,
                TraversalOperator::LegacyIndex(index) => {
                    step_into(value, &Value::Number(Number::Integer(i128::from(*index.value()))), span)?
                }
                TraversalOperator::Index(key) => self.step_into(value, &self.evaluate(key, scope)?, key.span())?,
                splat @ (TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_)) => {
                    // `.*` takes the attributes that follow with it, `[*]` everything that follows.
                    let takes_all = matches!(splat, TraversalOperator::FullSplat(_));
                    let taken = if takes_all {
                        rest.len()
                    } else {
                        rest.iter().take_while(|next| matches!(next.value(), TraversalOperator::GetAttr(_))).count()
                    };
                    let (each, after) = rest.split_at_checked(taken).unwrap_or((rest, &[]));
                    rest = after;
                    let items = match value.into_owned() {
                        Value::Null => Vec::new(),
                        Value::List(items) | Value::Set(items) => items,
                        single => vec![single],
                    };
                    self.charge(VALUE_COST.saturating_mul(items.len() as u64))?;
                    let items = items.into_iter().map(|item| self.follow(Cow::Owned(item), each, scope).map(Cow::into_owned));
                    Cow::Owned(Value::List(items.collect::<Result<_, _>>()?))
                }
            };
        }
        Ok(value)
    }

    fn step_into<'v>(&self, value: Cow<'v, Value>, key: &Value, span: Option<Range<usize>>) -> Result<Cow<'v, Value>, Fault> {
        step_into(value, key, span).or_else(|fault| self.world.budget.charge(SEARCH_COST).and(Err(fault)))
    }

    fn call(&self, call: &FuncCall, scope: &Scope<'_>) -> Result<Value, Fault> {
        let name = call.name.name.as_str();
        if !call.name.is_namespaced() {
            match name {
                "try" => return self.call_try(call, scope),
                "can" => return self.call_can(call, scope),
                "convert" => return self.call_convert(call, scope),
                _ => {}
            }
        }
        let Some(function) = functions::find(name).filter(|_| !call.name.is_namespaced()) else {
            self.world.budget.charge(SEARCH_COST)?;
            let fault = Fault::new(format!("there is no function {:?}", name)).or_at(call.name.name.span());
            return Err(match nearest(name, functions::names()) {
                Some(near) => fault.detail(format!("did you mean {near:?}?")),
                None => fault,
            });
        };
        let mut values = Vec::with_capacity(call.args.len());
        for argument in call.args.iter() {
            values.push(self.evaluate(argument, scope)?);
        }
        if call.args.expand_final() {
            match values.pop() {
                Some(Value::List(items) | Value::Set(items)) => values.extend(items),
                _ => return Err(Fault::new("\"...\" must follow a list").or_at(call.args.iter().last().and_then(Span::span))),
            }
        }
        function.check_count(values.len()).map_err(Fault::new)?;
        let arguments = Arguments::new(&values, self.world);
        let result = (function.call)(&arguments).map_err(|refusal| {
            let mut fault = refusal.fault;
            if !fault.fatal {
                fault.summary = format!("{name}: {}", fault.summary);
            }
            match refusal.argument {
                Some(index) => fault.or_at(call.args.get(index).and_then(Span::span)),
                None => fault,
            }
        })?;
        self.charge(result.size())?;
        Ok(result)
    }

    /// The first argument that has a value.
    fn call_try(&self, call: &FuncCall, scope: &Scope<'_>) -> Result<Value, Fault> {
        let mut reasons = Vec::new();
        for argument in call.args.iter() {
            match self.evaluate(argument, scope) {
                Err(fault) if fault.fatal || fault.silent => return Err(fault),
                Err(fault) => reasons.push(fault.summary),
                value => return value,
            }
        }
        Err(Fault::new("try: no argument has a value").detail(reasons.join("; ")))
    }

    fn call_can(&self, call: &FuncCall, scope: &Scope<'_>) -> Result<Value, Fault> {
        let (Some(argument), 1) = (call.args.get(0), call.args.len()) else { return Err(Fault::new("can: takes exactly 1 argument")) };
        match self.evaluate(argument, scope) {
            Err(fault) if fault.fatal || fault.silent => Err(fault),
            value => Ok(Value::Bool(value.is_ok())),
        }
    }

    fn call_convert(&self, call: &FuncCall, scope: &Scope<'_>) -> Result<Value, Fault> {
        let (Some(argument), Some(wanted), 2) = (call.args.get(0), call.args.get(1), call.args.len()) else {
            return Err(Fault::new("convert: takes exactly 2 arguments, a value and a type"));
        };
        let wanted = types::parse(wanted, &|default| self.evaluate(default, scope), &self.world.budget)
            .map_err(|fault| fault.or_at(wanted.span()))?;
        let value = self.evaluate(argument, scope)?;
        convert(value, &wanted, &self.world.budget).map_err(|reason| Fault::new(format!("convert: {reason}")).or_at(argument.span()))
    }
}

/// The names that a loop defines for one item.
pub(super) fn loop_names(
    key_name: Option<&Decorated<Ident>>,
    value_name: &Decorated<Ident>,
    key: Value,
    value: Value,
) -> Vec<(String, Value)> {
    let mut names = vec![(value_name.as_str().to_owned(), value)];
    if let Some(key_name) = key_name {
        names.push((key_name.as_str().to_owned(), key));
    }
    names
}

/// Keys and values to loop over.
pub(crate) fn entries(collection: Value) -> Result<Vec<(Value, Value)>, Fault> {
    match collection {
        Value::List(items) => Ok(items.into_iter().enumerate().map(|(index, item)| (Value::integer(index), item)).collect()),
        Value::Set(items) => Ok(items.into_iter().map(|item| (item.clone(), item)).collect()),
        Value::Object(fields) => Ok(fields.into_iter().map(|(key, value)| (Value::Text(key), value)).collect()),
        other => {
            Err(Fault::new(format!("cannot loop over {}", article(&other)))
                .detail(for_the_node_hint(&other, "a list or an object is needed")))
        }
    }
}

fn arithmetic(operator: BinaryOperator, left: Number, right: Number) -> Result<Number, Fault> {
    let exact = match (left, right) {
        (Number::Integer(left), Number::Integer(right)) => match operator {
            BinaryOperator::Plus => left.checked_add(right),
            BinaryOperator::Minus => left.checked_sub(right),
            BinaryOperator::Mul => left.checked_mul(right),
            BinaryOperator::Div => left.checked_div(right).filter(|quotient| quotient.checked_mul(right) == Some(left)),
            BinaryOperator::Mod => left.checked_rem(right),
            _ => None,
        },
        _ => None,
    };
    if let Some(exact) = exact {
        return Ok(Number::Integer(exact));
    }
    let (left, right) = (left.to_float(), right.to_float());
    if matches!(operator, BinaryOperator::Div | BinaryOperator::Mod) && right == 0.0 {
        return Err(Fault::new("division by zero"));
    }
    let result = match operator {
        BinaryOperator::Plus => left + right,
        BinaryOperator::Minus => left - right,
        BinaryOperator::Mul => left * right,
        BinaryOperator::Div => left / right,
        _ => left % right,
    };
    Number::from_arithmetic(result).ok_or_else(|| Fault::new("the result is too large"))
}

/// One attribute or index further.
fn step_into<'v>(value: Cow<'v, Value>, key: &Value, span: Option<Range<usize>>) -> Result<Cow<'v, Value>, Fault> {
    let found = match (value.as_ref(), key) {
        (Value::Object(fields), key) => {
            let Some(name) = key.to_text() else {
                return Err(Fault::new(format!("a key must be a string, not {}", article(key))).or_at(span));
            };
            if !fields.contains_key(&name) {
                let fault = Fault::new(format!("there is no attribute {name:?}"));
                let detail = match nearest(&name, fields.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => format!("known are: {}", fields.keys().take(10).cloned().collect::<Vec<_>>().join(", ")),
                };
                return Err(fault.detail(detail).or_at(span));
            }
            match value {
                Cow::Borrowed(Value::Object(fields)) => fields.get(&name).map(Cow::Borrowed),
                Cow::Owned(Value::Object(mut fields)) => fields.remove(&name).map(Cow::Owned),
                _ => None,
            }
        }
        (Value::List(items), key) => {
            let count = items.len();
            let index = key.to_number().and_then(Number::to_integer);
            let Some(index) = index.and_then(|index| usize::try_from(index).ok()).filter(|index| *index < count) else {
                let summary = match key {
                    Value::Text(name) if index.is_none() => format!("a list has no attribute {name:?}"),
                    key => format!("the list has no item {}: it has {count}", key.to_text().unwrap_or_else(|| article(key))),
                };
                let detail = if index.is_none() { "use [*] to take it from every item, or an index" } else { "" };
                return Err(Fault::new(summary).detail(detail).or_at(span));
            };
            match value {
                Cow::Borrowed(Value::List(items)) => items.get(index).map(Cow::Borrowed),
                Cow::Owned(Value::List(mut items)) => Some(Cow::Owned(items.swap_remove(index))),
                _ => None,
            }
        }
        (other, key) => {
            let key = key.to_text().unwrap_or_default();
            let fault = Fault::new(format!("cannot take {key:?} from {}", article(other)));
            return Err(fault.detail(for_the_node_hint(other, "")).or_at(span));
        }
    };
    found.ok_or_else(|| Fault::new("the value is gone"))
}

/// `a list`, `null`.
pub(crate) fn article(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => format!("a {}", other.type_name()),
    }
}

/// `expected number, got string "${attr.cpu.numcores}"`, with the reason if there is one.
pub(crate) fn wrong_type(wanted: &str, value: &Value) -> Fault {
    let shown = match value {
        Value::Text(text) if text.chars().count() <= 40 => format!("string {text:?}"),
        other => other.type_name().to_owned(),
    };
    Fault::new(format!("expected {wanted}, got {shown}")).detail(for_the_node_hint(value, ""))
}

fn for_the_node_hint(value: &Value, otherwise: &str) -> String {
    match value {
        Value::Text(text) if text.contains("${") => "what stands in ${...} is known only on the node that runs the task".to_owned(),
        _ => otherwise.to_owned(),
    }
}
