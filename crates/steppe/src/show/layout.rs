//! Key-value blocks, tables and short ids.

use super::title;

/// What stands where there is nothing.
const NONE: &str = "<none>";

/// `ID    = 1f4d1f5a`, keys padded to the longest; an empty value is `<none>`.
pub fn pairs<K: AsRef<str>, V: AsRef<str>>(pairs: &[(K, V)]) -> String {
    let width = pairs.iter().map(|(key, _)| key.as_ref().chars().count()).max().unwrap_or(0);
    let line = |(key, value): &(K, V)| {
        let value = value.as_ref();
        format!("{:<width$} = {}", key.as_ref(), if value.is_empty() { NONE } else { value })
    };
    pairs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Columns padded to their longest cell and two spaces apart; an empty cell is `<none>`. The first row is the header.
pub fn table(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| -> String {
        match row.get(column) {
            Some(text) if !text.is_empty() => text.clone(),
            _ => NONE.to_owned(),
        }
    };
    let widths: Vec<usize> =
        (0..n_columns).map(|column| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = widths.iter().enumerate().map(|(column, width)| format!("{:<width$}", cell(row, column))).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A row of a table.
pub fn row<T: ToString>(cells: &[T]) -> Vec<String> {
    cells.iter().map(ToString::to_string).collect()
}

/// A heading with what belongs to it.
pub fn section(heading: &str, body: &str) -> String {
    format!("{}\n{body}", title(heading))
}

/// The first 8 characters of an id, or all of it.
pub fn id(full: impl ToString, verbose: bool) -> String {
    let text = full.to_string();
    if verbose { text } else { text.chars().take(8).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns stand two spaces apart, empty cells are named, short rows are filled, and lines have no trailing blanks.
    #[test]
    fn tables() {
        let check = |rows: &[&[&str]], expected: &str| {
            assert_eq!(table(&rows.iter().map(|cells| row(cells)).collect::<Vec<_>>()), expected);
        };
        check(
            &[&["Region", "ID", "Status"], &["east", "", "running"], &["west", "1f4d1f5a", "blocked"]],
            "Region  ID        Status\neast    <none>    running\nwest    1f4d1f5a  blocked",
        );
        check(&[&["A", "B"], &["größer"]], "A       B\ngrößer  <none>");
        check(&[&["A", "Long"], &["b", "c"]], "A  Long\nb  c");
        check(&[], "");
    }

    /// Keys are padded, values are not, and nothing is named.
    #[test]
    fn key_value_blocks() {
        assert_eq!(pairs(&[("ID", "x"), ("Status", "")]), "ID     = x\nStatus = <none>");
    }

    /// Rows: an id, whether all of it is wanted, what is shown.
    #[test]
    fn ids() {
        for (full, verbose, expected) in [
            ("1f4d1f5a-0c0e-4d51-b8f8-000000000001", false, "1f4d1f5a"),
            ("1f4d1f5a-0c0e-4d51-b8f8-000000000001", true, "1f4d1f5a-0c0e-4d51-b8f8-000000000001"),
            ("short", false, "short"),
            ("größere-id", false, "größere-"),
            ("", false, ""),
        ] {
            assert_eq!(id(full, verbose), expected);
        }
    }
}
