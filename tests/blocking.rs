//! Blocking queries: every route of the interface that may wait does wait, and ends its wait when what it shows changes.

use std::time::{Duration, Instant};

use api::client::{Client, Query, RawRequest};
use process_tests::{Agent, JobFile, ask, get, put, until};
use serde_json::{Value, json};

const BOTH: &str = "server {\n  enabled = true\n  bootstrap_expect = 1\n}\nclient {\n  enabled = true\n}\nplugin \"raw_exec\" {\n  config {\n    enabled = true\n  }\n}\n";

/// Nothing changes here meanwhile: so long a question waits for nothing.
const NOTHING: Duration = Duration::from_millis(300);
/// A wait that ends earlier was ended by a change.
const LONG: Duration = Duration::from_secs(30);

/// What a route shows, and so what ends its wait.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shows {
    /// The job, its allocations, evaluations or deployments: another count of it.
    Job,
    Node,
    Namespace,
    Pool,
    /// One thing that has ended and changes no more.
    Past,
    /// Something of everything.
    All,
}

/// Routes of the interface with `blocking: yes`. `{job}`, `{node}`, … stand for what the test has made.
const ROUTES: &[(&str, Shows)] = &[
    ("/v1/jobs", Shows::Job),
    ("/v1/jobs?prefix=wat&filter=Type == service&per_page=1", Shows::Job),
    ("/v1/jobs/statuses", Shows::Job),
    ("/v1/job/watched", Shows::Job),
    ("/v1/job/watched/versions", Shows::Job),
    ("/v1/job/watched/allocations", Shows::Job),
    ("/v1/job/watched/evaluations", Shows::Job),
    ("/v1/job/watched/deployments", Shows::Job),
    ("/v1/job/watched/deployment", Shows::Job),
    ("/v1/job/watched/summary", Shows::Job),
    ("/v1/job/watched/scale", Shows::Job),
    ("/v1/job/watched/submission?version=0", Shows::Job),
    ("/v1/nodes", Shows::Node),
    ("/v1/nodes?resources=true&os=true", Shows::Node),
    ("/v1/node/{node}", Shows::Node),
    ("/v1/node/{node}/allocations", Shows::Job),
    ("/v1/node/pools", Shows::Pool),
    ("/v1/node/pool/pond", Shows::Pool),
    ("/v1/node/pool/default/nodes", Shows::Node),
    ("/v1/node/pool/default/jobs", Shows::Job),
    ("/v1/allocations", Shows::Job),
    ("/v1/allocations?per_page=1&reverse=true", Shows::Job),
    ("/v1/allocations?resources=true&task_states=false", Shows::Job),
    ("/v1/allocation/{alloc}", Shows::Job),
    ("/v1/evaluations", Shows::Job),
    ("/v1/evaluations?job=watched&status=complete", Shows::Job),
    ("/v1/evaluations/count", Shows::Job),
    ("/v1/evaluation/{eval}", Shows::Past),
    ("/v1/evaluation/{eval}/allocations", Shows::Job),
    ("/v1/deployments", Shows::Job),
    ("/v1/deployment/{deployment}", Shows::Past),
    ("/v1/deployment/allocations/{deployment}", Shows::Job),
    ("PUT /v1/search {\"Prefix\":\"wat\",\"Context\":\"jobs\"}", Shows::Job),
    ("PUT /v1/search {\"Prefix\":\"wat\",\"Context\":\"all\"}", Shows::All),
    ("PUT /v1/search/fuzzy {\"Text\":\"wat\",\"Context\":\"jobs\"}", Shows::Job),
    ("/v1/namespaces", Shows::Namespace),
    ("/v1/namespace/meadow", Shows::Namespace),
    ("/v1/scaling/policies", Shows::Job),
    ("/v1/scaling/policy/{policy}", Shows::Job),
];

/// One agent with one job, in which nothing changes but by the test.
struct World {
    agent: Agent,
    ids: Vec<(&'static str, String)>,
}

fn watched(count: u32) -> JobFile {
    JobFile::service("watched").count(count).group("scaling {\nmin = 1\nmax = 5\n}").update("min_healthy_time = \"100ms\"")
}

impl World {
    fn new(folder: &std::path::Path) -> Self {
        let agent = Agent::start(folder, BOTH, &[]);
        let http = agent.http.as_str();
        let node = until("a node is ready", || get(http, "/v1/nodes").filter(|nodes| nodes[0]["Status"] == "ready"));
        let mut world = Self { ids: vec![("{node}", text(&node[0]["ID"]))], agent };
        world.namespace("a meadow");
        world.pool("a pond");
        world.run(1);
        let http = world.agent.http.as_str();
        let deployment = world.deployed(0);
        let alloc = get(http, "/v1/job/watched/allocations").expect("allocations")[0].clone();
        let policy = get(http, "/v1/scaling/policies").expect("policies")[0].clone();
        world.ids.extend([
            ("{deployment}", deployment),
            ("{alloc}", text(&alloc["ID"])),
            ("{eval}", text(&alloc["EvalID"])),
            ("{policy}", text(&policy["ID"])),
        ]);
        world.quiet();
        world
    }

