//! A whole node agent against an invented region, with real processes.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use client::{ChunkStream, Client, Config, LinkError, ServerLink, Tasks};
use drivers::ExecutorCommand;
use futures::StreamExt;
use futures::stream::BoxStream;
use model::*;
use rpc::caller::Caller;
use rpc::message::*;
use rpc::transport::{self, CallContext, Handler, Identity, Limits, Peer, Pool};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const SECOND: i64 = 1_000_000_000;
const HELPER: &str = env!("CARGO_BIN_EXE_client-test-executor");

// ---- an invented region

#[derive(Default)]
struct Books {
    node: Option<Arc<Node>>,
    n_registered: usize,
    n_heartbeats: usize,
    allocs: BTreeMap<AllocId, Arc<Allocation>>,
    updates: BTreeMap<AllocId, AllocUpdate>,
    cut_off: bool,
    /// Another node of the region, and its books.
    other: Option<(Region, Client)>,
}

#[derive(Clone)]
struct Region {
    books: Arc<Mutex<Books>>,
    index: Arc<watch::Sender<u64>>,
}

impl Region {
    fn new() -> Self {
        Self { books: Arc::default(), index: Arc::new(watch::Sender::new(10)) }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Books) -> T) -> T {
        look(&mut self.books.lock().unwrap())
    }

    fn cut_off(&self, cut_off: bool) {
        self.with(|books| books.cut_off = cut_off);
        self.index.send_modify(|_| {});
    }

    fn put(&self, mut alloc: Allocation) -> AllocId {
        let id = alloc.id;
        self.index.send_modify(|index| {
            *index += 1;
            alloc.alloc_modify_index = *index;
            self.with(|books| books.allocs.insert(id, Arc::new(alloc)));
        });
        id
    }

    fn change(&self, id: AllocId, change: impl FnOnce(&mut Allocation)) {
        let mut alloc = self.with(|books| Allocation::clone(&books.allocs[&id]));
        change(&mut alloc);
        self.put(alloc);
    }

    fn purge(&self, id: AllocId) {
        self.with(|books| books.allocs.remove(&id));
        self.index.send_modify(|index| *index += 1);
    }

    fn update(&self, id: AllocId) -> Option<AllocUpdate> {
        self.with(|books| books.updates.get(&id).cloned())
    }

    fn status(&self, id: AllocId) -> Option<ClientStatus> {
        self.update(id).map(|update| update.client_status)
    }

    async fn until_status(&self, id: AllocId, want: ClientStatus) -> AllocUpdate {
        until(&format!("{want}"), || self.update(id).filter(|update| update.client_status == want)).await
    }

    async fn answer(&self, request: NodeRequest) -> Result<NodeReply, Failure> {
        let heartbeat = |known: bool| NodeReply::Heartbeat { known, ttl: SECOND / 5, servers: Vec::new(), index: 1 };
        match request {
            NodeRequest::Register(node) => {
                self.with(|books| {
                    books.node = Some(node);
                    books.n_registered += 1;
                });
                Ok(heartbeat(true))
            }
            NodeRequest::Heartbeat { node_id, secret } => {
                let known = self.with(|books| {
                    books.n_heartbeats += 1;
                    books.node.as_ref().is_some_and(|node| node.id == node_id && node.secret_id == secret)
                });
                Ok(heartbeat(known))
            }
            NodeRequest::PullAllocs { min_index, .. } => {
                let mut index = self.index.subscribe();
                // After a while the answer is that nothing has changed.
                let _ = tokio::time::timeout(Duration::from_secs(5), index.wait_for(|index| *index > min_index)).await;
                Ok(NodeReply::Allocs(self.share(min_index)))
            }
            NodeRequest::UpdateAllocs { updates, .. } => {
                self.with(|books| books.updates.extend(updates.into_iter().map(|update| (update.id, update))));
                Ok(NodeReply::Done { index: 1 })
            }
            NodeRequest::EmitEvents { .. } => Ok(NodeReply::Done { index: 1 }),
        }
    }

    fn share(&self, min_index: u64) -> NodeAllocs {
        let index = *self.index.borrow();
        self.with(|books| NodeAllocs {
            index,
            all: Some(books.allocs.values().map(|alloc| (alloc.id, alloc.alloc_modify_index)).collect()),
            changed: books.allocs.values().filter(|alloc| alloc.alloc_modify_index > min_index).cloned().collect(),
        })
    }
}

#[async_trait]
impl ServerLink for Region {
    async fn node(&self, request: NodeRequest, _patience: Duration) -> Result<NodeReply, LinkError> {
        let gone = || LinkError::Unreachable("cut off".to_owned());
        if self.with(|books| books.cut_off) {
            return Err(gone());
        }
        let answer = self.answer(request).await;
        if self.with(|books| books.cut_off) {
            return Err(gone());
        }
        Ok(answer?)
    }

