#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod answer;
mod carrier;
mod client;
mod error;
mod event;
pub mod ffi;
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
