//! `/v1/jobs/parse`: a job file to a job. Any agent answers by itself; files are out of reach.

use api::JobsParseRequest;
use jobspec::{ParseInput, VariableFile};
use tokio::task::spawn_blocking;

use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

/// Named in messages, since the text has no file.
const FILE_NAME: &str = "input.hcl";
const VARIABLES_NAME: &str = "input.hclvars";

pub(super) async fn parse(mut cx: Cx) -> Answer {
    cx.only(Verb::Put)?;
    let request: JobsParseRequest = cx.decode().await?;
    if request.job_hcl.is_empty() {
        return Err(Refusal::bad_request("Job spec is empty"));
    }
    let namespace = cx.params.text("namespace").to_owned();
    // Expressions may take a while; connections are served meanwhile.
    let parsed = spawn_blocking(move || {
        let files = match request.variables.as_str() {
            "" => Vec::new(),
            text => vec![VariableFile { name: VARIABLES_NAME.to_owned(), text: text.to_owned() }],
        };
        let input = ParseInput { variable_files: &files, ..ParseInput::new(FILE_NAME, &request.job_hcl) };
        let mut parsed = jobspec::parse(&input)?;
        if request.canonicalize {
            if !namespace.is_empty() {
                parsed.job.namespace = namespace.as_str().into();
            }
            return Ok(serde_json::to_value(&parsed.job));
        }
        Ok(Ok(parsed.uncanonical_json()))
    });
    match parsed.await {
        Ok(Ok(Ok(job))) => cx.json(None, &job),
        Ok(Ok(Err(error))) => Err(Refusal::internal(error.to_string())),
        Ok(Err(diagnostics)) => {
            let diagnostics: jobspec::Diagnostics = diagnostics;
            Err(Refusal::bad_request(diagnostics.to_string()))
        }
        Err(error) => Err(Refusal::internal(format!("reading the job file failed: {error}"))),
    }
}