    async fn forward(&self, call: Call) -> Result<Reply, Failure> {
        let forwarded = || Failure::internal("forwarded");
        let (other, _) = self.with(|books| books.other.clone()).ok_or_else(forwarded)?;
        let (options, id) = match call.request {
            Request::Read(options, Read::Alloc { id }) => (options, id),
            Request::Read(_, Read::Node { .. }) => {
                let value = ReadValue::Node(other.with(|books| books.node.clone()));
                return Ok(Reply::Read(ReadReply { index: 1, last_contact: 0, known_leader: true, value }));
            }
            _ => return Err(forwarded()),
        };
        let status = || other.status(id).unwrap_or_default();
        if options.min_index == 1 + status() as u64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let status = status();
        let task_states = other.update(id).map(|update| update.task_states).unwrap_or_default();
        let alloc = other.with(|books| books.allocs.get(&id).cloned());
        let alloc = alloc.map(|alloc| Allocation { client_status: status, task_states, ..(*alloc).clone() });
        let value = ReadValue::Alloc(alloc.map(Arc::new));
        Ok(Reply::Read(ReadReply { index: 1 + status as u64, last_contact: 0, known_leader: true, value }))
    }

    async fn forward_stream(&self, call: Call) -> Result<ChunkStream, Failure> {
        let (_, other) = self.with(|books| books.other.clone()).ok_or_else(|| Failure::internal("forwarded"))?;
        other.stream(call).await
    }

    fn learn(&self, _servers: Vec<String>) -> bool {
        false
    }

    fn configure(&self, _servers: &[String]) {}

    fn servers(&self) -> Vec<String> {
        Vec::new()
    }
}

// ---- an agent in its directories

struct Place {
    dir: testkit::Folder,
    region: Region,
}

impl Place {
    fn new() -> Self {
        Self { dir: testkit::Folder::new(), region: Region::new() }
    }

    fn config(&self) -> Config {
        let executor = ExecutorCommand { program: HELPER.into(), args: vec!["executor".into()] };
        let mut config = Config::new("west", self.dir.path().join("state"), self.dir.path().join("allocs"), executor);
        config.plugins = serde_json::from_value(json!({"raw_exec": {"enabled": true}, "mock_driver": {}})).unwrap();
        config.datacenter = "west-1".to_owned();
        config.node_name = "c1".to_owned();
        config
    }

    async fn start(&self) -> Client {
        Client::start_with(self.config(), Arc::new(self.region.clone())).await.unwrap()
    }

    fn alloc_dir(&self, id: AllocId) -> PathBuf {
        self.dir.path().join("allocs").join(id.to_string())
    }

    fn read(&self, id: AllocId, path: &str) -> String {
        fs::read_to_string(self.alloc_dir(id).join(path)).unwrap_or_default()
    }

    /// Waits until a whole line is there.
    async fn line(&self, id: AllocId, path: &str) -> String {
        let text = until(path, || Some(self.read(id, path)).filter(|text| text.ends_with('\n'))).await;
        text.trim().to_owned()
    }
}

async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "did not happen in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim().starts_with('Z'))
}

// ---- jobs

fn task(name: &str, driver: &str, config: Value) -> Task {
    let Value::Object(config) = config else { panic!("a block") };
    Task {
        name: name.to_owned(),
        driver: driver.to_owned(),
        config: DriverConfig::from(config),
        kill_timeout: 5 * SECOND,
        log_config: Some(LogConfig { max_files: 3, max_file_size_mb: 1, disabled: false }),
        ..Task::default()
    }
}

fn shell(script: &str) -> Task {
    task("web", "raw_exec", json!({"command": "/bin/sh", "args": ["-c", script]}))
}

fn mock(config: Value) -> Task {
    task("web", "mock_driver", config)
}

fn alloc(kind: JobType, task: Task) -> Allocation {
    let restart_policy =
        RestartPolicy { attempts: 1, interval: 3600 * SECOND, delay: SECOND / 10, mode: RestartMode::Fail, render_templates: false };
    let update =
        UpdateStrategy { max_parallel: 1, min_healthy_time: SECOND / 5, healthy_deadline: 60 * SECOND, ..UpdateStrategy::default() };
    let group = TaskGroup {
        name: "app".to_owned(),
        tasks: vec![task],
        restart_policy: Some(restart_policy),
        update: (kind == JobType::Service).then_some(update),
        ..TaskGroup::default()
    };
    let job = Job {
        id: "job".into(),
        name: "job".to_owned(),
        region: "global".to_owned(),
        kind,
        task_groups: vec![group],
        meta: [("greeting".to_owned(), "hello".to_owned())].into(),
        ..Job::default()
    };
    Allocation {
        id: AllocId(Uuid::new_v4()),
        namespace: "default".into(),
        name: "job.app[3]".into(),
        job_id: "job".into(),
        task_group: "app".into(),
        job: Some(Arc::new(job)),
        deployment_id: DeploymentId(Uuid::from_u128(1)),
        ..Allocation::default()
    }
}

fn service(task: Task) -> Allocation {
    alloc(JobType::Service, task)
}

fn batch(task: Task) -> Allocation {
    alloc(JobType::Batch, task)
}

fn stop(alloc: &mut Allocation) {
    alloc.desired_status = DesiredStatus::Stop;
}

fn events(update: &AllocUpdate) -> Vec<String> {
    update.task_states.all()["web"].events.iter().map(|event| event.kind.clone()).collect()
}

// ---- tests

