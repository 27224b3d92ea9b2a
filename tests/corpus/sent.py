"""What gateways and proxies send, and what is to be made of it: prints a table as JSON.

One more report from the field is one more line in one of the three functions below. Each row has
what comes over the connection, to the byte: from a gateway as the answer to a request (two requests
are made), from a proxy as the answer to CONNECT. `cargo test --test faults -- heads/` plays those
of the first function, as support/src/faults/corpus.rs reads the table.
"""

import binascii
import json
import struct

ACCEPTED = b'{"result":{},"message":"success","retcode":"0"}'
MESSAGE = "座席未签入"
LENGTH = b"Content-Length: %d\r\n" % len(ACCEPTED)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(ACCEPTED), ACCEPTED)
DATE = b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
PAGE = b"<html><head><title>Access&nbsp;denied</title></head><body>Policy 7</body></html>"


def answer(lines, body=ACCEPTED, status=b"HTTP/1.1 200 OK"):
    """A head with these lines in it, and a body."""
    return status + b"\r\n" + lines + b"\r\n" + body


def sized(lines, body, status=b"HTTP/1.1 200 OK"):
    return answer(lines + b"Content-Length: %d\r\n" % len(body), body, status)


def gzip(text):
    """Stored, not compressed: the same bytes whatever library made them."""
    stored = b"\x01" + struct.pack("<HH", len(text), len(text) ^ 0xFFFF) + text
    trailer = struct.pack("<II", binascii.crc32(text), len(text))
    return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + stored + trailer


def taken(connections=1):
    """The call succeeds; the second one needs so many connections for both."""
    return ["OK", 200, "0", connections, "success"]


def broken(words, status="PROTOCOL", http=0):
    return [status, http, "-", 2, words]


