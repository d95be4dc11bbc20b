//! A small HTTP server that answers from a list.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// An answer, and the requests that it is for.
#[derive(Clone, Debug)]
pub struct Answer {
    pub method: String,
    pub path: String,
    /// Parameters that the request must have; the answer with the most of them wins.
    pub query: Vec<(String, String)>,
    pub status: u16,
    /// There is another page.
    pub next: bool,
    pub body: String,
    /// How often it was given. Of answers that fit equally well each is given once, in order, and the last one for ever.
    n_given: usize,
}

impl Answer {
    /// `GET /v1/jobs?namespace=a -> 404` and the body; `-> 200 next` says that there is another page.
    pub fn parse(head: &str, body: &str) -> Self {
        let (request, status) = head.split_once(" -> ").unwrap_or((head, "200"));
        let (method, target) = request.split_once(' ').unwrap_or_else(|| panic!("no request: {head}"));
        let (path, query) = split_target(target);
        let (status, next) = status.strip_suffix(" next").map_or((status, false), |status| (status, true));
        let status = status.parse().unwrap_or_else(|_| panic!("no status: {head}"));
        Self { method: method.to_owned(), path, query, status, next, body: with_times(body), n_given: 0 }
    }

    fn fits(&self, request: &Request) -> bool {
        self.method == request.method && self.path == request.path && self.query.iter().all(|pair| request.query.contains(pair))
    }
}

/// `"@ago 90"` becomes the time 90 seconds ago in Unix nanoseconds, `"@in 90"` one that is to come, and `"@date-in 90"` the same as a date.
fn with_times(body: &str) -> String {
    let now = jiff::Timestamp::now();
    let mut text = String::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("\"@") {
        let (mark, after) = after.split_once('"').expect("a mark ends with a quote");
        let (kind, seconds) = mark.split_once(' ').expect("@ago, @in or @date-in, and seconds");
        let seconds = jiff::SignedDuration::from_secs(seconds.parse().expect("seconds"));
        let time = match kind {
            "ago" => (now - seconds).as_nanosecond().to_string(),
            "in" => (now + seconds).as_nanosecond().to_string(),
            "date-in" => format!("\"{}\"", now + seconds),
            other => panic!("unknown mark @{other}"),
        };
        text.push_str(&format!("{before}{time}"));
        rest = after;
    }
    text + rest
}

fn split_target(target: &str) -> (String, Vec<(String, String)>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key.to_owned(), decoded(value))
    };
    (decoded(path), pairs.map(pair).collect())
}

/// `%2F` is a slash.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => out.push_str(&format!("{}{}", char::from(byte), &part[2..])),
            None => out.push_str(&format!("%{part}")),
        }
    }
    out
}

#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub token: String,
    pub body: String,
}

/// An agent on a free port.
pub struct Agent {
    pub address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Agent {
    /// Answers until the test process ends.
    pub fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answers, seen) = (Arc::new(Mutex::new(answers)), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answers, seen) = (answers.clone(), seen.clone());
                std::thread::spawn(move || serve(stream, &answers, &seen));
            }
        });
        Self { address, requests }
    }

    /// The requests since this was last asked.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

fn serve(stream: TcpStream, answers: &Mutex<Vec<Answer>>, seen: &Mutex<Vec<Request>>) {
    // A connection that is opened ahead of its use may never carry a request.
    let Some(request) = read(&stream) else { return };
    seen.lock().unwrap().push(request.clone());
    let (status, next, body) = choose(&mut answers.lock().unwrap(), &request);
    let index = seen.lock().unwrap().len() + 1;
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\nX-Nomad-Index: {index}\r\n", body.len());
    let more = if next { "X-Nomad-NextToken: next-page\r\n" } else { "" };
    let digest = match request.path.as_str() {
        // What is saved is checked.
        "/v1/operator/snapshot" => format!("Digest: sha-256={}\r\n", STANDARD.encode(Sha256::digest(&body))),
        _ => String::new(),
    };
    let _ = (&stream).write_all(format!("{head}{more}{digest}\r\n{body}").as_bytes());
}

fn choose(answers: &mut [Answer], request: &Request) -> (u16, bool, String) {
    let most = answers.iter().filter(|answer| answer.fits(request)).map(|answer| answer.query.len()).max();
    let mut fitting: Vec<&mut Answer> =
        answers.iter_mut().filter(|answer| answer.fits(request) && Some(answer.query.len()) == most).collect();
    let at = fitting.iter().position(|answer| answer.n_given == 0).unwrap_or(fitting.len().saturating_sub(1));
    match fitting.get_mut(at) {
        Some(answer) => {
            answer.n_given += 1;
            (answer.status, answer.next, answer.body.clone())
        }
        None => (404, false, format!("the story has no answer to {} {}", request.method, request.path)),
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = split_target(&target);
    let mut request = Request { method, path, query, ..Default::default() };
    let mut length = 0;
    let mut chunked = false;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "transfer-encoding" => chunked = value.trim() == "chunked",
            "x-nomad-token" => request.token = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    while chunked {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        chunked = length > 0;
        // Each piece has an end of line.
        let mut piece = vec![0; length + 2];
        reader.read_exact(&mut piece).ok()?;
        body.extend_from_slice(&piece[..length]);
    }
    request.body = String::from_utf8_lossy(&body).into_owned();
    Some(request)
}
