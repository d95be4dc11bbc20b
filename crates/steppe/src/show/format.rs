//! `-json` and `-t`, which many commands have.

use serde::Serialize;

use super::template;
use crate::context::Stop;

#[derive(clap::Args, Clone, Debug, Default)]
pub struct Format {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Print with a Go template, such as '{{range .}}{{.ID}}{{"\n"}}{{end}}'.
    #[arg(long = "t", value_name = "template")]
    pub template: Option<String>,
}

impl Format {
    /// The value as JSON or by the template; `None` when neither was asked for.
    ///
    /// # Errors
    /// Both were, or the template cannot be used.
    pub fn text<T: Serialize>(&self, value: &T) -> Result<Option<String>, Stop> {
        match (self.json, self.template.as_deref().filter(|template| !template.is_empty())) {
            (true, Some(_)) => Err(Stop::error("Both json and template formatting are not allowed")),
            (true, None) => Ok(Some(json(value))),
            (false, None) => Ok(None),
            (false, Some(source)) => {
                let value = serde_json::to_value(value).map_err(|error| Stop::error(error.to_string()))?;
                let failed = |problem| Stop::error(format!("Error formatting the data using the template: {problem}"));
                template::render(source, &value).map(Some).map_err(failed)
            }
        }
    }

    /// Prints the value if JSON or a template was asked for; says whether it did.
    pub fn print<T: Serialize>(&self, value: &T) -> Result<bool, Stop> {
        let text = self.text(value)?;
        if let Some(text) = &text {
            say!("{text}");
        }
        Ok(text.is_some())
    }
}

/// JSON as the interface prints it: sorted keys, indented by four spaces.
pub fn json<T: Serialize>(value: &T) -> String {
    let text = serde_json::to_value(value).and_then(|sorted| {
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
        sorted.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, formatter))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    });
    text.unwrap_or_else(|error| format!("null\n{error}"))
}