/// A task runs in its directories with its environment, becomes healthy, is stopped by the region, and everything is reported.
#[tokio::test]
async fn life_of_an_allocation() {
    let place = Place::new();
    let client = place.start().await;
    let script = "echo \"$NOMAD_META_greeting $NOMAD_REGION $NOMAD_DC ${NOMAD_ALLOC_INDEX} ${node.unique.name}\"; \
                  touch $NOMAD_TASK_DIR/here $NOMAD_ALLOC_DIR/data/shared; pwd >&2; trap 'exit 0' TERM; while :; do sleep 0.02; done";
    let task = Task { kill_signal: "SIGTERM".to_owned(), ..shell(script) };
    let id = place.region.put(service(task));
    let healthy = || place.region.update(id).filter(|update| update.deployment_status.as_ref().is_some_and(|s| s.healthy == Some(true)));
    let update = until("healthy", healthy).await;
    assert_eq!(update.client_status, ClientStatus::Running);
    assert_eq!(update.client_description, "Tasks are running");
    assert_eq!(events(&update), ["Received", "Task Setup", "Started"]);
    assert_eq!(place.line(id, "alloc/logs/web.stdout.0").await, "hello west west-1 3 c1");
    assert_eq!(place.line(id, "alloc/logs/web.stderr.0").await, place.alloc_dir(id).join("web").display().to_string());
    for path in ["web/local/here", "alloc/data/shared"] {
        until(path, || place.alloc_dir(id).join(path).exists().then_some(())).await;
    }

    place.region.change(id, stop);
    let update = place.region.until_status(id, ClientStatus::Complete).await;
    assert_eq!(events(&update)[3..], ["Killing", "Terminated", "Killed"]);
    assert_eq!(update.task_states.all()["web"].events[4].exit_code, 0);

    place.region.purge(id);
    until("collected", || (!place.alloc_dir(id).exists()).then_some(())).await;
    let node = place.region.with(|books| books.node.clone()).unwrap();
    assert_eq!((node.datacenter.as_str(), node.name.as_str(), node.id), ("west-1", "c1", client.node_id()));
    client.stop(Tasks::Keep).await;
}

/// An allocation with such a disk that comes after another one.
fn after(previous: AllocId, sticky: bool, migrate: bool, script: &str) -> Allocation {
    let mut alloc = batch(shell(script));
    alloc.previous_allocation = previous;
    let job = Arc::make_mut(alloc.job.as_mut().unwrap());
    job.task_groups[0].ephemeral_disk = Some(EphemeralDisk { sticky, migrate, size_mb: 300 });
    alloc
}

/// What the events of a task say, without those that every start has.
fn said(update: &AllocUpdate) -> String {
    let events = &update.task_states.all()["web"].events;
    let setup = events.iter().filter(|event| event.kind == "Task Setup").map(|event| event.message.as_str());
    setup.filter(|text| *text != "Building Task Directory").collect::<Vec<_>>().join("; ")
}

const LEAVES: &str = "cd $NOMAD_ALLOC_DIR/data; echo shared > a; mkdir -p deep/er; echo own > $NOMAD_TASK_DIR/b; chmod 600 $NOMAD_TASK_DIR/b; \
                      ln -s a link; mkfifo pipe; touch \"$(printf 'odd\\377')\"; mkdir closed; touch closed/c; chmod 500 closed; echo x > $NOMAD_SECRETS_DIR/s; \
                      trap 'exit 0' TERM; echo ready; while :; do sleep 0.02; done";
const FINDS: &str = "cd $NOMAD_ALLOC_DIR/data; cat a link $NOMAD_TASK_DIR/b; stat -c %a deep/er closed $NOMAD_TASK_DIR/b; ls closed; \
                     ls $NOMAD_SECRETS_DIR; [ -e \"$(printf 'odd\\377')\" ] && echo odd; [ ! -e ../.incoming ] && echo done";

/// A sticky disk goes over to the next allocation of the node, when the one before has ended; any other begins empty.
#[tokio::test]
async fn sticky_disks() {
    let place = Place::new();
    let client = place.start().await;
    let first = place.region.put(service(Task { kill_signal: "SIGTERM".to_owned(), ..shell(LEAVES) }));
    place.line(first, "alloc/logs/web.stdout.0").await;
    let empty = place.region.put(after(first, false, false, "ls $NOMAD_ALLOC_DIR/data $NOMAD_TASK_DIR | wc -w"));
    let second = place.region.put(after(first, true, false, FINDS));
    place.region.change(first, stop);
    for id in [empty, second] {
        place.region.until_status(id, ClientStatus::Complete).await;
    }
    assert_eq!(place.read(empty, "alloc/logs/web.stdout.0").trim(), "2", "only the names of the two directories");
    assert_eq!(place.read(second, "alloc/logs/web.stdout.0"), "shared\nshared\nown\n755\n500\n600\nc\nodd\ndone\n");
    assert!(!place.alloc_dir(first).join("web/local").exists(), "it has gone over");
    assert_eq!(said(&place.region.update(second).unwrap()), format!("The data of allocation {first} was moved here"));
    client.stop(Tasks::Keep).await;
}

