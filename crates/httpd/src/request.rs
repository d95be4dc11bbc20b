//! A request on its way through a handler.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use futures::stream::BoxStream;
use http::{Method, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use model::{Namespace, RegionName};
use percent_encoding::percent_decode_str;
use rpc::caller::Caller;
use rpc::message::{
    AgentReply, AgentRequest, Call, Chunk, Failure, Hops, NodeCall, NodeCallReply, NodeTarget, Read, ReadOptions, ReadValue, Reply,
    Request as CallRequest, Write, WriteValue,
};
use rpc::route::no_path;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::agent_info::AgentInfo;
use crate::params::Params;
use crate::refusal::Refusal;
use crate::respond::{self, Answer, Meta};

/// How long a client may take to send a body. Bodies are small; who needs longer is not sending.
const BODY_PATIENCE: Duration = Duration::from_secs(60);

/// What all handlers share.
pub(crate) struct App {
    pub caller: Arc<dyn Caller>,
    pub info: AgentInfo,
    /// Ends what waits.
    pub shutdown: CancellationToken,
    /// Kilobytes of bodies that may be looked at.
    pub bodies: Arc<Semaphore>,
    /// Kilobytes of large bodies that may be on their way.
    pub arriving: Arc<Semaphore>,
}

/// A body up to this size waits for nobody: whoever sends a large one slowly keeps no small ones away.
const SMALL_BODY: usize = 16 << 10;

/// Whole ones, of which semaphores count so many.
pub(crate) fn kilobytes(bytes: usize) -> u32 {
    u32::try_from(bytes >> 10).unwrap_or(u32::MAX).min(1 << 28)
}

/// All of a body, if it is not too long, and its place among those that arrive.
async fn arrive(mut body: Body, app: &App) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Refusal> {
    let limit = app.info.limits.body_bytes;
    let too_large = || Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("Request body is larger than {limit} bytes"));
    // One that says so beforehand is not even read.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    // All that it may come to, at once: bodies that hold a part of the room and wait for the rest would wait for each other.
    let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(limit).min(limit);
    let (mut bytes, mut place) = (BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Refusal::bad_request(format!("Request body could not be read: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
        if bytes.len() > SMALL_BODY && place.is_none() {
            place = app.arriving.clone().acquire_many_owned(kilobytes(announced)).await.ok();
            bytes.reserve(announced - bytes.len().min(announced));
        }
    }
    Ok((bytes.freeze(), place))
}

/// Verbs as the interface sees them: PUT and POST are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Put,
    Delete,
    Other,
}

/// A request, and the ways to answer it.
pub(crate) struct Cx {
    pub app: Arc<App>,
    pub method: Method,
    /// As sent, still encoded.
    pub path: String,
    pub params: Params,
    /// In a lock only so that handlers can share the request across threads.
    body: Mutex<Body>,
    /// Room for the body, given back when the request is answered.
    room: Option<OwnedSemaphorePermit>,
}

impl FromRequest<Arc<App>> for Cx {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        Ok(Self {
            app: app.clone(),
            method: parts.method,
            path: parts.uri.path().to_owned(),
            params: Params::parse(parts.uri.query().unwrap_or_default()),
            body: Mutex::new(body),
            room: None,
        })
    }
}

impl Cx {
    pub fn verb(&self) -> Verb {
        match self.method {
            Method::GET => Verb::Get,
            Method::PUT | Method::POST => Verb::Put,
            Method::DELETE => Verb::Delete,
            _ => Verb::Other,
        }
    }

    /// Refuses every verb but this.
    pub fn only(&self, verb: Verb) -> Result<(), Refusal> {
        if self.verb() == verb { Ok(()) } else { Err(Refusal::wrong_verb()) }
    }

    /// The path after `prefix`, still encoded.
    pub fn rest(&self, prefix: &str) -> String {
        self.path.strip_prefix(prefix).unwrap_or_default().to_owned()
    }

    /// The region that shall answer.
    pub fn region(&self) -> RegionName {
        match self.params.text("region") {
            "" => self.app.caller.region(),
            region => RegionName::from(region),
        }
    }

    /// That of the agent that was asked.
    pub fn own_region(&self) -> RegionName {
        self.app.caller.region()
    }

    /// Refuses a region that does not exist, where nothing else would ask for it.
    pub async fn known_region(&self) -> Result<(), Refusal> {
        let (region, own) = (self.region(), self.app.caller.region());
        if region == own {
            return Ok(());
        }
        let AgentReply::Regions(known) = self.agent(own, AgentRequest::Regions).await? else { return Err(Refusal::mismatch()) };
        let known: Vec<RegionName> = known.into_iter().map(RegionName::from).collect();
        if known.contains(&region) { Ok(()) } else { Err(no_path(&region, &known).into()) }
    }

    /// The namespace of one object.
    pub fn namespace(&self) -> Namespace {
        match self.params.text("namespace") {
            "" => Namespace::from(model::DEFAULT_NAMESPACE),
            namespace => Namespace::from(namespace),
        }
    }

    /// The namespace of a list; `None`: all.
    pub fn list_namespace(&self) -> Option<Namespace> {
        Some(self.namespace()).filter(|namespace| *namespace != "*")
    }

