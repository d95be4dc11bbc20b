//! Variables: what the job file declares, and the values that people hand in from four places.

use std::collections::BTreeMap;

use hcl_edit::Span as _;
use hcl_edit::expr::Expression;
use hcl_edit::structure::{Block, Body, Structure};

use crate::diagnostic::{Diagnostic, Kind, Severity, Source, nearest};
use crate::findings::Findings;
use crate::hcl::{Evaluator, Fault, Scope, Type, UnknownNames, Value, World, convert};
use crate::tree::Span;

/// Variables of the environment that begin so are values of variables.
pub const ENVIRONMENT_PREFIX: &str = "NOMAD_VAR_";

/// A file of values, HCL or JSON.
#[derive(Clone, Debug)]
pub struct VariableFile {
    /// For messages.
    pub name: String,
    pub text: String,
}

struct Declaration {
    span: Span,
    of: Type,
    default: Option<Value>,
    validations: Vec<Check>,
}

struct Check {
    condition: Expression,
    message: String,
    span: Span,
}

/// What came of the variables.
#[derive(Default)]
pub(crate) struct Variables {
    pub values: BTreeMap<String, Value>,
    /// Declared, but something is wrong with them, and that is reported.
    pub failed: Vec<String>,
}

pub(crate) struct Given<'a> {
    pub environment: &'a BTreeMap<String, String>,
    pub files: &'a [VariableFile],
    pub flags: &'a [(String, String)],
    pub allow_undeclared: bool,
}

/// Reads the declarations of `body` and gives each its value.
pub(crate) fn resolve(body: &Body, source: &Source, given: &Given<'_>, world: &World<'_>, findings: &Findings) -> Variables {
    let reader = Reader { source, world, findings, evaluator: Evaluator::new(world, &source.text, UnknownNames::Refused) };
    let mut declared = BTreeMap::new();
    let mut failed = Vec::new();
    for block in body.iter().filter_map(Structure::as_block) {
        match block.ident.as_str() {
            "variable" => reader.declare(block, &mut declared, &mut failed),
            "variables" => reader.declare_all(block, &mut declared, &mut failed),
            _ => {}
        }
    }
    let mut values: BTreeMap<String, Value> = BTreeMap::new();
    for (name, declaration) in &declared {
        let from_environment = given.environment.get(&format!("{ENVIRONMENT_PREFIX}{name}"));
        let value = match from_environment {
            Some(text) => reader.read(name, text, &format!("environment variable {ENVIRONMENT_PREFIX}{name}"), declaration),
            None => declaration.default.clone().map(Ok),
        };
        take(name, value, &mut values, &mut failed);
    }
    for file in given.files {
        for (name, value, span, file_source) in reader.file(file) {
            let Some(declaration) = reader.declaration(&name, &declared, &failed, given.allow_undeclared, &file_source, span.clone())
            else {
                continue;
            };
            let converted = convert(value, &declaration.of, &world.budget).map_err(|reason| {
                let diagnostic = Diagnostic::error(Kind::Malformed, format!("wrong value for the variable {name:?}")).detail(reason);
                findings.add(diagnostic, &file_source, span);
            });
            take(&name, Some(converted), &mut values, &mut failed);
        }
    }
    for (name, text) in given.flags {
        let place = Source::new(format!("-var {name}"), text.as_str());
        let Some(declaration) = reader.declaration(name, &declared, &failed, given.allow_undeclared, &place, None) else { continue };
        take(name, reader.read(name, text, &format!("-var {name}"), declaration), &mut values, &mut failed);
    }
    for (name, declaration) in &declared {
        match values.get(name) {
            Some(value) if !failed.contains(name) => {
                if !reader.is_valid(name, value, declaration) {
                    failed.push(name.clone());
                }
            }
            Some(_) => {}
            None if failed.contains(name) => {}
            None => {
                let detail = format!(
                    "give it a value with -var '{name}=…', -var-file or the environment variable {ENVIRONMENT_PREFIX}{name}, or give it a default"
                );
                reader.report(
                    Diagnostic::error(Kind::Malformed, format!("unset variable {name:?}")).detail(detail),
                    declaration.span.clone(),
                );
                failed.push(name.clone());
            }
        }
    }
    values.retain(|name, _| !failed.contains(name));
    Variables { values, failed }
}