/// An allocation that was stopped before it came to run is passed over: who comes after it gets what was before. What somebody waits for, is not
/// collected.
#[tokio::test]
async fn passed_over() {
    let place = Place::new();
    let client = place.start().await;
    let slow = LEAVES.replace("trap 'exit 0' TERM", "trap 'while [ ! -e go ]; do sleep 0.02; done; exit 0' TERM");
    let first = place.region.put(service(Task { kill_signal: "SIGTERM".to_owned(), kill_timeout: 25 * SECOND, ..shell(&slow) }));
    place.line(first, "alloc/logs/web.stdout.0").await;
    let second = place.region.put(after(first, true, false, FINDS));
    place.region.change(first, stop);
    until("both are known", || (client.stats()["num_allocations"] == "2").then_some(())).await;
    place.region.change(second, stop);
    place.region.until_status(second, ClientStatus::Complete).await;
    let third = place.region.put(after(second, true, false, FINDS));
    until("all are known", || (client.stats()["num_allocations"] == "3").then_some(())).await;
    call(&client, second, NodeCall::CollectAlloc).await.unwrap_err();
    fs::write(place.alloc_dir(first).join("alloc/data/go"), "").unwrap();
    let update = place.region.until_status(third, ClientStatus::Complete).await;
    assert_eq!(place.read(third, "alloc/logs/web.stdout.0"), "shared\nshared\nown\n755\n500\n600\nc\nodd\ndone\n");
    assert_eq!(said(&update), format!("The data of allocation {first} was moved here"));
    assert!(!place.alloc_dir(second).join("alloc").exists(), "nobody looks there");
    call(&client, third, NodeCall::CollectAlloc).await.unwrap();
    client.stop(Tasks::Keep).await;
}

/// A disk that is to migrate is copied from another node when the allocation there has ended. If it cannot be, the tasks say why and begin.
#[tokio::test]
async fn migrating_disks() {
    let (there, here) = (Place::new(), Place::new());
    let other = there.start().await;
    let client = here.start().await;
    here.region.with(|books| books.other = Some((there.region.clone(), other.clone())));
    let first = there.region.put(service(Task { kill_signal: "SIGTERM".to_owned(), ..shell(LEAVES) }));
    there.line(first, "alloc/logs/web.stdout.0").await;

    let stays = here.region.put(after(first, true, false, FINDS));
    let update = here.region.until_status(stays, ClientStatus::Complete).await;
    let why = format!("The data of allocation {first} stays behind: it is not on this node, and migrate of ephemeral_disk is false");
    assert_eq!(said(&update), why);

    let second = here.region.put(after(first, true, true, FINDS));
    let unwanted = here.region.put(after(first, true, true, FINDS));
    until("both are known", || (client.stats()["num_allocations"] == "3").then_some(())).await;
    here.region.change(unwanted, stop);
    here.region.until_status(unwanted, ClientStatus::Complete).await;
    assert!(events(&here.region.update(unwanted).unwrap()).iter().all(|event| event != "Started"));
    assert!(here.region.status(second).is_none_or(|status| status == ClientStatus::Pending));
    there.region.change(first, stop);
    here.region.until_status(second, ClientStatus::Complete).await;
    assert_eq!(here.read(second, "alloc/logs/web.stdout.0"), "shared\nshared\nown\n755\n500\n600\nc\nodd\ndone\n");
    assert!(there.alloc_dir(first).join("web/local/b").exists(), "a copy");
    let copied = format!("The data of allocation {first} was copied from node {}", NodeId::default());
    assert_eq!(said(&here.region.update(second).unwrap()), copied);

    let absent = AllocId(Uuid::from_u128(5));
    let third = here.region.put(after(absent, false, true, "echo empty"));
    let update = here.region.until_status(third, ClientStatus::Complete).await;
    assert_eq!(said(&update), format!("The data of allocation {absent} stays behind: the region does not know it any more"));
    here.region.with(|books| books.other = None);
    other.stop(Tasks::Keep).await;
    client.stop(Tasks::Keep).await;
}

/// What a region does not know any more, because it was restored from a snapshot, is said again.
#[tokio::test]
async fn a_region_that_forgot() {
    let place = Place::new();
    let client = place.start().await;
    let id = place.region.put(service(shell("while :; do sleep 0.02; done")));
    let healthy = || place.region.update(id).filter(|update| update.deployment_status.as_ref().is_some_and(|s| s.healthy == Some(true)));
    until("healthy", healthy).await;
    place.region.with(|books| books.updates.clear());
    place.region.change(id, |_| {});
    assert_eq!(until("healthy again", healthy).await.client_status, ClientStatus::Running);
    client.stop(Tasks::End).await;
}