    fn run(&self, count: u32) {
        let request = json!({ "Canonicalize": true, "JobHCL": watched(count).text() });
        let job = put(&self.agent.http, "/v1/jobs/parse", Some(&request)).expect("a job");
        let submission = json!({ "Source": "job \"watched\" {}", "Format": "hcl2" });
        put(&self.agent.http, "/v1/jobs", Some(&json!({ "Job": job, "Submission": submission }))).expect("registered");
    }

    /// The deployment of a version, once it has succeeded.
    fn deployed(&self, version: u64) -> String {
        let found = || {
            let deployment = get(&self.agent.http, "/v1/job/watched/deployment")?;
            (deployment["JobVersion"] == version && deployment["Status"] == "successful").then_some(deployment)
        };
        text(&until("it is deployed", found)["ID"])
    }

    fn namespace(&self, description: &str) {
        put(&self.agent.http, "/v1/namespace", Some(&json!({ "Name": "meadow", "Description": description })));
    }

    fn pool(&self, description: &str) {
        put(&self.agent.http, "/v1/node/pools", Some(&json!({ "Name": "pond", "Description": description })));
    }

    fn eligibility(&self, eligibility: &str) {
        let (_, node) = &self.ids[0];
        put(&self.agent.http, &format!("/v1/node/{node}/eligibility"), Some(&json!({ "Eligibility": eligibility }))).expect("set");
    }

    /// Restarts the task: what only its client reports.
    fn restart(&self) {
        let (_, alloc) = self.ids.iter().find(|(name, _)| *name == "{alloc}").expect("an allocation");
        put(&self.agent.http, &format!("/v1/client/allocation/{alloc}/restart"), Some(&json!({}))).expect("restarted");
    }

    /// Waits until all has settled: the last evaluation has ended, and allocations have told what they had to.
    fn quiet(&self) {
        let indexes = || {
            let ask_index = |route: &str| look(&self.api(), &self.target(route), 0, Duration::ZERO).0;
            ["/v1/jobs", "/v1/allocations", "/v1/evaluations", "/v1/deployments", "/v1/nodes"].map(ask_index)
        };
        let mut before = (indexes(), Instant::now());
        until("nothing changes any more", || {
            let now = indexes();
            if now != before.0 {
                before = (now, Instant::now());
            }
            (before.1.elapsed() > Duration::from_millis(600)).then_some(())
        });
    }

    fn api(&self) -> Client {
        Client::new(&self.agent.http).expect("a client")
    }

