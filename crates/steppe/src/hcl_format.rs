//! HCL as it is written by people who agree: two blanks for each bracket that is open, equal signs below each other, one blank where there is any.
//!
//! Lines stay lines, and what is between quotes, in comments and in heredocs stays as it is. The text that comes out means the same, and is left
//! alone when it is formatted again.

/// The text with its lines in place. It has to be valid HCL.
pub fn format(text: &str) -> String {
    let mut lines = laid_out(text);
    align(&mut lines);
    let lines: Vec<String> = lines.iter().map(Line::text).collect();
    let text = lines.join("\n");
    let text = text.trim_start_matches('\n').trim_end();
    if text.is_empty() { String::new() } else { format!("{text}\n") }
}

/// A line of the outcome; what spans several lines of the source is all in the line where it begins.
#[derive(Default)]
struct Line {
    depth: usize,
    /// What is before the equal sign of `key = value`.
    key: Option<String>,
    code: String,
    comment: String,
    /// Brackets or texts go on in the next line.
    is_open: bool,
    /// Blanks that put the equal sign, and the comment, below those of other lines.
    key_padding: usize,
    comment_padding: usize,
}

impl Line {
    fn text(&self) -> String {
        let mut text = String::new();
        if let Some(key) = &self.key {
            text.push_str(&format!("{key}{} = ", " ".repeat(self.key_padding)));
        }
        text.push_str(&self.code);
        if !self.comment.is_empty() {
            let blank = if text.is_empty() { 0 } else { self.comment_padding + 1 };
            text.push_str(&format!("{}{}", " ".repeat(blank), self.comment));
        }
        if text.is_empty() { text } else { format!("{}{}", "  ".repeat(self.depth), text.trim_end()) }
    }

    /// Characters before the comment.
    fn width(&self) -> usize {
        let of_key = self.key.as_ref().map_or(0, |key| key.chars().count() + self.key_padding + 3);
        of_key + self.code.chars().count()
    }

    fn is_pair(&self) -> bool {
        self.key.is_some() && !self.is_open
    }

    fn has_comment_behind(&self) -> bool {
        !self.comment.is_empty() && (self.key.is_some() || !self.code.is_empty()) && !self.is_open
    }
}

/// The source's lines with their depth, and with the blanks that are in them.
fn laid_out(text: &str) -> Vec<Line> {
    // Of each open bracket, how deep the line is in which it was opened.
    let mut open: Vec<usize> = Vec::new();
    let mut lines = Vec::new();
    for tokens in token_lines(text) {
        let mut depth = open.last().map_or(0, |depth| depth + 1);
        let n_closing = tokens.iter().take_while(|token| token.closes()).count();
        let n_open_before = open.len();
        for _ in 0..n_closing {
            depth = open.pop().unwrap_or(0);
        }
        for token in tokens.iter().skip(n_closing) {
            if token.opens() {
                open.push(depth);
            } else if token.closes() {
                open.pop();
            }
        }
        let is_open = open.len() > n_open_before.saturating_sub(n_closing) || tokens.iter().any(|token| token.text.contains('\n'));
        lines.push(line(&tokens, depth, is_open));
    }
    lines
}

fn line(tokens: &[Token], depth: usize, is_open: bool) -> Line {
    let (comment, tokens) = match tokens.split_last() {
        Some((last, before)) if last.kind == Kind::Comment => (last.text.to_owned(), before),
        _ => (String::new(), tokens),
    };
    let (key, code) = match tokens {
        [key, equals, value @ ..] if matches!(key.kind, Kind::Word | Kind::Text) && equals.text == "=" && !value.is_empty() => {
            (Some(key.text.to_owned()), value)
        }
        all => (None, all),
    };
    let mut text = String::new();
    for (at, token) in code.iter().enumerate() {
        if at > 0 && has_blank(&code[at - 1], token) {
            text.push(' ');
        }
        text.push_str(token.text);
    }
    Line { depth, key, code: text, comment, is_open, ..Line::default() }
}

