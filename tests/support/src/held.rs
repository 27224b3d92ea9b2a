//! What this process holds of the system.

/// Counted from what Linux tells.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub descriptors: usize,
    pub threads: usize,
    pub memory_kib: usize,
}

impl Held {
    pub fn now() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        Held {
            descriptors: std::fs::read_dir("/proc/self/fd").expect("Linux").count(),
            threads: number("Threads:"),
            memory_kib: number("VmRSS:"),
        }
    }
}
