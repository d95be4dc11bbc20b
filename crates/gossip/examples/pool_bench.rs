//! How soon a pool sees a crash and spreads a record, what it sends meanwhile, and whom it calls dead by mistake: the real machines in invented
//! time, on links that lose 0, 10 and 30 of a hundred datagrams.
//!
//! `cargo run --release -p gossip --example pool_bench -- [--json] [--servers 9,100,1000] [--seeds FIRST..LAST] [--crashes N] [--records N]
//! [--minutes N] [--with NAME=NUMBER,...]`
//!
//! Links within a region take 0.1 to 1 ms one way, between regions 10 to 120 ms. A pool of 9 is 3 regions of 3, of 100 10 of 10, of 1,000 20
//! of 50 and only played if asked for, since it takes minutes; `lan` is 9 servers of one region with the timings for local networks.

#[path = "../tests/pool/sim.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod sim;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use gossip::{Config, Status};
use sim::{Delays, Network, Starved, full_name, seconds};

/// How finely times are read off.
const STEP: Duration = Duration::from_millis(10);
const LOSSES: [f64; 3] = [0.0, 0.1, 0.3];
/// In a pool above this size, so many crashes at most: each takes a minute of a thousand servers' time.
const LARGE: usize = 100;
const LARGE_CRASHES: usize = 3;
/// A tenth of a core.
const STARVED: Starved = Starved { runs: Duration::from_millis(100), cycle: Duration::from_millis(1000) };

struct Options {
    json: bool,
    servers: Vec<usize>,
    seeds: RangeInclusive<u64>,
    crashes: usize,
    records: usize,
    minutes: u64,
    /// Timings to be tried, by name.
    with: Vec<(String, u32)>,
}

struct Shape {
    name: &'static str,
    n_regions: usize,
    n_servers: usize,
    config: Config,
}

impl Shape {
    fn n(&self) -> usize {
        self.n_regions * self.n_servers
    }

    fn network(&self, seed: u64) -> Network {
        let mut network = Network::of_regions(seed, self.n_regions, self.n_servers, &self.config);
        network.delays = Delays { within_region: 100..1_000, between_regions: 10_000..120_000 };
        for index in 1..self.n() {
            network.join(index, 0);
            network.run(Duration::from_millis(20));
        }
        let n = self.n();
        network.run_until(seconds(300), "all know all", |network| network.servers.iter().all(|server| server.mirror.len() == n));
        // Descriptions of a thousand are being gossiped for longer than of nine.
        network.run(seconds(if n > LARGE { 180 } else { 60 }));
        network
    }
}

fn main() {
    let options = match Options::read() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            std::process::exit(2);
        }
    };
    let shapes = [
        Shape { name: "lan 1x9", n_regions: 1, n_servers: 9, config: Config::fast() },
        Shape { name: "wan 3x3", n_regions: 3, n_servers: 3, config: Config::default() },
        Shape { name: "wan 10x10", n_regions: 10, n_servers: 10, config: Config::default() },
        Shape { name: "wan 20x50", n_regions: 20, n_servers: 50, config: Config::default() },
    ];
    let shapes = shapes.map(|shape| Shape { config: options.with(shape.config), ..shape });
    let shapes: Vec<&Shape> = shapes.iter().filter(|shape| options.servers.contains(&shape.n())).collect();
    for shape in &shapes {
        let mut table = Table::default();
        for seed in options.seeds.clone() {
            play(shape, seed, &options, &mut table);
        }
        table.print(shape, options.json);
    }
    if options.servers.contains(&100) {
        far_traffic(&options);
    }
}

