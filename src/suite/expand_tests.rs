use super::fake_operation::FAKE_OPERATIONS;
use super::{Suite, select_for_device};

const HEAD: &str = "description = 'a test'\n";

fn parse(body: &str) -> Result<Suite, String> {
    let text = format!("{HEAD}{body}");
    Suite::parse("test", "test.toml", &text, FAKE_OPERATIONS).map_err(|error| error.to_string())
}

fn ids(body: &str) -> Vec<String> {
    parse(body).unwrap().cases.iter().map(|entry| entry.case.id()).collect()
}

#[test]
fn a_group_is_the_cross_product_of_its_axes_in_a_fixed_order() {
    let body = r#"
[[group]]
operation = "fake"
dtypes = ["f32", "bf16"]
rows = [1, 19]
columns = [64]
parameters = { k = [0, "columns-1"] }
layout = { in_place = [false, true] }
seeds = [0, 3]
[[case]]
id = "fake/f16/7x9/flag/normal"
"#;
    let ids = ids(body);
    assert_eq!(ids.len(), 2 * 2 * 2 * 2 * 2 + 1);
    assert_eq!(ids[0], "fake/f32/1x64/normal");
    assert_eq!(ids[1], "fake/f32/1x64/normal/seed=3");
    assert_eq!(ids[2], "fake/f32/1x64/in_place/normal");
    assert_eq!(ids[4], "fake/f32/1x64/k=63/normal");
    assert_eq!(ids[31], "fake/bf16/19x64/k=63,in_place/normal/seed=3");
    assert_eq!(ids[32], "fake/f16/7x9/flag/normal");
}

#[test]
fn all_classes_are_those_that_the_operation_names() {
    let ids = ids("[[group]]\noperation = 'fake'\ndtypes = 'f32'\nshapes = '1x8'\nclasses = 'all'\n");
    assert_eq!(ids, ["fake/f32/1x8/normal", "fake/f32/1x8/uniform"]);
}

#[test]
fn every_mistake_names_its_line_and_column() {
    let group = "[[group]]\noperation = 'fake'\n";
    let shaped = "[[group]]\noperation = 'fake'\nshapes = '2x8'\n";
    for (body, message) in [
        ("".to_string(), "test.toml:1:1: the suite has no [[group]]"),
        ("[[group]\n".to_string(), "test.toml:2:"),
        ("[group]\noperation = 'fake'\n".to_string(), "test.toml:2:1: write [[group]]"),
        (format!("{shaped}shape = '1x1'\n"), "test.toml:5:1: unknown key `shape`; did you mean `shapes`?"),
        ("[[group]]\noperation = 'fak'\n".to_string(), "test.toml:3:13: unknown operation `fak`; did you mean `fake`?"),
        (group.to_string(), "test.toml:2:1: a group needs `shapes`"),
        (format!("{group}shapes = ['1x8', '1*8']\n"), "test.toml:4:18: `1*8` is not a shape"),
        (format!("{group}shapes = ['1x8', '1x0']\n"), "test.toml:4:18: fake: impossible shape 1x0"),
        (format!("{group}shapes = []\n"), "test.toml:4:10: an empty list makes no case"),
        (format!("{shaped}dtypes = ['f32', 'fp16']\n"), "test.toml:5:18: unknown dtype `fp16`; did you mean `f16`?"),
        (
            format!("{shaped}classes = ['norml']\n"),
            "test.toml:5:12: unknown input class `norml`; did you mean `normal`?",
        ),
        (format!("{shaped}classes = ['dominant']\n"), "test.toml:5:12: unknown input class of fake `dominant`"),
        (format!("{shaped}seeds = [-1]\n"), "test.toml:5:10: expected a whole number"),
        (format!("{shaped}parameters = {{ esp = 1.0 }}\n"), "test.toml:5:16: unknown parameter of fake `esp`"),
        (format!("{shaped}parameters = {{ k = [1, 9] }}\n"), "test.toml:5:24: fake: k = 9 is out of range"),
        (format!("{shaped}parameters = {{ eps = [0.5, 1.5] }}\n"), "test.toml:5:28: fake: eps = 1.5 is out of range"),
        (format!("{shaped}parameters = {{ k = ['row'] }}\n"), "test.toml:5:21: expected a number"),
        (format!("{shaped}layout = {{ padding = 1 }}\n"), "test.toml:5:12: unknown key `padding`"),
        (format!("{shaped}skip = {{ devices = ['host'] }}\n"), "test.toml:5:8: `reason` is missing"),
        (format!("{shaped}skip = {{ reason = ' ' }}\n"), "test.toml:5:19: `reason` is empty"),
        (
            format!("{shaped}skip = {{ reason = 'x', devices = 'hots' }}\n"),
            "test.toml:5:34: unknown device `hots`; did you",
        ),
        (format!("{shaped}{shaped}"), "test.toml:5:1: case `fake/f32/2x8/normal` is made twice, first by line 2"),
        ("[[case]]\nid = 'fake/f32/2x8'\n".to_string(), "test.toml:3:6: `fake/f32/2x8` is not a case id"),
    ] {
        let error = parse(&body).expect_err(&body);
        assert!(error.starts_with(message), "{body}\n  gives    {error}\n  expected {message}");
    }
}

#[test]
fn skips_hold_on_their_devices_and_the_budget_on_emulated_ones() {
    let body = r#"
[[group]]
operation = "fake"
dtypes = "f32"
shapes = "1x8"
skip = { reason = "why", devices = ["cuda"] }
[[group]]
operation = "fake"
dtypes = "f32"
shapes = ["2x8", "1000x64"]
"#;
    let suite = parse(body).unwrap();
    let skips = |id: &str, emulated: bool| -> Vec<bool> {
        let selected = select_for_device(&suite.cases, &device_info(id, emulated), 63_999);
        selected.iter().map(|selected| selected.skip.is_some()).collect()
    };
    assert_eq!(skips("cuda:1", false), [true, false, false]);
    assert_eq!(skips("host", true), [false, false, true]);
}

fn device_info(id: &str, emulated: bool) -> crate::backend::DeviceInfo {
    crate::backend::DeviceInfo {
        id: id.to_string(),
        backend: if emulated { crate::backend::BackendKind::Host } else { crate::backend::BackendKind::Cuda },
        name: String::new(),
        architecture: String::new(),
        wave_size: 32,
        multiprocessors: 1,
        l2_bytes: 0,
        last_level_bytes: 0,
        memory_bytes: 0,
        shared_bytes_per_block: 0,
        max_threads_per_block: 0,
        driver_version: String::new(),
        runtime_version: String::new(),
        compiler: String::new(),
        emulated,
        details: Vec::new(),
    }
}
