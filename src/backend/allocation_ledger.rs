//! Who holds how much of a device's memory.

use std::backtrace::Backtrace;
use std::collections::HashMap;
use std::env;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::BackendError;

/// One allocation that has not been freed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveAllocation {
    pub label: String,
    pub bytes: usize,
    /// Where it was made; `None` unless `HIPGAUGE_ALLOC_BACKTRACE=1`.
    pub backtrace: Option<String>,
}

#[derive(Default)]
struct Accounts {
    /// By address, with the order in which they were made.
    live: HashMap<u64, (u64, LiveAllocation)>,
    live_bytes: usize,
    peak_bytes: usize,
    made: u64,
}

/// The allocations of one device. Counts the bytes that callers asked for, without fences and rounding.
pub struct AllocationLedger {
    device: String,
    backtraces: bool,
    accounts: Mutex<Accounts>,
}

impl AllocationLedger {
    /// A ledger that keeps backtraces if `HIPGAUGE_ALLOC_BACKTRACE` is 1.
    pub fn new(device: &str) -> Self {
        Self::with_backtraces(device, env::var_os("HIPGAUGE_ALLOC_BACKTRACE").is_some_and(|value| value == "1"))
    }

    /// A ledger that keeps the backtrace of every allocation, or of none.
    pub fn with_backtraces(device: &str, backtraces: bool) -> Self {
        Self { device: device.to_owned(), backtraces, accounts: Mutex::default() }
    }

    /// Enters an allocation.
    pub fn record(&self, address: u64, bytes: usize, label: &str) {
        let allocation = LiveAllocation { label: label.to_owned(), bytes, backtrace: self.backtrace() };
        let mut accounts = self.accounts();
        accounts.made += 1;
        let made = accounts.made;
        accounts.live.insert(address, (made, allocation));
        accounts.live_bytes += bytes;
        accounts.peak_bytes = accounts.peak_bytes.max(accounts.live_bytes);
    }

    /// Strikes out an allocation; an address that is not in the ledger changes nothing.
    pub fn release(&self, address: u64) {
        let mut accounts = self.accounts();
        if let Some((_, allocation)) = accounts.live.remove(&address) {
            accounts.live_bytes -= allocation.bytes;
        }
    }

    /// Whether a live allocation starts at `address`.
    pub fn holds(&self, address: u64) -> bool {
        self.accounts().live.contains_key(&address)
    }

    pub fn live_bytes(&self) -> usize {
        self.accounts().live_bytes
    }

    /// The most bytes that were live at one time.
    pub fn peak_bytes(&self) -> usize {
        self.accounts().peak_bytes
    }

    /// What has not been freed, oldest first. After the last buffer was dropped, these are leaks.
    pub fn live_allocations(&self) -> Vec<LiveAllocation> {
        let mut live: Vec<_> = self.accounts().live.values().cloned().collect();
        live.sort_by_key(|(made, _)| *made);
        live.into_iter().map(|(_, allocation)| allocation).collect()
    }

    /// The error for an allocation that the device refused for lack of memory.
    pub fn out_of_memory(&self, requested: usize, label: &str) -> BackendError {
        let mut backtrace = String::new();
        if let Some(frames) = self.backtrace() {
            let _ = write!(backtrace, "\nasked for at:\n{frames}");
        }
        BackendError::OutOfMemory {
            device: self.device.clone(),
            label: label.to_owned(),
            requested,
            live: self.live_bytes(),
            backtrace,
        }
    }

    fn backtrace(&self) -> Option<String> {
        self.backtraces.then(|| Backtrace::force_capture().to_string())
    }

    fn accounts(&self) -> MutexGuard<'_, Accounts> {
        // Every change above leaves the accounts whole, so a panic elsewhere cannot have broken them.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_and_peak_follow_allocations_and_frees() {
        let ledger = AllocationLedger::with_backtraces("test:0", false);
        ledger.record(0x1000, 100, "x");
        ledger.record(0x2000, 50, "y");
        ledger.release(0x1000);
        ledger.release(0xdead);
        ledger.record(0x3000, 20, "z");
        assert_eq!(ledger.live_bytes(), 70);
        assert_eq!(ledger.peak_bytes(), 150);
        let labels: Vec<_> = ledger.live_allocations().into_iter().map(|live| live.label).collect();
        assert_eq!(labels, ["y", "z"]);
    }

    #[test]
    fn out_of_memory_names_label_requested_and_live_bytes() {
        let ledger = AllocationLedger::with_backtraces("test:0", false);
        ledger.record(0x1000, 4096, "weights");
        let message = ledger.out_of_memory(1 << 40, "logits").to_string();
        assert!(message.contains("logits asked for 1099511627776 bytes, 4096 bytes are live"), "{message}");
        assert!(!message.contains("asked for at"), "{message}");
    }

    /// A frame that optimisation cannot take away.
    #[inline(never)]
    fn a_caller_to_be_named(ledger: &AllocationLedger) -> String {
        ledger.record(0x1000, 1, "leaked");
        std::hint::black_box(ledger.out_of_memory(1, "failed").to_string())
    }

    #[test]
    fn backtraces_name_the_caller_of_leaked_and_failed_allocations() {
        let ledger = AllocationLedger::with_backtraces("test:0", true);
        let (failed, caller) = (a_caller_to_be_named(&ledger), "a_caller_to_be_named");
        assert!(ledger.live_allocations()[0].backtrace.as_ref().is_some_and(|frames| frames.contains(caller)));
        assert!(failed.contains(caller), "{failed}");
    }
}
