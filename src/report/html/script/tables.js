// Tables sort by their headings, filter by words and turn pages. Rows of large tables come from data and are made when
// they are looked at, so that thousands of them cost nothing.
const ROWS_ON_A_PAGE = 100;
const tables = new Map();

// Numbers inside words compare by value: 16x512 before 16x1024.
const natural = (text) => text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(12, "0"));
const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

const make = (name, text, className) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};

// A cell is its text, or its text and the number that it sorts by.
const textOf = (cell) => (Array.isArray(cell) ? cell[0] : cell);
const numberOf = (cell) => (Array.isArray(cell) ? cell[1] : cell === "" ? null : Number(cell));

const caseLink = (id) => {
  const link = make("a");
  link.href = `#${id}`;
  id.split("/").forEach((part, place) => link.append(...(place ? ["/", make("wbr"), part] : [part])));
  return link;
};

// Fills an element with what a cell of that kind shows.
const fill = (element, kind, cell) => {
  const text = textOf(cell);
  if (kind === "case") element.append(caseLink(text));
  else if (kind === "status") element.append(make("span", text, `tag ${text}`));
  else if (kind === "flags") element.append(...text.split(", ").filter(Boolean).map((flag) => make("span", flag, "flag")));
  else element.textContent = text;
  return element;
};

const makeCell = (kind, cell, place) => {
  const made = fill(make(place ? "td" : "th"), kind, cell);
  if (!place) made.scope = "row";
  if (kind === "case" || kind === "flags") made.className = kind;
  if (kind === "number" || kind === "share") made.className = "num";
  if (kind === "share" && textOf(cell) !== "") {
    made.classList.add("share");
    made.style.setProperty("--share", Math.min(1, numberOf(cell)));
  }
  return made;
};

class SortableTable {
  constructor(frame) {
    this.body = frame.querySelector("tbody");
    this.headings = [...frame.querySelectorAll("thead th")];
    this.kinds = this.headings.map((heading) => heading.dataset.kind);
    this.scroller = frame.querySelector(".scroll");
    this.field = frame.querySelector(".tools input");
    this.status = frame.querySelector(".tools output");
    this.pager = frame.querySelector(".pager");
    const rows = [...this.body.rows];
    const data = frame.querySelector("script");
    if (data) {
      this.records = JSON.parse(data.textContent).map((cells, place) => ({ cells, row: rows[place] }));
      // Addresses with a case in them are followed by the script, not by the browser to a row.
      for (const row of rows) row.removeAttribute("id");
    } else {
      const read = ({ textContent, dataset }) => (dataset.value === undefined ? textContent : [textContent, Number(dataset.value)]);
      this.records = rows.map((row) => ({ cells: [...row.cells].map(read), row }));
    }
    this.shown = this.records;
    this.page = 0;
    this.sorting = null;
    this.headings.forEach((heading, place) =>
      heading.querySelector("button").addEventListener("click", () => this.sort(place)));
    this.field?.addEventListener("input", () => this.apply());
    for (const button of this.pager?.querySelectorAll("button") ?? [])
      button.addEventListener("click", () => this.turn(Number(button.dataset.turn)));
    this.tellPages();
  }

  // Numbers begin with the greatest, words with the first; a third click gives the order of the run again.
  sort(place) {
    const heading = this.headings[place];
    const numeric = heading.classList.contains("num");
    const order = numeric ? ["none", "descending", "ascending"] : ["none", "ascending", "descending"];
    const now = order[(order.indexOf(heading.getAttribute("aria-sort")) + 1) % 3];
    for (const other of this.headings) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", now);
    const key = numeric ? numberOf : (cell) => (cell === "" ? null : natural(textOf(cell)));
    this.sorting = now === "none" ? null : { up: now === "ascending", keys: new Map(this.records.map((one) => [one, key(one.cells[place])])) };
    this.apply();
  }

  apply() {
    const words = wordsOf(this.field?.value ?? "");
    const has = (one) => {
      one.text ??= one.cells.map(textOf).join(" ").toLowerCase();
      return words.every((word) => one.text.includes(word));
    };
    this.shown = words.length ? this.records.filter(has) : this.records;
    if (this.sorting) {
      const { up, keys } = this.sorting;
      this.shown = [...this.shown].sort((first, second) => {
        const a = keys.get(first), b = keys.get(second);
        if (a === b) return 0;
        // What has no value comes last either way.
        if (a === null || b === null) return a === null ? 1 : -1;
        return a < b === up ? -1 : 1;
      });
    }
    this.page = 0;
    this.scroller.scrollTop = 0;
    this.render();
    if (this.status) this.status.textContent = words.length ? `${grouped(this.shown.length)} of ${grouped(this.records.length)} rows` : "";
  }

  turn(by) {
    this.page += by;
    this.scroller.scrollTop = 0;
    this.render();
  }

  rowOf(record) {
    if (!record.row) {
      record.row = make("tr");
      record.row.append(...record.cells.map((cell, place) => makeCell(this.kinds[place], cell, place)));
    }
    return record.row;
  }

  render() {
    const first = this.page * ROWS_ON_A_PAGE;
    const shown = this.pager ? this.shown.slice(first, first + ROWS_ON_A_PAGE) : this.shown;
    this.body.replaceChildren(...shown.map((record) => this.rowOf(record)));
    this.tellPages();
  }

  tellPages() {
    if (!this.pager) return;
    const first = this.page * ROWS_ON_A_PAGE, last = Math.min(first + ROWS_ON_A_PAGE, this.shown.length);
    this.pager.hidden = this.shown.length <= ROWS_ON_A_PAGE;
    this.pager.querySelector(".range").textContent = `rows ${grouped(first + 1)} to ${grouped(last)} of ${grouped(this.shown.length)}`;
    const [previous, next] = this.pager.querySelectorAll("button");
    previous.disabled = this.page === 0;
    next.disabled = last >= this.shown.length;
  }

  filterBy(words) {
    this.field.value = words;
    this.apply();
  }

  recordOf(id) {
    this.byCase ??= new Map(this.records.map((record) => [record.cells[0], record]));
    return this.byCase.get(id);
  }

  // Marks the case's row and turns to its page; `insist` drops a filter that hides it.
  mark(id, insist) {
    this.marked?.classList.remove("here");
    const record = this.recordOf(id);
    this.marked = record && this.rowOf(record);
    if (!record) return;
    this.marked.classList.add("here");
    if (!this.shown.includes(record)) {
      if (!insist) return;
      this.filterBy("");
    }
    this.page = Math.floor(this.shown.indexOf(record) / ROWS_ON_A_PAGE);
    this.render();
    this.scroller.scrollTop = this.marked.offsetTop - this.scroller.clientHeight / 3;
  }
}

for (const frame of document.querySelectorAll(".table")) tables.set(frame.dataset.table, new SortableTable(frame));

// Counts in the headline lead to the cases that they count.
for (const link of document.querySelectorAll("a[data-filter]"))
  link.addEventListener("click", () => tables.get("cases")?.filterBy(link.dataset.filter));

// Paper has no pages to turn.
addEventListener("beforeprint", () => {
  for (const table of tables.values()) table.body.replaceChildren(...table.shown.map((record) => table.rowOf(record)));
});
addEventListener("afterprint", () => {
  for (const table of tables.values()) table.render();
});
