//! Telemetry against made-up machines: an NVML built here, folders in the format of amdgpu's sysfs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use hipgauge::backend::telemetry::{
    AmdgpuTelemetry, HostTelemetry, NvmlTelemetry, PCI_BUS_ID_DETAIL, Telemetry, TelemetryError, TelemetrySources,
    ThrottleCounter, ThrottleReason, open_telemetry,
};
use hipgauge::backend::{BackendKind, DeviceInfo};
use hipgauge::profiling::{Throttle, throttled};
use tempfile::TempDir;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Builds one of `tests/fixtures/nvml` as a shared library.
fn fake_nvml(folder: &TempDir, name: &str) -> PathBuf {
    let library = folder.path().join(format!("{name}.so"));
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "g++".to_owned());
    let source = fixture("nvml").join(format!("{name}.cpp"));
    let built = Command::new(&compiler).args(["-shared", "-fPIC", "-O1", "-o"]).args([&library, &source]).status();
    assert!(built.expect("a C++ compiler, which the build needs too").success(), "{compiler} {}", source.display());
    library
}

fn device(backend: BackendKind, bus: Option<&str>) -> DeviceInfo {
    let detail = bus.map(|bus| (PCI_BUS_ID_DETAIL.to_owned(), bus.to_owned()));
    DeviceInfo {
        id: "test:0".to_owned(),
        backend,
        name: String::new(),
        architecture: String::new(),
        wave_size: 32,
        multiprocessors: 1,
        l2_bytes: 0,
        last_level_bytes: 0,
        memory_bytes: 0,
        shared_bytes_per_block: 0,
        max_threads_per_block: 1,
        driver_version: String::new(),
        runtime_version: String::new(),
        compiler: String::new(),
        emulated: false,
        details: detail.into_iter().collect(),
    }
}

