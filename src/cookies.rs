//! A load balancer's cookies: taken, kept and dropped as its answers say.

use std::ops::Deref;
use std::time::SystemTime;

use http::header::{HeaderMap, HeaderValue, SET_COOKIE};
use memchr::memchr;
use zeroize::Zeroizing;

use crate::{Error, Status};

/// A load balancer's cookies as they are sent, `name=value; name=value`: what it needs to find the
/// agent's node again.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Cookies(Zeroizing<String>);

impl Deref for Cookies {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Cookies {
    /// What fits into `agw_session.cookie`.
    const MAX_BYTES: usize = 1775;
    const MAX_NUMBER: usize = 32;

    /// `name=value`, `;` between, as a host hands them over.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |why| Error::new(Status::InvalidArgument, format!("cookie: {why}"));
        let mut cookies = Cookies::default();
        for pair in text.split(';').filter(|pair| !pair.trim_matches(' ').is_empty()) {
            let (name, value) = pair_of(pair).ok_or_else(|| {
                refuse("not name=value in visible ASCII and blanks, with ; between several")
            })?;
            if !cookies.set(name, Some(value)) {
                return Err(refuse("more than 32 cookies, or longer than 1775 bytes"));
            }
        }
        Ok(cookies)
    }

    /// Takes in what an answer sets and drops. What does not fit is left out.
    pub fn take(&mut self, headers: &HeaderMap) {
        let lines = headers.get_all(SET_COOKIE).iter().filter_map(pair_and_attributes);
        for (pair, attributes) in lines {
            if let Some((name, value)) = pair_of(pair) {
                let expired = || has_expired(&String::from_utf8_lossy(attributes));
                let stays = !value.is_empty() && !expired();
                self.set(name, stays.then_some(value));
            }
        }
    }

    /// Sets one where it stands, or drops it. Whether there was room for it.
    fn set(&mut self, name: &str, value: Option<&str>) -> bool {
        let pairs = self.0.split("; ").filter_map(|pair| pair.split_once('='));
        let mut pairs = pairs.collect::<Vec<_>>();
        match (pairs.iter().position(|(kept, _)| *kept == name), value) {
            (Some(place), Some(value)) => pairs[place].1 = value,
            (Some(place), None) => drop(pairs.remove(place)),
            (None, Some(value)) => pairs.push((name, value)),
            (None, None) => {}
        }
        let parts = pairs.iter().flat_map(|(name, value)| ["; ", name, "=", value]).skip(1);
        // As long as all of them from the start: what grows would leave a copy behind.
        let text = Zeroizing::new(parts.collect::<Vec<_>>().concat());
        let fits = pairs.len() <= Self::MAX_NUMBER && text.len() <= Self::MAX_BYTES;
        if fits {
            self.0 = text;
        }
        fits
    }
}

fn pair_of(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once('=')?;
    let (name, value) = (name.trim_matches(' '), value.trim_matches(' '));
    let plain = |text: &str| text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    (!name.is_empty() && plain(name) && plain(value)).then_some((name, value))
}

/// What stands before the attributes, which may be in any charset, and they.
fn pair_and_attributes(value: &HeaderValue) -> Option<(&str, &[u8])> {
    let value = value.as_bytes();
    let (pair, attributes) = value.split_at(memchr(b';', value).unwrap_or(value.len()));
    Some((std::str::from_utf8(pair.trim_ascii()).ok()?, attributes))
}

/// `Max-Age=0`, or an `Expires` in the past; the first wins.
fn has_expired(attributes: &str) -> bool {
    let value = |wanted: &str| {
        let attributes = attributes.split(';').filter_map(|one| one.split_once('='));
        let of_name = |(name, _): &(&str, &str)| name.trim().eq_ignore_ascii_case(wanted);
        attributes.filter(of_name).map(|(_, value)| value.trim()).next_back()
    };
    let seconds = value("max-age").unwrap_or_default();
    let digits = seconds.strip_prefix(['-', '+']).unwrap_or(seconds);
    if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return seconds.starts_with('-') || digits.bytes().all(|digit| digit == b'0');
    }
    let now = httpdate::fmt_http_date(SystemTime::now());
    value("expires").and_then(cookie_date).is_some_and(|end| Some(end) <= cookie_date(&now))
}

