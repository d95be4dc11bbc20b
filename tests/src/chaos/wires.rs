//! A network namespace for every agent, and between them a switch that loses, delays and drops packets as it is told.
//!
//! Each namespace has one device, whose other end is this process: packets are read there, and written to the receiver's device when their time
//! has come. So every link has a direction, and nothing is needed of the kernel but namespaces and `/dev/net/tun`. The namespaces have no names
//! and are gone when the last process in them is.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::libc;

use super::Dice;
use super::world::{Conditions, DRIVER, N_PLACES};

const DEVICE: &str = "wire";
/// Reached by nobody but those who are in these namespaces.
const SUBNET: [u8; 3] = [10, 213, 0];
/// So many are on their way at once at most; more are lost, as in any queue.
const DELAYED_MAX: usize = 20_000;
/// Read from one device before others have their turn.
const BATCH: usize = 64;
const PACKET_MAX: usize = 2048;

pub struct Wires {
    namespaces: Vec<Option<OwnedFd>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    conditions: Mutex<Arc<Conditions>>,
    traffic: Traffic,
}

/// Packets by what became of them.
#[derive(Default)]
struct Traffic {
    passed: AtomicU64,
    delayed: AtomicU64,
    lost: AtomicU64,
    cut: AtomicU64,
}

impl Traffic {
    fn count(of: &AtomicU64) {
        of.fetch_add(1, Ordering::Relaxed);
    }
}

pub fn address_of(place: usize) -> Ipv4Addr {
    let [a, b, c] = SUBNET;
    Ipv4Addr::new(a, b, c, u8::try_from(place + 1).unwrap_or(u8::MAX))
}

fn place_of(address: &[u8]) -> Option<usize> {
    let place = usize::from(*address.strip_prefix(&SUBNET)?.first()?).checked_sub(1)?;
    (place < N_PLACES).then_some(place)
}

impl Wires {
    /// Must be called in a network namespace that is nobody else's.
    ///
    /// # Errors
    /// The machine does not allow it.
    pub fn lay() -> io::Result<Wires> {
        let mut namespaces = Vec::new();
        let mut devices = Vec::new();
        for place in 0..N_PLACES {
            let (namespace, device) = if place == DRIVER { (None, device()?) } else { apart()? };
            set_up(namespace.as_ref(), place)?;
            namespaces.push(namespace);
            devices.push(device);
        }
        let shared = Arc::new(Shared::default());
        let switch = Switch { devices, shared: Arc::clone(&shared), delayed: BinaryHeap::new(), dice: Dice::new(0) };
        std::thread::spawn(move || switch.run());
        Ok(Wires { namespaces, shared })
    }

    /// Makes a process start in the namespace of an agent.
    pub fn inside(&self, place: usize, command: &mut Command) {
        if let Some(namespace) = &self.namespaces[place] {
            enter(command, namespace.as_raw_fd());
        }
    }

    pub fn set(&self, conditions: &Conditions) {
        *self.shared.conditions.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(conditions.clone());
    }

    /// What became of all packets so far.
    pub fn traffic(&self) -> String {
        let Traffic { passed, delayed, lost, cut } = &self.shared.traffic;
        let [passed, delayed, lost, cut] = [passed, delayed, lost, cut].map(|of| of.load(Ordering::Relaxed));
        format!("{passed} packets passed, {delayed} were delayed, {lost} lost, {cut} cut off")
    }
}

fn enter(command: &mut Command, namespace: RawFd) {
    let enter = move || match unsafe { libc::setns(namespace, libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // SAFETY: a system call and nothing else between fork and exec
    unsafe { command.pre_exec(enter) };
}

/// A new namespace, and the device in it. A thread goes there, because a namespace belongs to whoever makes it.
fn apart() -> io::Result<(Option<OwnedFd>, File)> {
    let thread = std::thread::spawn(|| {
        // SAFETY: a system call that concerns this thread alone
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let namespace = OwnedFd::from(File::open("/proc/thread-self/ns/net")?);
        Ok((Some(namespace), device()?))
    });
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread ended")))
}

/// The device of this thread's namespace: whole IP packets, and nothing before them.
fn device() -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/net/tun")?;
    let mut name: [libc::c_char; libc::IFNAMSIZ] = [0; libc::IFNAMSIZ];
    for (to, from) in name.iter_mut().zip(DEVICE.bytes()) {
        *to = from.cast_signed();
    }
    let flags = libc::c_short::try_from(libc::IFF_TUN | libc::IFF_NO_PI).unwrap_or_default();
    let request = libc::ifreq { ifr_name: name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags } };
    // SAFETY: the request is what this call takes, and lives as long as it
    if unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw const request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(file)
}

