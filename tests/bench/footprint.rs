//! What an agent costs that does nothing, and how soon it is there.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use process_tests::figures::{Figure, quantile, resident};
use process_tests::{get, steppe};
use tempfile::TempDir;

use crate::{Bencher, Failure, region};

const ROUNDS: usize = 10;

pub fn measure(bencher: &mut Bencher) -> Result<(), Failure> {
    let size = std::fs::metadata(steppe())?.len() as f64 / 1e6;
    let idle = region(3, 0);
    std::thread::sleep(Duration::from_secs(5));
    let most = idle.servers("west").iter().map(|server| megabytes(server.pid)).fold(0.0, f64::max);
    drop(idle);
    let mut alone = Vec::new();
    let (mut answers, mut leads) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (answer, lead, resident) = start()?;
        answers.push(answer);
        leads.push(lead);
        alone.push(resident);
    }
    [&mut answers, &mut leads, &mut alone].into_iter().for_each(|values| values.sort_by(f64::total_cmp));
    let figures = [
        ("program", "as it was built".to_owned(), size, "MB", 25.0),
        ("resident, idle", "largest of 3 servers".to_owned(), most, "MB", 25.0),
        ("resident, idle", "1 server".to_owned(), quantile(&alone, 0.5), "MB", 25.0),
        ("start until HTTP answers", format!("1 server, median of {ROUNDS}"), quantile(&answers, 0.5), "ms", 50.0),
        ("start until it leads", format!("1 server, median of {ROUNDS}"), quantile(&leads, 0.5), "ms", 300.0),
    ];
    for (name, workload, figure, unit, goal) in figures {
        bencher.printer.print(&Figure { name, workload, figure, unit, floor: f64::NAN, goal, more: false });
    }
    Ok(())
}

/// A server in a folder of its own; it is killed when this is dropped.
struct Alone {
    process: Child,
    http: SocketAddr,
    _folder: TempDir,
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Alone {
    fn start() -> Result<Self, Failure> {
        let folder = TempDir::with_prefix("steppe-bench-")?;
        // All at once, so that they differ.
        let free = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
        let [http, rpc, serf] = [free[0].local_addr()?, free[1].local_addr()?, free[2].local_addr()?];
        drop(free);
        let text = format!(
            "data_dir = \"{}\"\nbind_addr = \"127.0.0.1\"\nlog_level = \"ERROR\"\nports {{\n  http = {}\n  rpc = {}\n  serf = {}\n}}\nserver {{\n  enabled = true\n  bootstrap_expect = 1\n}}\n",
            folder.path().join("data").display(),
            http.port(),
            rpc.port(),
            serf.port()
        );
        let config = folder.path().join("agent.hcl");
        std::fs::write(&config, text)?;
        let process = Command::new(steppe())
            .arg("agent")
            .arg("-config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { process, http, _folder: folder })
    }
}

/// Milliseconds until the first answer and until it leads, and megabytes then.
fn start() -> Result<(f64, f64, f64), Failure> {
    let began = Instant::now();
    let agent = Alone::start()?;
    let mut answered = None;
    loop {
        let leader = get(&agent.http.to_string(), "/v1/status/leader");
        let milliseconds = began.elapsed().as_secs_f64() * 1e3;
        if let Some(leader) = leader {
            let answered = *answered.get_or_insert(milliseconds);
            if leader.as_str().is_some_and(|leader| !leader.is_empty()) {
                return Ok((answered, milliseconds, megabytes(i32::try_from(agent.process.id())?)));
            }
        }
        if milliseconds > 30e3 {
            return Err("a server alone does not lead after 30 s".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn megabytes(pid: i32) -> f64 {
    resident(pid).map_or(f64::NAN, |bytes| bytes as f64 / 1e6)
}
