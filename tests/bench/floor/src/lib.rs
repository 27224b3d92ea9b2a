//! The floor: what rustls itself costs. A request and an answer by hand, nothing sent again.

mod c_interface;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_ANSWER: usize = 4096;

struct Client {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    address: SocketAddr,
    new_connections: bool,
    connection: Option<Connection>,
}

impl Client {
    fn open(url: &str, ca: &str, new_connections: bool) -> Option<Client> {
        let address: SocketAddr = url.strip_prefix("https://")?.parse().ok()?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca).ok()? {
            roots.add(certificate.ok()?).ok()?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::from(address.ip());
        Some(Client { config: Arc::new(config), name, address, new_connections, connection: None })
    }

    /// A new connection: whether the old one is alive still is not looked at.
    fn connect(&mut self) -> io::Result<()> {
        self.connection = Some(Connection::open(self)?);
        Ok(())
    }

    fn call(&mut self, agent: &str, guid: &str) -> io::Result<()> {
        if self.connection.is_none() {
            self.connect()?;
        }
        let connection = self.connection.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let outcome = connection.exchange(self.address, agent, guid);
        if self.new_connections || outcome.is_err() {
            self.connection = None;
        }
        outcome
    }
}

struct Connection {
    stream: TcpStream,
    tls: ClientConnection,
    records: Vec<u8>,
}

impl Connection {
    fn open(client: &Client) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&client.address, CONNECT_TIMEOUT)?;
        stream.set_read_timeout(Some(CONNECT_TIMEOUT))?;
        stream.set_write_timeout(Some(CONNECT_TIMEOUT))?;
        stream.set_nodelay(true)?;
        let tls = ClientConnection::new(client.config.clone(), client.name.clone());
        let tls = tls.map_err(io::Error::other)?;
        let mut connection = Connection { stream, tls, records: Vec::new() };
        while connection.tls.is_handshaking() {
            connection.send_records()?;
            if connection.tls.is_handshaking() {
                connection.take_records()?;
            }
        }
        connection.send_records()?;
        Ok(connection)
    }

    fn exchange(&mut self, address: SocketAddr, agent: &str, guid: &str) -> io::Result<()> {
        let mut request = [0; 1024];
        let mut rest = &mut request[..];
        write!(
            rest,
            "POST /agentgateway/resource/agentconf/{agent}/rejectagentconf HTTP/1.1\r\n\
             Host: {address}\r\n\
             Guid: {guid}\r\n\
             Content-Type: application/json; charset=UTF-8\r\n\
             Content-Length: 0\r\n\
             Accept: application/json\r\n\r\n"
        )?;
        let unused = rest.len();
        self.tls.writer().write_all(&request[..request.len() - unused])?;
        self.send_records()?;
        self.receive()
    }

    fn receive(&mut self) -> io::Result<()> {
        let mut answer = [0; MAX_ANSWER];
        let mut filled = 0;
        loop {
            match self.tls.reader().read(&mut answer[filled..]) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(taken) => filled += taken,
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                    self.take_records()?;
                    continue;
                }
                Err(why) => return Err(why),
            }
            let text = str::from_utf8(&answer[..filled]).map_err(io::Error::other)?;
            match accepted(text) {
                Some(true) => return Ok(()),
                Some(false) => return Err(io::ErrorKind::InvalidData.into()),
                None => {}
            }
        }
    }

    fn send_records(&mut self) -> io::Result<()> {
        self.records.clear();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.records)?;
        }
        if self.records.is_empty() { Ok(()) } else { self.stream.write_all(&self.records) }
    }

    fn take_records(&mut self) -> io::Result<()> {
        if self.tls.read_tls(&mut self.stream)? == 0 && self.tls.is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.tls.process_new_packets().map(drop).map_err(io::Error::other)
    }
}

/// `None` while the answer is not complete.
fn accepted(answer: &str) -> Option<bool> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let (_, length) = head.split_once("\r\nContent-Length:")?;
    let length = length.split("\r\n").next()?.trim().parse::<usize>().ok()?;
    if body.len() < length {
        return None;
    }
    let (_, retcode) = body.split_once("\"retcode\":")?;
    Some(head.starts_with("HTTP/1.1 200") && retcode.starts_with("\"0\""))
}
