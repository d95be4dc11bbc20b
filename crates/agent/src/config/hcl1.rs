//! The first version of HCL, as far as configurations use it: blocks and their attributes on one line, quoted keys, commas between entries.
//!
//! It is only asked about files that are no HCL2, and says nothing about what is wrong with one: it reads a file, or it does not, and then the
//! problem that HCL2 has with it is reported.

use super::document::{Entry, LABELS_MAX, Node, Value};

/// Blocks in blocks; far more than a configuration has.
const DEPTH_MAX: usize = 32;

/// The entries of a file; `None` when it is not in this language either.
pub fn read(text: &str) -> Option<Vec<Entry>> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let entries = reader.entries()?;
    (reader.at == text.len()).then_some(entries)
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Goes past `text`, if it is next.
    fn take(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        if is_next {
            self.at += text.len();
        }
        is_next
    }

    fn take_while(&mut self, fits: impl Fn(char) -> bool) -> &str {
        let start = self.at;
        let n_bytes: usize = self.rest().chars().take_while(|c| fits(*c)).map(char::len_utf8).sum();
        self.at += n_bytes;
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Blanks, line breaks and comments.
    fn skip(&mut self) -> Option<()> {
        loop {
            self.take_while(char::is_whitespace);
            if self.take("#") || self.take("//") {
                self.take_while(|c| c != '\n');
            } else if self.take("/*") {
                self.at += self.rest().find("*/")? + 2;
            } else {
                return Some(());
            }
        }
    }

    /// Entries until the end of the file or of the block.
    fn entries(&mut self) -> Option<Vec<Entry>> {
        let mut entries = Vec::new();
        loop {
            self.skip()?;
            if self.next().is_none_or(|c| c == '}') {
                return Some(entries);
            }
            entries.push(self.entry()?);
            self.skip()?;
            self.take(",");
        }
    }

    /// `key = value`, `key { … }` or `key "label" { … }`.
    fn entry(&mut self) -> Option<Entry> {
        let mut keys = Vec::new();
        loop {
            self.skip()?;
            let at = self.at;
            match self.next()? {
                _ if keys.len() > LABELS_MAX + 1 => return None,
                '=' if keys.len() == 1 => {
                    self.take("=");
                    self.skip()?;
                    let node = self.value()?;
                    let (key, at) = keys.pop()?;
                    return Some(Entry { key, at, node });
                }
                '{' if !keys.is_empty() => return self.block(keys),
                '"' => keys.push((self.string()?, at)),
                c if c.is_alphabetic() || c == '_' => {
                    let key = self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
                    keys.push((key.to_owned(), at));
                }
                _ => return None,
            }
        }
    }

    /// Labels are keys of maps around the body.
    fn block(&mut self, keys: Vec<(String, usize)>) -> Option<Entry> {
        let first = keys.first()?.1;
        let mut node = Node { at: first, value: self.map()? };
        let mut keys = keys.into_iter().rev();
        let (mut key, mut at) = keys.next()?;
        for (outer, outer_at) in keys {
            node = Node { at, value: Value::Map(vec![Entry { key, at, node }]) };
            (key, at) = (outer, outer_at);
        }
        Some(Entry { key, at, node })
    }

    fn map(&mut self) -> Option<Value> {
        self.deeper(|reader| {
            reader.take("{").then_some(())?;
            let entries = reader.entries()?;
            reader.take("}").then_some(Value::Map(entries))
        })
    }

    fn list(&mut self) -> Option<Value> {
        self.deeper(|reader| {
            reader.take("[").then_some(())?;
            let mut nodes = Vec::new();
            loop {
                reader.skip()?;
                if reader.take("]") {
                    return Some(Value::List(nodes));
                }
                nodes.push(reader.value()?);
                reader.skip()?;
                if !reader.take(",") && reader.next() != Some(']') {
                    return None;
                }
            }
        })
    }

    fn deeper(&mut self, read: impl FnOnce(&mut Self) -> Option<Value>) -> Option<Value> {
        self.depth += 1;
        let value = if self.depth > DEPTH_MAX { None } else { read(self) };
        self.depth -= 1;
        value
    }

    fn value(&mut self) -> Option<Node> {
        let at = self.at;
        let value = match self.next()? {
            '"' => Value::Text(self.string()?),
            '{' => self.map()?,
            '[' => self.list()?,
            _ => match self.take_while(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '+')) {
                "true" => Value::Switch(true),
                "false" => Value::Switch(false),
                number if number.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                    Value::Number(number.parse().ok().filter(|number: &f64| number.is_finite())?)
                }
                _ => return None,
            },
        };
        Some(Node { at, value })
    }

    /// Without `${…}`, which configurations do not evaluate.
    fn string(&mut self) -> Option<String> {
        self.take("\"").then_some(())?;
        let mut text = String::new();
        loop {
            let c = self.next()?;
            self.at += c.len_utf8();
            match c {
                '"' => return Some(text),
                '\n' => return None,
                '$' if self.next() == Some('{') => return None,
                '\\' => {
                    let escaped = self.next()?;
                    self.at += escaped.len_utf8();
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        '"' | '\\' => escaped,
                        _ => return None,
                    });
                }
                c => text.push(c),
            }
        }
    }
}