fn set_up(namespace: Option<&OwnedFd>, place: usize) -> io::Result<()> {
    let mut command = Command::new("ip");
    if let Some(namespace) = namespace {
        enter(&mut command, namespace.as_fd().as_raw_fd());
    }
    let mut process = command.args(["-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let lines = format!("link set lo up\naddr add {}/24 dev {DEVICE}\nlink set {DEVICE} up\n", address_of(place));
    process.stdin.take().map_or(Ok(()), |mut input| input.write_all(lines.as_bytes()))?;
    let output = process.wait_with_output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("ip: {}", String::from_utf8_lossy(&output.stderr).trim()))),
    }
}

struct Switch {
    devices: Vec<File>,
    shared: Arc<Shared>,
    /// By the time when they arrive.
    delayed: BinaryHeap<Reverse<Delayed>>,
    dice: Dice,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Delayed {
    due: Instant,
    to: usize,
    packet: Vec<u8>,
}

impl Switch {
    fn run(mut self) {
        let mut buffer = [0; PACKET_MAX];
        loop {
            let ready = self.wait();
            let conditions = Arc::clone(&self.shared.conditions.lock().unwrap_or_else(PoisonError::into_inner));
            for from in ready {
                for _ in 0..BATCH {
                    let Ok(n) = self.devices[from].read(&mut buffer) else { break };
                    self.pass(&conditions, from, &buffer[..n]);
                }
            }
            self.deliver();
        }
    }

    /// The devices with packets to be read; nobody, when it is time to deliver one.
    fn wait(&self) -> Vec<usize> {
        let event = |device: &File| libc::pollfd { fd: device.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let mut polled: Vec<libc::pollfd> = self.devices.iter().map(event).collect();
        let longest = Duration::from_secs(1);
        let due = self.delayed.peek().map_or(longest, |Reverse(next)| next.due.saturating_duration_since(Instant::now()));
        let milliseconds = libc::c_int::try_from(due.min(longest).as_micros().div_ceil(1000)).unwrap_or(1);
        let n = libc::nfds_t::try_from(polled.len()).unwrap_or_default();
        // SAFETY: the array is that long and lives as long as the call
        unsafe { libc::poll(polled.as_mut_ptr(), n, milliseconds) };
        polled.iter().enumerate().filter(|(_, polled)| polled.revents != 0).map(|(place, _)| place).collect()
    }

    fn pass(&mut self, conditions: &Conditions, from: usize, packet: &[u8]) {
        // version 4; the receiver's address stands at 16
        if packet.first().is_none_or(|first| first >> 4 != 4) {
            return;
        }
        let Some(to) = packet.get(16..20).and_then(place_of) else { return };
        let link = conditions.link(from, to);
        let traffic = &self.shared.traffic;
        if link.is_cut {
            return Traffic::count(&traffic.cut);
        }
        if self.dice.percent(link.loss_percent.into()) {
            return Traffic::count(&traffic.lost);
        }
        if link.delay_ms == 0 && link.jitter_ms == 0 {
            // a full device loses it, as a real one
            let _ = self.devices[to].write(packet);
            Traffic::count(&traffic.passed);
        } else if self.delayed.len() < DELAYED_MAX {
            Traffic::count(&traffic.delayed);
            let delay = u64::from(link.delay_ms) + self.dice.between(0, u64::from(link.jitter_ms) + 1);
            let due = Instant::now() + Duration::from_millis(delay);
            self.delayed.push(Reverse(Delayed { due, to, packet: packet.to_owned() }));
        }
    }

    fn deliver(&mut self) {
        let now = Instant::now();
        while self.delayed.peek().is_some_and(|Reverse(next)| next.due <= now) {
            let Some(Reverse(next)) = self.delayed.pop() else { return };
            let _ = self.devices[next.to].write(&next.packet);
        }
    }
}
