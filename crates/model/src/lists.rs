//! Several errors or warnings as one text, as the HTTP interface gives them.

/// `1 error occurred:` or `2 errors occurred:`, then `\t* text` lines and an empty line; empty when there are none.
pub fn errors(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    list(texts, "error", " occurred:", "\n\t* ", "\n\n")
}

/// `1 warning:` or `2 warnings:`, an empty line, then `* text` lines; empty when there are none.
pub fn warnings(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    list(texts, "warning", ":\n", "\n* ", "")
}

fn list(texts: impl IntoIterator<Item = impl AsRef<str>>, noun: &str, after_noun: &str, before_each: &str, end: &str) -> String {
    let lines: Vec<String> = texts.into_iter().map(|text| format!("{before_each}{}", text.as_ref())).collect();
    match lines.len() {
        0 => String::new(),
        n => format!("{n} {noun}{}{after_noun}{}{end}", if n == 1 { "" } else { "s" }, lines.concat()),
    }
}

/// Two lists of warnings as one, each warning once.
pub fn join_warnings(first: &str, second: &str) -> String {
    let items = |list: &str| list.split_once(":\n\n* ").map(|(_, items)| items.split("\n* ").map(str::to_owned).collect::<Vec<String>>());
    match (items(first), items(second)) {
        (Some(mut all), Some(more)) => {
            let new: Vec<String> = more.into_iter().filter(|text| !all.contains(text)).collect();
            all.extend(new);
            warnings(all)
        }
        _ if first.is_empty() => second.to_owned(),
        _ if second.is_empty() => first.to_owned(),
        _ => format!("{first}\n{second}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_errors() {
        assert_eq!(errors([""; 0]), "");
        assert_eq!(errors(["a"]), "1 error occurred:\n\t* a\n\n");
        assert_eq!(errors(["a", "b"]), "2 errors occurred:\n\t* a\n\t* b\n\n");
    }

    /// Rows: two lists, and what is made of them.
    #[test]
    fn lists_of_warnings() {
        for (first, second, all) in [
            (&[][..], &[][..], &[][..]),
            (&["a"], &[], &["a"]),
            (&[], &["a", "b"], &["a", "b"]),
            (&["a", "b"], &["b", "c: d"], &["a", "b", "c: d"]),
        ] {
            assert_eq!(join_warnings(&warnings(first), &warnings(second)), warnings(all));
        }
        assert_eq!(warnings(["a"]), "1 warning:\n\n* a");
        assert_eq!(warnings(["a", "b"]), "2 warnings:\n\n* a\n* b");
    }
}
