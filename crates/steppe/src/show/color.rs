//! Colors, for people at a terminal.

use std::sync::OnceLock;

/// Whether the output of this process has colors: a property of its one standard output, so it is decided once.
static COLORS: OnceLock<bool> = OnceLock::new();

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    Bold,
    Green,
    Red,
    Yellow,
}

/// Decides for the rest of the process. Without a decision there are none.
pub fn paint(colors: bool) {
    COLORS.get_or_init(|| colors);
}

/// The text in a color.
pub fn color(color: Color, text: &str) -> String {
    if COLORS.get() != Some(&true) || text.is_empty() {
        return text.to_owned();
    }
    let code = match color {
        Color::Bold => 1,
        Color::Red => 31,
        Color::Green => 32,
        Color::Yellow => 33,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// The heading of a section.
pub fn title(text: &str) -> String {
    color(Color::Bold, text)
}