/// Year, month, day and time of day, in whatever order and form (RFC 6265, section 5.1.1).
fn cookie_date(text: &str) -> Option<(u32, usize, u32, [u32; 3])> {
    const MONTHS: &str = "jan feb mar apr may jun jul aug sep oct nov dec";
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for word in text.split(|c: char| c != ':' && !c.is_alphanumeric()) {
        let number = word.parse::<u32>().ok();
        if word.contains(':') {
            let parts = word.split(':').map(|part| part.parse().ok()).collect::<Option<Vec<_>>>();
            time = time.or_else(|| parts?.try_into().ok());
        } else if day.is_none() && word.len() <= 2 {
            day = number;
        } else if number.is_some() {
            let century = |year| if year < 70 { 2000 } else { 1900 };
            let whole = number.map(|year| if word.len() > 2 { year } else { year + century(year) });
            year = year.or(whole);
        } else if month.is_none() {
            let name = word.get(..3).unwrap_or("-").to_ascii_lowercase();
            month = MONTHS.find(&name);
        }
    }
    let date = (year?, month?, day.filter(|day| (1..=31).contains(day))?, time?);
    let [hour, minute, second] = date.3;
    (hour < 24 && minute < 60 && second < 60).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_bounded() {
        let mut cookies = Cookies::default();
        for number in 0..40 {
            let set = cookies.set(&format!("n{number}"), Some("v"));
            assert_eq!(set, number < Cookies::MAX_NUMBER);
        }
        let mut cookies = Cookies::default();
        let mut set = |name, length| cookies.set(name, Some(&"x".repeat(length)));
        assert!(set("a", 1) && !set("b", 1769) && set("b", 1768));
        assert!(!set("a", 2) && set("a", 1));
        assert_eq!(cookies.len(), Cookies::MAX_BYTES);
    }

    #[test]
    fn dates_are_read_in_every_form_that_is_sent() {
        for (attributes, expired) in [
            ("", false),
            ("Expires=Wed, 21 Oct 2015 07:28:00 GMT", true),
            ("path=/; expires=Thu, 01-Jan-1970 00:00:10 GMT; Secure", true),
            ("expires=Thu, 01-Jan-70 00:00:10 GMT", true),
            ("expires=Thursday, 01-Jan-70 00:00:10 GMT", true),
            ("expires=Sun Nov  6 08:49:37 1994", true),
            ("expires=Wed, 21 Oct 2215 07:28:00 GMT", false),
            ("expires=Fri, 01-Jan-38 00:00:00 GMT", false),
            ("expires=soon", false),
            ("Max-Age=0", true),
            ("Max-Age = -1", true),
            ("Max-Age=-9999999999999999999999999999999999999999", true),
            ("Max-Age=9999999999999999999999999999999999999999", false),
            ("Max-Age=0.5", false),
            ("expires=Mon, 01-Jan-0001 00:00:00 GMT", true),
            ("expires=Thu, 01 Jan 1970 00:00:10 UTC", true),
            ("expires=thu, 01 jan 1970 0:00:00", true),
            ("expires=Fri, 01 January 1970 00:00:00 GMT", true),
            ("expires=\"Thu Jan 01 1970 00:00:00 GMT-0000\"", true),
            ("expires=21/Oct/2025 07:28:00", true),
            ("expires=Wed, 21-Oct-69 07:28:00 GMT", false),
            ("expires=Thu, 01 Jan 1970", false),
            ("expires=Thu, 32 Jan 1970 00:00:00 GMT", false),
            ("expires=Thu, 01 Jan 1970 24:00:00 GMT", false),
            ("expires=Thu, 01 Jan 1970 00:00:00:00 GMT", false),
            ("expires=0", false),
            ("Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:10 GMT", false),
            ("Max-Age=x; Expires=Thu, 01 Jan 1970 00:00:10 GMT", true),
        ] {
            assert_eq!(has_expired(attributes), expired, "{attributes}");
        }
    }
}
