//! A Guid for each call, in the documented form: it tells the gateway which call it is and what is
//! to go wrong.

/// What every Guid of the soak, the simulator's included, holds in a place or another.
const MARKS: [&str; 2] = ["50a650a6-", ".AgentGateway1"];

/// The call's number, and its fault's place in the list of faults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tag {
    pub number: u32,
    pub fault: u16,
}

impl Tag {
    pub fn guid(self) -> String {
        let (start, end) = (MARKS[0], MARKS[1]);
        format!("{start}{:04x}-4000-8000-{:012x}{end}", self.fault, self.number)
    }

    /// Finds the Guid in a request.
    pub fn of(request: &str) -> Option<Self> {
        let guid = &request[request.find(MARKS[0])? + MARKS[0].len()..];
        Some(Tag {
            fault: u16::from_str_radix(guid.get(..4)?, 16).ok()?,
            number: u32::from_str_radix(guid.get(15..27)?, 16).ok()?,
        })
    }
}

/// Whether a text shows a Guid, or enough of one to worry.
pub fn shows_guid(text: &str) -> bool {
    MARKS.iter().any(|mark| text.contains(mark))
}
