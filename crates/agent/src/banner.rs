//! The block of lines that an agent prints when it has started.

/// `keys` sorted by name, their colons aligned on the right of the longest.
pub fn configuration(keys: &[(&str, String)]) -> String {
    let width = keys.iter().map(|(key, _)| key.len()).max().unwrap_or(0);
    let mut sorted: Vec<_> = keys.iter().collect();
    sorted.sort();
    let mut text = String::new();
    for (key, value) in sorted {
        text.push_str(&format!("{key:>width$}: {value}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_aligned() {
        // keys of different lengths, out of order
        let text = configuration(&[("Version", "1".into()), ("Client", "true".into()), ("Bind Addrs", "HTTP: a:1".into())]);
        assert_eq!(text, "Bind Addrs: HTTP: a:1\n    Client: true\n   Version: 1\n");
    }
}