def heads():
    """What stands before the body, or before the head."""
    good = answer(LENGTH)
    for name, head in {
        "100": b"HTTP/1.1 100 Continue\r\n\r\n",
        "100-with-lines": b"HTTP/1.1 100 Continue\r\nServer: IIS/5.0\r\n" + DATE + b"\r\n",
        "100-with-length": b"HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n",
        "100-with-length-of-nothing": b"HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\n",
        "100-keep-alive": b"HTTP/1.1 100 Continue\r\nConnection: keep-alive\r\n\r\n",
        "100-close": b"HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n",
        "100-without-reason": b"HTTP/1.1 100\r\n\r\n",
        "100-in-http-1.0": b"HTTP/1.0 100 Continue\r\n\r\n",
        "100-lf-only": b"HTTP/1.1 100 Continue\nServer: x\n\n",
        "100-folded": b"HTTP/1.1 100 Continue\r\nServer: x\r\n y\r\nVia : z\r\n\r\n",
        "100-and-an-empty-line": b"HTTP/1.1 100 Continue\r\nServer: x\r\n\r\n\r\n",
        "102-with-a-line": b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\n",
        "103-with-links": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n",
        "104-with-a-line": b"HTTP/1.1 104 Upload\r\nX: y\r\n\r\n",
        "199-with-a-line": b"HTTP/1.1 199 x\r\nX: y\r\n\r\n",
        "1xx-several": b"HTTP/1.1 100 Continue\r\nServer: x\r\n\r\n"
            b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "1xx-many": b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\n" * 500,
    }.items():
        yield name, head + good, taken()
    for name, lines, connections in [
        ("folded", b"X: y\r\n z\r\n", 1),
        ("folded-by-a-tab", b"X: y\r\n\tz\r\n", 1),
        ("folded-twice", b"X: y\r\n z\r\n  z\r\nY: y\r\n z\r\n", 1),
        ("folded-before-the-value", b"X:\r\n y\r\n", 1),
        ("folded-and-empty", b"X: y\r\n \r\n", 1),
        ("folded-under-the-status-line", b" X: y\r\n", 1),
        ("folded-with-a-colon", b"X: y\r\n Z: z\r\n", 1),
        ("folded-with-the-word-in-it", b"X: y\r\n Transfer-Encoding: chunked\r\n", 2),
        ("folded-close", b"Connection:\r\n close\r\n", 2),
        ("blank-before-the-colon", b"X : y\r\n", 1),
        ("tab-before-the-colon", b"X\t: y\r\n", 1),
        ("blanks-before-the-colon", b"X \t : y : z\r\n", 1),
        ("blank-and-folded", b"X : y\r\n z\r\n", 1),
        ("blank-close", b"Connection : close\r\n", 2),
        ("100-lines", b"X: y\r\n" * 100, 1),
        ("gbk-in-a-value", "X: 代理\r\n".encode("gbk"), 1),
        ("empty-values", b"X:\r\nY: \r\n", 1),
    ]:
        yield name, answer(lines + LENGTH), taken(connections)
    for name, head, connections in [
        ("folded-at-the-end", answer(LENGTH + b"X: y\r\n z\r\n"), 1),
        ("folded-behind-an-empty-line", b"\r\n" + answer(b"X: y\r\n z\r\n" + LENGTH), 1),
        ("folded-lf-only", answer(b"X: y\r\n z\r\n" + LENGTH).replace(b"\r", b""), 1),
        ("lf-only", answer(LENGTH).replace(b"\r", b""), 1),
        ("no-reason", answer(LENGTH, status=b"HTTP/1.1 200"), 1),
        ("gbk-reason", answer(LENGTH, status=b"HTTP/1.1 200 \xb4\xfa\xc0\xed"), 1),
        ("folded-length", answer(LENGTH.replace(b" ", b"\r\n ")), 2),
        ("folded-length-behind", answer(LENGTH.replace(b"\r\n", b"\r\n \r\n")), 2),
        ("blank-length", answer(LENGTH.replace(b":", b" :")), 2),
        ("folded-coding", answer(b"Transfer-Encoding:\r\n\tchunked\r\n", CHUNKED), 2),
        ("blank-coding", answer(b"Transfer-Encoding : chunked\r\n", CHUNKED), 2),
        ("length-twice-in-one", answer(b"Content-Length: 47, 47\r\n"), 2),
        ("coding-in-capitals", answer(b"Transfer-Encoding: CHUNKED\r\n", CHUNKED), 1),
        ("coding-twice", answer(b"Transfer-Encoding: chunked\r\n" * 2, CHUNKED), 2),
        ("coding-behind-another", answer(b"Transfer-Encoding: gzip, chunked\r\n", CHUNKED), 2),
    ]:
        yield name, head, taken(connections)
    for name, length, trailers, connections in [
        ("blanks-behind", b"2F \t", b"", 1),
        ("an-extension", b'02f;a="b;c"', b"", 1),
        ("a-blank-and-an-extension", b"2f ; a", b"", 1),
        ("sixteen-digits", b"000000000000002f", b"", 1),
        ("seventeen-digits", b"0000000000000002f", b"", 2),
        ("a-form-feed-behind", b"2f\x0c", b"", 2),
        ("trailers", b"2f", b"X-T: \xe9\r\nX:\r\n", 1),
        ("a-trailer-that-is-a-length", b"2f", b"2f\r\n", 2),
        ("a-folded-trailer", b"2f", b"X: y\r\n z\r\n", 2),
        ("a-blank-in-a-trailer-s-name", b"2f", b"X : y\r\n", 2),
        ("nul-in-a-trailer", b"2f", b"X: \0\r\n", 2),
        ("a-trailer-without-a-name", b"2f", b": y\r\n", 2),
    ]:
        chunks = length + b"\r\n" + ACCEPTED + b"\r\n0\r\n" + trailers + b"\r\n"
        chunked = answer(b"Transfer-Encoding: chunked\r\n", chunks)
        yield f"chunks-{name}", chunked, taken(connections)
    for name, length in {"a-word-behind": b"2f x", "gbk-behind": b"2f\xa0"}.items():
        head = answer(b"Transfer-Encoding: chunked\r\n", length + b"\r\n")
        yield f"chunks-{name}", head, broken("a line between chunks", http=200)
    yield "101", answer(b"Upgrade: x\r\n", b"", b"HTTP/1.1 101 Up"), broken("101", "HTTP", 101)
    for name, lines in {
        "blank-in-a-name": b"X Y: z\r\n",
        "folded-name": b"X-\r\n Y: z\r\n",
        "folded-length-in-two": b"Content-Length: 4\r\n 7\r\n",
        "no-colon": b"X\r\n",
        "no-name": b": y\r\n",
        "nul-in-a-folded-line": b"X: y\r\n z\0\r\n",
        "cr-alone": b"X: y\rz\r\n",
    }.items():
        yield name, answer(lines + LENGTH), broken("not HTTP")


