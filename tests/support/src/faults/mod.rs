//! The fault table: its rows, and how one is played.

pub mod abi;
pub mod corpus;
pub mod elsewhere;
pub mod library;
mod parts;
pub mod row;
pub mod run;
pub mod shifts;
pub mod standstill;
pub mod table;
