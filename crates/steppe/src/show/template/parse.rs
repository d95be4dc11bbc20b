//! Template text to nodes.

use std::collections::BTreeMap;

/// A part of a template.
#[derive(Debug)]
pub enum Node {
    Text(String),
    Print(Pipeline),
    /// `{{$x := …}}`, or `{{$x = …}}` for one that exists.
    Assign {
        name: String,
        new: bool,
        value: Pipeline,
    },
    If {
        condition: Pipeline,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
    With {
        name: Option<String>,
        value: Pipeline,
        then: Vec<Node>,
        otherwise: Vec<Node>,
    },
    Range {
        key: Option<String>,
        item: Option<String>,
        over: Pipeline,
        body: Vec<Node>,
        otherwise: Vec<Node>,
    },
    /// `{{template "name" …}}`: what is printed comes from that template, with this value as its dot.
    Template {
        name: String,
        value: Option<Pipeline>,
    },
    /// Ends the range around it.
    Break,
    /// Goes on with the next item of the range around it.
    Continue,
}

/// `a | b | c`: each gets the value of the one before as its last argument.
#[derive(Debug)]
pub struct Pipeline(pub Vec<Command>);

/// An operand, or a function and its arguments.
#[derive(Debug)]
pub struct Command(pub Vec<Operand>);

#[derive(Debug)]
pub struct Operand {
    pub base: Base,
    /// `.A.B` after the base.
    pub fields: Vec<String>,
}

#[derive(Debug)]
pub enum Base {
    Dot,
    /// Without the `$`; empty for `$` itself.
    Variable(String),
    Literal(serde_json::Value),
    Function(String),
    Group(Pipeline),
}

/// A word of an action.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Variable(String),
    /// `.A.B`, split; empty for `.` alone.
    Fields(Vec<String>),
    Text(String),
    Number(serde_json::Number),
    Pipe,
    Open,
    /// With the fields behind it.
    Close(Vec<String>),
    Comma,
    Declare,
    Assign,
}

enum Piece {
    Text(String),
    Action(Vec<Token>),
}

/// A text and the templates that it defines.
#[derive(Debug)]
pub struct Template {
    pub nodes: Vec<Node>,
    pub defined: BTreeMap<String, Vec<Node>>,
}

pub fn template(source: &str) -> Result<Template, String> {
    let mut parser = Parser { pieces: pieces(source)?.into_iter(), n_ranges: 0, defined: BTreeMap::new() };
    match parser.nodes("")? {
        (nodes, End::OfText) => Ok(Template { nodes, defined: parser.defined }),
        (_, End::Else(_)) => Err("unexpected {{else}}".to_owned()),
        (_, End::Keyword) => Err("unexpected {{end}}".to_owned()),
    }
}

/// Texts and actions, blanks trimmed where `{{-` and `-}}` say so.
fn pieces(source: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = source;
    let mut trim_next = false;
    while let Some(at) = rest.find("{{") {
        let (text, after) = rest.split_at(at);
        let mut body = &after[2..];
        let trims_before = body.strip_prefix('-').is_some_and(|inner| inner.starts_with(char::is_whitespace));
        if trims_before {
            body = &body[1..];
        }
        let text = if trim_next { text.trim_start() } else { text };
        let text = if trims_before { text.trim_end() } else { text };
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        let end = action_end(body).ok_or("\"{{\" is not closed by \"}}\"")?;
        let (mut action, after) = body.split_at(end);
        trim_next = action.strip_suffix('-').is_some_and(|inner| inner.ends_with(char::is_whitespace));
        if trim_next {
            action = &action[..action.len() - 1];
        }
        let action = action.trim();
        if !(action.starts_with("/*") && action.ends_with("*/")) {
            pieces.push(Piece::Action(tokens(action)?));
        }
        rest = &after[2..];
    }
    let text = if trim_next { rest.trim_start() } else { rest };
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
    Ok(pieces)
}

