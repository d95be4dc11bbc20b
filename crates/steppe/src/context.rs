//! What every command gets: where the agent is, in whose name, and how to fail.

use std::fmt;
use std::io::IsTerminal;

use api::Client;
use api::client::Query;

/// The heading of the flags that every command has.
const GENERAL: &str = "General Options";

/// Flags that every command has which talks to an agent.
#[derive(clap::Args, Clone, Debug)]
pub struct Global {
    /// Address of the agent's HTTP interface. Environment: NOMAD_ADDR.
    #[arg(long, help_heading = GENERAL, env = "NOMAD_ADDR", default_value = api::client::DEFAULT_ADDRESS)]
    pub address: String,
    /// The region that shall answer; the agent's own by default. Environment: NOMAD_REGION.
    #[arg(long, help_heading = GENERAL, env = "NOMAD_REGION")]
    pub region: Option<String>,
    /// The namespace; "*" in lists means all of them. Environment: NOMAD_NAMESPACE.
    #[arg(long, help_heading = GENERAL, env = "NOMAD_NAMESPACE")]
    pub namespace: Option<String>,
    /// The token that says who asks. Environment: NOMAD_TOKEN.
    #[arg(long, help_heading = GENERAL, env = "NOMAD_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// No colors. Environment: NOMAD_CLI_NO_COLOR.
    #[arg(long = "no-color", help_heading = GENERAL, env = "NOMAD_CLI_NO_COLOR", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub no_color: Option<String>,
    /// Colors also where the output is no terminal. Environment: NOMAD_CLI_FORCE_COLOR.
    #[arg(long = "force-color", help_heading = GENERAL, env = "NOMAD_CLI_FORCE_COLOR", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub force_color: Option<String>,
    #[command(flatten)]
    tls: Tls,
}

/// Flags for encrypted connections, which do not exist yet: known, so that they are refused for what they are.
#[derive(clap::Args, Clone, Debug)]
struct Tls {
    #[arg(long = "ca-cert", hide = true)]
    ca_cert: Option<String>,
    #[arg(long = "ca-path", hide = true)]
    ca_path: Option<String>,
    #[arg(long = "client-cert", hide = true)]
    client_cert: Option<String>,
    #[arg(long = "client-key", hide = true)]
    client_key: Option<String>,
    #[arg(long = "tls-server-name", hide = true)]
    server_name: Option<String>,
    #[arg(long = "tls-skip-verify", hide = true)]
    skip_verify: bool,
}

impl Tls {
    /// The flag that was used.
    fn used(&self) -> Option<&'static str> {
        let texts = [
            ("-ca-cert", &self.ca_cert),
            ("-ca-path", &self.ca_path),
            ("-client-cert", &self.client_cert),
            ("-client-key", &self.client_key),
            ("-tls-server-name", &self.server_name),
        ];
        let text = texts.into_iter().find(|(_, text)| text.as_ref().is_some_and(|text| !text.is_empty()));
        text.map(|(name, _)| name).or(self.skip_verify.then_some("-tls-skip-verify"))
    }
}

impl Global {
    /// A client of the agent. It connects with its first question.
    pub fn client(&self) -> Result<Client, Stop> {
        if let Some(flag) = self.tls.used() {
            return Err(Stop::error(format!("{flag} is not supported yet: agents speak plain HTTP")));
        }
        if std::env::var_os("NOMAD_HTTP_AUTH").is_some_and(|auth| !auth.is_empty()) {
            return Err(Stop::error("NOMAD_HTTP_AUTH is not supported yet: unset it"));
        }
        let client = Client::new(&self.address)?
            .with_region(self.region.clone().unwrap_or_default())
            .with_namespace(self.namespace.clone().unwrap_or_default());
        Ok(client.with_token(self.token.as_deref().unwrap_or_default())?)
    }

    /// The lists are of more than one namespace.
    pub fn all_namespaces(&self) -> bool {
        self.namespace.as_deref() == Some("*")
    }

    /// Whether the output has colors: for people at a terminal, unless told otherwise.
    pub fn colors(&self) -> bool {
        let set = |flag: &Option<String>| flag.as_deref().is_some_and(|text| !matches!(text, "" | "0" | "false"));
        set(&self.force_color) || !set(&self.no_color) && std::io::stdout().is_terminal()
    }
}

/// The end of a command: its exit code, and what is said on standard error.
#[derive(Debug)]
pub struct Stop {
    pub code: u8,
    pub text: String,
}

/// What a command answers: the exit code.
pub type Outcome = Result<u8, Stop>;

impl Stop {
    pub fn error(text: impl Into<String>) -> Self {
        Self { code: 1, text: text.into() }
    }

    /// The arguments of a command are wrong: the problem, and where to read more.
    pub fn usage(command: &str, problem: impl fmt::Display) -> Self {
        Self::error(format!("{problem}\nFor additional help try 'steppe {command} -help'"))
    }

    /// An end with nothing more to say.
    pub fn code(code: u8) -> Self {
        Self { code, text: String::new() }
    }

    /// The same text with another exit code.
    pub fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Puts "Error doing this: " before the text.
    pub fn during(self, what: &str) -> Self {
        Self { text: format!("Error {what}: {}", self.text), ..self }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<api::client::Error> for Stop {
    fn from(error: api::client::Error) -> Self {
        Self::error(error.to_string())
    }
}

/// Says what was being done when something failed.
pub trait During<T> {
    fn during(self, what: &str) -> Result<T, Stop>;
}

impl<T, E: Into<Stop>> During<T> for Result<T, E> {
    fn during(self, what: &str) -> Result<T, Stop> {
        self.map_err(|error| error.into().during(what))
    }
}

/// No options.
pub fn query() -> Query {
    Query::new()
}

/// A question about something in a namespace; empty: that of the client.
pub fn in_namespace(namespace: &str) -> Query {
    if namespace.is_empty() { Query::new() } else { Query::new().namespace(namespace) }
}

/// Asks a yes-or-no question on the terminal. Only an exact `y` is a yes; anything else has said so and ends the command.
///
/// # Errors
/// The answer was not `y`: code 0 for a no, 1 for what is neither.
pub fn confirm(question: &str, what: &str) -> Result<(), Stop> {
    crate::show::raw(format!("{question} [y/N] ").as_bytes());
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.is_err() || answer.is_empty() {
        // Nobody is there to answer: the line of the question is still open.
        say!("");
    }
    let answer = answer.trim();
    match answer {
        "y" => Ok(()),
        "" => {
            say!("Cancelling {what}");
            Err(Stop::code(0))
        }
        _ if answer.starts_with(['n', 'N']) => {
            say!("Cancelling {what}");
            Err(Stop::code(0))
        }
        _ if answer.starts_with(['y', 'Y']) => {
            say!("For confirmation, an exact 'y' is required.");
            Err(Stop::code(0))
        }
        _ => Err(Stop::error("No confirmation detected. For confirmation, an exact 'y' is required.")),
    }
}
