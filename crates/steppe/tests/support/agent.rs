//! A small HTTP server that answers from a list.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// An answer, and the requests that it is for.
#[derive(Clone, Debug)]
pub struct Answer {
    pub method: String,
    pub path: String,
    /// Parameters that the request must have; the answer with the most of them wins.
    pub query: Vec<(String, String)>,
    pub status: u16,
    pub body: String,
    /// How often it was given. Of answers that fit equally well each is given once, in order, and the last one for ever.
    n_given: usize,
}

impl Answer {
    /// `GET /v1/jobs?namespace=a -> 404` and the body.
    pub fn parse(head: &str, body: &str) -> Self {
        let (request, status) = head.split_once(" -> ").unwrap_or((head, "200"));
        let (method, target) = request.split_once(' ').unwrap_or_else(|| panic!("no request: {head}"));
        let (path, query) = split_target(target);
        let status = status.parse().unwrap_or_else(|_| panic!("no status: {head}"));
        Self { method: method.to_owned(), path, query, status, body: with_times(body), n_given: 0 }
    }

    fn fits(&self, request: &Request) -> bool {
        self.method == request.method && self.path == request.path && self.query.iter().all(|pair| request.query.contains(pair))
    }
}

/// `"@ago 90"` becomes the time 90 seconds ago in Unix nanoseconds, `"@in 90"` one that is to come.
fn with_times(body: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i128;
    let mut text = String::new();
    let mut rest = body;
    while let Some((before, after)) = rest.split_once("\"@") {
        let (mark, after) = after.split_once('"').expect("a mark ends with a quote");
        let (direction, seconds) = mark.split_once(' ').expect("@ago or @in, and seconds");
        let nanos = seconds.parse::<i128>().expect("seconds") * 1_000_000_000;
        let time = if direction == "ago" { now - nanos } else { now + nanos };
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
        (key.to_owned(), value.replace("%2A", "*").replace("%20", " "))
    };
    (path.to_owned(), pairs.map(pair).collect())
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
    let (status, body) = choose(&mut answers.lock().unwrap(), &request);
    let index = seen.lock().unwrap().len() + 1;
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\nX-Nomad-Index: {index}\r\n", body.len());
    let more = if body.contains("\"@next\"") { "X-Nomad-NextToken: next-page\r\n" } else { "" };
    let _ = (&stream).write_all(format!("{head}{more}\r\n{body}").as_bytes());
}

fn choose(answers: &mut [Answer], request: &Request) -> (u16, String) {
    let most = answers.iter().filter(|answer| answer.fits(request)).map(|answer| answer.query.len()).max();
    let mut fitting: Vec<&mut Answer> =
        answers.iter_mut().filter(|answer| answer.fits(request) && Some(answer.query.len()) == most).collect();
    let at = fitting.iter().position(|answer| answer.n_given == 0).unwrap_or(fitting.len().saturating_sub(1));
    match fitting.get_mut(at) {
        Some(answer) => {
            answer.n_given += 1;
            (answer.status, answer.body.clone())
        }
        None => (404, format!("the story has no answer to {} {}", request.method, request.path)),
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
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "x-nomad-token" => request.token = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Some(request)
}