/// Where `}}` stands, outside of texts.
fn action_end(body: &str) -> Option<usize> {
    let mut quote = None;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '`' => quote = Some(c),
            None if body[at..].starts_with("}}") => return Some(at),
            None => {}
        }
    }
    // A text that is not closed is reported as such.
    body.find("}}")
}

fn tokens(action: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = action;
    while let Some(c) = rest.chars().next() {
        if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
            continue;
        }
        if let Some((token, after)) = symbol(rest) {
            tokens.push(token);
            rest = after;
            continue;
        }
        let (token, after) = match c {
            '"' => quoted(rest)?,
            '`' => {
                let end = rest[1..].find('`').ok_or_else(|| format!("the text is not closed: {rest}"))?;
                (Token::Text(rest[1..=end].to_owned()), &rest[end + 2..])
            }
            ')' => {
                let (fields, after) = fields(&rest[1..]);
                (Token::Close(fields), after)
            }
            '.' if !rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
                let (names, after) = fields(rest);
                let after = if names.is_empty() { &rest[1..] } else { after };
                (Token::Fields(names), after)
            }
            '$' => {
                let (name, after) = word(&rest[1..]);
                (Token::Variable(name.to_owned()), after)
            }
            c if c.is_ascii_digit() || c == '-' || c == '.' => number(rest)?,
            c if c.is_alphabetic() || c == '_' => {
                let (name, after) = word(rest);
                (Token::Word(name.to_owned()), after)
            }
            c => return Err(format!("unexpected {c:?} in {{{{{action}}}}}")),
        };
        tokens.push(token);
        rest = after;
        // `$x.A`: the fields belong to the variable.
        if matches!(tokens.last(), Some(Token::Variable(_))) && rest.starts_with('.') {
            let (names, after) = fields(rest);
            tokens.push(Token::Close(names));
            rest = after;
        }
    }
    Ok(tokens)
}

fn symbol(rest: &str) -> Option<(Token, &str)> {
    const SYMBOLS: [(&str, Token); 5] =
        [("|", Token::Pipe), ("(", Token::Open), (",", Token::Comma), (":=", Token::Declare), ("=", Token::Assign)];
    SYMBOLS.into_iter().find_map(|(text, token)| Some((token, rest.strip_prefix(text)?)))
}

fn word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    text.split_at(end)
}

/// The names of `.A.B`.
fn fields(mut text: &str) -> (Vec<String>, &str) {
    let mut names = Vec::new();
    while let Some(after) = text.strip_prefix('.') {
        let (name, rest) = word(after);
        if name.is_empty() {
            break;
        }
        names.push(name.to_owned());
        text = rest;
    }
    (names, text)
}

/// A text in double quotes: the escapes are those of JSON.
fn quoted(text: &str) -> Result<(Token, &str), String> {
    let mut parts = serde_json::Deserializer::from_str(text).into_iter::<String>();
    match parts.next() {
        Some(Ok(value)) => Ok((Token::Text(value), text.get(parts.byte_offset()..).unwrap_or_default())),
        Some(Err(error)) if !error.is_eof() => Err(format!("the text {text} cannot be read: {error}")),
        _ => Err(format!("the text is not closed: {text}")),
    }
}

