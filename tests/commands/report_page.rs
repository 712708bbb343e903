//! `index.html` of a run with 2,000 cases, in a headless Chromium: what it shows, how it sorts, filters, turns pages,
//! follows links and keys, and that it asks for nothing from anywhere.
//!
//! HIPGAUGE_REQUIRE_CHROMIUM=1 makes a missing browser a failure. HIPGAUGE_SCREENSHOTS=DIR saves what was seen.

use crate::chromium;
use crate::synthetic_run;
use std::path::{Path, PathBuf};
use std::{env, fs};

use crate::chromium::Browser;
use crate::synthetic_run::{ERRORED, FAILED, MEASURED, SAMPLES, SKIPPED};
use assert_cmd::Command;
use serde_json::{Value, json};

const WIDE: (u32, u32) = (1280, 900);
const PHONE: (u32, u32) = (390, 844);

/// A case far from the table's first page.
const FAR: &str = "swiglu/bf16/64x4097/normal";

fn url(run: &Path) -> String {
    format!("file://{}/index.html", run.display())
}

/// The run's rows, drawn by `hipgauge report`.
fn drawn(folder: &Path) -> PathBuf {
    let run = folder.join("run");
    synthetic_run::write(&run);
    Command::new(env!("CARGO_BIN_EXE_hipgauge")).arg("report").arg(&run).assert().code(0);
    if let Some(kept) = screenshots() {
        fs::create_dir_all(&kept).expect("the folder of screenshots can be made");
        fs::copy(run.join("index.html"), kept.join("index.html")).expect("drawn");
    }
    run
}

fn screenshots() -> Option<PathBuf> {
    env::var_os("HIPGAUGE_SCREENSHOTS").map(PathBuf::from)
}

/// None, with a word, where there is no browser and none is required.
fn browser() -> Option<Browser> {
    match chromium::find() {
        Some(program) => Some(Browser::start(&program)),
        None => {
            let missing = "no Chromium on the PATH and none named by CHROMIUM";
            assert!(env::var("HIPGAUGE_REQUIRE_CHROMIUM").as_deref() != Ok("1"), "{missing}");
            println!("SKIPPED: {missing}");
            None
        }
    }
}

/// Milliseconds of computing that a statement takes with the layout that it causes.
fn milliseconds(browser: &mut Browser, statement: &str) -> f64 {
    let before = browser.computed_ms();
    browser.evaluate(&format!("(() => {{ {statement}; document.body.offsetHeight; }})()"));
    browser.computed_ms() - before
}

#[test]
fn a_page_of_two_thousand_cases_works_in_a_browser() {
    let Some(mut browser) = browser() else { return };
    let folder = tempfile::tempdir().expect("a temporary directory");
    let run = drawn(folder.path());
    browser.open(&url(&run), WIDE, "light");
    load_is_reported(&mut browser, &run);
    rows_are_there(&mut browser);
    tables_sort(&mut browser);
    tables_filter_and_turn_pages(&mut browser);
    links_lead_to_cases(&mut browser);
    keys_reach_everything(&mut browser);
    the_theme_changes(&mut browser);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    assert_eq!(browser.evaluate("window.broken"), Value::Null, "a reason was taken as markup");

    browser.open(&format!("{}#{FAR}", url(&run)), PHONE, "dark");
    the_case_is_open(&mut browser, FAR);
    nothing_is_wider_than_the_page(&mut browser);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    save_screenshots(&mut browser, &run);
}

fn load_is_reported(browser: &mut Browser, run: &Path) {
    let computed = browser.computed_ms();
    let load = browser.evaluate("performance.timing.loadEventEnd - performance.timing.navigationStart");
    let elements = browser.evaluate("document.getElementsByTagName('*').length");
    let bytes = fs::metadata(run.join("index.html")).expect("drawn").len();
    println!(
        "index.html: {bytes} bytes; load event after {load} ms, of which {computed:.0} ms of computing; {elements} elements"
    );
    let fetched = browser.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)");
    assert_eq!(fetched, json!([]), "the page must need nothing else");
}

