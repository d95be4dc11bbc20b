//! Histories are played: clients, watchers and followers at the servers of a region, and faults.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Call, History, How, Op, Told, Written};
use crate::chaos::Dice;
use crate::chaos::fleet::Fleet;
use crate::chaos::plan::{Episode, Since};
use crate::chaos::sky::{Sky, storm};
use crate::chaos::web;
use crate::chaos::world::{Fault, SERVERS, name_of, servers_of};

const KEYS: usize = 6;
const CLIENTS: usize = 12;
const WINDOW: Duration = Duration::from_secs(9);
/// Nobody waits longer for an answer; what it was to do may then still happen.
const PATIENCE: Duration = Duration::from_millis(3_000);
/// After the last fault, everybody has been told everything by then.
const CALM: Duration = Duration::from_secs(60);
/// Who is not told by then is noted.
const NOTABLE: Duration = Duration::from_secs(6);
/// Between two things that a client does: about a thousand a history.
const PAUSE_MS: (u64, u64) = (5, 60);

/// One history in progress, seen by all who take part in it.
struct Scene<'a> {
    fleet: &'a Fleet,
    region: usize,
    seed: u64,
    began: Instant,
    /// Of the jobs before all this.
    index: u64,
    next_value: AtomicU64,
    is_over: AtomicBool,
    history: Mutex<History>,
}

impl Scene<'_> {
    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn key(&self, number: usize) -> String {
        format!("r{}-{number}", self.seed)
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    fn call(&self, key: &str, begin: u64, end: Option<u64>, op: Op) {
        self.history().calls.entry(key.to_owned()).or_default().push(Call { begin, end, op });
    }

    fn tell(&self, server: usize, life: u32, how: How, key: &str, index: u64, value: Option<u64>) {
        let told = Told { by: name_of(server), life, how, key: key.to_owned(), index, value };
        self.history().told.push(told);
    }
}

