//! Asks an HTTP proxy for a connection to the gateway.

use std::io::{self, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::failure::failure;
use super::socket::Socket;
use crate::route::Proxy;
use crate::{Error, Status};

pub(crate) fn ask_for_tunnel(socket: &mut Socket, proxy: &Proxy, to: &str) -> Result<(), Error> {
    let failed = |why: io::Error| failure(&why, "while asking for the tunnel");
    let mut request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    if let Some(credentials) = &proxy.credentials {
        let credentials = BASE64.encode(credentials);
        request += &format!("Proxy-Authorization: Basic {credentials}\r\n");
    }
    request += "\r\n";
    socket.write_all(request.as_bytes()).map_err(failed)?;
    match read_proxy_status(socket).map_err(failed)? {
        Some(200..=299) => Ok(()),
        Some(407) => Err(Error::new(Status::Proxy, "it wants a user name and password (HTTP 407)")),
        Some(code) => Err(Error::new(Status::Proxy, format!("it answered HTTP status {code}"))),
        None => Err(Error::new(Status::Proxy, "its answer is not HTTP")),
    }
}

/// Takes the head of the answer and not a byte more: what follows belongs to the gateway.
fn read_proxy_status(socket: &mut Socket) -> io::Result<Option<u16>> {
    const MAX_HEAD: usize = 8 * 1024;
    const END: &[u8] = b"\r\n\r\n";
    let mut head = Vec::new();
    let mut ahead = [0; 1024];
    while !head.ends_with(END) && head.len() < MAX_HEAD {
        let seen = socket.peek(&mut ahead)?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let taken = head.len();
        head.extend(&ahead[..seen]);
        // The end may have begun with the bytes before.
        let from = taken.saturating_sub(END.len() - 1);
        if let Some(end) = head[from..].windows(END.len()).position(|bytes| bytes == END) {
            head.truncate(from + end + END.len());
        }
        socket.read_exact(&mut head[taken..])?;
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(&head);
    Ok(if parsed.is_ok_and(|status| status.is_complete()) { response.code } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::thread;
    use std::time::Duration;

    use crate::net::deadline::Deadline;

    /// Wherever the packets begin, and with the gateway's first bytes in the last of them.
    #[test]
    fn the_proxy_s_answer_ends_where_the_gateway_s_bytes_begin() {
        const HEAD: &str = "HTTP/1.1 200 OK\r\nVia: a proxy\r\n\r\n";
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback");
        for split in 1..HEAD.len() {
            let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("client");
            let (mut proxy, _) = listener.accept().expect("accepted");
            proxy.set_nodelay(true).expect("at once");
            let mut socket = Socket::new(client, Deadline::after(Duration::from_secs(30)));
            let (first, rest) = HEAD.split_at(split);
            proxy.write_all(first.as_bytes()).expect("sent");
            let later = thread::spawn(move || {
                thread::sleep(Duration::from_millis(3));
                proxy.write_all(format!("{rest}gateway").as_bytes()).expect("sent");
            });
            assert_eq!(read_proxy_status(&mut socket).expect("read"), Some(200));
            let mut bytes = [0; 7];
            socket.read_exact(&mut bytes).expect("the gateway's");
            assert_eq!(&bytes, b"gateway", "split at {split}");
            later.join().expect("sent");
        }
    }
}
