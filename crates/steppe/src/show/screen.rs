//! A text that is shown again whenever it changes: over itself on a terminal, one after the other elsewhere.

use std::io::{IsTerminal, Write};

use super::time;

pub struct Screen<W> {
    out: W,
    /// The output can be rewritten.
    in_place: bool,
    /// Lines of the last text, when it can be rewritten.
    n_lines: usize,
    last: Option<String>,
}

impl Screen<std::io::Stdout> {
    pub fn stdout() -> Self {
        Self::new(std::io::stdout(), std::io::stdout().is_terminal())
    }
}

impl<W: Write> Screen<W> {
    pub fn new(out: W, in_place: bool) -> Self {
        Self { out, in_place, n_lines: 0, last: None }
    }

    /// Shows the text with the time above it. Where it cannot be rewritten it is only shown when `news` changed: what of it is worth another
    /// look.
    ///
    /// # Errors
    /// Nobody reads the output any more.
    pub fn show(&mut self, now: i64, text: &str, news: &str) -> std::io::Result<()> {
        if self.in_place {
            return self.rewrite(&format!("{}\n{text}", time(now)));
        }
        if self.last.as_deref() != Some(news) {
            self.last = Some(news.to_owned());
            write!(self.out, "\n{}\n{text}\n", time(now))?;
            self.out.flush()?;
        }
        Ok(())
    }

    fn rewrite(&mut self, text: &str) -> std::io::Result<()> {
        // Lines are cut at the edge of the terminal while this is printed: one that wraps would not be found again.
        let mut shown = "\x1b[?7l".to_owned();
        if self.n_lines > 0 {
            shown.push_str(&format!("\x1b[{}A\x1b[J", self.n_lines));
        }
        for line in text.lines() {
            shown.push_str(format!("    {line}").trim_end());
            shown.push('\n');
        }
        shown.push_str("\x1b[?7h");
        self.n_lines = text.lines().count();
        self.out.write_all(shown.as_bytes())?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(in_place: bool, texts: &[&str]) -> String {
        let mut screen = Screen::new(Vec::new(), in_place);
        for text in texts {
            screen.show(0, text, text.trim_end_matches(char::is_numeric)).unwrap();
        }
        String::from_utf8(screen.out).unwrap()
    }

    /// On a terminal the second text stands where the first stood: the cursor goes up by the lines of the first, the time included.
    #[test]
    fn rewrites_in_place() {
        assert_eq!(shown(true, &["a\nb", "c"]), "\x1b[?7l\n    a\n    b\n\x1b[?7h\x1b[?7l\x1b[3A\x1b[J\n    c\n\x1b[?7h");
    }

    /// Elsewhere only news are printed.
    #[test]
    fn appends_what_changed() {
        assert_eq!(shown(false, &["a", "a", "a 5", "a 6", "b"]), "\n\na\n\n\na 5\n\n\nb\n");
    }
}
