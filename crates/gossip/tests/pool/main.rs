//! Many servers in one thread: the real machine, invented time and network.

mod doubts;
mod hostile;
mod membership;
mod records;
mod refusal;
mod regions;
mod sim;
