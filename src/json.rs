//! JSON as gateways write it: texts that may be numbers, and objects of which one member may be odd.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A text as gateways send it: a string or a number; anything else counts as missing.
pub(crate) fn any_text<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Cow<'de, str>, D::Error> {
    deserializer.deserialize_any(ANY)
}

/// A retcode may come as a number, but only as one that a gateway counts by: `1e-400`, which is 0
/// to a reader of numbers, accepts nothing.
pub(crate) fn counted<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Cow<'de, str>, D::Error> {
    deserializer.deserialize_any(TextVisitor { any_number: false })
}

struct TextVisitor {
    any_number: bool,
}

const ANY: TextVisitor = TextVisitor { any_number: true };

impl TextVisitor {
    fn odd_number<'de>(&self, number: impl ToString) -> Cow<'de, str> {
        if self.any_number { Cow::Owned(number.to_string()) } else { Cow::default() }
    }
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_borrowed_bytes<E>(self, text: &'de [u8]) -> Result<Self::Value, E> {
        Ok(String::from_utf8_lossy(text))
    }

    /// With half of a character in it, which JSON's escapes can write.
    fn visit_bytes<E>(self, text: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(String::from_utf8_lossy(text).into_owned()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(number.to_string()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(self.odd_number(number))
    }

    /// Java's JSON writers make 7.0 of 7; what is too large for that to be exact stays with its point.
    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        let end = if number.abs() < 1e15 { "" } else { ".0" };
        Ok(self.odd_number(number.to_string() + end))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Cow::default())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Cow::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_seq(seq).map(|_| Cow::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        IgnoredAny.visit_map(map).map(|_| Cow::default())
    }
}

/// What a JSON list holds, as it was sent; nothing where it is no list.
pub(crate) fn elements(json: &str) -> Vec<&str> {
    let values = serde_json::from_str::<Vec<&RawValue>>(json).unwrap_or_default();
    values.into_iter().map(RawValue::get).collect()
}

/// The members of a JSON object as they were sent. What serde refuses though it is JSON (a name that
/// comes twice, a number that is too large, half of a character) takes none of the others along.
pub(crate) struct Members<'a>(Vec<(Name<'a>, &'a RawValue)>);

struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(ANY).map(Name)
    }
}

impl<'a> Members<'a> {
    pub fn of(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&*name.0, *value))
    }

    /// Every value that has this name.
    pub fn all(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found.0 == name).map(|(_, value)| value.get())
    }

    /// The last value that has this name, as a text.
    pub fn text(&self, name: &'a str) -> Cow<'a, str> {
        let text = |json| {
            let half = |_| serde_json::Deserializer::from_str(json).deserialize_bytes(ANY);
            any_text(&mut serde_json::Deserializer::from_str(json)).or_else(half).ok()
        };
        self.all(name).last().and_then(text).unwrap_or_default()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor).map(Members)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Vec<(Name<'de>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}
