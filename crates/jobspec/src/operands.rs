//! How deep operands in brackets lie within each other.
//!
//! The parser reads an operand twice when it does not end well and two operators stand before it, as in `1 + 2 * (`: so an unfinished text takes
//! twice the time with each such bracket within another, and sixty of them would keep a processor busy for ever. They are counted before.

/// Brackets behind two operators, each within the one before.
const DEPTH_MAX: usize = 6;

/// What a text is made of, from the outside to the inside.
enum Level<'a> {
    /// `(`, `[`, `{`, or `${` in a text.
    Bracket {
        /// A body or an object: every line is an expression of its own.
        by_lines: bool,
        /// In the expression so far.
        n_operators: usize,
        /// The bracket is itself behind operators.
        is_behind: bool,
    },
    Quoted {
        is_behind: bool,
    },
    /// Also a template that ends with the text, without a tag.
    Heredoc {
        tag: Option<&'a [u8]>,
        is_behind: bool,
    },
}

/// Refuses HCL that the parser could not give up in time. What is not HCL at all passes: the parser says what is wrong with it.
pub fn check(text: &str) -> Result<(), String> {
    said(text, Level::Bracket { by_lines: true, n_operators: 0, is_behind: false })
}

/// The same of what would stand between quotation marks.
pub fn check_template(text: &str) -> Result<(), String> {
    said(text, Level::Heredoc { tag: None, is_behind: false })
}

fn said(text: &str, outermost: Level) -> Result<(), String> {
    deepest(text.as_bytes(), outermost).map(drop).map_err(|offset| {
        let before = text.as_bytes().get(..offset).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!(
            "too many operands in brackets lie within each other at line {line}: at most {DEPTH_MAX} brackets behind two operators are read"
        )
    })
}

/// How deep it goes, or where it goes too deep.
fn deepest<'a>(text: &'a [u8], outermost: Level<'a>) -> Result<usize, usize> {
    let mut levels = vec![outermost];
    let (mut depth, mut deepest, mut at) = (0_usize, 0_usize, 0_usize);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let is_root = levels.len() == 1;
        let Some(level) = levels.last_mut() else { break };
        let opened = match level {
            Level::Bracket { by_lines, n_operators, is_behind } => {
                let is_operand = *n_operators >= 2;
                match rest {
                    [b'"', ..] => {
                        at += 1;
                        Some(Level::Quoted { is_behind: is_operand })
                    }
                    [b'#', ..] | [b'/', b'/', ..] => {
                        at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                        None
                    }
                    [b'/', b'*', ..] => {
                        at += 2 + end_of(rest.get(2..).unwrap_or_default(), b"*/");
                        None
                    }
                    [b'<', b'<', after @ ..] if let Some((tag, length)) = heredoc(after) => {
                        at += 2 + length;
                        Some(Level::Heredoc { tag: Some(tag), is_behind: is_operand })
                    }
                    [open @ (b'(' | b'[' | b'{'), ..] => {
                        at += 1;
                        Some(Level::Bracket { by_lines: *open == b'{', n_operators: 0, is_behind: is_operand })
                    }
                    [b')' | b']' | b'}', ..] => {
                        at += 1;
                        if !is_root {
                            depth -= usize::from(*is_behind);
                            levels.pop();
                        }
                        None
                    }
                    [b',', ..] => {
                        (at, *n_operators) = (at + 1, 0);
                        None
                    }
                    [b'\n', ..] => {
                        (at, *n_operators) = (at + 1, if *by_lines { 0 } else { *n_operators });
                        None
                    }
                    [byte, ..] if is_operator(*byte) => {
                        let length = rest.iter().take_while(|byte| is_operator(**byte)).count();
                        // Behind an assignment an expression begins.
                        *n_operators = if matches!(rest.get(..length), Some(b"=" | b"=>")) { 0 } else { *n_operators + 1 };
                        at += 1;
                        // The last one may begin a comment or a text.
                        at += rest.get(1..length).unwrap_or_default().iter().take_while(|byte| !matches!(byte, b'/' | b'<')).count();
                        None
                    }
                    _ => {
                        at += rest.iter().take_while(|byte| is_of_name(**byte)).count().max(1);
                        None
                    }
                }
            }
            Level::Quoted { is_behind } => match rest {
                [b'"', ..] => {
                    at += 1;
                    levels.pop();
                    None
                }
                [b'\\', ..] => {
                    at += 2;
                    None
                }
                _ => interpolation(rest, &mut at, *is_behind),
            },
            Level::Heredoc { tag, is_behind } => {
                let is_first = at.checked_sub(1).and_then(|before| text.get(before)) == Some(&b'\n');
                let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                let line = rest.get(blanks..).filter(|_| is_first).unwrap_or_default();
                match tag.filter(|tag| line.strip_prefix(*tag).is_some_and(|after| !after.first().is_some_and(|byte| is_of_name(*byte)))) {
                    Some(tag) => {
                        at += blanks + tag.len();
                        levels.pop();
                        None
                    }
                    None => interpolation(rest, &mut at, *is_behind),
                }
            }
        };
        if let Some(level) = opened {
            if let Level::Bracket { is_behind: true, .. } = level {
                depth += 1;
                deepest = deepest.max(depth);
                if depth > DEPTH_MAX {
                    return Err(at);
                }
            }
            levels.push(level);
        }
    }
    Ok(deepest)
}