/// Whether a blank stands between two tokens of a line.
fn has_blank(before: &Token, after: &Token) -> bool {
    const APART: [&str; 8] = ["=", "=>", "==", "!=", "<=", ">=", "&&", "||"];
    match (before.text, after.text) {
        ("{", "}") | ("(" | "[", _) | (_, ")" | "]" | "," | ".") | (".", _) => false,
        ("{" | ",", _) | (_, "{" | "}") => true,
        (a, b) if APART.contains(&a) || APART.contains(&b) => true,
        // The labels of a block.
        _ if before.kind == Kind::Word && after.kind == Kind::Text => true,
        _ => after.blank_before,
    }
}

/// Equal signs and comments of lines that follow each other stand below each other.
fn align(lines: &mut [Line]) {
    for group in lines.chunk_by_mut(|a, b| a.is_pair() && b.is_pair() && a.depth == b.depth) {
        let width = |line: &Line| line.key.as_ref().map_or(0, |key| key.chars().count());
        let widest = group.iter().map(width).max().unwrap_or(0);
        for line in group.iter_mut().filter(|line| line.is_pair()) {
            line.key_padding = widest - width(line);
        }
    }
    for group in lines.chunk_by_mut(|a, b| a.has_comment_behind() && b.has_comment_behind() && a.depth == b.depth) {
        let widest = group.iter().map(Line::width).max().unwrap_or(0);
        for line in group.iter_mut().filter(|line| line.has_comment_behind()) {
            line.comment_padding = widest - line.width();
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word,
    /// In quotes, or a heredoc with its end.
    Text,
    Comment,
    Sign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    blank_before: bool,
}

impl Token<'_> {
    fn opens(&self) -> bool {
        self.kind == Kind::Sign && matches!(self.text, "{" | "[" | "(")
    }

    fn closes(&self) -> bool {
        self.kind == Kind::Sign && matches!(self.text, "}" | "]" | ")")
    }
}

/// The tokens of every line.
fn token_lines(text: &str) -> Vec<Vec<Token<'_>>> {
    let mut lines = vec![Vec::new()];
    let mut rest = text;
    loop {
        let after_blanks = rest.trim_start_matches([' ', '\t', '\r']);
        let blank_before = after_blanks.len() < rest.len();
        rest = after_blanks;
        let Some(first) = rest.chars().next() else { return lines };
        if first == '\n' {
            lines.push(Vec::new());
            rest = &rest[1..];
            continue;
        }
        let (kind, length) = token(rest);
        let (text, after) = rest.split_at(length);
        let text = if kind == Kind::Comment { text.trim_end() } else { text };
        if let Some(line) = lines.last_mut() {
            line.push(Token { kind, text, blank_before });
        }
        rest = after;
    }
}

/// What the text begins with, and its length in bytes.
fn token(text: &str) -> (Kind, usize) {
    const SIGNS: [&str; 8] = ["...", "=>", "==", "!=", "<=", ">=", "&&", "||"];
    let to_end_of_line = text.find('\n').unwrap_or(text.len());
    if text.starts_with('#') || text.starts_with("//") {
        return (Kind::Comment, to_end_of_line);
    }
    if text.starts_with("/*") {
        return (Kind::Comment, text.find("*/").map_or(text.len(), |end| end + 2));
    }
    if text.starts_with('"') {
        return (Kind::Text, quoted(text));
    }
    if let Some(length) = heredoc(text) {
        return (Kind::Text, length);
    }
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let first = text.chars().next().unwrap_or_default();
    if first.is_alphanumeric() || first == '_' {
        return (Kind::Word, text.find(|c| !is_word(c)).unwrap_or(text.len()));
    }
    let sign = SIGNS.into_iter().find(|sign| text.starts_with(sign));
    (Kind::Sign, sign.map_or(first.len_utf8(), str::len))
}

/// The length of what is in quotes, with them; expressions in it may have quotes of their own.
fn quoted(text: &str) -> usize {
    let mut at = 1;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        match c {
            '"' => return at + 1,
            '\\' => at += 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ if rest.starts_with("$${") || rest.starts_with("%%{") => at += 3,
            _ if rest.starts_with("${") || rest.starts_with("%{") => at += 2 + expression(&rest[2..]),
            c => at += c.len_utf8(),
        }
    }
    at
}

/// The length of what is up to the brace that closes it, with that.
fn expression(text: &str) -> usize {
    let mut n_open = 1;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '"' => at += quoted(&text[at..]),
            c => {
                at += c.len_utf8();
                n_open += usize::from(c == '{');
                n_open -= usize::from(c == '}');
                if n_open == 0 {
                    break;
                }
            }
        }
    }
    at
}

