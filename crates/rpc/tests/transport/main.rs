//! What users of a connection notice, over real sockets on loopback.

mod bad_company;
mod calls;
mod harness;
mod losses;
mod streams;