def answers():
    """What stands in the body, and what the head says of it."""
    refusal = json.dumps({"message": MESSAGE, "retcode": "100-006"}, ensure_ascii=False)
    gbk, bom = refusal.encode("gbk"), b"\xef\xbb\xbf"
    session = ["SESSION", 200, "100-006", 1, MESSAGE]
    for charset in ["GBK", "x-gbk", "CP936", "MS936", "windows-936", "936", "GB2312", "GB_2312-80",
                    "gb18030", "chinese", "csGB2312", "iso-ir-58", "csISO58GB231280", "EUC-CN",
                    "EUC_CN", "EUCCN", "GB_2312", "GB2312-80", "GB18030-2022", "GB-18030", "csGBK",
                    "MS_936", "x-mswin-936", "x-IBM1386", "x-EUC-CN"]:
        head = b"Content-Type: application/json;charset=%s\r\n" % charset.encode()
        yield f"charset-{charset.lower()}", sized(head, gbk), session
    for name, head, body in [
        ("gbk-quoted", b'Content-Type: text/html; charset="gbk"\r\n', gbk),
        ("gbk-quoted-once", b"Content-Type: text/html; charset='x-gbk'; a=b\r\n", gbk),
        ("gbk-with-blanks", b"Content-Type: text/html; Charset = cp936 , x\r\n", gbk),
        ("gbk-folded", b"Content-Type: text/html;\r\n\tcharset=x-gbk\r\n", gbk),
        ("gbk-unannounced", b"", gbk),
        ("gbk-as-json", b"Content-Type: application/json\r\n", gbk),
        ("gbk-without-a-name", b"Content-Type: text/html; charset=\r\n", gbk),
        ("utf-8-unannounced", b"", refusal.encode()),
        ("utf-8-called-gbk", b"Content-Type: text/html; charset=GBK\r\n", refusal.encode()),
        ("utf-8-with-bom", b"", bom + refusal.encode()),
        ("utf-8-with-two-boms", b"", bom * 2 + refusal.encode()),
        ("bom-below-an-empty-line", b"", b"\r\n" + bom + refusal.encode()),
        ("utf-16le", b"", b"\xff\xfe" + refusal.encode("utf-16-le")),
        ("utf-16le-without-bom", b"", refusal.encode("utf-16-le")),
        ("utf-16le-below-an-empty-line", b"", f"\r\n{refusal}".encode("utf-16-le")),
        ("utf-16be-called-utf-8", b"Content-Type: application/json;charset=UTF-8\r\n",
         b"\xfe\xff" + refusal.encode("utf-16-be")),
    ]:
        yield name, sized(head, body), session
    announced = b"Content-Type: text/html; charset=gb18030\r\n"
    for name, head, text, shown in [
        ("gb18030-of-four-bytes", announced, "座\U00020000席".encode("gb18030"), "座\U00020000席"),
        ("gbk-cut", announced, "座席".encode("gbk")[:3], "座\ufffd"),
        # Which is GBK, too.
        ("utf-8-cut", b"", "座席未签入".encode()[:14], "座席未签\ufffd"),
        ("gbk-unannounced-cut", b"", "座席未签入".encode("gbk")[:9], "座席未签\ufffd"),
        ("utf-8-cut-called-gbk", announced, "座席未签入".encode()[:14], "座席未签\ufffd"),
        ("gbk-called-latin-1", b"Content-Type: text/html;charset=ISO-8859-1\r\n",
         "座席".encode("gbk"), "座席"),
        ("latin-1", b"Content-Type: text/html;charset=ISO-8859-1\r\n", b"f\xfcr", "f\ufffdr"),
        ("neither-utf-8-nor-gbk", b"", b"a\xffb", "a\ufffdb"),
        ("gbk-called-utf-8", b"Content-Type: text/html; charset=utf-8\r\n", "座席".encode("gbk"),
         "\ufffd\ufffd\u03ef"),
        ("both-unannounced", b"", b"\xc2\xa9", "\u00a9"),
        ("both-called-gbk", announced, b"\xc2\xa9", "漏"),
        ("both-but-for-a-backslash", announced, "座".encode() + b"\\u0041", "座A"),
    ]:
        body = b'{"retcode":"100-006","message":"' + text + b'"}'
        yield name, sized(head, body), [*session[:-1], shown]
    page = sized(announced, bom + "\u00a9".encode(), b"HTTP/1.1 500 x")
    yield "bom-of-an-error-called-gbk", page, broken("500; it begins: \u00a9", "HTTP", 500)
    half = "a\ufffd\ufffd\ufffdb"
    for name, members, message in [
        ("half-a-character", rb'"message":"a\ud83db"', half),
        ("the-other-half", rb'"message":"a\ude00b"', half),
        ("half-a-name", rb'"\ud83d":1,"message":"a"', "a"),
        ("half-in-a-member-that-comes-twice", rb'"a":1,"a":{"b":"\ud83d"},"message":"a"', "a"),
        ("message-twice", b'"message":"a","message":"b"', "b"),
        ("retcode-twice-the-same", b'"retcode":"0","message":"a"', "a"),
        ("line-end-in-a-text", b'"message":"a\r\nb\tc"', "a  b c"),
        ("line-end-between-members", b'"a":"\t",\r\n\t"message":"a"', "a"),
        ("path-of-windows", rb'"a":"C:\dir\Users\u0\\n","message":"D:\x"', r"D:\x"),
        ("path-and-line-end", b'"message":"a\r\nC:\\dir"', r"a  C:\dir"),
        ("controls", b'"a":"\x0b\0",\x1b"message":"a\x08\x1fb"', "a  b"),
    ]:
        body = b'{"retcode":"0",' + members + b"}"
        yield name, sized(b"", body), ["OK", 200, "0", 1, message]
    escaped = rb'{"retcode":"\u0030","message":"succ\u0065ss"}'
    yield "escapes", sized(b"", b"\r\n " + escaped + b"\n"), taken()
    none = "no retcode in the answer"
    for name, body, words in [
        ("blanks", b"  ", "the answer is empty"),
        ("null", b"null", "(no object)"),
        ("array", b"[]", "(no object)"),
        ("array-of-members", b'["0"]', "(no object)"),
        ("array-of-all-members", b' ["0","success"]', "(no object)"),
        ("text", b'"0"', "(no object)"),
        ("no-end", b'{"retcode":"0"', "(EOF while parsing"),
        ("no-end-and-a-line-end", b'{"retcode":"0\n', "(control character"),
        ("no-end-and-nul", b'{"retcode":"0"\0', "(expected"),
        ("retcode-with-a-point", b'{"retcode":0.0}', none),
        ("retcode-with-an-exponent", b'{"retcode":0e0}', none),
        ("retcode-less-than-nothing", b'{"retcode":-0}', none),
        ("retcode-below-0", b'{"retcode":-101}', none),
        ("retcode-1e5", b'{"retcode":1e5}', none),
        ("retcode-too-large", b'{"retcode":99999999999999999999}', none),
        ("retcode-far-too-large", b'{"retcode":1e400}', none),
        ("retcode-of-half-a-character", rb'{"retcode":"\ud83d"}', none),
        ("retcodes-that-differ", b'{"retcode":"0","retcode":"101-001"}', none),
        ("retcode-and-null", b'{"retcode":"101-001","retcode":null}', none),
    ]:
        yield name, sized(b"", body), broken(words, http=200)
    zipped = gzip(ACCEPTED)
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(zipped), zipped)
    coded = "it has Content-Encoding: "
    for name, head, body, words in [
        ("gzip", b"Content-Encoding: gzip\r\n", zipped, coded + "gzip"),
        ("x-gzip", b"Content-Encoding: x-gzip\r\n", zipped, coded + "x-gzip"),
        ("deflate", b"Content-Encoding: deflate\r\n", zipped[10:], coded + "deflate"),
        ("br", b"Content-Encoding: br\r\n", b"\x8b\x16\x80", coded + "br"),
        ("gzip-unannounced", b"", zipped, "it is compressed with gzip"),
        ("gzip-called-identity", b"Content-Encoding: identity\r\n", zipped, "compressed with gzip"),
        ("gzip-of-nothing", b"Content-Encoding: gzip\r\n", b"", "the answer is empty; no body"),
        ("page-called-identity", b"Content-Encoding: identity\r\n", b"<p>", "it begins: <p>"),
    ]:
        yield name, sized(head, body), broken(words, http=200)
    chunked = b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"
    yield "gzip-in-chunks", answer(chunked, chunks), broken(coded + "gzip", http=200)
    error = sized(b"Content-Encoding: gzip\r\n", gzip(PAGE), b"HTTP/1.1 502 Bad Gateway")
    yield "gzip-of-an-error", error, broken("HTTP status 502; " + coded + "gzip", "HTTP", 502)
    yield "gzip-by-name-only", sized(b"Content-Encoding: gzip\r\n", ACCEPTED), taken()
    yield "identity", sized(b"Content-Encoding: identity\r\n", ACCEPTED), taken()


