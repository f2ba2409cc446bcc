//! Whether the process that began a run still exists.
//!
//! A process number alone is not enough: numbers are given out again. On Linux the start time and the boot are
//! part of the identity; elsewhere `ps` answers for both. A run of another host is never judged from here.

use std::fs;
use std::process::Command;

/// The name of this host, empty when it cannot be learnt.
pub(crate) fn host() -> String {
    let from_kernel = fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = from_kernel.or_else(|| output("hostname", &[]));
    name.map(|n| n.trim().to_owned()).unwrap_or_default()
}

/// A text that no other process has, for as long as `pid` is the process it is now; `None` when there is no such process.
pub(crate) fn identity(pid: u32) -> Option<String> {
    if cfg!(target_os = "linux") {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command's name may hold spaces and parentheses; the fields after it do not.
        let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        let started = fields.nth(18)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        return Some(format!("{started}@{}", boot.trim()));
    }
    let started = output("ps", &["-o", "lstart=", "-p", &pid.to_string()])?;
    let started = started.trim();
    (!started.is_empty()).then(|| started.to_owned())
}

/// Whether the process that wrote these fields into its run is gone for certain.
pub(crate) fn is_gone(pid: u32, process: &str, its_host: &str, this_host: &str) -> bool {
    its_host == this_host && identity(pid).as_deref() != Some(process)
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_here_and_others_are_told_from_it() {
        let pid = std::process::id();
        let process = identity(pid).unwrap_or_default();
        assert!(!process.is_empty());
        assert!(!is_gone(pid, &process, "here", "here"));
        assert!(is_gone(pid, "another start", "here", "here"));
        assert!(is_gone(u32::MAX - 1, &process, "here", "here"));
        assert!(!is_gone(u32::MAX - 1, &process, "elsewhere", "here"));
    }
}
