//! The machine that measures, and how busy it is. What else runs on it nobody can know: its load is all that can be told.

use std::{fs, thread};

use serde::{Deserialize, Serialize};

/// What figures depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) memory_gib: f64,
    pub(super) kernel: String,
}

/// The load average of the last minute: how many processes ran or were about to. What is measured is among them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Load {
    pub(super) before: f64,
    pub(super) after: f64,
}

impl Machine {
    pub(super) fn of_this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Self {
            processor: processor(&read("/proc/cpuinfo")).unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory(&read("/proc/meminfo")).unwrap_or_default(),
            kernel: format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()),
        }
    }

    pub(super) fn words(&self) -> String {
        let Self { processor, cores, memory_gib, kernel } = self;
        format!("{cores} cores of {processor}, {memory_gib:.1} GiB of memory, {kernel}")
    }
}

impl Load {
    pub(super) fn words(self) -> String {
        format!("load average was {:.2} before and {:.2} after", self.before, self.after)
    }
}

/// The load average of the last minute; 0 on a system that does not tell.
pub(super) fn load() -> f64 {
    average(&fs::read_to_string("/proc/loadavg").unwrap_or_default()).unwrap_or_default()
}

fn average(loadavg: &str) -> Option<f64> {
    loadavg.split(' ').next()?.parse().ok()
}

fn processor(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

fn memory(meminfo: &str) -> Option<f64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some((kib / 1024.0 / 102.4).round() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_read_from_what_its_system_says() {
        let cpuinfo = "processor\t: 0\nvendor_id\t: X\nmodel name\t: A Processor @ 2.60GHz\nprocessor\t: 1\n";
        assert_eq!(processor(cpuinfo).as_deref(), Some("A Processor @ 2.60GHz"));
        assert_eq!(memory("MemTotal:       24689764 kB\nMemFree: 1 kB\n"), Some(23.5));
        assert_eq!(average("5.52 2.23 2.01 2/345 6789\n"), Some(5.52));
        assert_eq!((processor(""), memory(""), average("")), (None, None, None));
    }
}
