//! Texts that others send, made fit to be read and shown: their charset, their beginning, and what a
//! page of HTML says.

use std::borrow::Cow;

use memchr::{memchr2_iter, memmem};

use crate::gbk;

/// What the names of GBK hold, by WHATWG, Java and Windows; of others those of some that are ASCII. GB
/// 2312 is a part of it, and what GB 18030 has beyond it is decoded along.
const IN_NAMES_OF_GBK: [&str; 6] = ["gb", "936", "1386", "cn", "chinese", "iso-ir-58"];

/// The text of a body. Old builds announce GBK, or say nothing of it; everything else is read as UTF-8.
/// `content_type` is asked for where the body is not ASCII.
pub(crate) fn decode<'a, 'b>(
    body: &'a [u8],
    content_type: impl FnOnce() -> Option<&'b str>,
) -> Cow<'a, str> {
    // A byte-order mark says more than any name.
    if let Some(marked) = body.strip_prefix(b"\xEF\xBB\xBF") {
        return String::from_utf8_lossy(marked);
    }
    match body {
        [0xFF, 0xFE, text @ ..] => return utf16(text, u16::from_le_bytes).into(),
        [0xFE, 0xFF, text @ ..] => return utf16(text, u16::from_be_bytes).into(),
        [1..=0x7F, 0, ..] => return utf16(body, u16::from_le_bytes).into(),
        [0, 1..=0x7F, ..] => return utf16(body, u16::from_be_bytes).into(),
        _ => {}
    }
    if let Some(text) = std::str::from_utf8(body).ok().filter(|text| text.is_ascii()) {
        return Cow::Borrowed(text);
    }
    let charset = charset(content_type().unwrap_or_default());
    let is_gbk = |name: &String| IN_NAMES_OF_GBK.iter().any(|part| name.contains(part));
    let announced = charset.as_ref().is_some_and(is_gbk);
    // What Java writes where nobody has chosen, with GBK in it as with anything else.
    let is_latin = |name: &String| name == "iso-8859-1";
    let utf8 = String::from_utf8_lossy(body);
    let valid = matches!(utf8, Cow::Borrowed(_));
    if !announced && (valid || !charset.as_ref().is_none_or(is_latin)) || !valid && is_cut(&utf8) {
        return utf8;
    }
    let gbk = gbk::decode(body);
    let whole = !gbk.contains(char::REPLACEMENT_CHARACTER);
    // What is not ASCII may be valid in both: then it is what is announced, unless a half of a character
    // would be ASCII, such as JSON's backslash.
    let ascii = |text: &[u8]| text.iter().filter(|byte| byte.is_ascii()).count();
    let keeps_ascii = ascii(gbk.as_bytes()) == ascii(body);
    let is_gbk = match announced {
        true => !valid || whole && keeps_ascii,
        false => whole && charset.is_none() || keeps_ascii && (whole || is_cut(&gbk)),
    };
    if is_gbk { gbk.into() } else { utf8 }
}

/// A gateway that cuts its texts to a length may cut a character. Another charset hardly ever looks so.
fn is_cut(text: &str) -> bool {
    let long = text.chars().filter(|c| c.len_utf8() > 2).count();
    2 * text.matches(char::REPLACEMENT_CHARACTER).count() < long
}

fn utf16(text: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = text.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let characters = char::decode_utf16(units);
    characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The charset that a `Content-Type` names, in lower case.
fn charset(content_type: &str) -> Option<String> {
    let value = content_type.to_ascii_lowercase();
    let (_, behind) = value.split_once("charset")?;
    let name = behind.trim_start().strip_prefix('=')?;
    let quotes = ['"', '\'', ' ', '\t'];
    let name = name.trim_start_matches(quotes).split([';', ',']).next()?.trim_end_matches(quotes);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The beginning of a text as one line; "" if there is none.
pub(crate) fn beginning(text: &str) -> String {
    const CHARACTERS: usize = 160;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let start: String = words.chars().take(CHARACTERS).collect();
    let more = if start.len() < words.len() { "..." } else { "" };
    start + more
}

/// What a page says: its title, or else its text without the tags. No control characters.
pub(crate) fn of_page(html: &str) -> String {
    let title = find(html, "<title").and_then(|at| {
        let (_, title) = html[at..].split_once('>')?;
        Some(&title[..find(title, "</").unwrap_or(title.len())])
    });
    let text = title.map(without_tags).filter(|title| !title.trim().is_empty());
    text.unwrap_or_else(|| without_tags(html))
}

fn without_tags(html: &str) -> String {
    /// What begins so is not text, up to here.
    const HIDDEN: [(&str, &str); 4] =
        [("!--", "-->"), ("script", "</script"), ("style", "</style"), ("title", "</title")];
    let mut text = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once('<') {
        text += before;
        text.push(' ');
        let hidden = HIDDEN.iter().find(|(start, _)| starts_with(tag.as_bytes(), start));
        rest = match hidden {
            Some((_, end)) => find(tag, end).map_or("", |at| &tag[at..]),
            None => tag,
        };
        rest = rest.split_once('>').map_or("", |(_, rest)| rest);
    }
    text += rest;
    without_entities(&text).replace(char::is_control, " ")
}

/// With the characters that `&lt;`, `&#39;` and the like stand for.
pub(crate) fn without_entities(html: &str) -> String {
    decoded(html, '&', entity)
}

/// A text without JSON's and JavaScript's escapes but for controls: a secret could be written in them.
pub(crate) fn unescaped(text: &str) -> String {
    decoded(text, '\\', escape)
}

/// `read` gives what stands behind a mark, and how many bytes it takes there; if nothing, the mark is
/// a character as any other.
fn decoded(text: &str, mark: char, read: fn(&str) -> Option<(char, usize)>) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(mark) {
        let (character, length) = read(behind).unwrap_or((mark, 0));
        plain.push_str(before);
        plain.push(character);
        rest = &behind[length..];
    }
    plain + rest
}

fn entity(behind: &str) -> Option<(char, usize)> {
    let (name, _) = behind.split('&').next()?.split_once(';')?;
    let character = match name {
        "nbsp" => ' ',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "amp" => '&',
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(number.ok()?)?
        }
    };
    Some((character, name.len() + 1))
}

