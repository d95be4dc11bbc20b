//! Texts with `${…}` and `%{…}` in them, and heredocs.

use hcl_edit::Span;
use hcl_edit::expr::Expression;
use hcl_edit::template::{Directive, Element, ForDirective, HeredocTemplate, IfDirective, StringTemplate, Strip, Template};

use super::evaluate::{Evaluator, article, entries, loop_names};
use super::value::Value;
use super::world::{Fault, Scope, VALUE_COST};

/// Which ends of a template lose their white space to a marker outside of it.
#[derive(Clone, Copy)]
struct Trim {
    first: bool,
    last: bool,
}

impl Evaluator<'_> {
    pub(super) fn string_template(&self, template: &StringTemplate, scope: &Scope<'_>) -> Result<Value, Fault> {
        // "${x}" alone is x itself, not its text.
        if let Some(Element::Interpolation(interpolation)) = template.as_single_element() {
            return self.evaluate(&interpolation.expr, scope);
        }
        self.render(template, scope)
    }

    pub(super) fn heredoc(&self, heredoc: &HeredocTemplate, scope: &Scope<'_>) -> Result<Value, Fault> {
        let is_indented = heredoc.span().and_then(|span| self.source.get(span)).is_some_and(|text| text.starts_with("<<-"));
        if is_indented {
            self.render(&without_indent(&heredoc.template, self.source), scope)
        } else {
            self.render(&heredoc.template, scope)
        }
    }

    fn render(&self, template: &Template, scope: &Scope<'_>) -> Result<Value, Fault> {
        let mut text = String::new();
        self.render_into(&mut text, template, scope, Trim { first: false, last: false })?;
        Ok(Value::Text(text))
    }

    fn render_into(&self, text: &mut String, template: &Template, scope: &Scope<'_>, trim: Trim) -> Result<(), Fault> {
        for (index, element) in template.iter().enumerate() {
            match element {
                Element::Literal(literal) => {
                    let before = index.checked_sub(1).and_then(|index| template.get(index));
                    let after = template.get(index + 1);
                    let mut literal: &str = literal.value();
                    if before.map_or(trim.first, |element| strips(element).1) {
                        literal = literal.trim_start();
                    }
                    if after.map_or(trim.last, |element| strips(element).0) {
                        literal = literal.trim_end();
                    }
                    self.charge(literal.len() as u64)?;
                    text.push_str(literal);
                }
                Element::Interpolation(interpolation) => {
                    let part = self.text_of(&interpolation.expr, scope)?;
                    self.charge(part.len() as u64)?;
                    text.push_str(&part);
                }
                Element::Directive(directive) => match directive.as_ref() {
                    Directive::If(directive) => self.render_if(text, directive, scope)?,
                    Directive::For(directive) => self.render_for(text, directive, scope)?,
                },
            }
        }
        Ok(())
    }

    fn text_of(&self, expression: &Expression, scope: &Scope<'_>) -> Result<String, Fault> {
        let value = self.evaluate(expression, scope)?;
        value.to_text().ok_or_else(|| {
            let fault = Fault::new(format!("{} cannot stand in a text", article(&value)));
            let detail = if matches!(value, Value::Null) { "" } else { "use jsonencode or join" };
            fault.detail(detail).or_at(expression.span())
        })
    }

    fn render_if(&self, text: &mut String, directive: &IfDirective, scope: &Scope<'_>) -> Result<(), Fault> {
        let (positive, end) = (&directive.if_expr, &directive.endif_expr);
        let negative = directive.else_expr.as_ref();
        if self.condition(&positive.cond_expr, scope)? {
            let closing = negative.map_or(end.strip, |negative| negative.strip);
            let trim = Trim { first: positive.strip.strip_end(), last: closing.strip_start() };
            self.render_into(text, &positive.template, scope, trim)
        } else if let Some(negative) = negative {
            let trim = Trim { first: negative.strip.strip_end(), last: end.strip.strip_start() };
            self.render_into(text, &negative.template, scope, trim)
        } else {
            Ok(())
        }
    }

    fn render_for(&self, text: &mut String, directive: &ForDirective, scope: &Scope<'_>) -> Result<(), Fault> {
        let intro = &directive.for_expr;
        let collection = self.evaluate(&intro.collection_expr, scope)?;
        let trim = Trim { first: intro.strip.strip_end(), last: directive.endfor_expr.strip.strip_start() };
        for (key, value) in entries(collection).map_err(|fault| fault.or_at(intro.collection_expr.span()))? {
            self.charge(VALUE_COST)?;
            let inner = scope.child(loop_names(intro.key_var.as_ref(), &intro.value_var, key, value));
            self.render_into(text, &intro.template, &inner, trim)?;
        }
        Ok(())
    }
}

/// Whether an element takes the white space before and after it away.
fn strips(element: &Element) -> (bool, bool) {
    let (opening, closing): (Strip, Strip) = match element {
        Element::Literal(_) => return (false, false),
        Element::Interpolation(interpolation) => (interpolation.strip, interpolation.strip),
        Element::Directive(directive) => match directive.as_ref() {
            Directive::If(directive) => (directive.if_expr.strip, directive.endif_expr.strip),
            Directive::For(directive) => (directive.for_expr.strip, directive.endfor_expr.strip),
        },
    };
    (opening.strip_start(), closing.strip_end())
}

/// The template of a `<<-` heredoc without the indent that all its lines share.
///
/// The library's own way takes the smallest indent of any part and cuts that many characters from every line, also from lines that have
/// no indent, so the texts are taken from the source again.
fn without_indent(template: &Template, source: &str) -> Template {
    let indent_of = |line: &str| line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let mut template = template.clone();
    let mut shared = None;
    cut_lines(&mut template, source, &mut true, &mut |line| {
        let is_blank = line.trim().is_empty() && line.ends_with('\n');
        if !is_blank {
            shared = Some(shared.map_or(indent_of(line), |shared: usize| shared.min(indent_of(line))));
        }
        0
    });
    let shared = shared.unwrap_or(0);
    cut_lines(&mut template, source, &mut true, &mut |line| indent_of(line).min(shared));
    template
}

/// Cuts from the beginning of every line as many bytes as `cut` says. A line that begins with an element is handed over as empty.
fn cut_lines(template: &mut Template, source: &str, at_start: &mut bool, cut: &mut dyn FnMut(&str) -> usize) {
    for element in template.iter_mut() {
        if !element.is_literal() && *at_start {
            cut("");
            *at_start = false;
        }
        match element {
            Element::Literal(literal) => {
                let original = literal.span().and_then(|span| source.get(span)).map(|raw| raw.replace("$${", "${").replace("%%{", "%{"));
                let original = original.unwrap_or_else(|| literal.value().clone());
                let mut text = String::with_capacity(original.len());
                for line in original.split_inclusive('\n') {
                    let start = if *at_start { cut(line) } else { 0 };
                    text.push_str(line.get(start..).unwrap_or(line));
                    *at_start = line.ends_with('\n');
                }
                *literal.value_mut() = text;
            }
            Element::Interpolation(_) => {}
            Element::Directive(directive) => match directive.as_mut() {
                Directive::If(directive) => {
                    cut_lines(&mut directive.if_expr.template, source, at_start, cut);
                    if let Some(negative) = &mut directive.else_expr {
                        cut_lines(&mut negative.template, source, at_start, cut);
                    }
                }
                Directive::For(directive) => cut_lines(&mut directive.for_expr.template, source, at_start, cut),
            },
        }
    }
}