/// A sysfs whose PCI device at `bus` is one of the fixture cards.
fn sysfs_with(card: &str, bus: &str) -> TempDir {
    let sysfs = TempDir::new().expect("a folder");
    let devices = sysfs.path().join("bus/pci/devices");
    fs::create_dir_all(&devices).expect("a folder");
    symlink(fixture("amdgpu").join(card), devices.join(bus)).expect("a link");
    sysfs
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn reason_for(telemetry: &dyn Telemetry, value: &str) -> String {
    let absences = telemetry.absences();
    let found = absences.iter().find(|absence| absence.value == value);
    found.unwrap_or_else(|| panic!("no reason for {value} among {absences:?}")).reason.clone()
}

#[test]
fn nvml_is_read_through_its_newest_functions() {
    let folder = TempDir::new().expect("a folder");
    let sources = TelemetrySources {
        nvml_libraries: vec![PathBuf::from("/nowhere/libnvidia-ml.so.1"), fake_nvml(&folder, "whole")],
        ..TelemetrySources::default()
    };
    let telemetry = open_telemetry(&device(BackendKind::Cuda, Some("00000000:65:00.0")), &sources);
    let facts = telemetry.facts();
    assert_eq!(facts.source.as_deref(), Some("nvml"));
    assert_eq!(facts.driver_version.as_deref(), Some("580.95.05"));
    assert_eq!(facts.default_core_clock_mhz, Some(1830.0));
    assert_eq!(facts.default_memory_clock_mhz, Some(2700.0), "the highest, where the driver has no default");
    assert_eq!((facts.most_core_clock_mhz, facts.most_memory_clock_mhz), (Some(1980.0), Some(2700.0)));
    assert_eq!(facts.power_limit_watts, Some(700.0));
    assert_eq!(facts.partition_mode.as_deref(), Some("MIG off"));
    let others = [
        ("pcie_link_generation", "5"),
        ("pcie_link_width", "16"),
        ("persistence_mode", "on"),
        ("uuid", "GPU-1234"),
        ("vbios_version", "96.00.89.00.01"),
    ];
    assert_eq!(facts.others, others.map(|(key, value)| (key.to_owned(), value.to_owned())));

    let (before, after) = (telemetry.read(), telemetry.read());
    assert_eq!((after.core_clock_mhz, after.memory_clock_mhz), (Some(1755.0), Some(2619.0)));
    assert_eq!((after.power_watts, after.power_limit_watts), (Some(412.5), Some(700.0)));
    assert_eq!(after.temperature_celsius, Some(61.0));
    assert_eq!(after.idle, Some(false));
    assert_eq!(after.throttle_reasons, Some(vec![ThrottleReason::PowerCap, ThrottleReason::Thermal]));
    assert_eq!(after.compute_processes, Some(2));
    assert_eq!(after.memory_used_bytes, Some(1000));
    let [counter] = after.throttle_counters[..] else { panic!("{:?}", after.throttle_counters) };
    assert_eq!((counter.reason, counter.elapsed % 1_000_000), (ThrottleReason::PowerCap, 0), "microseconds became ns");
    let expected = Throttle::Counted { reason: ThrottleReason::PowerCap, share: 0.2 };
    assert_eq!(throttled(&before, &after, facts), Some(expected));
    assert_eq!(
        reason_for(&*telemetry, "throttle counters"),
        "nvmlDeviceGetViolationStatus(this device) gave 3 (Not Supported); `nvidia-smi -q` shows what this driver \
         supports"
    );
}

#[test]
fn every_init_of_nvml_has_its_shutdown() {
    let folder = TempDir::new().expect("a folder");
    let library = fake_nvml(&folder, "whole");
    // SAFETY: the library was built above and has no constructors.
    let watched = unsafe { libloading::Library::new(&library) }.expect("it was just built");
    // SAFETY: `int fake_open_count()` of whole.cpp.
    let open_count = unsafe { watched.get::<unsafe extern "C" fn() -> i32>(b"fake_open_count") }.expect("whole.cpp");
    // SAFETY: it only reads a number.
    let open_count = || unsafe { open_count() };
    let opened = NvmlTelemetry::open(std::slice::from_ref(&library), "65:00.0".parse().expect("an id"));
    assert_eq!(open_count(), 1);
    drop(opened);
    assert_eq!(open_count(), 0);
    let elsewhere = NvmlTelemetry::open(&[library], "66:00.0".parse().expect("an id")).err().expect("no such device");
    assert!(elsewhere.to_string().starts_with("nvmlDeviceGetHandleByPciBusId_v2(0000:66:00.0) gave 6 (Not Found)"));
    assert_eq!(open_count(), 0);
}

#[test]
fn an_old_nvml_answers_what_it_can() {
    let folder = TempDir::new().expect("a folder");
    let library = fake_nvml(&folder, "old");
    let telemetry = NvmlTelemetry::open(&[library], "65:00.0".parse().expect("an id")).expect("old, but there");
    let reading = telemetry.read();
    assert_eq!((reading.idle, reading.throttle_reasons), (Some(true), Some(vec![])), "under its former name");
    assert_eq!(reading.compute_processes, Some(0));
    assert_eq!(telemetry.facts().default_core_clock_mhz, Some(1480.0));
    assert_eq!((reading.core_clock_mhz, reading.power_watts, reading.temperature_celsius), (None, None, None));
    assert_eq!((reading.memory_used_bytes, reading.throttle_counters), (None, vec![]));
    assert_eq!(telemetry.facts().driver_version, None);
    assert!(
        reason_for(&telemetry, "clocks")
            .ends_with("old.so has none of nvmlDeviceGetClockInfo; a newer NVIDIA driver has it")
    );
    assert!(reason_for(&telemetry, "power").contains("gave 3 (no text for this code)"));
    let told = telemetry.absences();
    telemetry.read();
    assert_eq!(telemetry.absences(), told, "reasons are told once, however often it is read");
}

#[test]
fn a_machine_without_nvml_says_what_was_looked_for() {
    let missing = TelemetrySources { nvml_libraries: vec!["/nowhere/nvml.so".into()], ..TelemetrySources::default() };
    let telemetry = open_telemetry(&device(BackendKind::Cuda, Some("65:00.0")), &missing);
    assert_eq!(telemetry.read(), Default::default());
    assert!(reason_for(&*telemetry, "all").starts_with("no NVML: /nowhere/nvml.so: "));

    let folder = TempDir::new().expect("a folder");
    let library = fake_nvml(&folder, "without_driver");
    let error = NvmlTelemetry::open(&[library], "65:00.0".parse().expect("an id")).err().expect("no driver");
    assert!(matches!(&error, TelemetryError::Call { call: "nvmlInit_v2", code: 9, .. }), "{error}");
    assert!(error.to_string().contains("Driver Not Loaded"), "{error}");

    let without_bus = open_telemetry(&device(BackendKind::Hip, None), &missing);
    assert!(reason_for(&*without_bus, "all").starts_with("the driver gave no PCI bus id for test:0"));
    let bad_bus = open_telemetry(&device(BackendKind::Hip, Some("c1")), &missing);
    assert!(reason_for(&*bad_bus, "all").starts_with("`c1` is not a PCI bus id"));
}

#[test]
fn a_data_centre_card_is_read_from_sysfs() {
    let sysfs = sysfs_with("mi300x", "0000:c1:00.0");
    write(&sysfs.path().join("module/amdgpu/version"), "6.16.6\n");
    let kfd = sysfs.path().join("class/kfd/kfd");
    write(&kfd.join("topology/nodes/0/properties"), "cpu_cores_count 96\nlocation_id 0\ndomain 0\n");
    write(&kfd.join("topology/nodes/0/gpu_id"), "0\n");
    // 0xc1 << 8, bus 0xc1, device 0.
    write(&kfd.join("topology/nodes/1/properties"), "simd_count 1216\nlocation_id 49408\ndomain 0\n");
    write(&kfd.join("topology/nodes/1/gpu_id"), "51099\n");
    write(&kfd.join("proc/4242/vram_51099"), "8589934592\n");
    write(&kfd.join("proc/4243/vram_51099"), "4096\n");
    write(&kfd.join("proc/4244/vram_51099"), "0\n");
    write(&kfd.join("proc/4245/vram_777"), "4096\n");

    let sources = TelemetrySources { sysfs: sysfs.path().to_owned(), ..TelemetrySources::default() };
    let telemetry = open_telemetry(&device(BackendKind::Hip, Some("0000:C1:00.0")), &sources);
    let facts = telemetry.facts();
    assert_eq!(facts.driver_version.as_deref(), Some("6.16.6"));
    assert_eq!(facts.partition_mode.as_deref(), Some("SPX/NPS1"));
    assert_eq!(facts.power_limit_watts, Some(750.0));
    assert_eq!((facts.default_core_clock_mhz, facts.default_memory_clock_mhz), (Some(2100.0), Some(1300.0)));
    let keys: Vec<&str> = facts.others.iter().map(|(key, _)| key.as_str()).collect();
    assert!(keys.is_sorted() && keys.contains(&"unique_id") && keys.contains(&"vbios_version"), "{keys:?}");

    let reading = telemetry.read();
    assert_eq!((reading.core_clock_mhz, reading.memory_clock_mhz), (Some(1950.0), Some(1300.0)), "the starred levels");
    assert_eq!((reading.power_watts, reading.power_limit_watts), (Some(431.0), Some(750.0)));
    assert_eq!(reading.temperature_celsius, Some(58.0), "the junction, where there is no edge sensor");
    assert_eq!((reading.hotspot_celsius, reading.memory_celsius), (Some(58.0), Some(47.0)));
    assert_eq!((reading.idle, reading.throttle_reasons), (Some(false), None));
    assert_eq!(reading.compute_processes, Some(2));
    assert_eq!(reading.memory_used_bytes, Some(12 << 30));
    let capped = ThrottleCounter { reason: ThrottleReason::PowerCap, held_back: 3200, elapsed: 901_500 };
    assert!(reading.throttle_counters.contains(&capped), "{:?}", reading.throttle_counters);
    assert!(reason_for(&*telemetry, "edge temperature").ends_with("no sensor is labelled edge"));
}

#[test]
fn a_workstation_card_is_read_from_sysfs() {
    let sysfs = sysfs_with("rx7900", "0000:03:00.0");
    let telemetry = AmdgpuTelemetry::open(sysfs.path(), "0000:03:00.0".parse().expect("an id")).expect("a card");
    assert_eq!(telemetry.facts().default_core_clock_mhz, Some(2482.0));
    assert_eq!(telemetry.facts().partition_mode, None);
    let reading = telemetry.read();
    assert_eq!((reading.core_clock_mhz, reading.memory_clock_mhz), (Some(23.0), Some(96.0)), "the sensors' clocks");
    assert_eq!((reading.power_watts, reading.power_limit_watts), (Some(18.0), Some(303.0)), "the average");
    assert_eq!(reading.temperature_celsius, Some(39.0));
    assert_eq!((reading.hotspot_celsius, reading.memory_celsius), (Some(41.0), Some(54.0)));
    assert_eq!(reading.idle, Some(true));
    assert_eq!(reading.throttle_reasons, Some(vec![ThrottleReason::PowerCap, ThrottleReason::Thermal]));
    assert_eq!(reading.compute_processes, None);
    assert!(reason_for(&telemetry, "processes").contains("class/kfd/kfd/topology/nodes"));
    assert!(reason_for(&telemetry, "driver version").contains("module/amdgpu"));
}

#[test]
fn damaged_and_missing_files_of_a_card_only_lose_their_own_values() {
    let sysfs = TempDir::new().expect("a folder");
    let card = sysfs.path().join("bus/pci/devices/0000:03:00.0");
    write(&card.join("pp_dpm_sclk"), "broken\n");
    write(&card.join("gpu_busy_percent"), "12 %\n");
    write(&card.join("mem_info_vram_used"), "4096\n");
    write(&card.join("gpu_metrics"), "\u{78}\0\u{1}");
    let telemetry = AmdgpuTelemetry::open(sysfs.path(), "03:00.0".parse().expect("an id")).expect("a card");
    let reading = telemetry.read();
    assert_eq!(reading.memory_used_bytes, Some(4096));
    assert_eq!((reading.core_clock_mhz, reading.power_watts, reading.idle), (None, None, None));
    assert_eq!((reading.throttle_reasons, reading.throttle_counters), (None, vec![]));
    assert!(
        reason_for(&telemetry, "core clock").contains("cannot read clock levels such as `0: 500Mhz *` from `broken`")
    );
    assert!(reason_for(&telemetry, "activity").contains("cannot read a whole number from `12 %`"));
    assert!(reason_for(&telemetry, "throttle reasons").contains("cannot read a table header of 4 bytes from `3 bytes"));
    assert!(reason_for(&telemetry, "sensors").contains("hwmon"));
    let elsewhere = AmdgpuTelemetry::open(sysfs.path(), "04:00.0".parse().expect("an id")).err().expect("no card");
    assert!(elsewhere.to_string().contains("0000:04:00.0"), "{elsewhere}");
}

#[test]
fn a_host_is_read_from_proc_and_sys() {
    let root = TempDir::new().expect("a folder");
    let core = "model name\t: AMD EPYC 9654\ncpu MHz\t\t: ";
    write(&root.path().join("proc/cpuinfo"), &format!("{core}3000.500\n\n{core}2000.500\n\n"));
    write(&root.path().join("proc/loadavg"), "1.25 0.80 0.60 3/412 9911\n");
    for (processor, governor) in [("cpu0", "powersave"), ("cpu1", "performance"), ("cpu2", "performance")] {
        let folder = root.path().join("sys/devices/system/cpu").join(processor).join("cpufreq");
        write(&folder.join("scaling_governor"), &format!("{governor}\n"));
        write(&folder.join("cpuinfo_max_freq"), "3707812\n");
    }
    let sources = TelemetrySources {
        procfs: root.path().join("proc"),
        sysfs: root.path().join("sys"),
        ..TelemetrySources::default()
    };
    let host = HostTelemetry::open(&sources);
    assert_eq!(host.host_facts().processor.as_deref(), Some("AMD EPYC 9654"));
    assert_eq!(host.host_facts().governor.as_deref(), Some("performance, powersave"));
    assert_eq!(host.host_facts().most_clock_mhz, Some(3707.812));
    let reading = host.read_host();
    assert_eq!((reading.clock_mhz, reading.load_average), (Some(2500.5), Some(1.25)));
    assert_eq!(open_telemetry(&device(BackendKind::Host, None), &sources).read().core_clock_mhz, Some(2500.5));
    assert_eq!(host.absences(), []);

    let empty = TempDir::new().expect("a folder");
    write(&empty.path().join("loadavg"), "busy\n");
    let bare = TelemetrySources { procfs: empty.path().into(), sysfs: empty.path().into(), ..sources };
    let host = HostTelemetry::open(&bare);
    assert_eq!(host.read_host(), Default::default());
    assert!(reason_for(&host, "load average").contains("cannot read a load average from `busy`"));
    assert!(reason_for(&host, "processor name").contains("cpuinfo"));
}