fn number(text: &str) -> Result<(Token, &str), String> {
    let end = text[1..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(text.len(), |end| end + 1);
    let (digits, rest) = text.split_at(end);
    serde_json::from_str(digits).map(|number| (Token::Number(number), rest)).map_err(|_| format!("{digits:?} is not a number"))
}

/// What ended a list of nodes.
enum End {
    OfText,
    Keyword,
    /// With the words behind it: `else if …`.
    Else(Vec<Token>),
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    /// How many ranges are around what comes next.
    n_ranges: usize,
    defined: BTreeMap<String, Vec<Node>>,
}

impl Parser {
    /// Nodes up to the end of `inside`, which is the keyword of the block.
    fn nodes(&mut self, inside: &str) -> Result<(Vec<Node>, End), String> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let tokens = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action(tokens) => tokens,
            };
            match tokens.split_first() {
                None => return Err("an empty action {{}}".to_owned()),
                Some((Token::Word(word), rest)) => match word.as_str() {
                    "end" => return Ok((nodes, End::Keyword)),
                    "else" => return Ok((nodes, End::Else(rest.to_vec()))),
                    "if" => nodes.push(self.condition(rest)?),
                    "with" => nodes.push(self.with(rest)?),
                    "range" => nodes.push(self.range(rest)?),
                    "break" | "continue" if self.n_ranges == 0 => return Err(format!("{{{{{word}}}}} outside of {{{{range}}}}")),
                    "break" => nodes.push(Node::Break),
                    "continue" => nodes.push(Node::Continue),
                    "template" => {
                        let (name, value) = named(word, rest)?;
                        nodes.push(Node::Template { name, value });
                    }
                    "define" if !inside.is_empty() => return Err("{{define}} inside of another block".to_owned()),
                    "define" => match named(word, rest)? {
                        (name, None) => self.define(name, "define")?,
                        (name, Some(_)) => return Err(format!("{{{{define {name:?}}}}} takes no value")),
                    },
                    "block" => match named(word, rest)? {
                        (name, Some(value)) => {
                            self.define(name.clone(), "block")?;
                            nodes.push(Node::Template { name, value: Some(value) });
                        }
                        (name, None) => return Err(format!("{{{{block {name:?}}}}} takes a value")),
                    },
                    _ => nodes.push(Node::Print(pipeline(&tokens)?)),
                },
                Some((Token::Variable(name), [Token::Declare, value @ ..])) => {
                    nodes.push(Node::Assign { name: name.clone(), new: true, value: pipeline(value)? });
                }
                Some((Token::Variable(name), [Token::Assign, value @ ..])) => {
                    nodes.push(Node::Assign { name: name.clone(), new: false, value: pipeline(value)? });
                }
                Some(_) => nodes.push(Node::Print(pipeline(&tokens)?)),
            }
        }
        if inside.is_empty() { Ok((nodes, End::OfText)) } else { Err(format!("{{{{{inside}}}}} is not closed by {{{{end}}}}")) }
    }

    /// The nodes up to `{{end}}` are the template of this name; the last one that is not empty counts.
    fn define(&mut self, name: String, keyword: &str) -> Result<(), String> {
        let n_ranges = std::mem::take(&mut self.n_ranges);
        let (nodes, end) = self.nodes(keyword)?;
        self.n_ranges = n_ranges;
        if let End::Else(_) = end {
            return Err("unexpected {{else}}".to_owned());
        }
        let says_something = |node: &Node| !matches!(node, Node::Text(text) if text.trim().is_empty());
        if nodes.iter().any(says_something) || !self.defined.contains_key(&name) {
            self.defined.insert(name, nodes);
        }
        Ok(())
    }

    fn condition(&mut self, tokens: &[Token]) -> Result<Node, String> {
        let condition = pipeline(tokens)?;
        let (then, end) = self.nodes("if")?;
        Ok(Node::If { condition, then, otherwise: self.otherwise(end, "if")? })
    }

    fn with(&mut self, tokens: &[Token]) -> Result<Node, String> {
        let (name, tokens) = match tokens {
            [Token::Variable(name), Token::Declare, value @ ..] => (Some(name.clone()), value),
            _ => (None, tokens),
        };
        let value = pipeline(tokens)?;
        let (then, end) = self.nodes("with")?;
        Ok(Node::With { name, value, then, otherwise: self.otherwise(end, "with")? })
    }

    fn range(&mut self, tokens: &[Token]) -> Result<Node, String> {
        let (key, item, tokens) = match tokens {
            [Token::Variable(key), Token::Comma, Token::Variable(item), Token::Declare, over @ ..] => {
                (Some(key.clone()), Some(item.clone()), over)
            }
            [Token::Variable(item), Token::Declare, over @ ..] => (None, Some(item.clone()), over),
            _ => (None, None, tokens),
        };
        let over = pipeline(tokens)?;
        self.n_ranges += 1;
        let (body, end) = self.nodes("range")?;
        self.n_ranges -= 1;
        Ok(Node::Range { key, item, over, body, otherwise: self.otherwise(end, "range")? })
    }

    /// What stands between `{{else}}` and `{{end}}`, if there is any.
    fn otherwise(&mut self, end: End, inside: &str) -> Result<Vec<Node>, String> {
        let End::Else(tokens) = end else { return Ok(Vec::new()) };
        match tokens.as_slice() {
            [] => match self.nodes(inside)? {
                (nodes, End::Keyword) => Ok(nodes),
                _ => Err("unexpected {{else}}".to_owned()),
            },
            // One {{end}} closes both.
            [Token::Word(word), rest @ ..] if word == "if" => Ok(vec![self.condition(rest)?]),
            [Token::Word(word), rest @ ..] if word == "with" => Ok(vec![self.with(rest)?]),
            _ => Err("after {{else}} come if, with or nothing".to_owned()),
        }
    }
}