def proxies():
    """What a proxy says to CONNECT. A name that ends in "given" is of one that has a password."""
    good = b"HTTP/1.1 200 Connection established\r\n\r\n"
    for name, head in {
        "200": good,
        "200-http-1.0": b"HTTP/1.0 200 Connection established\r\nVia: 1.1 tinyproxy\r\n\r\n",
        "200-without-reason": b"HTTP/1.1 200\r\n\r\n",
        "200-close": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
        "200-with-length": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "200-chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "200-lf-only": b"HTTP/1.1 200 OK\nVia: x\n\n",
        "200-folded": b"HTTP/1.1 200 OK\r\nVia: x\r\n y\r\n\r\n",
        "200-blank-before-the-colon": b"HTTP/1.1 200 OK\r\nProxy-Agent : x\r\n\r\n",
        "200-gbk-in-a-value": b"HTTP/1.1 200 OK\r\nVia: \xb4\xfa\xc0\xed\r\n\r\n",
        "200-odd-lines": b"HTTP/1.1 200 OK\r\nno colon\r\n: no name\r\nX Y: z\r\n\r\n",
        "200-70-lines": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 70 + b"\r\n",
        "200-2000-lines": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
        "100-first": b"HTTP/1.1 100 Continue\r\n\r\n" + good,
        "100-with-lines-first": b"HTTP/1.1 100 Continue\r\nVia: x\r\n y\r\n\r\n" + good,
        "102-and-103-first": b"HTTP/1.1 102 x\r\n\r\nHTTP/1.1 103 x\nLink: y\n\n" + good,
        "1xx-many-first": b"HTTP/1.1 102 Processing\r\nX: y\r\n\r\n" * 500 + good,
        "201": b"HTTP/1.1 201 Created\r\n\r\n",
    }.items():
        yield name, head, taken()

    def refusal(status, lines, page=b""):
        return sized(lines, page, b"HTTP/1.1 " + status)

    def says(code, words):
        return f"it answered HTTP status {code} and says: {words}"

    for name, head, words in [
        ("407-basic", refusal(b"407 x", b'Proxy-Authenticate: Basic realm="corp"\r\n', PAGE),
         "it wants a user name and password (HTTP 407), and offers Basic"),
        ("407-basic-given", refusal(b"407 x", b"Proxy-Authenticate: BASIC realm=x\r\n"),
         "it refused the user name and password (HTTP 407), and offers Basic"),
        ("407-several", refusal(b"407 x", b"Proxy-Authenticate: Negotiate\r\n"
                                b'Proxy-Authenticate: NTLM, Basic realm="a, b"\r\n'),
         "it wants a user name and password (HTTP 407), and offers Negotiate, NTLM, Basic"),
        ("407-folded", refusal(b"407 x", b"Proxy-Authenticate:\r\n NTLM,\r\n Negotiate\r\n"),
         "it offers NTLM, Negotiate only (HTTP 407), and agw speaks Basic only"),
        ("407-ntlm", refusal(b"407 x", b"Proxy-Authenticate: NTLM\r\n"),
         "it offers NTLM only (HTTP 407), and agw speaks Basic only"),
        ("407-ntlm-given", refusal(b"407 x", b"Proxy-Authenticate: NTLM\r\n"),
         "and agw speaks Basic only; the user name and password were not taken"),
        ("407-digest", refusal(b"407 x", b'Proxy-Authenticate: Digest realm="x", nonce="y"\r\n'),
         "it offers Digest only (HTTP 407), and agw speaks Basic only"),
        ("407-odd", refusal(b"407 x", b'Proxy-Authenticate: Digest realm="x,Basic", nonce = y\r\n'
                            b"proxy-authenticate:ntlm x=, NTLM, , =, \x1b[31m, secret, \"\r\n"),
         "it offers Digest, NTLM, others only (HTTP 407), and agw speaks Basic only"),
        ("407-word-given", refusal(b"407 x", b"Proxy-Authenticate: pass, dXNlcjpwYXNzIHdvcmQ=\r\n"),
         "it offers others only (HTTP 407), and agw speaks Basic only"),
        ("407-of-nothing", refusal(b"407 x", b""), "it wants a user name and password (HTTP 407)"),
        ("407-of-nothing-given", refusal(b"407 x", b""),
         "it refused the user name and password (HTTP 407)"),
        ("403-title", refusal(b"403 Forbidden", b"Content-Type: text/html\r\n", PAGE),
         says(403, "Access denied")),
        ("403-text", refusal(b"403 Forbidden", b"Content-Type: text/plain\r\n", b"port\r\nrefused"),
         says(403, "port refused")),
        ("403-tags", refusal(b"403 x", b"", b"<style>p{}</style><p>Blocked <b>by</b> policy"),
         says(403, "Blocked by policy")),
        ("403-control-characters", refusal(b"403 x", b"", b"a\x1b[31m\0b\x07c"),
         says(403, "a [31m b c")),
        ("403-gbk", refusal(b"403 x", b"", "<title>禁止访问</title>".encode("gbk")),
         says(403, "禁止访问")),
        ("403-gzip", refusal(b"403 Forbidden", b"Content-Encoding: gzip\r\n", gzip(PAGE)),
         says(403, "Forbidden")),
        ("403-without-a-page", refusal(b"403 Forbidden", b""), says(403, "Forbidden")),
        ("403-long", refusal(b"403 x", b"", b"<p>" + b"1234567 " * 100),
         says(403, "1234567 " * 20 + "...")),
        ("403-password-given", refusal(b"403 x", b"", b"user&#58;pass word is unknown"),
         "it answered HTTP status 403"),
        ("403-echo-given", refusal(b"403 x", b"Content-Type: text/plain\r\n",
                                   b"Proxy-Authorization: BASIC dXNlcjpwYXNzIHdvcmQ="),
         "it answered HTTP status 403"),
        ("403-reason-given", refusal(b"403 not pass word", b""), "it answered HTTP status 403"),
        ("503-squid", refusal(b"503 Service Unavailable", b"X-Squid-Error: ERR_DNS_FAIL 0\r\n",
                              b"<title>ERROR: The URL could not be retrieved</title>"),
         says(503, "ERR_DNS_FAIL 0; ERROR: The URL could not be retrieved")),
        ("503-chunked", answer(b"Transfer-Encoding: chunked\r\n",
                               b"9\r\n<title>no\r\n9;x\r\n name</ti\r\n4\r\ntle>\r\n0\r\n\r\n",
                               b"HTTP/1.1 503 x"), says(503, "no name")),
        ("503-endless-chunk", answer(b"Transfer-Encoding: chunked\r\n",
                                     b"3\r\n<p>\r\nffffffffffffffff\r\nno\r\n0\r\n\r\n",
                                     b"HTTP/1.1 503 x"), says(503, "no 0")),
        ("502-folded", refusal(b"502 x", b"Via: x\r\n y\r\n", PAGE), says(502, "Access denied")),
        ("302", refusal(b"302 Found", b"Location: http://portal.test/\r\n"), says(302, "Found")),
        ("101", b"HTTP/1.1 101 Up\r\nUpgrade: x\r\n\r\n", says(101, "Up")),
        ("200-page", answer(b"Content-Type: text/html\r\nContent-Length: %d\r\n" % len(PAGE), PAGE),
         "HTTP status 200 with a page in place of a connection and says: Access denied"),
        ("200-hello", answer(b"Content-Length: 5\r\n", b"hello"),
         "HTTP status 200 with a page in place of a connection and says: hello"),
        ("200-chunk", answer(b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
         "it answered HTTP status 200 with a page in place of a connection"),
        ("not-http", b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP: it has no status line"),
        # Who speaks another protocol waits for more after that.
        ("tls", bytes.fromhex("15030100020246"), "not HTTP: it speaks TLS on this port"),
        ("socks", bytes.fromhex("05ff"), "not HTTP: it has no status line"),
        ("http-2", bytes.fromhex("000000040000000000"), "not HTTP: it has no status line"),
        ("endless-lines", b"HTTP/1.1 200 OK\r\n" + (b"X: " + b"y" * 60 + b"\r\n") * 1100,
         "no end within 64 KiB"),
    ]:
        yield name, head, ["PROXY", 0, "-", 0, words]


def rows():
    """Name, bytes, status, HTTP status, retcode, connections, text."""
    for function in (heads, answers, proxies):
        for name, content, expected in function():
            yield [f"{function.__name__}/{name}", content.decode("latin-1"), *expected]


if __name__ == "__main__":
    print(json.dumps([*rows()]))