/// A later value takes the place of an earlier one, also of one that was wrong.
fn take(name: &str, value: Option<Result<Value, ()>>, values: &mut BTreeMap<String, Value>, failed: &mut Vec<String>) {
    match value {
        Some(Ok(value)) => {
            values.insert(name.to_owned(), value);
        }
        Some(Err(())) => failed.push(name.to_owned()),
        None => {}
    }
}

struct Reader<'r> {
    source: &'r Source,
    world: &'r World<'r>,
    findings: &'r Findings,
    evaluator: Evaluator<'r>,
}

impl Reader<'_> {
    fn report(&self, diagnostic: Diagnostic, span: Span) {
        self.findings.add(diagnostic, self.source, span);
    }

    fn fault(&self, fault: Fault) {
        self.findings.fault(fault, self.source);
    }

    fn constant(&self, expression: &Expression) -> Result<Value, Fault> {
        self.evaluator.evaluate(expression, &Scope::root(Vec::new()))
    }

    /// `variable "name" { … }`
    fn declare(&self, block: &Block, declared: &mut BTreeMap<String, Declaration>, failed: &mut Vec<String>) {
        let span = block.ident.span();
        let [label] = block.labels.as_slice() else {
            self.report(
                Diagnostic::error(Kind::Malformed, "a variable block has one label, the name").detail("write variable \"name\" { … }"),
                span,
            );
            return;
        };
        let name = label.as_str();
        if !is_name(name) {
            self.report(Diagnostic::error(Kind::Malformed, format!("{name:?} cannot be the name of a variable")), label.span());
            return;
        }
        let mut declaration = Declaration { span: label.span().or(span), of: Type::Any, default: None, validations: Vec::new() };
        let mut default = None;
        let mut is_sound = true;
        for structure in block.body.iter() {
            match structure {
                Structure::Attribute(attribute) => match attribute.key.as_str() {
                    "type" => match crate::hcl::parse_type(&attribute.value, &|default| self.constant(default), &self.world.budget) {
                        Ok(of) => declaration.of = of,
                        Err(fault) => {
                            self.fault(fault.or_at(attribute.value.span()));
                            is_sound = false;
                        }
                    },
                    "default" => default = Some(&attribute.value),
                    "description" | "sensitive" | "nullable" => {}
                    other => {
                        self.unknown("argument", other, &["type", "default", "description", "validation"], attribute.key.span());
                        is_sound = false;
                    }
                },
                Structure::Block(inner) if inner.ident.as_str() == "validation" => declaration.validations.extend(self.validation(inner)),
                Structure::Block(inner) => {
                    self.unknown("block", inner.ident.as_str(), &["validation"], inner.ident.span());
                    is_sound = false;
                }
            }
        }
        if let Some(expression) = default.filter(|_| is_sound) {
            let value = self.constant(expression).and_then(|value| {
                convert(value, &declaration.of, &self.world.budget)
                    .map_err(|reason| Fault::new(format!("the default of the variable {name:?} has the wrong type")).detail(reason))
            });
            match value {
                Ok(value) => declaration.default = Some(value),
                Err(fault) => {
                    self.fault(fault.or_at(expression.span()));
                    is_sound = false;
                }
            }
        }
        self.add(name, declaration, is_sound, declared, failed);
    }

    /// `variables { name = default … }`: the type is that of the default.
    fn declare_all(&self, block: &Block, declared: &mut BTreeMap<String, Declaration>, failed: &mut Vec<String>) {
        for structure in block.body.iter() {
            let Structure::Attribute(attribute) = structure else {
                self.report(
                    Diagnostic::error(Kind::Malformed, "a variables block has no blocks, only names and defaults"),
                    structure.span(),
                );
                continue;
            };
            let (default, is_sound) = match self.constant(&attribute.value) {
                Ok(value) => (Some(value), true),
                Err(fault) => {
                    self.fault(fault);
                    (None, false)
                }
            };
            let of = match &default {
                Some(Value::Number(_)) => Type::Number,
                Some(Value::Bool(_)) => Type::Bool,
                Some(Value::Text(_)) => Type::Text,
                Some(Value::List(_) | Value::Set(_)) => Type::List(Box::new(Type::Any)),
                Some(Value::Object(_)) => Type::Map(Box::new(Type::Any)),
                Some(Value::Null) | None => Type::Any,
            };
            let declaration = Declaration { span: attribute.key.span(), of, default, validations: Vec::new() };
            self.add(attribute.key.as_str(), declaration, is_sound, declared, failed);
        }
    }

    fn add(
        &self,
        name: &str,
        declaration: Declaration,
        is_sound: bool,
        declared: &mut BTreeMap<String, Declaration>,
        failed: &mut Vec<String>,
    ) {
        if declared.contains_key(name) {
            self.report(Diagnostic::error(Kind::Malformed, format!("the variable {name:?} is declared twice")), declaration.span);
            return;
        }
        if !is_sound {
            failed.push(name.to_owned());
        }
        declared.insert(name.to_owned(), declaration);
    }

    fn validation(&self, block: &Block) -> Option<Check> {
        let mut condition = None;
        let mut message = None;
        for structure in block.body.iter() {
            match structure {
                Structure::Attribute(attribute) if attribute.key.as_str() == "condition" => condition = Some(attribute.value.clone()),
                Structure::Attribute(attribute) if attribute.key.as_str() == "error_message" => match self.constant(&attribute.value) {
                    Ok(value) => message = value.to_text().filter(|text| !text.is_empty()),
                    Err(fault) => self.fault(fault),
                },
                Structure::Attribute(attribute) => {
                    self.unknown("argument", attribute.key.as_str(), &["condition", "error_message"], attribute.key.span())
                }
                Structure::Block(inner) => self.unknown("block", inner.ident.as_str(), &[], inner.ident.span()),
            }
        }
        match (condition, message) {
            (Some(condition), Some(message)) => Some(Check { condition, message, span: block.ident.span() }),
            _ => {
                self.report(Diagnostic::error(Kind::Malformed, "a validation block needs condition and error_message"), block.ident.span());
                None
            }
        }
    }

    /// A text from the command line or the environment. Texts for simple types are taken as they are, others are expressions.
    fn read(&self, name: &str, text: &str, place: &str, declaration: &Declaration) -> Option<Result<Value, ()>> {
        let place = Source::new(place, text);
        let value = match &declaration.of {
            Type::Any | Type::Text | Type::Number | Type::Bool => Ok(Value::Text(text.to_owned())),
            _ => self.expression(&place),
        };
        let value = value.and_then(|value| {
            let wrong = |reason| Fault::new(format!("wrong value for the variable {name:?}")).detail(reason);
            convert(value, &declaration.of, &self.world.budget).map_err(wrong)
        });
        Some(value.map_err(|fault| self.findings.fault(fault, &place)))
    }

    fn expression(&self, place: &Source) -> Result<Value, Fault> {
        crate::check_hcl(&place.text).map_err(Fault::new)?;
        let expression = hcl_edit::parser::parse_expr(&place.text).map_err(|error| Fault::new("syntax error").detail(error.message()))?;
        Evaluator::new(self.world, &place.text, UnknownNames::Refused).evaluate(&expression, &Scope::root(Vec::new()))
    }

    /// The values in a file, with their places.
    fn file(&self, file: &VariableFile) -> Vec<(String, Value, Span, Source)> {
        let source = Source::new(file.name.as_str(), file.text.as_str());
        let push = |diagnostic: Diagnostic| self.findings.put(diagnostic);
        if let Err(reason) = crate::check_size(&file.text) {
            push(Diagnostic::error(Kind::Malformed, reason).at(&source, None));
            return Vec::new();
        }
        if file.text.trim_start().starts_with('{') {
            return match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&file.text) {
                Ok(fields) => fields.iter().map(|(name, value)| (name.clone(), Value::from_json(value), None, source.clone())).collect(),
                Err(error) => {
                    push(crate::json_error(&source, &error));
                    Vec::new()
                }
            };
        }
        if let Err(reason) = crate::operands::check(&file.text) {
            push(Diagnostic::error(Kind::Malformed, reason).at(&source, None));
            return Vec::new();
        }
        let body = match hcl_edit::parser::parse_body(&file.text) {
            Ok(body) => body,
            Err(error) => {
                push(source.syntax_error(&error));
                return Vec::new();
            }
        };
        let evaluator = Evaluator::new(self.world, &file.text, UnknownNames::Refused);
        let mut values = Vec::new();
        for structure in body.iter() {
            match structure {
                Structure::Attribute(attribute) => match evaluator.evaluate(&attribute.value, &Scope::root(Vec::new())) {
                    Ok(value) => values.push((attribute.key.as_str().to_owned(), value, attribute.key.span(), source.clone())),
                    Err(fault) => self.findings.fault(fault, &source),
                },
                Structure::Block(block) => {
                    let summary = format!("unsupported block {:?}", block.ident.as_str());
                    let diagnostic = Diagnostic::error(Kind::Malformed, summary)
                        .detail("a file of values has lines such as name = \"value\"; variables are declared in the job file");
                    push(diagnostic.at(&source, block.ident.span()));
                }
            }
        }
        values
    }

    /// The declaration of a variable that somebody gave a value.
    fn declaration<'d>(
        &self,
        name: &str,
        declared: &'d BTreeMap<String, Declaration>,
        failed: &[String],
        allow_undeclared: bool,
        place: &Source,
        span: Span,
    ) -> Option<&'d Declaration> {
        if let Some(declaration) = declared.get(name) {
            return Some(declaration).filter(|_| !failed.iter().any(|known| known == name) || declaration.default.is_some());
        }
        let detail = match nearest(name, declared.keys().map(String::as_str)) {
            Some(near) => format!("did you mean {near:?}?"),
            None => "the job file does not declare it".to_owned(),
        };
        let severity = if allow_undeclared { Severity::Warning } else { Severity::Error };
        let diagnostic = Diagnostic::new(severity, Kind::Malformed, format!("undeclared variable {name:?}")).detail(detail);
        self.findings.add(diagnostic, place, span);
        None
    }

    fn is_valid(&self, name: &str, value: &Value, declaration: &Declaration) -> bool {
        let mut is_valid = true;
        for check in &declaration.validations {
            let only_itself = Value::Object([(name.to_owned(), value.clone())].into());
            let scope = Scope::root(vec![("var".to_owned(), only_itself)]);
            let outcome = self.evaluator.evaluate(&check.condition, &scope).map(|value| value.to_bool());
            match outcome {
                Ok(Some(true)) => continue,
                Ok(Some(false)) => {
                    let diagnostic = Diagnostic::error(Kind::Invalid, format!("invalid value for the variable {name:?}"));
                    self.report(diagnostic.detail(check.message.as_str()), check.span.clone());
                }
                Ok(None) => self.report(Diagnostic::error(Kind::Malformed, "a condition must be true or false"), check.condition.span()),
                Err(fault) => self.fault(fault),
            }
            is_valid = false;
        }
        is_valid
    }

    fn unknown(&self, noun: &str, word: &str, known: &[&str], span: Span) {
        let detail = nearest(word, known.iter().copied()).map(|near| format!("did you mean {near:?}?")).unwrap_or_default();
        self.report(Diagnostic::error(Kind::Malformed, format!("unsupported {noun} {word:?}")).detail(detail), span);
    }
}

/// Letters, digits, `_` and `-`, not beginning with a digit.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
}
