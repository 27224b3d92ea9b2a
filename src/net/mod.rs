//! Connections: made, kept, spoken over, ended. Knows neither agents nor C.

pub(crate) mod blocking;
pub(crate) mod cancel;
mod cause;
pub(crate) mod connect;
pub(crate) mod deadline;
mod failure;
mod head;
pub(crate) mod http;
mod input;
pub(crate) mod pool;
mod proxy;
mod race;
mod resolve;
pub(crate) mod rules;
mod socket;
mod stream;
pub(crate) mod tls;
