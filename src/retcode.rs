//! The gateway's retcodes: what each means, and the status it belongs to.
//! Source: the gateway's error table; codes that are not listed here are [`Status::Gateway`].

use crate::Status;

/// Retcode, status, meaning in a few English words.
const TABLE: &[(&str, Status, &str)] = &[
    (ACCEPTED, Status::Ok, "accepted"),
    ("000-001", Status::Gateway, "wrong way of getting events"),
    ("000-002", Status::BadRequest, "a parameter is wrong"),
    ("000-003", Status::Session, "the Guid is wrong or stale"),
    ("000-004", Status::GatewayBusy, "the gateway is switching over or recovering"),
    ("000-006", Status::BadRequest, "the address of the request is wrong"),
    ("000-007", Status::GatewayBusy, "the gateway is switching over or recovering"),
    ("100-001", Status::Gateway, "sign-in parameters invalid"),
    ("100-002", Status::Gateway, "already signed in"),
    ("100-004", Status::Gateway, "wrong name or password"),
    ("100-006", Status::Session, "the agent is not signed in, or the Guid is wrong or stale"),
    ("100-007", Status::GatewayFault, "the gateway or the platform behind it failed"),
    ("100-008", Status::Gateway, "already signed out"),
    ("101-001", Status::NoConference, "the agent has no conference call"),
    ("101-002", Status::Gateway, "the agent is not the chair"),
    ("101-003", Status::Gateway, "the agent is already in a conference"),
    ("101-007", Status::Gateway, "the chair may not leave"),
    ("105-001", Status::GatewayBusy, "called too fast, or the gateway is not ready"),
    ("105-002", Status::GatewayBusy, "called too fast, or the gateway is not ready"),
    ("105-003", Status::GatewayBusy, "called too fast, or the gateway is not ready"),
    ("105-004", Status::GatewayBusy, "called too fast, or the gateway is not ready"),
    ("105-005", Status::Session, "the session has ended"),
    ("105-006", Status::Session, "the session has ended"),
    ("105-007", Status::Session, "the session has ended"),
    ("999-001", Status::GatewayFault, "the gateway or the platform behind it failed"),
];

/// The retcode of an answer that accepts.
pub const ACCEPTED: &str = "0";

/// The retcodes that refuse a Guid which may have been renewed meanwhile.
pub const STALE: [&str; 2] = ["100-006", "000-003"];

pub const ALREADY_SIGNED_IN: &str = "100-002";

pub const ALREADY_SIGNED_OUT: &str = "100-008";

/// The status that a retcode belongs to, and what it means, if it is a known one.
pub fn find(retcode: &str) -> Option<(Status, &'static str)> {
    let (_, status, meaning) = TABLE.iter().find(|row| row.0 == retcode)?;
    Some((*status, meaning))
}

/// NNNNN of a message `Unknown ERROR._NNNNN`: the platform's own code.
pub fn cti_code(message: &str) -> Option<i32> {
    let (_, rest) = message.split_once("Unknown ERROR._")?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_contract() {
        for (status, codes) in [
            (Status::Ok, "0"),
            (Status::Session, "000-003 100-006 105-005 105-006 105-007"),
            (Status::NoConference, "101-001"),
            (Status::BadRequest, "000-002 000-006"),
            (Status::GatewayFault, "100-007 999-001"),
            (Status::GatewayBusy, "000-004 000-007 105-001 105-002 105-003 105-004"),
        ] {
            let rows = TABLE.iter().filter(|row| row.1 == status).map(|row| row.0);
            assert_eq!(rows.collect::<Vec<_>>().join(" "), codes, "{status}");
        }
        assert!(["00", "000-005", "", "101-0011"].iter().all(|other| find(other).is_none()));
    }
}
