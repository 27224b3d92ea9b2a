//! Rejects an agent conference call on an agent gateway: `rejectAgentConf`.
//!
//! A phone rings for a conference, and the agent does not want it. [`Client::reject_agent_conf`]
//! tells the gateway, and what came of it: an [`Answer`], or an [`Error`] with a [`Status`] to decide
//! by. The gateway knows a signed-in agent by a Guid, a secret like a password: the program hands its
//! newest one to each call, or [`Client::sign_in`] and [`Client::next_event`] bring it, and the
//! client keeps it.
//!
//! ```no_run
//! use agw::{Client, ClientOptions, Status, Trust};
//!
//! let mut options = ClientOptions::new("https://gateway:8043");
//! options.trust = Trust::Ca;
//! options.ca = Some("gateway-ca.pem".into());
//! let client = Client::new(&options)?;
//! let guid = std::env::var("AGW_GUID")?;
//! match client.reject_agent_conf("154", guid.as_str()) {
//!     Ok(answer) => println!("accepted: {}", answer.message),
//!     Err(error) if error.status() == Status::NoConference => println!("too late"),
//!     Err(error) => return Err(error.into()),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Share one client among threads; [`NumberedCall`] is a call that another thread can end alone.
//! Every call ends within [`ClientOptions::timeout`], a poll within 10 s more. Gateways have
//! self-signed certificates as a rule: [`Trust::Ca`] or [`Trust::Pin`] trusts them, and checks them.
//!
//! The C functions stand in [`ffi`]. A Rust program does not need them, nor cbindgen and its crates,
//! which only generate the C header:
//!
//! ```toml
//! [dependencies]
//! agw-client = { version = "1", default-features = false }
//! ```
#![deny(unsafe_code)]

mod address;
mod answer;
mod carrier;
mod client;
mod cookies;
mod error;
mod event;
pub mod ffi;
mod gbk;
mod json;
mod log;
mod net;
mod options;
mod request;
mod retcode;
mod route;
mod session;
mod sign_in;
pub mod status;
mod sys;
mod text;

pub use client::{Client, NumberedCall};
pub use error::{Answer, Error};
pub use event::{Event, Poll};
pub use log::{Level, Sink};
pub use net::cancel::CallId;
pub use options::{ClientOptions, Trust};
pub use session::Session;
pub use sign_in::SignIn;
pub use status::Status;
