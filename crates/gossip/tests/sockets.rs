//! The loop around the machine, on real sockets: one port for datagrams (UDP) and syncs (TCP, frames of a u32 length and the message).

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gossip::{
    Config, Gossip, Input, MAX_SYNC_BYTES, Member, MemberMeta, Output, Record, ServerIdentity, Status, SyncRequest, SyncResponse,
};
use model::{RegionId, Uuid};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot, watch};

/// What the rest of a server asks of its gossip.
enum Command {
    Input(Input),
    Publish(Record),
    /// A request that arrived over TCP.
    Sync(Box<SyncRequest>, oneshot::Sender<SyncResponse>),
}

/// What the rest of a server sees of its gossip.
#[derive(Clone, Default)]
struct Seen {
    members: BTreeMap<Uuid, Member>,
    records: Vec<Record>,
    joined: Vec<Result<String, String>>,
    left: bool,
}

async fn run(mut gossip: Gossip, udp: UdpSocket, tcp: TcpListener, mut commands: mpsc::Receiver<Command>, seen: watch::Sender<Seen>) {
    let epoch = Instant::now();
    let (into_loop, mut from_tasks) = mpsc::channel(64);
    let mut buffer = vec![0; 65_536];
    loop {
        while let Some(output) = gossip.poll() {
            match output {
                Output::Send { to, bytes } => drop(udp.send_to(&bytes, to).await),
                Output::Sync { to, request } => drop(tokio::spawn(ask(to, *request, into_loop.clone()))),
                Output::MemberChanged(member) => seen.send_modify(|seen| drop(seen.members.insert(member.identity.node, *member))),
                Output::MemberRemoved(member) => seen.send_modify(|seen| drop(seen.members.remove(&member.identity.node))),
                Output::RecordChanged(record) => seen.send_modify(|seen| seen.records.push(record)),
                Output::Joined { result, .. } => seen.send_modify(|seen| seen.joined.push(result)),
                Output::Left => return seen.send_modify(|seen| seen.left = true),
                Output::RecordForgotten { .. } | Output::Remember(_) => {}
                odd @ (Output::Refused { .. } | Output::Notice(_) | Output::Defunct) => panic!("{odd:?}"),
            }
        }
        let wake = gossip.next_timer().unwrap_or(Duration::MAX).saturating_sub(epoch.elapsed()).min(Duration::from_secs(3600));
        let command = tokio::select! {
            _ = tokio::time::sleep(wake) => Command::Input(Input::Tick),
            Some(command) = commands.recv() => command,
            Some(command) = from_tasks.recv() => command,
            Ok((stream, _)) = tcp.accept() => {
                tokio::spawn(answer(stream, into_loop.clone()));
                continue;
            }
            Ok((length, from)) = udp.recv_from(&mut buffer) => Command::Input(Input::Datagram { from, bytes: buffer[..length].to_vec() }),
        };
        let now = epoch.elapsed();
        match command {
            Command::Input(input) => gossip.handle(now, input),
            Command::Publish(record) => assert!(gossip.publish(now, record).unwrap()),
            Command::Sync(request, reply) => drop(reply.send(gossip.handle_sync_request(now, *request))),
        }
    }
}

/// The asking side of a sync.
async fn ask(peer: SocketAddr, request: SyncRequest, into_loop: mpsc::Sender<Command>) {
    let exchange = async {
        let mut stream = TcpStream::connect(peer).await?;
        write_frame(&mut stream, &request.encode().map_err(io::Error::other)?).await?;
        SyncResponse::decode(&read_frame(&mut stream).await?).map_err(io::Error::other)
    };
    let input = match tokio::time::timeout(Duration::from_secs(5), exchange).await {
        Ok(Ok(response)) => Input::SyncAnswered { peer, response },
        Ok(Err(error)) => Input::SyncFailed { peer, reason: error.to_string() },
        Err(_) => Input::SyncFailed { peer, reason: "no answer in 5 s".to_owned() },
    };
    let _ = into_loop.send(Command::Input(input)).await;
}