fn play(shape: &Shape, seed: u64, options: &Options, table: &mut Table) {
    let began = Instant::now();
    let mut network = shape.network(seed);
    table.mean(0.0, "computed for, until all had joined", began.elapsed().as_secs_f64(), "s");
    for loss in LOSSES {
        eprintln!("{} seed {seed}: {:.0} s, now with {loss} lost", shape.name, began.elapsed().as_secs_f64());
        network.loss = loss;
        network.run(seconds(20));
        traffic_and_records(shape, &mut network, options, table);
        crashes(shape, &mut network, options, table);
    }
    false_deaths(shape, &mut network, options, table);
    table.mean(0.3, "computed for, altogether", began.elapsed().as_secs_f64(), "s");
}

/// Idle traffic first, then records one after the other.
fn traffic_and_records(shape: &Shape, network: &mut Network, options: &Options, table: &mut Table) {
    let loss = network.loss;
    let sent =
        |network: &Network| network.servers.iter().fold((0, 0), |sum, server| (sum.0 + server.bytes_sent, sum.1 + server.far_bytes_sent));
    let before = sent(network);
    network.run(seconds(60));
    let after = sent(network);
    let rate = |bytes: usize| bytes as f64 / shape.n() as f64 / 60.0;
    table.mean(loss, "idle: sent by each server", rate(after.0 - before.0), "B/s");
    table.mean(loss, "idle: of these to other regions", rate(after.1 - before.1), "B/s");

    let (mut each, mut all) = (Vec::new(), Vec::new());
    for number in 0..options.records {
        let author = number * 7 % shape.n();
        let key = format!("rollout-{number}-{loss}");
        let record = (sim::region_id(&network.servers[author].region, network.servers[author].cluster.as_u128()), key.clone().into_bytes());
        if let Err(error) = network.publish(author, &key, 1, network.now.as_millis() as u64) {
            eprintln!("a record was not published: {error}");
            continue;
        }
        let begin = network.now;
        let mut waiting: Vec<usize> = (0..shape.n()).filter(|index| *index != author).collect();
        while !waiting.is_empty() && network.now - begin < seconds(60) {
            network.run(STEP);
            let took = (network.now - begin).as_secs_f64();
            let before = waiting.len();
            waiting.retain(|index| !network.servers[*index].records.contains_key(&record));
            each.extend(std::iter::repeat_n(took, before - waiting.len()));
        }
        all.push((network.now - begin).as_secs_f64());
        network.run(seconds(3));
    }
    let interval = shape.config.gossip_interval.as_secs_f64();
    let rounds: Vec<f64> = all.iter().map(|took| took / interval).collect();
    table.spread(loss, "record known by one", &each, "s", None);
    table.spread(loss, "record known by all", &all, "s", None);
    table.spread(loss, "the same in rounds of gossip", &rounds, "", None);
}

/// Servers crash one after the other, at random moments of the probes; each is started again.
fn crashes(shape: &Shape, network: &mut Network, options: &Options, table: &mut Table) {
    let loss = network.loss;
    let (mut first, mut all) = (Vec::new(), Vec::new());
    let n_crashes = if shape.n() > LARGE { options.crashes.min(LARGE_CRASHES) } else { options.crashes };
    for number in 0..n_crashes {
        let dead = 1 + number * 7 % (shape.n() - 1);
        let node = network.servers[dead].node;
        network.run(Duration::from_millis(137 * (number as u64 % 13)));
        network.crash(dead);
        let begin = network.now;
        let mut seen = BTreeMap::new();
        while seen.len() < shape.n() - 1 && network.now - begin < seconds(180) {
            network.run(STEP);
            let took = (network.now - begin).as_secs_f64();
            for (index, server) in network.servers.iter().enumerate().filter(|(index, _)| *index != dead) {
                if server.mirror.get(&node).is_some_and(|(_, status)| *status == Status::Failed) {
                    seen.entry(index).or_insert(took);
                }
            }
        }
        first.push(seen.values().copied().fold(f64::INFINITY, f64::min));
        all.push((network.now - begin).as_secs_f64());
        network.start(dead);
        network.run(seconds(30));
    }
    let goal = match (shape.n(), shape.name.starts_with("lan")) {
        (9, true) => Some(4.0),
        (9, false) => Some(12.0),
        _ => None,
    };
    table.total(loss, "crashes of servers", n_crashes as f64, None);
    table.spread(loss, "crash seen by the first", &first, "s", None);
    table.spread(loss, "crash seen by all", &all, "s", goal);
}

