//! Texts that others send, made fit to be read and shown: their charset, their beginning, and what a
//! page of HTML says.

use std::borrow::Cow;

use encoding_rs::GBK;
use memchr::memchr2_iter;

/// How GBK is called: by WHATWG's list, by Java and by Windows. GB 2312 is a part of it, and what
/// GB 18030 has beyond it is decoded along.
const NAMES_OF_GBK: &str = "gbk x-gbk gb2312 gb_2312 gb_2312-80 gb18030 cp936 ms936 windows-936 936 \
    euc-cn euc_cn euccn chinese csgb2312 csiso58gb231280 iso-ir-58";

/// The text of a body. Old builds announce GBK, or say nothing of it; everything else is read as UTF-8.
/// `content_type` is asked for where the body is not ASCII.
pub(crate) fn decode<'a, 'b>(
    body: &'a [u8],
    content_type: impl FnOnce() -> Option<&'b str>,
) -> Cow<'a, str> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let utf8 = std::str::from_utf8(body);
    if let Some(text) = utf8.ok().filter(|text| text.is_ascii()) {
        return Cow::Borrowed(text);
    }
    let charset = charset(content_type().unwrap_or_default());
    let is_gbk = |name| NAMES_OF_GBK.split(' ').any(|known| known == name);
    let gbk = charset.as_deref().is_some_and(is_gbk);
    // What is not ASCII may be valid in both: then it is what is announced.
    match utf8 {
        Ok(text) if !gbk => Cow::Borrowed(text),
        Err(_) if !gbk && charset.is_some() => String::from_utf8_lossy(body),
        _ => match GBK.decode_without_bom_handling(body) {
            (text, broken) if !broken || (gbk && utf8.is_err()) => text,
            _ => String::from_utf8_lossy(body),
        },
    }
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
    text.replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
        .replace(char::is_control, " ")
}

/// Regardless of case of ASCII. What is looked for is whole characters, so it begins and ends at such.
pub(crate) fn find(text: &str, word: &str) -> Option<usize> {
    let first = *word.as_bytes().first()?;
    memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text.as_bytes())
        .find(|at| starts_with(&text.as_bytes()[*at..], word))
}

pub(crate) fn starts_with(text: &[u8], word: &str) -> bool {
    text.get(..word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gbk_is_read_under_all_its_names_and_where_nothing_is_said() {
        const CHINESE: &str = "座席";
        const IN_GBK: &[u8] = b"\xD7\xF9\xCF\xAF";
        let announced = |name: &str| format!("text/html; charset={name}");
        let names = NAMES_OF_GBK.split(' ');
        let names = names.flat_map(|name| [announced(name), announced(&name.to_uppercase())]);
        let others = [
            "text/html; charset=\"gb2312\"",
            "text/html; charset='x-gbk'; a=b",
            "text/html; Charset = CP936 , x",
            "text/html; charset=",
            "text/html; charset",
            "application/json",
            "",
        ];
        for content_type in names.chain(others.map(str::to_owned)) {
            assert_eq!(decode(IN_GBK, || Some(&content_type)), CHINESE, "{content_type}");
            // A gateway that has learnt UTF-8 since.
            let utf8 = "座席签";
            assert_eq!(decode(utf8.as_bytes(), || Some(&content_type)), utf8, "{content_type}");
        }
        for (body, content_type, expected) in [
            (IN_GBK, "text/html; charset=utf-8", "\u{FFFD}\u{FFFD}\u{03EF}"),
            // Cut in the middle of a character.
            (&IN_GBK[..3], "text/html; charset=gbk", "座\u{FFFD}"),
            (&IN_GBK[..3], "", "\u{FFFD}\u{FFFD}\u{FFFD}"),
            (b"a\xFFb", "", "a\u{FFFD}b"),
            // Valid in both.
            (b"\xC2\xA9", "", "\u{A9}"),
            (b"\xC2\xA9", "text/html; charset=gbk", "漏"),
            (b"\xEF\xBB\xBF\xE5\xBA\xA7", "", "座"),
        ] {
            assert_eq!(decode(body, || Some(content_type)), expected, "{body:?} {content_type}");
        }
    }

    #[test]
    fn pages_say_what_people_see_of_them() {
        for (html, expected) in [
            ("<html><TITLE>Access&nbsp;Denied</TITLE><p>x", "Access Denied"),
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
}