    /// The route with the ids of this region, encoded.
    fn target(&self, route: &str) -> String {
        self.ids.iter().fold(route.to_owned(), |route, (name, id)| route.replace(name, id))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

/// Asks one route, waiting after an index: the index of the answer, and how long it took.
async fn look_at(api: &Client, route: &str, index: u64, wait: Duration) -> (u64, Duration) {
    let (method, rest) = match route.split_once(' ') {
        Some(("PUT", rest)) => (http::Method::PUT, rest),
        _ => (http::Method::GET, route),
    };
    let (target, body) = if method == http::Method::PUT { rest.split_once(' ').expect("a body") } else { (rest, "") };
    let query = if index > 0 { Query::new().after(index, wait) } else { Query::new() };
    let asked = RawRequest { method, target: target.replace(' ', "%20"), headers: Vec::new(), body: body.to_owned().into() };
    let begin = Instant::now();
    let mut answer = api.raw(asked, &query).await.expect("an answer");
    let took = begin.elapsed();
    let body = answer.body.read_to_end().await.expect("a body");
    assert!(answer.status.is_success(), "{route}: {} {}", answer.status, String::from_utf8_lossy(&body));
    let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let number = |name: &str| header(name).parse::<u64>().unwrap_or_else(|_| panic!("{route}: {name} is {:?}", header(name)));
    number("x-nomad-lastcontact");
    assert_eq!(header("x-nomad-knownleader"), "true", "{route}");
    assert_eq!(header("content-type"), "application/json", "{route}");
    let index = number("x-nomad-index");
    assert!(index > 0, "{route}");
    (index, took)
}

fn look(api: &Client, route: &str, index: u64, wait: Duration) -> (u64, Duration) {
    ask(look_at(api, route, index, wait))
}

#[test]
fn every_route_waits_and_is_woken_by_what_it_shows() {
    // all routes: the headers; a wait for nothing that lasts; then all wait at once for each kind of change, which ends the waits of those that
    // show it, with a later index, and of no route that shows one other thing
    let folder = tempfile::tempdir().expect("a folder");
    let world = World::new(folder.path());
    let api = world.api();
    let routes: Vec<(String, Shows)> = ROUTES.iter().map(|(route, shows)| (world.target(route), *shows)).collect();

    let quiet = async |(route, _): &(String, Shows)| {
        let (index, _) = look_at(&api, route, 0, Duration::ZERO).await;
        let (again, took) = look_at(&api, route, index, NOTHING).await;
        assert_eq!(again, index, "{route}: nothing has changed");
        assert!(took >= NOTHING, "{route}: answered after {took:?} instead of {NOTHING:?}");
        let (at_once, took) = look_at(&api, route, index - 1, LONG).await;
        assert_eq!(at_once, index, "{route}");
        assert!(index == 1 || took < LONG, "{route}: an index of the past");
    };
    ask(futures_all(routes.iter().map(quiet)));

    let changes: [(Shows, &dyn Fn()); 4] = [
        (Shows::Namespace, &|| world.namespace("a wet meadow")),
        (Shows::Pool, &|| world.pool("a deep pond")),
        (Shows::Node, &|| world.eligibility("ineligible")),
        (Shows::Job, &|| {
            world.eligibility("eligible");
            world.run(2);
            world.deployed(1);
        }),
    ];
    for (changed, change) in changes {
        world.quiet();
        let is_concerned = |shows: Shows| shows == changed || shows == Shows::All;
        let mut asleep = woken(&world, routes.iter().filter(|(_, shows)| is_concerned(*shows)), LONG, change);
        asleep.retain(|wait| !wait.woken);
        assert!(asleep.is_empty(), "{changed:?} changed, and these were not told: {asleep:#?}");
    }

    // The same for what a client reports of an allocation, which is no change of the job.
    world.quiet();
    // The deployment and the evaluation that placed it are no longer those of its version.
    let not_now = |route: &str| ["/v1/deployment/", "/v1/evaluation/"].iter().any(|start| route.starts_with(start));
    let shows_allocs = |route: &str| ["alloc", "statuses", "/scale"].iter().any(|part| route.contains(part)) && !not_now(route);
    let mut asleep = woken(&world, routes.iter().filter(|(route, _)| shows_allocs(route)), LONG, &|| world.restart());
    asleep.retain(|wait| !wait.woken);
    assert!(asleep.is_empty(), "a task was restarted, and these were not told: {asleep:#?}");

    // Who is shown nothing of a change sleeps on.
    let changes: [(Shows, &dyn Fn()); 3] = [
        (Shows::Namespace, &|| world.namespace("a dry meadow")),
        (Shows::Pool, &|| world.pool("a flat pond")),
        (Shows::Node, &|| world.eligibility("ineligible")),
    ];
    for (changed, change) in changes {
        world.quiet();
        let others = routes.iter().filter(|(_, shows)| ![changed, Shows::All].contains(shows));
        let mut awake = woken(&world, others, NOTHING * 3, change);
        awake.retain(|wait| wait.woken);
        assert!(awake.is_empty(), "{changed:?} changed, and these show nothing of it: {awake:#?}");
    }
}

#[derive(Debug)]
struct Wait {
    #[expect(dead_code, reason = "shown when the test fails")]
    route: String,
    #[expect(dead_code, reason = "shown when the test fails")]
    indexes: (u64, u64),
    #[expect(dead_code, reason = "shown when the test fails")]
    took: Duration,
    woken: bool,
}

/// What became of waits at these routes while something changed.
fn woken<'a>(world: &World, routes: impl Iterator<Item = &'a (String, Shows)>, longest: Duration, change: &dyn Fn()) -> Vec<Wait> {
    let routes: Vec<(&String, u64)> = routes.map(|(route, _)| (route, look(&world.api(), route, 0, Duration::ZERO).0)).collect();
    std::thread::scope(|scope| {
        let waits = routes.iter().map(|(route, before)| {
            scope.spawn(move || {
                // Connections belong to the thread that made them.
                let (after, took) = look(&world.api(), route, *before, longest);
                Wait { route: (*route).clone(), indexes: (*before, after), took, woken: after > *before && took < longest }
            })
        });
        let waits: Vec<_> = waits.collect();
        change();
        waits.into_iter().map(|wait| wait.join().expect("an answer")).collect()
    })
}

/// All of them, at once.
async fn futures_all(all: impl Iterator<Item = impl Future<Output = ()>>) {
    futures::future::join_all(all).await;
}