fn escape(behind: &str) -> Option<(char, usize)> {
    let unit = |from: usize, to| u16::from_str_radix(behind.get(from..to)?, 16).ok();
    let (units, length) = match behind.chars().next()? {
        mark if mark.is_ascii_punctuation() => return Some((mark, 1)),
        'x' => ([unit(1, 3)?, 0], 3),
        'u' if behind.get(5..7) == Some("\\u") => ([unit(1, 5)?, unit(7, 11).unwrap_or(0)], 5),
        'u' => ([unit(1, 5)?, 0], 5),
        _ => return None,
    };
    let character = char::decode_utf16(units).next()?.ok().filter(|c| !c.is_control())?;
    Some((character, if character.len_utf16() > 1 { 11 } else { length }))
}

/// JSON's text where the backslashes of a path such as `C:\dir` stand in it as they are.
pub(crate) fn with_escapes(json: &str) -> String {
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, escaped)) = rest.split_once('\\') {
        let is_hex = |code: &str| code.bytes().all(|digit| digit.is_ascii_hexdigit());
        let length = match escaped.as_bytes() {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 1,
            [b'u', ..] if escaped.get(1..5).is_some_and(is_hex) => 5,
            _ => 0,
        };
        mended += before;
        mended += if length == 0 { "\\\\" } else { "\\" };
        mended += &escaped[..length];
        rest = &escaped[length..];
    }
    mended + rest
}

/// Regardless of case of ASCII. What is looked for is whole characters, so it begins and ends at such.
pub(crate) fn find(text: &str, word: &str) -> Option<usize> {
    /// At so many places it is compared; in a text that is made for that, more would take seconds.
    const TRIES: usize = 1024;
    let first = *word.as_bytes().first()?;
    let [lower, upper] = [first.to_ascii_lowercase(), first.to_ascii_uppercase()];
    let mut places = memchr2_iter(lower, upper, text.as_bytes());
    let is_here = |at: &usize| starts_with(&text.as_bytes()[*at..], word);
    let found = places.by_ref().take(TRIES).find(is_here);
    found.or_else(|| places.next().and_then(|at| Some(at + find_all(&text[at..], word).next()?)))
}

/// Each place, the first of those that overlap.
pub(crate) fn find_all(text: &str, word: &str) -> impl Iterator<Item = usize> {
    let [text, word] = [text, word].map(str::to_ascii_lowercase);
    let places: Vec<_> = memmem::find_iter(text.as_bytes(), word.as_bytes()).collect();
    places.into_iter()
}

pub(crate) fn starts_with(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_say_what_people_see_of_them() {
        for (html, expected) in [
            ("<html><TITLE>Access&nbsp;Denied</TITLE><p>x", "Access Denied"),
            (
                "it&#39;s &#X201c;no&#8221; &apos;&bogus; & &#x110000; &#27;",
                "it's \u{201c}no\u{201d} '&bogus; & &#x110000;",
            ),
            ("<title lang=x>\n A &amp;lt; B </title>", "A &lt; B"),
            ("<title> </title><body>Blocked <b>by</b> policy", "Blocked by policy"),
            ("<title>not closed", "not closed"),
            ("<script>var x = '<p>';</script><style>p {}</style><!-- <p> -->seen", "seen"),
            ("<script>not closed", ""),
            ("plain text", "plain text"),
            ("a\u{0}b\u{1b}[31m", "a b [31m"),
            ("<", ""),
            ("", ""),
        ] {
            assert_eq!(beginning(&of_page(html)), expected, "{html}");
        }
        assert_eq!(beginning(&"座\n".repeat(200)), "座 ".repeat(80) + "...");
        assert_eq!(beginning(&"座".repeat(160)), "座".repeat(160));
    }

    #[test]
    fn all_but_controls_is_taken_out_of_its_escapes() {
        for (text, plain) in [
            ("", ""),
            (r"a\u0030b\u003d", r"a0b="),
            (r"\u5ea7\u0007\u00e9\u\u1\n", r"座\u0007é\u\u1\n"),
            (r"\u003座\u0030\ud83d\u0085\u0020", r"\u003座0\ud83d\u0085 "),
            (r#"\"\/\\u0030\"#, r#""/\u0030\"#),
        ] {
            assert_eq!(unescaped(text), plain);
        }
    }
}
