#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod answer;
mod aside;
mod client;
mod control;
mod dial;
mod error;
mod exchange;
#[cfg(debug_assertions)]
mod fault;
pub mod ffi;
mod log;
mod options;
mod refusal;
mod request;
mod retcode;
mod rules;
mod socket;
pub mod status;
mod sys;
mod tls;
mod traffic;
mod wire;

pub use client::Client;
pub use error::{Answer, Error};
pub use log::{Level, Sink};
pub use options::{ClientOptions, Trust};
pub use status::Status;
