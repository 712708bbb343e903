"use strict";
// Sorting: empty cells last, numbers by data-value, words in natural order.
const order = new Intl.Collator("en", { numeric: true }).compare;
const key = (row, place) => row.cells[place].dataset.value ?? row.cells[place].textContent.trim();

for (const frame of document.querySelectorAll(".table")) {
  const body = frame.querySelector("tbody");
  const headings = [...frame.querySelectorAll("thead th")];
  headings.forEach((heading, place) => {
    heading.querySelector("button").addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((other) => other.setAttribute("aria-sort", "none"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const numeric = heading.classList.contains("num");
      const rows = [...body.rows].map((row) => [key(row, place), row]);
      rows.sort(([a], [b]) => {
        if (a === "" || b === "") return (a === "") - (b === "");
        const by = numeric ? Number(a) - Number(b) : order(a, b);
        return up ? by : -by;
      });
      body.append(...rows.map(([, row]) => row));
    });
  });

  // Filtering: every word must occur in the row.
  const field = frame.querySelector("input");
  if (!field) continue;
  const texts = new Map([...body.rows].map((row) => [row, row.textContent.toLowerCase()]));
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [row, text] of texts) {
      row.hidden = !words.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    frame.querySelector("output").textContent = words.length ? `${shown} of ${texts.size} rows` : "";
  });
}