    /// The body; refuses what is too long or too slow.
    pub async fn bytes(&mut self) -> Result<Bytes, Refusal> {
        let body = self.body.get_mut().unwrap_or_else(PoisonError::into_inner);
        let arriving = arrive(std::mem::take(body), &self.app);
        let (bytes, _arrived) = tokio::time::timeout(BODY_PATIENCE, arriving).await.map_err(|_| {
            Refusal::new(StatusCode::REQUEST_TIMEOUT, format!("Request body did not arrive within {} s", BODY_PATIENCE.as_secs()))
        })??;
        let kilobytes = kilobytes(bytes.len()).min(kilobytes(self.app.info.limits.bodies_bytes));
        // Nobody closes the semaphore; if somebody did, there would be no limit.
        self.room = self.app.bodies.clone().acquire_many_owned(kilobytes).await.ok();
        Ok(bytes)
    }

    /// The body as a type.
    pub async fn decode<T: DeserializeOwned>(&mut self) -> Result<T, Refusal> {
        Ok(api::decode::from_body(&self.bytes().await?)?)
    }

    /// The body as a type; the default when it is empty.
    pub async fn decode_optional<T: DeserializeOwned + Default>(&mut self) -> Result<T, Refusal> {
        match api::decode::from_body(&self.bytes().await?) {
            Err(api::decode::Error::Empty) => Ok(T::default()),
            result => Ok(result?),
        }
    }

    /// Reads, waiting as the parameters say.
    pub async fn read(&self, read: Read) -> Result<(Meta, ReadValue), Refusal> {
        self.read_with(self.params.read_options()?, read).await
    }

    /// Reads with other options than the parameters say. A read that waits ends when the agent shuts down.
    pub async fn read_with(&self, options: ReadOptions, read: Read) -> Result<(Meta, ReadValue), Refusal> {
        self.read_in(self.region(), options, read).await
    }

    /// The same in another region than the parameters say.
    pub async fn read_in(&self, region: RegionName, options: ReadOptions, read: Read) -> Result<(Meta, ReadValue), Refusal> {
        let waits = options.min_index > 0;
        let call = self.call(region, CallRequest::Read(options, read));
        let reply = if waits {
            tokio::select! {
                reply = call => reply?,
                () = self.app.shutdown.cancelled() => return Err(shutting_down()),
            }
        } else {
            call.await?
        };
        let Reply::Read(reply) = reply else { return Err(Refusal::mismatch()) };
        // Below 1 an index would make a client that passes it back spin.
        let meta = Meta { index: reply.index.max(1), contact: Some((reply.last_contact, reply.known_leader)), next_token: None };
        Ok((meta, reply.value))
    }

    /// The options of the request without its waiting.
    pub fn options_now(&self) -> Result<ReadOptions, Refusal> {
        Ok(ReadOptions { min_index: 0, wait: 0, ..self.params.read_options()? })
    }

    pub async fn write(&self, write: Write) -> Result<(Meta, WriteValue), Refusal> {
        self.write_in(self.region(), write).await
    }

    pub async fn write_in(&self, region: RegionName, write: Write) -> Result<(Meta, WriteValue), Refusal> {
        let Reply::Write(reply) = self.call(region, CallRequest::Write(write)).await? else { return Err(Refusal::mismatch()) };
        Ok((Meta::written(reply.index), reply.value))
    }

    pub async fn on_node(&self, target: NodeTarget, call: NodeCall) -> Result<NodeCallReply, Refusal> {
        let Reply::OnNode(reply) = self.call(self.region(), CallRequest::OnNode(target, call)).await? else {
            return Err(Refusal::mismatch());
        };
        Ok(reply)
    }

    pub async fn on_node_stream(&self, target: NodeTarget, call: NodeCall) -> Result<BoxStream<'static, Result<Chunk, Failure>>, Refusal> {
        let call = Call { region: self.region(), hops: Hops::default(), request: CallRequest::OnNode(target, call) };
        Ok(self.app.caller.stream(call).await?)
    }

    /// Asks an agent of `region` about itself.
    pub async fn agent(&self, region: RegionName, request: AgentRequest) -> Result<AgentReply, Refusal> {
        let Reply::Agent(reply) = self.call(region, CallRequest::Agent(request)).await? else { return Err(Refusal::mismatch()) };
        Ok(reply)
    }

    /// The body as it comes, for what is too large for memory.
    pub fn body(&mut self) -> &mut Body {
        self.body.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    pub async fn call(&self, region: RegionName, request: CallRequest) -> Result<Reply, Refusal> {
        Ok(self.app.caller.call(Call { region, hops: Hops::default(), request }).await?)
    }

    /// 200 with a JSON body.
    pub fn json<T: Serialize + ?Sized>(&self, meta: Option<&Meta>, value: &T) -> Answer {
        respond::json(self.params.pretty(), meta, value)
    }
}

pub(crate) fn shutting_down() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the agent is shutting down")
}

/// One part of a path, decoded; `None` when it is not text.
pub(crate) fn decode_segment(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(|text| text.into_owned())
}
