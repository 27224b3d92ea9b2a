//! The gateway's return codes: what each means, and the status it belongs to.
//! Source: the gateway's error table; codes that are not listed here are [`Status::Gateway`].

use crate::Status;

/// One row of the table.
struct Row {
    retcode: &'static str,
    status: Status,
    meaning: &'static str,
}

const fn row(retcode: &'static str, status: Status, meaning: &'static str) -> Row {
    Row { retcode, status, meaning }
}

const TABLE: &[Row] = &[
    row(ACCEPTED, Status::Ok, "accepted"),
    row("000-001", Status::Gateway, "wrong way of getting events"),
    row("000-002", Status::BadRequest, "a parameter is wrong"),
    row("000-003", Status::Session, "the Guid is wrong or stale"),
    row("000-004", Status::GatewayBusy, "the gateway is switching over or recovering"),
    row("000-006", Status::BadRequest, "the address of the request is wrong"),
    row("000-007", Status::GatewayBusy, "the gateway is switching over or recovering"),
    row("100-001", Status::Gateway, "sign-in parameters invalid"),
    row("100-002", Status::Gateway, "already signed in"),
    row("100-004", Status::Gateway, "wrong name or password"),
    row("100-006", Status::Session, "the agent is not signed in, or the Guid is wrong or stale"),
    row("100-007", Status::GatewayFault, "the gateway or the platform behind it failed"),
    row("100-008", Status::Gateway, "already signed out"),
    row("101-001", Status::NoConference, "the agent has no conference call"),
    row("101-002", Status::Gateway, "the agent is not the chair"),
    row("101-003", Status::Gateway, "the agent is already in a conference"),
    row("101-007", Status::Gateway, "the chair may not leave"),
    row("105-001", Status::GatewayBusy, "called too fast, or the gateway is not ready"),
    row("105-002", Status::GatewayBusy, "called too fast, or the gateway is not ready"),
    row("105-003", Status::GatewayBusy, "called too fast, or the gateway is not ready"),
    row("105-004", Status::GatewayBusy, "called too fast, or the gateway is not ready"),
    row("105-005", Status::Session, "the session has ended"),
    row("105-006", Status::Session, "the session has ended"),
    row("105-007", Status::Session, "the session has ended"),
    row("999-001", Status::GatewayFault, "the gateway or the platform behind it failed"),
];

/// The retcode of an answer that accepts.
pub const ACCEPTED: &str = "0";

/// The retcodes that refuse a Guid which may have been renewed meanwhile.
pub const STALE: [&str; 2] = ["100-006", "000-003"];

pub const ALREADY_SIGNED_IN: &str = "100-002";

pub const ALREADY_SIGNED_OUT: &str = "100-008";

/// The status that a retcode belongs to.
pub fn status_of(retcode: &str) -> Status {
    find(retcode).map_or(Status::Gateway, |row| row.status)
}

/// What a retcode means, in a few English words, if it is a known one.
pub fn meaning_of(retcode: &str) -> Option<&'static str> {
    find(retcode).map(|row| row.meaning)
}

fn find(retcode: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.retcode == retcode)
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
        let classes: &[(Status, &[&str])] = &[
            (Status::Ok, &["0"]),
            (Status::Session, &["100-006", "000-003", "105-005", "105-006", "105-007"]),
            (Status::NoConference, &["101-001"]),
            (Status::BadRequest, &["000-002", "000-006"]),
            (Status::GatewayFault, &["100-007", "999-001"]),
            (
                Status::GatewayBusy,
                &["000-004", "000-007", "105-001", "105-002", "105-003", "105-004"],
            ),
        ];
        for (status, codes) in classes {
            for code in *codes {
                assert_eq!(status_of(code), *status, "{code}");
            }
            let rows = TABLE.iter().filter(|row| row.status == *status).count();
            assert_eq!(rows, codes.len(), "{status} has rows of its own");
        }
        for other in ["00", "000-005", "100-003", "", "101-0011"] {
            assert_eq!(status_of(other), Status::Gateway, "{other}");
        }
    }

    #[test]
    fn the_platforms_own_code_is_found() {
        assert_eq!(cti_code("Unknown ERROR._40302"), Some(40302));
        assert_eq!(cti_code("x Unknown ERROR._7, y"), Some(7));
        for other in ["", "Unknown ERROR._", "Unknown ERROR._99999999999", "ERROR._1"] {
            assert_eq!(cti_code(other), None, "{other}");
        }
    }
}
