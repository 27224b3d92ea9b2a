//! The table.

mod answers;
mod connections;
mod kept;
mod proxies;
mod set_up;

pub use super::parts::stale;
use super::row::Row;
use super::shifts;
use crate::caller;

pub fn rows() -> Vec<Row> {
    let mut rows = [
        set_up::rows(),
        connections::rows(),
        answers::rows(),
        kept::rows(),
        proxies::rows(),
        shifts::rows(),
    ]
    .concat();
    // It needs a log callback, which programs of other systems do not have.
    rows.retain(|row| row.between.is_none() || caller().is_none());
    rows
}