/// The answering side of a sync.
async fn answer(mut stream: TcpStream, into_loop: mpsc::Sender<Command>) -> io::Result<()> {
    let response = match SyncRequest::decode(&read_frame(&mut stream).await?) {
        Err(error) => SyncResponse::refusal(error.to_string()),
        Ok(request) => {
            let (reply, response) = oneshot::channel();
            into_loop.send(Command::Sync(Box::new(request), reply)).await.map_err(io::Error::other)?;
            response.await.map_err(io::Error::other)?
        }
    };
    write_frame(&mut stream, &response.encode().map_err(io::Error::other)?).await
}

async fn write_frame(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_u32(bytes.len() as u32).await?;
    stream.write_all(bytes).await
}

async fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u32().await? as usize;
    if length > MAX_SYNC_BYTES {
        return Err(io::Error::other(format!("a frame of {length} bytes")));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

struct Server {
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    seen: watch::Receiver<Seen>,
}

impl Server {
    async fn wait(&mut self, what: &str, reached: impl Fn(&Seen) -> bool) {
        let wait = tokio::time::timeout(Duration::from_secs(20), self.seen.wait_for(|seen| reached(seen)));
        assert!(wait.await.is_ok_and(|seen| seen.is_ok()), "not in 20 s: {what}");
    }
}

async fn start(number: u16, region: &str) -> Server {
    let (tcp, udp, address) = loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        if let Ok(udp) = UdpSocket::bind(address).await {
            break (tcp, udp, address);
        }
    };
    let node = Uuid::from_u128(u128::from(number));
    let identity = ServerIdentity { node, address, region: region.into(), generation: 1 };
    let meta = MemberMeta {
        name: format!("server-{number}"),
        region: region.into(),
        cluster_id: Uuid::from_u128(if region == "west" { 1 } else { 2 }),
        datacenter: "dc1".to_owned(),
        server_id: u64::from(number),
        rpc_address: address,
        http_address: address,
        gossip_address: address,
        bootstrap_expect: 1,
        build: "0.1.0".to_owned(),
        protocol: 1,
        feature_level: 1,
        tags: BTreeMap::new(),
    };
    let gossip = Gossip::new(Config::fast(), identity, meta, u64::from(number)).unwrap();
    let (commands, receiver) = mpsc::channel(16);
    let (sender, seen) = watch::channel(Seen::default());
    tokio::spawn(run(gossip, udp, tcp, receiver, sender));
    Server { address, commands, seen }
}

/// Three servers of two regions join over real sockets, exchange a record, and see one of them leave.
#[tokio::test]
async fn three_servers_on_loopback() {
    let mut servers = vec![start(1, "west").await, start(2, "east").await, start(3, "east").await];
    let first = servers[0].address;
    for server in &servers[1..] {
        server.commands.send(Command::Input(Input::Join { addresses: vec![first] })).await.unwrap();
    }
    for server in &mut servers {
        let alive = |seen: &Seen| seen.members.values().filter(|member| member.status == Status::Alive).count() == 3;
        server.wait("three alive members", alive).await;
    }
    assert_eq!(servers[1].seen.borrow().joined, [Ok("server-1.west".to_owned())]);
    let author = RegionId { name: "west".into(), cluster: Uuid::from_u128(1) };
    let record = Record { author, key: b"rollout-1".to_vec(), incarnation: 1, seq: 7, body: b"running".to_vec() };
    servers[0].commands.send(Command::Publish(record.clone())).await.unwrap();
    for server in &mut servers {
        server.wait("the record", |seen| seen.records == [record.clone()]).await;
    }
    servers[2].commands.send(Command::Input(Input::Leave)).await.unwrap();
    servers[2].wait("it is done", |seen| seen.left).await;
    for server in &mut servers[..2] {
        server.wait("the third has left", |seen| seen.members[&Uuid::from_u128(3)].status == Status::Left).await;
    }
}
