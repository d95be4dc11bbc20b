//! `operator api`

use std::io::{IsTerminal, Read};

use api::client::{RawAnswer, RawRequest};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use super::job_file::always_quoted;
use crate::context::{During, Global, Outcome, Stop, query};
use crate::show;

#[derive(clap::Args, Debug)]
#[command(
    after_help = "The body is read from standard input unless that is a terminal or -X is GET; -X is PUT where there is one, else GET. \
                        The exit code is 1 when the answer is not 2xx."
)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// Print a curl command that asks the same, and ask nothing. The token is not in it: the environment's is.
    #[arg(long)]
    dryrun: bool,
    /// Only what this expression lets through: the parameter filter.
    #[arg(long)]
    filter: Option<String>,
    /// Also print the request and the headers of the answer, on standard error.
    #[arg(long)]
    verbose: bool,
    /// The method.
    #[arg(long = "X", value_name = "method")]
    method: Option<Method>,
    /// A header, "name: value"; may be given several times.
    #[arg(long = "H", value_name = "header", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What is asked, for example /v1/jobs?prefix=web.
    path: String,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is written \"name: value\"")?;
    let name = name.trim().parse().map_err(|_| format!("{:?} is no name of a header", name.trim()))?;
    let value = value.trim().parse().map_err(|_| "the value has characters that cannot be sent".to_owned())?;
    Ok((name, value))
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let body = if args.method == Some(Method::GET) { Bytes::new() } else { typed()? };
    let method = args.method.clone().unwrap_or(if body.is_empty() { Method::GET } else { Method::PUT });
    let question = args.filter.iter().fold(query(), |query, filter| query.filter(filter.as_str()));
    let url = client.url(&args.path, &question);
    if args.dryrun {
        say!("{}", curl(&args, &method, &url, !body.is_empty()));
        return Ok(0);
    }
    if args.verbose {
        complain!("> {method} {url}");
        args.headers.iter().for_each(|(name, value)| complain!("> {name}: {}", shown(value)));
    }
    let asked = RawRequest { method, target: args.path, headers: args.headers, body };
    let RawAnswer { status, headers, mut body } = client.raw(asked, &question).await.during("performing request")?;
    if args.verbose {
        complain!("< {status}");
        headers.iter().for_each(|(name, value)| complain!("< {name}: {}", shown(value)));
    }
    while let Some(piece) = body.next().await.during("reading the answer")? {
        show::raw(&piece);
    }
    if status.is_success() { Ok(0) } else { Err(Stop::error(format!("Unexpected response code: {status}"))) }
}

/// What is piped in.
fn typed() -> Result<Bytes, Stop> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        return Ok(Bytes::new());
    }
    let mut body = Vec::new();
    input.read_to_end(&mut body).map_err(|error| Stop::error(format!("standard input cannot be read: {error}")))?;
    Ok(Bytes::from(body))
}

fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn curl(args: &Args, method: &Method, url: &str, has_body: bool) -> String {
    let mut words = vec!["curl".to_owned(), "-X".to_owned(), method.to_string()];
    if args.global.token.as_ref().is_some_and(|token| !token.is_empty()) {
        words.extend(["-H".to_owned(), "\"X-Nomad-Token: ${NOMAD_TOKEN}\"".to_owned()]);
    }
    for (name, value) in &args.headers {
        words.extend(["-H".to_owned(), always_quoted(&format!("{name}: {}", shown(value)))]);
    }
    if has_body {
        words.extend(["--data-binary".to_owned(), "@-".to_owned()]);
    }
    words.push(always_quoted(url));
    words.join(" ")
}
