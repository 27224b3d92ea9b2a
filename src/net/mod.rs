//! Connections: made, kept, spoken over, ended. Knows neither agents nor C.

pub(crate) mod blocking;
pub(crate) mod cancel;
pub(crate) mod connect;
pub(crate) mod http;
pub(crate) mod pool;
pub(crate) mod rules;
pub(crate) mod socket;
pub(crate) mod stream;
pub(crate) mod tls;