/// The length of a heredoc, to the end of its last line.
fn heredoc(text: &str) -> Option<usize> {
    let name = text.strip_prefix("<<")?;
    let name = name.strip_prefix('-').unwrap_or(name);
    let (name, _) = name.split_once('\n')?;
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        let is_first = length == 0;
        length += line.len();
        if !is_first && line.trim() == name {
            return Some(length - (line.len() - line.trim_end().len()));
        }
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: what somebody wrote; what it becomes, which then stays as it is.
    #[test]
    fn formatting() {
        let check = |text: &str, expected: &str| {
            assert_eq!(format(text), expected, "{text}");
            assert_eq!(format(expected), expected, "again: {text}");
        };
        check("", "");
        check("\n\n a=1 \n\n\n", "a = 1\n");
        check("a=1\nlonger  =2\n\nb=3", "a      = 1\nlonger = 2\n\nb = 3\n");
        check("job \"x\"{\ntype=\"batch\"\n}", "job \"x\" {\n  type = \"batch\"\n}\n");
        check("group \"a\"  \"b\"   {}", "group \"a\" \"b\" {}\n");
        check(
            "config {\n    image=\"x\"\n    tags = {\n  a=1\n        }\n  long_name=2\n}",
            "config {\n  image = \"x\"\n  tags = {\n    a = 1\n  }\n  long_name = 2\n}\n",
        );
        check("args=[ \"a\" ,\"b\",]", "args = [\"a\", \"b\",]\n");
        check("args = [\n\"a\",\n  \"b\"\n]", "args = [\n  \"a\",\n  \"b\"\n]\n");
        check("x = [{\na=1\n},{\nb=2\n}]", "x = [{\n  a = 1\n}, {\n  b = 2\n}]\n");
        check("m = {a=1,\"b c\"=2}", "m = { a = 1, \"b c\" = 2 }\n");
        check("m = {\n\"b c\"=2\nd=1\n}", "m = {\n  \"b c\" = 2\n  d     = 1\n}\n");
        check("a = b?c:d\ne = !f&&g||h==-1", "a = b?c:d\ne = !f && g || h == -1\n");
        check("a = x [0] . y\nb = f ( 1,2 )", "a = x [0].y\nb = f (1, 2)\n");
        check("a = [for k, v in x : k=>v if v!=\"\"]", "a = [for k, v in x : k => v if v != \"\"]\n");
        check("a = f(x...)", "a = f(x...)\n");
    }

    /// Comments stay; behind code they stand below each other.
    #[test]
    fn comments() {
        let check = |text: &str, expected: &str| {
            assert_eq!(format(text), expected, "{text}");
            assert_eq!(format(expected), expected, "again: {text}");
        };
        check("   # of all  \n a=1#one\nlong=22 // two\nb = 3", "# of all\na    = 1  #one\nlong = 22 // two\nb    = 3\n");
        check("a {\n# inside\n\n   # more\nb=1\n}", "a {\n  # inside\n\n  # more\n  b = 1\n}\n");
        check("/* one\n   two */\na=1", "/* one\n   two */\na = 1\n");
        check("a = \"# no comment\"", "a = \"# no comment\"\n");
        check("a {  # opens\nb = 1 # is\n}", "a { # opens\n  b = 1 # is\n}\n");
        check("a = /* why */ 1", "a = /* why */ 1\n");
    }

    /// What is in quotes and in heredocs is left alone, with brackets, quotes and blanks.
    #[test]
    fn texts() {
        for text in [
            "a = \"x  =  {  [\"\n",
            "a = \"${f(\"}  \", { b = 1 })}  {\"\n",
            "a = \"$${ \\\" \\\\\"\nb = \"%%{\"\n",
            "a {\n  data = <<EOF\n   one {\n\ttwo  \"\n EOF\n  b    = 1\n  long = 2\n}\n",
            "a = <<-EOF\n      x\n    EOF\nb = [\n  1,\n]\n",
            "a = f(<<EOF\n x\nEOF\n)\n",
        ] {
            assert_eq!(format(text), text);
        }
    }
}