/// The one that takes the place of another, or one of its ports, begins when that one has ended, however long it takes; others do not wait.
#[tokio::test]
async fn one_after_the_other() {
    let place = Place::new();
    let client = place.start().await;
    let port = |value: i64| {
        let mapping = AllocatedPortMapping { label: "http".to_owned(), value, host_ip: "127.0.0.1".to_owned(), ..Default::default() };
        let shared = AllocatedSharedResources { ports: vec![mapping], ..Default::default() };
        Some(Arc::new(AllocatedResources { shared, ..Default::default() }))
    };
    for is_replaced in [true, false] {
        let slow = "trap 'while [ ! -e $NOMAD_TASK_DIR/go ]; do sleep 0.02; done; exit 0' TERM; echo ready; while :; do sleep 0.02; done";
        let task = Task { kill_signal: "SIGTERM".to_owned(), kill_timeout: 25 * SECOND, ..shell(slow) };
        let old = place.region.put(Allocation { create_index: 1, allocated_resources: port(19_000), ..service(task) });
        assert_eq!(place.line(old, "alloc/logs/web.stdout.0").await, "ready");
        let next = |create_index: u64, value: i64| Allocation {
            create_index,
            allocated_resources: port(value),
            ..service(shell("while :; do sleep 0.02; done"))
        };
        let previous_allocation = if is_replaced { old } else { AllocId::NIL };
        let new = place.region.put(Allocation { previous_allocation, ..next(2, if is_replaced { 19_001 } else { 19_000 }) });
        place.region.change(old, stop);
        until("it is told", || place.region.update(old).filter(|update| events(update).contains(&"Killing".to_owned()))).await;
        let other = place.region.put(next(3, 19_002));
        place.region.until_status(other, ClientStatus::Running).await;
        assert_eq!(place.region.status(new), Some(ClientStatus::Pending), "replaced: {is_replaced}");
        fs::write(place.alloc_dir(old).join("web/local/go"), "").unwrap();
        let ended = place.region.until_status(old, ClientStatus::Complete).await.task_states.all()["web"].finished_at;
        let began = place.region.until_status(new, ClientStatus::Running).await.task_states.all()["web"].started_at;
        assert!(began >= ended, "replaced: {is_replaced}");
        for id in [new, other] {
            place.region.change(id, stop);
            place.region.until_status(id, ClientStatus::Complete).await;
        }
    }
    client.stop(Tasks::Keep).await;
}

/// A failing task is started again as its policy says, then the allocation fails; a batch task that succeeds completes.
#[tokio::test]
async fn restarts_and_ends() {
    let place = Place::new();
    let client = place.start().await;
    let mut failing = service(shell("echo try; exit 7"));
    // Longer than a busy machine takes to notice the end.
    let update = failing.job.as_mut().map(Arc::make_mut).and_then(|job| job.task_groups[0].update.as_mut());
    update.unwrap().min_healthy_time = 30 * SECOND;
    let failing = place.region.put(failing);
    let done = place.region.put(batch(shell("echo done")));
    let update = place.region.until_status(failing, ClientStatus::Failed).await;
    assert_eq!((update.task_states.all()["web"].restarts, update.task_states.all()["web"].failed), (1, true));
    assert_eq!(update.deployment_status.unwrap().healthy, Some(false));
    assert_eq!(place.read(failing, "alloc/logs/web.stdout.0"), "try\ntry\n");
    place.region.until_status(done, ClientStatus::Complete).await;

    for (task, want) in [
        (task("web", "docker", json!({})), "driver \"docker\" is not available on this node; available: mock_driver, raw_exec"),
        (task("web", "raw_exec", json!({"comand": "x"})), "raw_exec: unknown key \"comand\" in config, did you mean \"command\"?"),
        (task("web", "mock_driver", json!({"start_error": "boom"})), "boom"),
    ] {
        let id = place.region.put(batch(task));
        let update = place.region.until_status(id, ClientStatus::Failed).await;
        let states = update.task_states.all();
        let texts: Vec<&str> = states["web"].events.iter().map(|event| event.display_message.as_str()).collect();
        assert!(texts[2].starts_with(want), "{texts:#?}");
        assert_eq!(texts[3], "Error was unrecoverable");
    }
    client.stop(Tasks::Keep).await;
}

/// An agent in a process of its own, killed when dropped.
struct Process(std::process::Child);