/// `"name"`, and a value behind it if there is one.
fn named(keyword: &str, tokens: &[Token]) -> Result<(String, Option<Pipeline>), String> {
    match tokens {
        [Token::Text(name)] => Ok((name.clone(), None)),
        [Token::Text(name), value @ ..] => Ok((name.clone(), Some(pipeline(value)?))),
        _ => Err(format!("{{{{{keyword}}}}} takes the name of a template in quotes")),
    }
}

fn pipeline(tokens: &[Token]) -> Result<Pipeline, String> {
    let mut position = 0;
    let pipeline = pipeline_at(tokens, &mut position)?;
    match tokens.get(position) {
        None => Ok(pipeline),
        Some(_) => Err("unexpected \")\", \":=\" or \",\"".to_owned()),
    }
}

fn pipeline_at(tokens: &[Token], position: &mut usize) -> Result<Pipeline, String> {
    let mut commands = Vec::new();
    loop {
        let mut operands = Vec::new();
        while let Some(operand) = operand_at(tokens, position)? {
            operands.push(operand);
        }
        if operands.is_empty() {
            return Err(if commands.is_empty() { "a value is missing" } else { "nothing after |" }.to_owned());
        }
        commands.push(Command(operands));
        if tokens.get(*position) != Some(&Token::Pipe) {
            return Ok(Pipeline(commands));
        }
        *position += 1;
    }
}

fn operand_at(tokens: &[Token], position: &mut usize) -> Result<Option<Operand>, String> {
    let Some(token) = tokens.get(*position) else { return Ok(None) };
    let plain = |base| Operand { base, fields: Vec::new() };
    let operand = match token {
        Token::Fields(fields) => Operand { base: Base::Dot, fields: fields.clone() },
        Token::Text(text) => plain(Base::Literal(text.clone().into())),
        Token::Number(number) => plain(Base::Literal(number.clone().into())),
        Token::Word(word) => plain(match word.as_str() {
            "true" => Base::Literal(true.into()),
            "false" => Base::Literal(false.into()),
            "nil" => Base::Literal(serde_json::Value::Null),
            _ => Base::Function(word.clone()),
        }),
        Token::Variable(name) => {
            let fields = match tokens.get(*position + 1) {
                Some(Token::Close(fields)) if !fields.is_empty() => {
                    *position += 1;
                    fields.clone()
                }
                _ => Vec::new(),
            };
            Operand { base: Base::Variable(name.clone()), fields }
        }
        Token::Open => {
            *position += 1;
            let inner = pipeline_at(tokens, position)?;
            let Some(Token::Close(fields)) = tokens.get(*position) else { return Err("\"(\" is not closed".to_owned()) };
            Operand { base: Base::Group(inner), fields: fields.clone() }
        }
        _ => return Ok(None),
    };
    *position += 1;
    Ok(Some(operand))
}
