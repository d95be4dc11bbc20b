//! Text to expression, by recursive descent.

use regex::RegexBuilder;

use super::{Expression, Test};

/// Longer than anything a person writes, short enough to be harmless.
const LONGEST: usize = 4096;

/// Each level is a call of this parser and of the evaluation.
const DEEPEST: usize = 64;

/// Memory of the compiled regular expressions of one filter, and again of what they keep while they look: they share it.
const REGEX_BYTES: usize = 1 << 20;

const OPERATORS: &str = "==, !=, in, not in, contains, not contains, matches, not matches, is empty or is not empty";

pub(super) fn expression(text: &str) -> Result<Expression, String> {
    if text.len() > LONGEST {
        return Err(format!("the expression is longer than {LONGEST} bytes"));
    }
    let tokens = tokens(text)?;
    let n_regexes = tokens.iter().filter(|(token, _)| matches!(token, Token::Word(word) if word == "matches")).count();
    let mut parser = Parser { tokens, next: 0, depth: 0, regex_bytes: REGEX_BYTES / n_regexes.max(1) };
    let expression = parser.or()?;
    match parser.peek() {
        None => Ok(expression),
        Some((Token::Close, at)) => Err(format!("unexpected ) at position {at}")),
        Some((_, at)) => Err(format!("expected and, or, or the end at position {at}")),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Equal,
    Unequal,
    /// A bare word: a keyword, selector, number or value.
    Word(String),
    /// A quoted value.
    Text(String),
    /// `["key"]`, directly after a selector.
    Key(String),
}

/// Tokens with their positions, counted from 1.
fn tokens(text: &str) -> Result<Vec<(Token, usize)>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let position = at + 1;
        let token = match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            '=' | '!' if rest.next_if(|(_, next)| *next == '=').is_some() => {
                if c == '=' {
                    Token::Equal
                } else {
                    Token::Unequal
                }
            }
            '=' => return Err(format!("unexpected character '=' at position {position}: write == to compare")),
            '"' | '`' => Token::Text(quoted(&mut rest, c, position)?),
            '[' => {
                let Some((quote_at, quote)) = rest.next_if(|(_, next)| matches!(next, '"' | '`')) else {
                    return Err(format!("expected a quoted key after [ at position {position}"));
                };
                let key = quoted(&mut rest, quote, quote_at + 1)?;
                if rest.next_if(|(_, next)| *next == ']').is_none() {
                    return Err(format!("expected ] after the key that begins at position {}", quote_at + 1));
                }
                Token::Key(key)
            }
            c if is_word(c) => {
                let mut word = String::from(c);
                while let Some((_, next)) = rest.next_if(|(_, next)| is_word(*next)) {
                    word.push(next);
                }
                Token::Word(word)
            }
            c => return Err(format!("unexpected character {c:?} at position {position}")),
        };
        tokens.push((token, position));
    }
    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | '+')
}

/// The rest of a quoted text; backquotes know no escapes.
fn quoted(rest: &mut std::iter::Peekable<std::str::CharIndices<'_>>, quote: char, position: usize) -> Result<String, String> {
    let mut text = String::new();
    while let Some((_, c)) = rest.next() {
        match c {
            c if c == quote => return Ok(text),
            '\\' if quote == '"' => match rest.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, c @ ('"' | '\\'))) => text.push(c),
                // Kept for regular expressions.
                Some((_, c)) => text.extend(['\\', c]),
                None => break,
            },
            c => text.push(c),
        }
    }
    Err(format!("the text that begins at position {position} does not end"))
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    next: usize,
    depth: usize,
    /// For each.
    regex_bytes: usize,
}

impl Parser {
    fn peek(&self) -> Option<(&Token, usize)> {
        self.tokens.get(self.next).map(|(token, at)| (token, *at))
    }