impl Process {
    fn start(place: &Place, server: &str) -> Self {
        let (state, allocs) = (place.dir.path().join("state"), place.dir.path().join("allocs"));
        let child = std::process::Command::new(HELPER).arg("agent").arg(state).arg(allocs).arg(server).spawn().unwrap();
        Self(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The agent is killed and comes back over the same directories: the task is the same process, the node the same node, health is judged on,
/// and what ended meanwhile is learned with its exit code.
#[tokio::test(flavor = "multi_thread")]
async fn agent_is_killed() {
    let place = Place::new();
    let (server, shutdown) = serve(&place.region).await;
    let agent = Process::start(&place, &server);
    let long = place.region.put(service(shell("echo $$; exec sleep 1000")));
    let script = "echo $$; while [ ! -e $NOMAD_ALLOC_DIR/go ]; do sleep 0.02; done; exit 3";
    let ending = place.region.put(batch(shell(script)));
    place.region.until_status(ending, ClientStatus::Running).await;
    until("healthy", || place.region.update(long).filter(|update| update.deployment_status.is_some())).await;
    let pids = [place.line(long, "alloc/logs/web.stdout.0").await, place.line(ending, "alloc/logs/web.stdout.0").await];
    let before = place.region.with(|books| books.node.clone()).unwrap();

    drop(agent);
    place.region.with(|books| {
        books.updates.clear();
        books.node = None;
    });
    assert!(pids.iter().all(|pid| runs(pid)));
    fs::write(place.alloc_dir(ending).join("alloc/go"), "").unwrap();
    until("ended", || (!runs(&pids[1])).then_some(())).await;
    // A new version in place, to be judged anew, while nobody is there.
    place.region.change(long, |alloc| alloc.deployment_id = DeploymentId(Uuid::from_u128(2)));

    let agent = Process::start(&place, &server);
    let node = until("registered", || place.region.with(|books| books.node.clone())).await;
    assert_eq!((node.id, node.secret_id), (before.id, before.secret_id));
    let healthy = until("healthy again", || place.region.update(long).filter(|update| update.deployment_status.is_some())).await;
    assert_eq!(healthy.client_status, ClientStatus::Running);
    assert_eq!(events(&healthy), ["Received", "Task Setup", "Started"]);
    assert!(runs(&pids[0]));
    let ended = until("exit code", || place.region.update(ending).filter(|update| events(update).contains(&"Terminated".to_owned()))).await;
    assert!(ended.task_states.all()["web"].events.iter().any(|event| event.exit_code == 3), "{ended:#?}");

    place.region.change(long, stop);
    place.region.until_status(long, ClientStatus::Complete).await;
    assert!(!runs(&pids[0]));
    // It was started again as its policy says, and failed again.
    place.region.until_status(ending, ClientStatus::Failed).await;
    drop(agent);
    shutdown.cancel();
}

/// The servers are gone for a while: tasks run on, end, and are reported when the servers are back. A node that they forgot registers again.
#[tokio::test]
async fn servers_gone() {
    let place = Place::new();
    let client = place.start().await;
    let id = place.region.put(batch(mock(json!({"run_for": "600ms", "exit_code": 0}))));
    place.region.until_status(id, ClientStatus::Running).await;
    place.region.cut_off(true);
    let wait = || place.read(id, "web/private/start-1/mock.json");
    until("the task's end", || Some(wait()).filter(|text| text.contains("\"exit\":{"))).await;
    assert_eq!(place.region.status(id), Some(ClientStatus::Running));
    place.region.with(|books| books.node = None);
    place.region.cut_off(false);
    place.region.until_status(id, ClientStatus::Complete).await;
    until("registered again", || place.region.with(|books| books.node.clone())).await;
    assert!(place.region.with(|books| books.n_heartbeats) > 0);
    client.stop(Tasks::Keep).await;
}

/// A second agent over the same state is refused; a wrong configuration too.
#[tokio::test]
async fn refusals() {
    let place = Place::new();
    let client = place.start().await;
    let start = |config: Config| Client::start_with(config, Arc::new(place.region.clone()));
    let error = start(place.config()).await.err().unwrap();
    assert!(matches!(error, client::Error::State(_)), "{error}");
    client.stop(Tasks::Keep).await;
    let mut config = place.config();
    config.region = "east".into();
    assert!(start(config).await.is_err(), "a state of another region");
    let mut config = place.config();
    config.plugins.insert("rawexec".to_owned(), Default::default());
    assert!(start(config).await.is_err(), "an unknown plugin");
    start(place.config()).await.unwrap().stop(Tasks::Keep).await;
}

/// An agent that ends its tasks leaves no process; reports are not falsified by it.
#[tokio::test]
async fn dev_agent_ends_tasks() {
    let place = Place::new();
    let client = place.start().await;
    let id = place.region.put(batch(shell("echo $$; exec sleep 1000")));
    let pid = place.line(id, "alloc/logs/web.stdout.0").await;
    client.stop(Tasks::End).await;
    assert!(!runs(&pid));
}

async fn call(client: &Client, id: AllocId, call: NodeCall) -> Result<NodeCallReply, Failure> {
    client.node_call(NodeTarget::Alloc(id), call).await.map(|(reply, _)| reply)
}

async fn text(client: &Client, id: AllocId, call: NodeCall) -> Result<String, Failure> {
    let (_, chunks) = client.node_call(NodeTarget::Alloc(id), call).await?;
    collect(chunks.unwrap()).await
}

async fn collect(mut chunks: ChunkStream) -> Result<String, Failure> {
    let mut text = String::new();
    while let Some(chunk) = chunks.next().await {
        text.push_str(&String::from_utf8(chunk?.data).unwrap());
    }
    Ok(text)
}

fn logs(offset: u64, from_end: bool, follow: bool) -> NodeCall {
    NodeCall::Logs { task: "web".to_owned(), stderr: false, offset, from_end, follow }
}

/// Files, listings and logs over rotated files, from the start and from the end, followed to the task's end; what must not be seen is not.
#[tokio::test]
async fn files_and_logs() {
    let place = Place::new();
    let client = place.start().await;
    // 2,588,890 bytes: two full files and a part.
    let script = "seq 1 400000; while [ ! -e $NOMAD_ALLOC_DIR/data/go ]; do sleep 0.02; done; echo the end";
    let id = place.region.put(batch(shell(script)));
    let (_, follower) = loop {
        match client.node_call(NodeTarget::Alloc(id), logs(0, false, true)).await {
            Ok(answer) => break answer,
            Err(failure) => assert!(failure.code == 404, "{failure}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let follower = tokio::spawn(collect(follower.unwrap()));
    until("output", || place.read(id, "alloc/logs/web.stdout.2").ends_with("400000\n").then_some(())).await;
    let numbers: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    assert_eq!(text(&client, id, logs(0, false, false)).await.unwrap(), numbers);
    assert_eq!(text(&client, id, logs(1_500_000, false, false)).await.unwrap(), numbers[1_500_000..]);
    assert_eq!(text(&client, id, logs(14, true, false)).await.unwrap(), "399999\n400000\n");
    assert_eq!(text(&client, id, logs(1_600_000, true, false)).await.unwrap(), numbers[numbers.len() - 1_600_000..]);
    assert_eq!(text(&client, id, logs(9_999_999, false, false)).await.unwrap(), "");

    let stdout = |n: u64| format!("alloc/logs/web.stdout.{n}");
    let cat = text(&client, id, NodeCall::Cat { path: stdout(2) }).await.unwrap();
    assert_eq!(cat, numbers[2 << 20..]);
    let part = text(&client, id, NodeCall::ReadAt { path: stdout(0), offset: 2, limit: 4 }).await.unwrap();
    assert_eq!(part, "2\n3\n");
    let tail = text(&client, id, NodeCall::Stream { path: stdout(2), offset: 7, from_end: true, follow: false }).await.unwrap();
    assert_eq!(tail, "400000\n");

    let NodeCallReply::Files(files) = call(&client, id, NodeCall::List { path: "/".to_owned() }).await.unwrap() else { panic!() };
    let names: Vec<(&str, &str)> = files.iter().map(|file| (file.name.as_str(), file.file_mode.as_str())).collect();
    assert_eq!(names, [("alloc", "drwxrwxrwx"), ("web", "drwxrwxrwx")]);
    let NodeCallReply::File(file) = call(&client, id, NodeCall::Stat { path: stdout(0) }).await.unwrap() else { panic!() };
    assert_eq!((file.name.as_str(), file.size, file.is_dir), ("web.stdout.0", 1 << 20, false));

    for (call_, code) in [
        (NodeCall::Cat { path: "web/private/start-1/plan.json".to_owned() }, 403),
        (NodeCall::List { path: "web/secrets".to_owned() }, 403),
        (NodeCall::List { path: "../..".to_owned() }, 400),
        (NodeCall::Stat { path: "alloc/nosuch".to_owned() }, 404),
        (NodeCall::Cat { path: "alloc".to_owned() }, 400),
        (NodeCall::Logs { task: "nosuch".to_owned(), stderr: false, offset: 0, from_end: false, follow: false }, 400),
        (NodeCall::Logs { task: String::new(), stderr: false, offset: 0, from_end: false, follow: false }, 400),
    ] {
        assert_eq!(call(&client, id, call_.clone()).await.err().map(|failure| failure.code), Some(code), "{call_:?}");
    }
    let other = call(&client, AllocId::NIL, NodeCall::Stat { path: "/".to_owned() }).await.unwrap_err();
    assert_eq!((other.code, other.text.starts_with("Unknown allocation")), (404, true));

    fs::write(place.alloc_dir(id).join("alloc/data/go"), "").unwrap();
    assert_eq!(follower.await.unwrap().unwrap(), numbers + "the end\n");

    place.region.until_status(id, ClientStatus::Complete).await;
    call(&client, id, NodeCall::CollectAlloc).await.unwrap();
    assert!(!place.alloc_dir(id).exists());
    assert_eq!(call(&client, id, NodeCall::List { path: "/".to_owned() }).await.unwrap_err().code, 404);
    client.stop(Tasks::Keep).await;
}

/// Orders to a running task, and statistics in the interface's shape.
#[tokio::test]
async fn orders_and_statistics() {
    let place = Place::new();
    let client = place.start().await;
    let script = "echo $$ >$NOMAD_TASK_DIR/pid; trap 'echo hup' HUP; trap 'exit 0' INT; while :; do sleep 0.02; done";
    let id = place.region.put(service(shell(script)));
    let first = place.line(id, "web/local/pid").await;
    place.region.until_status(id, ClientStatus::Running).await;
    let web = || "web".to_owned();
    call(&client, id, NodeCall::Signal { task: web(), signal: "SIGHUP".to_owned() }).await.unwrap();
    assert_eq!(place.line(id, "alloc/logs/web.stdout.0").await, "hup");

    let NodeCallReply::Json(stats) = call(&client, id, NodeCall::AllocStats { task: String::new() }).await.unwrap() else { panic!() };
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert!(stats["Tasks"]["web"]["Pids"][&first]["MemoryStats"]["RSS"].as_u64().unwrap() > 0, "{stats:#}");
    assert!(stats["ResourceUsage"]["MemoryStats"]["RSS"].as_u64().unwrap() > 0);
    let (reply, _) = client.node_call(NodeTarget::Node(client.node_id()), NodeCall::HostStats).await.unwrap();
    let NodeCallReply::Json(stats) = reply else { panic!() };
    let stats: Value = serde_json::from_str(&stats).unwrap();
    assert!(stats["Memory"]["Total"].as_u64().unwrap() > 0 && !stats["CPU"].as_array().unwrap().is_empty(), "{stats:#}");
    assert!(stats["AllocDirStats"]["Size"].as_u64().unwrap() > 0 && stats["Uptime"].as_u64().is_some());

    call(&client, id, NodeCall::Restart { task: web(), all_tasks: false }).await.unwrap();
    until("another process", || Some(place.read(id, "web/local/pid")).filter(|pid| pid.ends_with('\n') && pid.trim() != first)).await;
    assert!(!runs(&first));
    for (order, want) in [
        (NodeCall::Restart { task: "nosuch".to_owned(), all_tasks: false }, "Could not find task named: nosuch"),
        (NodeCall::Signal { task: "nosuch".to_owned(), signal: "SIGHUP".to_owned() }, "Could not find task named: nosuch"),
        (NodeCall::Signal { task: web(), signal: "SIGFOO".to_owned() }, "unknown signal \"SIGFOO\""),
        (NodeCall::CollectAlloc, "allocation \""),
    ] {
        let failure = call(&client, id, order).await.unwrap_err();
        assert!(failure.text.starts_with(want), "{failure}");
    }
    place.region.change(id, stop);
    place.region.until_status(id, ClientStatus::Complete).await;
    client.stop(Tasks::Keep).await;
}

/// The region as a server on a socket.
struct Server {
    region: Region,
    own: String,
}

#[async_trait]
impl Caller for Server {
    fn region(&self) -> RegionName {
        "west".into()
    }

    async fn call(&self, call: Call) -> Result<Reply, Failure> {
        match call.request {
            Request::Node(request) => match self.region.answer(request).await? {
                NodeReply::Heartbeat { known, ttl, index, .. } => {
                    Ok(Reply::Node(NodeReply::Heartbeat { known, ttl, index, servers: vec![self.own.clone()] }))
                }
                other => Ok(Reply::Node(other)),
            },
            _ => Err(Failure::internal("answered by a server")),
        }
    }

    async fn stream(&self, _call: Call) -> Result<BoxStream<'static, Result<Chunk, Failure>>, Failure> {
        Err(Failure::internal("no stream"))
    }
}

struct Door(Arc<dyn Caller>);

#[async_trait]
impl Handler for Door {
    async fn handle(&self, _peer: &Arc<Peer>, method: u16, body: bytes::Bytes, _context: CallContext) -> transport::Reply {
        rpc::typed::answer(&self.0, method, &body).await
    }
}

/// Serves the region on a free port.
async fn serve(region: &Region) -> (String, CancellationToken) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().to_string();
    let shutdown = CancellationToken::new();
    let door = Door(Arc::new(Server { region: region.clone(), own: own.clone() }));
    let identity = Identity::new(Uuid::new_v4(), "west", 1);
    tokio::spawn(transport::serve(listener, identity, Arc::new(door), shutdown.clone()));
    (own, shutdown)
}

/// Over real sockets: the node finds a server behind one that is gone, remembers what it learns, and servers reach its files at the address
/// that its attributes name; what is not about the node is passed on.
#[tokio::test]
async fn over_the_network() {
    let place = Place::new();
    let (own, shutdown) = serve(&place.region).await;
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();

    let mut config = place.config();
    config.servers = vec![dead, own.clone()];
    let client = Client::start(config).await.unwrap();
    let id = place.region.put(batch(mock(json!({"run_for": "1h", "stdout_string": "hi\n"}))));
    place.region.until_status(id, ClientStatus::Running).await;
    assert_eq!(client.servers()[0], own);
    assert_eq!(place.line(id, "alloc/logs/web.stdout.0").await, "hi");

    let address = place.region.with(|books| books.node.clone()).unwrap().rpc_addr().unwrap().to_owned();
    let pool = Pool::new(Identity::new(Uuid::new_v4(), "west", 1), Limits::default());
    let on_node = |call: NodeCall| Call {
        region: "west".into(),
        hops: Hops { node: true, ..Hops::default() },
        request: Request::OnNode(NodeTarget::Alloc(id), call),
    };
    let chunks = rpc::typed::stream(&pool, &address, &on_node(logs(0, false, false))).await.unwrap().unwrap();
    assert_eq!(collect(chunks).await.unwrap(), "hi\n");
    let stat = on_node(NodeCall::Stat { path: "alloc".to_owned() });
    let reply = rpc::typed::call(&pool, &address, &stat, Duration::from_secs(10)).await.unwrap().unwrap();
    assert!(matches!(reply, Reply::OnNode(NodeCallReply::File(file)) if file.is_dir));
    let read = Call { region: "west".into(), hops: Hops::default(), request: Request::Read(ReadOptions::default(), Read::Leader) };
    let refused = rpc::typed::call(&pool, &address, &read, Duration::from_secs(10)).await.unwrap().unwrap_err();
    assert!(refused.text.starts_with("this is a node agent"), "{refused}");
    assert_eq!(Caller::call(&client, read).await.unwrap_err().text, "answered by a server");
    assert!(matches!(Caller::call(&client, stat).await, Ok(Reply::OnNode(_))));

    client.stop(Tasks::End).await;
    // Started again without any server configured: it remembers.
    let client = Client::start(place.config()).await.unwrap();
    until("registered", || client.is_registered().then_some(())).await;
    client.stop(Tasks::End).await;
    shutdown.cancel();
}