fn false_deaths(shape: &Shape, network: &mut Network, options: &Options, table: &mut Table) {
    network.loss = 0.3;
    let starved = [1, shape.n() - 2];
    starved.iter().for_each(|index| network.servers[*index].starved = Some(STARVED));
    let since = network.now;
    let sent = |network: &Network| network.servers.iter().map(|server| server.bytes_sent).sum::<usize>();
    let before = sent(network);
    network.run(seconds(options.minutes * 60));
    let rate = (sent(network) - before) as f64 / shape.n() as f64 / (options.minutes * 60) as f64;
    let (_, names) = network.false_deaths(since);
    let starved_names: Vec<String> = starved.iter().map(|index| full_name(&network.servers[*index])).collect();
    let n_healthy = names.iter().filter(|name| !starved_names.contains(name)).count();
    let what = format!("healthy servers called dead in {} min, two at 10 %", options.minutes);
    table.total(0.3, &what, n_healthy as f64, Some(0.0));
    table.total(0.3, "starved servers called dead", (names.len() - n_healthy) as f64, Some(0.0));
    table.mean(0.3, "meanwhile sent by each server", rate, "B/s");
}

/// What each server sends to other regions as their number grows, with one record a second.
fn far_traffic(options: &Options) {
    for n_regions in [3, 6, 12, 24] {
        for (region_aware, what) in [(true, "to other regions, a record a second"), (false, "the same without choosing by region")] {
            let shape = Shape { name: "regions of 5", n_regions, n_servers: 5, config: Config { region_aware, ..Config::default() } };
            let mut network = shape.network(*options.seeds.start());
            let sent = |network: &Network| network.servers.iter().map(|server| server.far_bytes_sent).sum::<usize>();
            let before = sent(&network);
            for number in 0..60 {
                if let Err(error) = network.publish(number as usize % 5, "rollout-1", 1, 1000 + number) {
                    eprintln!("a record was not published: {error}");
                }
                network.run(seconds(1));
            }
            let rate = (sent(&network) - before) as f64 / shape.n() as f64 / 60.0;
            let mut table = Table::default();
            table.mean(0.0, &format!("{n_regions} regions: {what}"), rate, "B/s");
            table.print(&shape, options.json);
        }
    }
}

/// What is measured, in the order in which it was first, of all seeds together.
#[derive(Default)]
struct Table {
    figures: Vec<Figure>,
}

struct Figure {
    loss: f64,
    what: String,
    unit: &'static str,
    shown_as: ShownAs,
    goal: Option<f64>,
    values: Vec<f64>,
}

#[derive(Clone, Copy)]
enum ShownAs {
    Mean,
    Total,
    /// Median, p99 and longest; the goal is for the longest.
    Spread,
}

impl Table {
    fn mean(&mut self, loss: f64, what: &str, value: f64, unit: &'static str) {
        self.add(Figure { loss, what: what.to_owned(), unit, shown_as: ShownAs::Mean, goal: None, values: vec![value] });
    }

    fn total(&mut self, loss: f64, what: &str, value: f64, goal: Option<f64>) {
        self.add(Figure { loss, what: what.to_owned(), unit: "", shown_as: ShownAs::Total, goal, values: vec![value] });
    }

    fn spread(&mut self, loss: f64, what: &str, values: &[f64], unit: &'static str, goal: Option<f64>) {
        self.add(Figure { loss, what: what.to_owned(), unit, shown_as: ShownAs::Spread, goal, values: values.to_vec() });
    }

    fn add(&mut self, figure: Figure) {
        match self.figures.iter_mut().find(|known| known.loss == figure.loss && known.what == figure.what) {
            Some(known) => known.values.extend(figure.values),
            None => self.figures.push(figure),
        }
    }