fn rows_are_there(browser: &mut Browser) {
    let all = MEASURED + FAILED + ERRORED + SKIPPED;
    let shown = browser.evaluate("document.querySelectorAll('[data-table=cases] tbody tr').length");
    assert_eq!(shown, 100, "a page of rows is in the document, the others wait");
    let ranges = browser.evaluate("[...document.querySelectorAll('.range')].map((range) => range.textContent)");
    let of = |count: usize| format!("rows 1 to 100 of 2\u{202f}{:03}", count - 2000);
    assert_eq!(ranges, json!([of(MEASURED), of(all)]));
    let draw = "document.querySelector('figure.plot').scrollIntoView(), new Promise((done) => setTimeout(done, 200))";
    browser.evaluate(draw);
    assert_eq!(browser.evaluate("document.querySelector('figure.plot svg').getAttribute('role')"), "img");
    let heights = "[...document.querySelectorAll('.drawing')].filter((one) => one.offsetHeight < 200).length";
    assert_eq!(browser.evaluate(heights), 0, "figures that wait have their room already");
    let repeated = "(() => { const seen = new Set(); return [...document.querySelectorAll('[id]')].map((one) => one.id) \
                    .filter((id) => seen.has(id) || !seen.add(id)); })()";
    assert_eq!(browser.evaluate(repeated), json!([]), "ids are unique");
    let lost = "[...document.querySelectorAll('a[href^=\"#\"]')].map((link) => decodeURIComponent(link.hash.slice(1))) \
                .filter((id) => !document.getElementById(id) && !tables.get('cases').recordOf(id))";
    assert_eq!(browser.evaluate(lost), json!([]), "links that lead nowhere");
}

/// The texts of a column's first cells.
fn column(browser: &mut Browser, table: &str, place: usize, count: usize) -> Value {
    browser.evaluate(&format!(
        "[...document.querySelectorAll('[data-table={table}] tbody tr')].slice(0, {count}) \
         .map((row) => row.cells[{place}].textContent)"
    ))
}

fn tables_sort(browser: &mut Browser) {
    let click = |place: usize| format!("document.querySelectorAll('[data-table=cases] thead button')[{place}].click()");
    let first = milliseconds(browser, &click(3));
    assert_eq!(column(browser, "cases", 3, 2), json!(["NaN", "NaN"]), "the worst comes first");
    let again = milliseconds(browser, &click(3));
    assert_eq!(column(browser, "cases", 3, 2), json!(["0", "0"]));
    let heading = "document.querySelectorAll('[data-table=cases] thead th')[3].getAttribute('aria-sort')";
    assert_eq!(browser.evaluate(heading), "ascending");
    milliseconds(browser, &click(3));
    assert_eq!(column(browser, "cases", 0, 1), json!(["rms_norm/f16/1x64/normal"]), "the run's order again");
    let words = milliseconds(browser, &click(0));
    let names = column(browser, "cases", 0, 3);
    let natural =
        ["fused_sampler/bf16/1x64/normal", "fused_sampler/bf16/1x128/normal", "fused_sampler/bf16/1x256/normal"];
    assert_eq!(names, json!(natural), "sizes sort by value");
    println!("sorting: {first:.1} ms by a number, {again:.1} ms turned round, {words:.1} ms by case id");
    milliseconds(browser, &click(0));
    milliseconds(browser, &click(0));
}

fn filter(browser: &mut Browser, words: &str) -> f64 {
    let statement = format!(
        "const field = document.querySelector('[data-table=cases] input'); field.value = '{words}'; \
         field.dispatchEvent(new Event('input'))"
    );
    milliseconds(browser, &statement)
}

fn tables_filter_and_turn_pages(browser: &mut Browser) {
    let status = "document.querySelector('[data-table=cases] output').textContent";
    let first = filter(browser, "swiglu BF16 passed");
    assert_eq!(browser.evaluate(status), "250 of 2\u{202f}035 rows");
    let range = "document.querySelector('[data-table=cases] .range').textContent";
    browser.evaluate("document.querySelector('[data-table=cases] [data-turn=\"1\"]').click()");
    browser.evaluate("document.querySelector('[data-table=cases] [data-turn=\"1\"]').click()");
    assert_eq!(browser.evaluate(range), "rows 201 to 250 of 250");
    let next = "document.querySelector('[data-table=cases] [data-turn=\"1\"]').disabled";
    assert_eq!(browser.evaluate(next), true);
    let again = filter(browser, "swiglu bf16 failed");
    assert_eq!(browser.evaluate(status), format!("{FAILED} of 2\u{202f}035 rows"));
    let nothing = filter(browser, "no such case");
    assert_eq!(browser.evaluate(status), "0 of 2\u{202f}035 rows");
    println!("filtering: {first:.1} ms the first time, {again:.1} ms, {nothing:.1} ms to no row");
    filter(browser, "");
    browser.evaluate("document.querySelector('.counts .failed a').click()");
    assert_eq!(column(browser, "cases", 1, 100), json!(vec!["failed"; FAILED]), "a count leads to its cases");
}