    fn take(&mut self) -> Option<(Token, usize)> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    /// Takes the keyword if it comes next.
    fn keyword(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some((Token::Word(next), _)) if next == word);
        self.next += usize::from(found);
        found
    }

    fn place(&self) -> String {
        self.peek().map_or("the end".to_owned(), |(_, at)| format!("position {at}"))
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("the expression is nested deeper than {DEEPEST} levels"));
        }
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn or(&mut self) -> Result<Expression, String> {
        let mut left = self.and()?;
        while self.keyword("or") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.not()?;
        while self.keyword("and") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, String> {
        if self.keyword("not") {
            return self.deeper(|parser| Ok(Expression::Not(Box::new(parser.not()?))));
        }
        if matches!(self.peek(), Some((Token::Open, _))) {
            self.next += 1;
            let inner = self.deeper(Self::or)?;
            return match self.peek() {
                Some((Token::Close, _)) => {
                    self.next += 1;
                    Ok(inner)
                }
                _ => Err(format!("expected ) at {}", self.place())),
            };
        }
        self.test()
    }

    fn test(&mut self) -> Result<Expression, String> {
        let place = self.place();
        match self.take() {
            Some((Token::Text(value), _)) => self.membership(value),
            Some((Token::Word(word), _)) => {
                if self.followed_by_membership() {
                    return self.membership(word);
                }
                let selector = self.selector(&word)?;
                self.operator(selector)
            }
            _ => Err(format!("expected a field or a value at {place}")),
        }
    }

    fn followed_by_membership(&self) -> bool {
        let word = |at: usize| match self.tokens.get(at) {
            Some((Token::Word(word), _)) => word.as_str(),
            _ => "",
        };
        word(self.next) == "in" || word(self.next) == "not" && word(self.next + 1) == "in"
    }

    /// `value in field`, after the value.
    fn membership(&mut self, value: String) -> Result<Expression, String> {
        let negated = self.keyword("not");
        if !self.keyword("in") {
            return Err(format!("expected in or not in after a value at {}", self.place()));
        }
        let place = self.place();
        let Some((Token::Word(word), _)) = self.take() else { return Err(format!("expected a field at {place}")) };
        let test = Expression::Test(self.selector(&word)?, Test::Contains(value));
        Ok(if negated { Expression::Not(Box::new(test)) } else { test })
    }

    /// `A.B["key"].C`, of which `word` is the first piece.
    fn selector(&mut self, word: &str) -> Result<Vec<String>, String> {
        let mut parts: Vec<String> = word.split('.').map(str::to_owned).collect();
        while let Some((Token::Key(key), _)) = self.peek() {
            parts.push(key.clone());
            self.next += 1;
            if let Some((Token::Word(more), _)) = self.peek()
                && let Some(more) = more.strip_prefix('.')
            {
                parts.extend(more.split('.').map(str::to_owned));
                self.next += 1;
            }
        }
        if parts.iter().any(String::is_empty) { Err(format!("{word:?} is no field")) } else { Ok(parts) }
    }

    /// What comes after a field.
    fn operator(&mut self, selector: Vec<String>) -> Result<Expression, String> {
        let place = self.place();
        let (negated, test) = match self.take() {
            Some((Token::Equal, _)) => (false, Test::Equals(self.value()?)),
            Some((Token::Unequal, _)) => (true, Test::Equals(self.value()?)),
            Some((Token::Word(word), _)) => match word.as_str() {
                "is" => {
                    let negated = self.keyword("not");
                    if !self.keyword("empty") {
                        return Err(format!("expected empty or not empty after is at {}", self.place()));
                    }
                    (negated, Test::Empty)
                }
                "contains" => (false, Test::Contains(self.value()?)),
                "matches" => (false, self.regex()?),
                "not" if self.keyword("contains") => (true, Test::Contains(self.value()?)),
                "not" if self.keyword("matches") => (true, self.regex()?),
                _ => return Err(format!("expected {OPERATORS} at {place}")),
            },
            _ => return Err(format!("expected {OPERATORS} at {place}")),
        };
        let test = Expression::Test(selector, test);
        Ok(if negated { Expression::Not(Box::new(test)) } else { test })
    }

    fn value(&mut self) -> Result<String, String> {
        let place = self.place();
        match self.take() {
            Some((Token::Word(text) | Token::Text(text), _)) => Ok(text),
            _ => Err(format!("expected a value at {place}")),
        }
    }

    fn regex(&mut self) -> Result<Test, String> {
        let text = self.value()?;
        let regex = RegexBuilder::new(&text).size_limit(self.regex_bytes).dfa_size_limit(self.regex_bytes).build();
        regex.map(Test::Matches).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the regular expressions are too large".to_owned(),
            _ => format!("invalid regular expression {text:?}"),
        })
    }
}
