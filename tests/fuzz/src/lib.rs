//! What the fuzz targets share: a caller's structs, a gateway on loopback, and the self-test.

pub mod block;
pub mod peer;

use std::env;
use std::sync::LazyLock;
use std::time::Duration;

use agw::ClientOptions;

/// A Guid in the documented form.
pub const GUID: &str = "0a1b2c3d-0000-1111-2222-333344445555.AgentGateway1";

/// A call that takes as long hangs, and libFuzzer says so before the call does.
pub const TIMEOUT: Duration = Duration::from_secs(200);

/// Of a client that waits for so long.
pub fn options(url: &str) -> ClientOptions {
    let mut options = ClientOptions::new(url);
    options.timeout = TIMEOUT;
    options.connect_timeout = TIMEOUT;
    options
}

/// In the place of src/gbk.rs, whose tables its build.rs makes: that is compared with encoding_rs, too.
pub mod gbk {
    pub fn decode(bytes: &[u8]) -> String {
        encoding_rs::GB18030.decode_without_bom_handling(bytes).0.into_owned()
    }
}

/// The Guid must not show in any text, not in JSON's escapes either.
pub fn assert_no_guid(text: &str) {
    let plain = format!("\"{}\"", text.replace('"', "\\\""));
    let plain = serde_json::from_str(&plain).unwrap_or_else(|_| text.to_owned());
    assert!(!text.contains(GUID) && !plain.contains(GUID), "shows the Guid: {text}");
}

/// Whether `AGW_FUZZ_PLANT` asks for this fault: the self-test of the script. Fuzzing has to find it.
pub fn planted(fault: &str) -> bool {
    static PLANTED: LazyLock<Option<String>> = LazyLock::new(|| env::var("AGW_FUZZ_PLANT").ok());
    PLANTED.as_deref() == Some(fault)
}