/// In a text: a step, into brackets if some open here.
fn interpolation<'a>(rest: &[u8], at: &mut usize, is_behind: bool) -> Option<Level<'a>> {
    match rest {
        [b'$', b'$', b'{', ..] | [b'%', b'%', b'{', ..] => *at += 3,
        [b'$' | b'%', b'{', ..] => {
            *at += 2;
            return Some(Level::Bracket { by_lines: false, n_operators: 0, is_behind });
        }
        _ => *at += 1,
    }
    None
}

/// The end tag of a heredoc and the length of the line that says it, from behind `<<`.
fn heredoc(after: &[u8]) -> Option<(&[u8], usize)> {
    let dash = usize::from(after.first() == Some(&b'-'));
    let name = after.get(dash..)?;
    let length = name.iter().take_while(|byte| is_of_name(**byte)).count();
    let tag = name.get(..length).filter(|tag| !tag.is_empty())?;
    let line = after.iter().position(|byte| *byte == b'\n').map_or(after.len(), |end| end + 1);
    Some((tag, line))
}

/// Where the text behind the words begins; the whole length when they are not there.
fn end_of(text: &[u8], words: &[u8]) -> usize {
    text.windows(words.len()).position(|window| window == words).map_or(text.len(), |at| at + words.len())
}

fn is_operator(byte: u8) -> bool {
    matches!(byte, b'!' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%' | b'&' | b'|' | b'=')
}

/// Letters of all scripts are beyond ASCII.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only brackets that open where the parser would come twice count; texts, comments and new lines of a body do not matter.
    #[test]
    fn depth_of_operands() {
        let rows: [(&str, usize); 19] = [
            ("a = 1 + 2 * 3", 0),
            ("a = 1 + (2 * (3 - (4)))", 0),
            ("a = 1 + 2 * (3 + 4 * (5 + 6))", 2),
            ("a = f(1 + 2 * f(3 + 4 * f(5)))", 2),
            ("a = { k + 2 * -3 / { k = 0 } }", 1),
            ("a = [1 + 2, (3), 4 - 5, [6]]", 0),
            ("a = [1 + 2\n + (3)]", 1),
            ("a = 1 - 2 + 3\nb { c { d = (1) } }", 0),
            ("my-long-name { other-long-name { x-y-z = (1) } }", 0),
            ("a = \"1 + 2 + (3 + 4 + (\"\nb = 1", 0),
            ("a = \"\\\"1 + 2 + (\"", 0),
            ("a = 1 + 2 + \"${3 + 4 + (5)}\"", 2),
            ("a = \"$${1 + 2 + (\"\nb = 1 + 2 + (3)", 1),
            ("# 1 + 2 + (3 + 4 + (\na = 1", 0),
            ("a = 1 /* + 2 + ( */ + (3)", 0),
            ("a = <<EOT\n1 + 2 + (3 + 4 + (\n  EOTX + 1 - (\n  EOT\nb = 1 + 2 + (3)", 1),
            ("a = <<-EOT\n${1 + 2 + (3)}\nEOT\n", 1),
            ("a = 1 == 2 == (3)", 1),
            ("a = x < y && z != (1)\nb = { c = 1 - 2 }", 1),
        ];
        for (text, expected) in rows {
            let outermost = Level::Bracket { by_lines: true, n_operators: 0, is_behind: false };
            assert_eq!(deepest(text.as_bytes(), outermost), Ok(expected), "{text}");
        }
    }

    /// Beyond the limit the line is said, whatever kind of bracket it is; up to it, texts are read.
    #[test]
    fn too_deep() {
        for open in ["(", "[", "{ x = 1 + 2 * (", "f(", "{ k + 2 / {", "-(", "\"${"] {
            let unfinished = format!("a = 1\nb = {}", format!("1 + 2 * {open}").repeat(20));
            let refusal = check(&unfinished).expect_err(open);
            assert!(refusal.contains("line 2"), "{open}: {refusal}");
            assert!(check(&format!("1 + 2 * {open}").repeat(3)).is_ok(), "{open}");
        }
        assert!(check_template(&format!("a \" ${{{}", "1 +\n2 * (".repeat(20))).is_err());
        assert!(check_template(&"1 + 2 * (".repeat(20)).is_ok());
        let nested = format!("a = {}0{}", "1 + 2 * (".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX));
        assert!(hcl_edit::parser::parse_body(&nested).is_ok() && check(&nested).is_ok());
    }
}
