//! Paths that lead nowhere yet.

use axum::response::{Html, IntoResponse, Redirect, Response};
use http::{Method, StatusCode, Uri};

use crate::refusal::Refusal;

/// `/` leads to the user interface, with its query.
pub(super) async fn root(uri: Uri) -> Response {
    let target = match uri.query() {
        Some(query) => format!("/ui/?{query}"),
        None => "/ui/".to_owned(),
    };
    Redirect::temporary(&target).into_response()
}

pub(super) async fn no_user_interface() -> Html<&'static str> {
    Html(
        "<!doctype html><title>Steppe</title><p>There are no pages here yet. The interface is at <code>/v1</code>, \
         for example <a href=\"/v1/jobs?pretty\">/v1/jobs</a> and <a href=\"/v1/nodes?pretty\">/v1/nodes</a>.</p>",
    )
}

/// Paths of the interface that are not built, with what they are for. `**` stands for any rest.
const NOT_BUILT: &[(&str, &str)] = &[
    ("/v1/agent/monitor/export", "reading the log that was written before"),
    ("/v1/agent/host", "describing the agent's host"),
    ("/v1/agent/pprof/**", "profiling the agent"),
    ("/v1/agent/reload", "reloading the agent's configuration by HTTP (send SIGHUP)"),
    ("/v1/agent/keyring/**", "managing gossip keys"),
    ("/v1/client/identity", "node identities"),
    ("/v1/client/identity/**", "node identities"),
    ("/v1/operator/keyring/**", "managing root keys"),
    ("/v1/operator/upgrade-check/**", "upgrade checks"),
    ("/v1/acl/**", "access control"),
    ("/v1/vars", "variables"),
    ("/v1/var/**", "variables"),
    ("/v1/services", "service discovery"),
    ("/v1/service/**", "service discovery"),
    ("/v1/volumes", "volumes"),
    ("/v1/volumes/**", "volumes"),
    ("/v1/volume/**", "volumes"),
    ("/v1/plugins", "plugins"),
    ("/v1/plugin/**", "plugins"),
    ("/.well-known/**", "workload identities"),
];

/// Paths of editions that this program has no part in.
const ENTERPRISE: &[&str] = &[
    "/v1/operator/license",
    "/v1/operator/utilization",
    "/v1/quotas",
    "/v1/quota-usages",
    "/v1/quota",
    "/v1/quota/**",
    "/v1/sentinel/**",
    "/v1/recommendations",
    "/v1/recommendations/**",
    "/v1/recommendation",
    "/v1/recommendation/**",
];

/// Everything that has no route.
pub(super) async fn elsewhere(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    if ENTERPRISE.iter().any(|pattern| fits(pattern, path)) {
        return Refusal::new(StatusCode::NOT_IMPLEMENTED, "Nomad Enterprise only endpoint").into_response();
    }
    match NOT_BUILT.iter().find(|(pattern, _)| fits(pattern, path)) {
        Some((_, what)) => Refusal::not_built(format_args!("{what} ({method} {path})")).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn fits(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix("**") {
        Some(prefix) => path.len() > prefix.len() && path.starts_with(prefix),
        None => pattern == path,
    }
}