    fn print(self, shape: &Shape, json: bool) {
        for mut figure in self.figures {
            figure.values.sort_by(f64::total_cmp);
            let sum: f64 = figure.values.iter().sum();
            match figure.shown_as {
                ShownAs::Mean => figure.print(shape, "", sum / figure.values.len() as f64, json),
                ShownAs::Total => figure.print(shape, "", sum, json),
                ShownAs::Spread => {
                    figure.print(shape, ", p50", figure.quantile(0.5), json);
                    figure.print(shape, ", p99", figure.quantile(0.99), json);
                    figure.print(shape, ", max", figure.quantile(1.0), json);
                }
            }
        }
    }
}

impl Figure {
    fn quantile(&self, part: f64) -> f64 {
        let last = self.values.len().saturating_sub(1);
        self.values.get((last as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
    }

    fn print(&self, shape: &Shape, which: &str, value: f64, json: bool) {
        let (pool, loss, unit) = (shape.name, (self.loss * 100.0) as u32, self.unit);
        let what = format!("{}{which}", self.what);
        let goal = self.goal.filter(|_| which.is_empty() || which == ", max");
        if json {
            let goal = goal.map_or_else(|| "null".to_owned(), |goal| goal.to_string());
            println!(r#"{{"pool":"{pool}","loss_percent":{loss},"figure":"{what}","value":{value:.3},"unit":"{unit}","goal":{goal}}}"#);
            return;
        }
        let verdict = match goal {
            Some(goal) if value <= goal => format!("goal {goal}: reached"),
            Some(goal) => format!("goal {goal}: MISSED"),
            None => String::new(),
        };
        println!("{pool:<14} {loss:>3} % {what:<58} {value:>10.2} {unit:<4} {verdict}");
    }
}

impl Options {
    fn read() -> Result<Self, String> {
        let (servers, seeds) = (vec![9, 100], 1..=1);
        let mut options = Self { json: false, servers, seeds, crashes: 10, records: 10, minutes: 30, with: Vec::new() };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
            let number = |text: String| text.parse().map_err(|error| format!("{text:?}: {error}"));
            match argument.as_str() {
                "--json" => options.json = true,
                "--servers" => options.servers = value()?.split(',').map(|text| number(text.to_owned())).collect::<Result<_, _>>()?,
                "--seeds" => {
                    let text = value()?;
                    let (first, last) = text.split_once("..").unwrap_or((&text, &text));
                    options.seeds = number(first.to_owned())? as u64..=number(last.to_owned())? as u64;
                }
                "--crashes" => options.crashes = number(value()?)?,
                "--records" => options.records = number(value()?)?,
                "--minutes" => options.minutes = number(value()?)? as u64,
                "--with" => {
                    for pair in value()?.split(',') {
                        let (name, text) = pair.split_once('=').ok_or_else(|| format!("{pair:?} is not name=number"))?;
                        options.with.push((name.to_owned(), number(text.to_owned())? as u32));
                    }
                }
                other => {
                    return Err(format!("{other:?} is not known: --json, --servers, --seeds, --crashes, --records, --minutes, --with"));
                }
            }
        }
        Ok(options)
    }

    fn with(&self, mut config: Config) -> Config {
        for (name, value) in &self.with {
            match name.as_str() {
                "probe_period_ms" => config.probe_period = Duration::from_millis(u64::from(*value)),
                "probe_rtt_ms" => config.probe_rtt = Duration::from_millis(u64::from(*value)),
                "suspicion_multiplier" => config.suspicion_multiplier = *value,
                "suspicion_stretch" => config.suspicion_stretch = *value,
                "confirmations" => config.confirmations = *value as usize,
                "patience_max" => config.patience_max = *value,
                "indirect_probes" => config.indirect_probes = *value as usize,
                other => eprintln!("{other} is not a timing that can be tried"),
            }
        }
        config
    }
}