/// One history a seed, each in a region of its own, at the same time.
pub fn play(fleet: &Fleet, seeds: &[u64]) -> Vec<History> {
    let began = Instant::now();
    let scenes: Vec<Scene> = seeds
        .iter()
        .enumerate()
        .map(|(region, seed)| Scene {
            fleet,
            region,
            seed: *seed,
            began,
            index: web::ask_indexed("GET", fleet.http(servers_of(region).start), "/v1/jobs", None, PATIENCE)
                .map_or(1, |(_, index, _)| index),
            next_value: AtomicU64::new(1),
            is_over: AtomicBool::new(false),
            history: Mutex::new(History { seed: *seed, ..History::default() }),
        })
        .collect();
    let episodes = scenes.iter().flat_map(|scene| draw(scene.seed, scene.region).into_iter().map(|episode| (scene.seed, episode)));
    let sky = Sky::new(episodes.collect(), WINDOW);
    std::thread::scope(|scope| {
        let mut people = Vec::new();
        for scene in &scenes {
            for server in servers_of(scene.region) {
                scope.spawn(move || follow(scene, server));
                scope.spawn(move || wait_and_wait(scene, server));
            }
            people.extend((0..CLIENTS).map(|client| scope.spawn(move || live(scene, client))));
        }
        storm(fleet, &sky, |what| scenes.iter().for_each(|scene| scene.history().weather.push(format!("{}: {what}", scene.now()))));
        people.into_iter().for_each(|person| drop(person.join()));
        for scene in &scenes {
            scope.spawn(move || come_to_rest(scene));
        }
    });
    scenes.into_iter().map(|scene| scene.history.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

/// What goes wrong in one region, now and then with two things at a time.
fn draw(seed: u64, region: usize) -> Vec<Episode> {
    let dice = &mut Dice::new(seed);
    let servers: Vec<usize> = servers_of(region).collect();
    let mut episodes = Vec::new();
    // Of the others, a majority must stay that has everything: one disk is lost, or servers leave and come back.
    let (mut may_wipe, may_leave) = dice.pick(&[(true, false), (false, true)]);
    let mut at = dice.between(200, 1_500);
    while at < 8_000 {
        let order = dice.shuffled(&servers);
        let fault = match dice.below(20) {
            0 => Fault::Killed(vec![order[0]]),
            1 => Fault::Killed(vec![order[0], order[1]]),
            2 => Fault::Killed(order.clone()),
            3 => Fault::Stopped(vec![order[0]]),
            4 | 5 => Fault::LeaderKilled(region),
            6 | 7 => Fault::LeaderStopped(region),
            8 => Fault::ServerApart(order[0]),
            9 => Fault::ServerDeaf(order[0]),
            10 => Fault::PairApart(order[0], order[1]),
            11 => Fault::ClockWrong(order[0], dice.pick(&[-60, 60])),
            12 => Fault::ClockFast(order[0]),
            13 if std::mem::take(&mut may_wipe) => Fault::Wiped(order[0]),
            14 if may_leave => Fault::Left(order[0]),
            13..=17 => Fault::LeaderMoved { to: order[0] },
            18 => Fault::Loss { everywhere: true, percent: 30 },
            _ => Fault::Delay { everywhere: true, base: 30, jitter: 30 },
        };
        let length = dice.between(200, 3_000);
        episodes.push(Episode { since: Since::Round, begin: Duration::from_millis(at), length: Duration::from_millis(length), fault });
        at += dice.between(300, 2_500);
    }
    episodes
}

fn body(key: &str, value: u64, expected_index: Option<u64>) -> Value {
    let task = json!({ "Name": "t", "Driver": "raw_exec", "Config": { "command": "/bin/true" } });
    let job = json!({ "ID": key, "Type": "batch", "Datacenters": ["*"], "Meta": { "value": value.to_string() },
        "TaskGroups": [{ "Name": "g", "Count": 0, "Tasks": [task] }] });
    match expected_index {
        Some(index) => json!({ "Job": job, "EnforceIndex": true, "JobModifyIndex": index }),
        None => json!({ "Job": job }),
    }
}

fn value_of(job: &Value) -> Option<u64> {
    job["Meta"]["value"].as_str()?.parse().ok()
}

/// What a client last saw of a key: its value and the index of that.
type Seen = BTreeMap<String, (Option<u64>, u64)>;

/// A client: does one thing after the other, at any server, until the faults are over.
fn live(scene: &Scene, client: usize) {
    let dice = &mut Dice::new(scene.seed.wrapping_mul(1_000).wrapping_add(client as u64));
    let mut seen = Seen::new();
    while scene.began.elapsed() < WINDOW {
        let key = scene.key(dice.below(KEYS));
        let server = servers_of(scene.region).start + dice.below(SERVERS[scene.region]);
        match dice.below(100) {
            0..40 => read(scene, server, &key, &mut seen),
            40..50 => read_stale(scene, server, &key),
            50..70 => write(scene, server, &key, None, &mut seen),
            70..93 => {
                let expected = seen.get(&key).copied().unwrap_or((None, 0));
                write(scene, server, &key, Some(expected), &mut seen);
            }
            _ => delete(scene, server, &key, &mut seen),
        }
        std::thread::sleep(Duration::from_millis(dice.between(PAUSE_MS.0, PAUSE_MS.1)));
    }
}

fn read(scene: &Scene, server: usize, key: &str, seen: &mut Seen) {
    let begin = scene.now();
    let answer = web::ask("GET", scene.fleet.http(server), &format!("/v1/job/{key}"), None, PATIENCE);
    let end = Some(scene.now());
    match answer {
        Some((200, job)) => {
            let value = value_of(&job);
            seen.insert(key.to_owned(), (value, job["JobModifyIndex"].as_u64().unwrap_or_default()));
            scene.call(key, begin, end, Op::Read(value));
        }
        Some((404, _)) => {
            seen.insert(key.to_owned(), (None, 0));
            scene.call(key, begin, end, Op::Read(None));
        }
        _ => {}
    }
}

fn read_stale(scene: &Scene, server: usize, key: &str) {
    let (life, _) = scene.fleet.life(server);
    let answer = web::ask_indexed("GET", scene.fleet.http(server), &format!("/v1/job/{key}?stale"), None, PATIENCE);
    if let Some((200, index, job)) = answer
        && scene.fleet.life(server).0 == life
    {
        scene.tell(server, life, How::Stale, key, index, value_of(&job));
    }
}

/// `expected`: only if it still has this value, which it had under this index.
fn write(scene: &Scene, server: usize, key: &str, expected: Option<(Option<u64>, u64)>, seen: &mut Seen) {
    let value = scene.next_value.fetch_add(1, Ordering::Relaxed);
    let begin = scene.now();
    let request = body(key, value, expected.map(|(_, index)| index));
    let answer = web::ask("PUT", scene.fleet.http(server), "/v1/jobs", Some(&request), PATIENCE);
    let end = scene.now();
    let op = expected.map_or(Op::Write(value), |(expected, _)| Op::Swap(expected, value));
    match answer {
        Some((200, reply)) => {
            let index = reply["JobModifyIndex"].as_u64().unwrap_or_default();
            seen.insert(key.to_owned(), (Some(value), index));
            scene.history().written.push(Written { key: key.to_owned(), value, index });
            scene.call(key, begin, Some(end), op);
        }
        Some((_, text)) => {
            let text = text.as_str().unwrap_or_default();
            match expected {
                Some((expected, _)) if text.contains("Enforcing job modify index") => {
                    seen.remove(key);
                    scene.call(key, begin, Some(end), Op::Refused(expected));
                }
                // Certainly nothing was done.
                _ if text.contains("No cluster leader") => {}
                _ => scene.call(key, begin, None, op),
            }
        }
        None => scene.call(key, begin, None, op),
    }
}

fn delete(scene: &Scene, server: usize, key: &str, seen: &mut Seen) {
    let begin = scene.now();
    let answer = web::ask("DELETE", scene.fleet.http(server), &format!("/v1/job/{key}?purge=true"), None, PATIENCE);
    let end = Some(scene.now());
    seen.remove(key);
    match answer {
        Some((200, _)) => scene.call(key, begin, end, Op::Delete),
        Some((404, _)) => scene.call(key, begin, end, Op::Read(None)),
        Some((_, text)) if text.as_str().is_some_and(|text| text.contains("No cluster leader")) => {}
        _ => scene.call(key, begin, None, Op::Delete),
    }
}

/// Waits for one key at one server, again and again.
fn wait_and_wait(scene: &Scene, server: usize) {
    let key = scene.key(server % KEYS);
    let (mut index, mut life) = (0, 0);
    while !scene.is_over() {
        let (now, is_there) = scene.fleet.life(server);
        if now != life {
            (index, life) = (0, now);
        }
        let path = format!("/v1/job/{key}?stale&index={index}&wait=2s");
        let answer = is_there.then(|| web::ask_indexed("GET", scene.fleet.http(server), &path, None, Duration::from_secs(4))).flatten();
        match answer {
            Some((status @ (200 | 404), at, job)) if scene.fleet.life(server).0 == life => {
                scene.tell(server, life, How::Waiting, &key, at, value_of(&job).filter(|_| status == 200));
                index = at;
            }
            _ => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Follows the jobs at one server, and goes on where it ended when it is cut off.
fn follow(scene: &Scene, server: usize) {
    let mut index = scene.index;
    while !scene.is_over() {
        let (life, is_there) = scene.fleet.life(server);
        if is_there {
            let _ = follow_on(scene, server, life, &mut index);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn follow_on(scene: &Scene, server: usize, life: u32, index: &mut u64) -> Option<()> {
    let address = scene.fleet.http(server);
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    // A line may come in pieces; a stream without a line for so long is looked at again, for the end.
    stream.set_read_timeout(Some(Duration::from_millis(500))).ok()?;
    stream
        .write_all(format!("GET /v1/event/stream?topic=Job&topic=Node&index={index} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes())
        .ok()?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    let mut last_sign = Instant::now();
    loop {
        match lines.read_line(&mut line) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                // One that stands still is asked anew, like by anybody who follows.
                if scene.is_over() || scene.fleet.life(server).0 != life || last_sign.elapsed() > Duration::from_secs(5) {
                    return None;
                }
                continue;
            }
            Err(_) => return None,
        }
        last_sign = Instant::now();
        if let Ok(told) = serde_json::from_str::<Value>(&line)
            && let Some(at) = told["Index"].as_u64()
        {
            for event in told["Events"].as_array().into_iter().flatten() {
                let (key, payload) = (event["Key"].as_str().unwrap_or_default(), &event["Payload"]);
                if payload["Node"]["Status"] == "down" {
                    scene.history().nodes_down.push(format!("by {}: {line}", name_of(server)));
                }
                if key.starts_with(&format!("r{}-", scene.seed)) {
                    let value = value_of(&payload["Job"]).filter(|_| payload["Deleted"] != true);
                    scene.tell(server, life, How::Event, key, at, value);
                }
            }
            *index = at;
        }
        line.clear();
    }
}

/// Writes every key once more, and waits until everybody who follows was told of it.
fn come_to_rest(scene: &Scene) {
    let end = Instant::now() + CALM;
    let mut seen = Seen::new();
    for number in 0..KEYS {
        let key = scene.key(number);
        // Until it is acknowledged: everything before it is then in the past.
        while Instant::now() < end && seen.get(&key).is_none_or(|(value, _)| value.is_none()) {
            write(scene, servers_of(scene.region).start, &key, None, &mut seen);
        }
        scene.history().rest.insert(key.clone(), seen.get(&key).and_then(|(value, _)| *value));
    }
    let untold = |history: &History| -> Vec<String> {
        let last =
            |by: &str, how, key: &str| history.told.iter().rev().find(|told| told.by == by && told.how == how && told.key == *key).cloned();
        let of_server = |server: usize| {
            let (by, watched) = (name_of(server), scene.key(server % KEYS));
            let asked = history.rest.iter().flat_map(|rest| [(How::Event, rest), (How::Waiting, rest)]);
            let asked = asked.filter(|(how, (key, _))| *how == How::Event || **key == watched);
            let missing = asked.filter_map(|(how, (key, value))| {
                let told = last(&by, how, key);
                (told.as_ref().map(|told| told.value) != Some(*value))
                    .then(|| format!("{how:?} at {by}: {key} is {value:?}, told was {told:?}"))
            });
            missing.collect::<Vec<_>>()
        };
        servers_of(scene.region).flat_map(of_server).collect()
    };
    let mut late = untold(&scene.history());
    let mut notable = Some(end - CALM + NOTABLE);
    while Instant::now() < end && !late.is_empty() {
        std::thread::sleep(Duration::from_millis(50));
        late = untold(&scene.history());
        if notable.take_if(|notable| Instant::now() > *notable).is_some() {
            let what = format!("{}: not told yet: {late:?}", scene.now());
            scene.history().weather.push(what);
        }
    }
    scene.history().late = late;
    scene.is_over.store(true, Ordering::Relaxed);
    for number in 0..KEYS {
        let key = scene.key(number);
        web::ask("DELETE", scene.fleet.http(servers_of(scene.region).start), &format!("/v1/job/{key}?purge=true"), None, PATIENCE);
    }
}