fn links_lead_to_cases(browser: &mut Browser) {
    // The filter for failed cases is still set and hides this one.
    browser.evaluate(&format!("location.hash = '{FAR}'; new Promise((done) => setTimeout(done, 50))"));
    the_case_is_open(browser, FAR);
    let text = browser.evaluate("document.getElementById('case-body').textContent");
    let text = text.as_str().expect("text");
    for part in [&format!("hipgauge verify --device hip:0 --case '{FAR}'"), "Cold, median", "95 % interval", "ULP"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    browser.evaluate("document.getElementById('case-next').click(), new Promise((done) => setTimeout(done, 50))");
    the_case_is_open(browser, "swiglu/bf16/64x5120/normal");
    let choose = "const field = document.getElementById('case-choice'); field.value = 'rms 1x64 bf16'; \
                  field.dispatchEvent(new Event('input')); \
                  field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter' })); \
                  new Promise((done) => setTimeout(done, 50))";
    browser.evaluate(&format!("(() => {{ {} }})()", choose.replace("new Promise", "return new Promise")));
    the_case_is_open(browser, "rms_norm/bf16/1x64/normal");
}

fn the_case_is_open(browser: &mut Browser, case: &str) {
    assert_eq!(browser.evaluate("document.getElementById('case-title').textContent"), case);
    assert_eq!(browser.evaluate("decodeURIComponent(location.hash.slice(1))"), case);
    let marked = browser.evaluate("[...document.querySelectorAll('tr.here')].map((row) => row.cells[0].textContent)");
    assert_eq!(marked, json!([case, case]), "its rows are shown and marked, among times and cases");
    let circles = "[...document.querySelectorAll('.chart')].map((chart) => chart.querySelectorAll('circle').length)";
    assert_eq!(browser.evaluate(circles), json!([SAMPLES, SAMPLES]), "cold and hot samples");
    let top = browser.evaluate("document.getElementById('case').getBoundingClientRect().top");
    assert!(top.as_f64().is_some_and(|top| (-5.0..300.0).contains(&top)), "the case is in sight: {top}");
}

fn keys_reach_everything(browser: &mut Browser) {
    browser.evaluate("document.activeElement.blur(); document.querySelector('.skip').focus()");
    browser.press("Enter");
    assert_eq!(browser.evaluate("document.activeElement.id"), "main", "the skip link skips");
    let reachable =
        "[...document.querySelectorAll('.scroll')].filter((one) => one.tabIndex !== 0 || !one.ariaLabel).length";
    assert_eq!(browser.evaluate(reachable), 0, "whatever scrolls takes the focus and has a name");
    browser.evaluate("document.querySelector('[data-table=times] thead button').focus()");
    browser.press("Tab");
    let heading = "document.activeElement.closest('th')";
    assert_eq!(browser.evaluate(&format!("{heading}.cellIndex")), 1, "headings follow each other");
    let outline = browser.evaluate("getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(outline, "solid", "the focus is seen");
    browser.press("Enter");
    assert_eq!(browser.evaluate(&format!("{heading}.getAttribute('aria-sort')")), "descending");
}

fn the_theme_changes(browser: &mut Browser) {
    let paper = "getComputedStyle(document.body).backgroundColor";
    let light = browser.evaluate(paper);
    browser.evaluate("document.getElementById('theme').click(); document.getElementById('theme').click()");
    assert_eq!(browser.evaluate("document.getElementById('theme').textContent"), "Theme: dark");
    assert_ne!(browser.evaluate(paper), light);
    browser.evaluate("document.getElementById('theme').click()");
    assert_eq!(browser.evaluate(paper), light, "the system's theme again");
}

fn nothing_is_wider_than_the_page(browser: &mut Browser) {
    let widths = browser.evaluate("[document.documentElement.scrollWidth, innerWidth]");
    assert_eq!(widths[0], widths[1], "the page must not scroll sideways at {} px", PHONE.0);
    let outside = "[...document.querySelectorAll('main *, header *')].filter((one) => !one.closest('.scroll') && \
                   one.getBoundingClientRect().right > innerWidth + 0.5 && one.getClientRects().length).length";
    assert_eq!(browser.evaluate(outside), 0, "elements that are cut at the right");
}

/// What a person has to look at: the page from top to bottom, wide and narrow, light and dark.
fn save_screenshots(browser: &mut Browser, run: &Path) {
    let Some(folder) = screenshots() else { return };
    for (size, scheme) in [(WIDE, "light"), (WIDE, "dark"), (PHONE, "light"), (PHONE, "dark")] {
        browser.open(&format!("{}#{FAR}", url(run)), size, scheme);
        // What is far from the window is drawn only when it comes near, or for paper.
        browser.evaluate(
            "for (const place of document.querySelectorAll('.drawing')) { \
             const waiting = place.querySelector('script'); \
             if (waiting) place.innerHTML = waiting.textContent; } scrollTo(0, 0)",
        );
        let height = browser.evaluate("document.documentElement.scrollHeight").as_u64().expect("a height") as u32;
        for (number, from) in (0..height).step_by(1600).enumerate() {
            let name = format!("{}-{scheme}-{number:02}.png", size.0);
            browser.screenshot(&folder.join(name), from, (size.0, 1600.min(height - from)));
        }
    }
}
