#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod answer;
mod client;
mod error;
pub mod ffi;
mod log;
mod net;
mod options;
mod request;
mod retcode;
mod route;
pub mod status;
mod sys;

pub use client::{Client, NumberedCall};
pub use error::{Answer, Error};
pub use log::{Level, Sink};
pub use net::cancel::CallId;
pub use options::{ClientOptions, Trust};
pub use status::Status;
