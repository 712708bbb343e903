// One case: its cells of the tables as facts, its outputs, its samples. The address names the case.
{
  const source = document.getElementById("case-data");

  const start = () => {
    const data = JSON.parse(source.textContent);
    const cases = new Map(data.cases.map((one) => [one.id, one]));
    const panel = document.querySelector(".one-case");
    const [choice, list, status, title, body] =
      ["case-choice", "case-list", "case-status", "case-title", "case-body"].map((id) => document.getElementById(id));
    const order = () => {
      const { shown } = tables.get("cases") ?? tables.get("times");
      return shown.length ? shown.map((record) => record.cells[0]) : [...cases.keys()];
    };
    let current = null;

    const copy = async (text, what) => {
      try {
        await navigator.clipboard.writeText(text);
        status.textContent = `${what} copied`;
      } catch {
        status.textContent = `the browser does not let a page copy; here it is: ${text}`;
      }
    };
    const copyButton = (label, text, what) => {
      const button = make("button", label);
      button.type = "button";
      button.addEventListener("click", () => copy(text(), what));
      return button;
    };

    // Every filled cell of the case's rows, with its heading.
    const facts = (one) => {
      const shown = make("dl", undefined, "facts");
      for (const name of ["cases", "times"]) {
        const table = tables.get(name);
        table?.recordOf(one.id)?.cells.forEach((cell, place) => {
          if (place === 0 || textOf(cell) === "") return;
          const heading = table.headings[place];
          const unit = heading.querySelector("small")?.textContent ?? "";
          const value = fill(make("dd"), table.kinds[place], cell);
          if (["µs", "ULP", "s"].includes(unit)) value.append(` ${unit}`);
          const fact = shown.appendChild(make("div"));
          fact.append(make("dt", heading.dataset.alone), value);
        });
      }
      one.facts?.forEach((text, place) => {
        if (text === "") return;
        shown.appendChild(make("div")).append(make("dt", data.fact_names[place]), make("dd", text));
      });
      return shown;
    };

    const outputs = (one) => {
      const headings = ["Output", "Outside the gate", "Worst, ULP", "Bit-equal", "NMSE", "Worst element", "Notes"];
      const used = headings.map((_, place) => one.outputs.some((output) => output[place] !== ""));
      const scroll = make("div", undefined, "scroll");
      Object.assign(scroll, { tabIndex: 0, role: "region", ariaLabel: "Outputs" });
      const table = scroll.appendChild(make("table"));
      const row = (name, cells, parent) => {
        const made = parent.appendChild(make("tr"));
        cells.forEach((text, place) => {
          if (!used[place]) return;
          const cell = made.appendChild(make(place === 0 ? "th" : name, text, place > 0 && place < 5 ? "num" : ""));
          if (name === "th") cell.scope = "col";
          else if (place === 0) cell.scope = "row";
        });
      };
      row("th", headings, table.createTHead());
      const rows = table.createTBody();
      for (const output of one.outputs) row("td", output, rows);
      return scroll;
    };

    const samples = (set, mode) => {
      const figure = make("figure", undefined, "samples");
      const kept = set.values.length;
      const caption = make("figcaption");
      caption.append(make("h4", mode === "cold" ? "Cold samples" : "Hot samples"));
      const legend = make("ul", undefined, `legend ${mode}`);
      const entry = (name, text) => {
        const item = legend.appendChild(make("li"));
        item.append(make("span", undefined, `key ${name}`), text);
      };
      entry("median", `median ${significant(set.median)} µs`);
      if (set.interval) entry("interval", `95 % interval ${set.interval.map(significant).join(" – ")} µs`);
      entry("percentile", `5th and 95th percentile ${significant(set.p5)}, ${significant(set.p95)} µs`);
      const drawn = kept < set.n ? `${kept} of ${grouped(set.n)} samples drawn, at evenly spaced ranks` : `${grouped(set.n)} samples`;
      const rejected = set.rejected ? `, ${set.rejected} rejected and not drawn` : "";
      caption.append(legend, make("p", `${drawn}${rejected}; sampling stopped: ${set.stop}.`));
      const frame = make("div", undefined, "chart-frame");
      figure.append(caption, frame);
      return { figure, draw: () => frame.clientWidth > 0 && frame.replaceChildren(drawSamples(set, mode, frame.clientWidth)) };
    };

    let charts = [];
    const show = (id) => {
      const one = cases.get(id);
      current = id;
      choice.value = id;
      title.textContent = id;
      status.textContent = "";
      body.replaceChildren();
      const actions = body.appendChild(make("p", undefined, "actions"));
      const address = () => `${location.href.split("#")[0]}#${id}`;
      actions.append(copyButton("Copy link", address, "link"));
      if (one.again !== undefined) {
        const line = data.again[one.again].replace("{case}", () => id);
        actions.append(copyButton("Copy command", () => line, "command"));
        const again = body.appendChild(make("p", undefined, "reproduce"));
        again.append(make("span", "Again:"), make("code", line));
      }
      if (one.why) body.append(make("pre", one.why, "why"));
      const drawings = ["cold", "hot"].filter((mode) => one[mode]).map((mode) => samples(samplesOf(one[mode]), mode));
      const pictures = body.appendChild(make("div", undefined, "pictures"));
      pictures.append(...drawings.map((drawing) => drawing.figure));
      if (!drawings.length) pictures.append(make("p", "This case has no samples.", "hint"));
      body.append(facts(one));
      if (one.outputs?.length) body.append(outputs(one));
      charts = drawings.map((drawing) => drawing.draw);
      for (const draw of charts) draw();
    };
    let width = 0;
    new ResizeObserver(([entry]) => {
      if (Math.abs(entry.contentRect.width - width) < 1) return;
      width = entry.contentRect.width;
      for (const draw of charts) draw();
    }).observe(panel);

    const named = () => {
      try {
        return decodeURIComponent(location.hash.slice(1));
      } catch {
        return "";
      }
    };
    const go = (id) => {
      if (named() === id) follow();
      else location.hash = id;
    };
    const follow = () => {
      if (!cases.has(named())) return;
      show(named());
      tables.get("cases")?.mark(named(), true);
      tables.get("times")?.mark(named(), false);
      document.getElementById("case").scrollIntoView();
      // Who steps from case to case with a button of the panel stays on it.
      if (!panel.contains(document.activeElement)) title.focus({ preventScroll: true });
    };

    const step = (by) => {
      const all = order();
      go(all[(all.indexOf(current) + by + all.length) % all.length]);
    };
    document.getElementById("case-previous").addEventListener("click", () => step(-1));
    document.getElementById("case-next").addEventListener("click", () => step(1));
    const found = () => {
      const words = wordsOf(choice.value);
      return data.cases.filter(({ id }) => words.every((word) => id.toLowerCase().includes(word)));
    };
    choice.addEventListener("input", (event) => {
      list.replaceChildren(...found().slice(0, 50).map(({ id }) => Object.assign(make("option"), { value: id })));
      // Chosen from the list, not typed: one id may be the beginning of another.
      if (event.inputType !== "insertText" && cases.has(choice.value)) go(choice.value);
    });
    choice.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      const id = cases.has(choice.value) ? choice.value : found()[0]?.id;
      if (id) go(id);
      else status.textContent = "no case has all of these words in its id";
    });

    // A click anywhere in a row is a click on its case, unless text is being selected.
    for (const name of ["cases", "times"])
      tables.get(name)?.body.addEventListener("click", (event) => {
        if (event.target.closest("a") || String(getSelection())) return;
        const row = event.target.closest("tr");
        if (row) go(row.cells[0].textContent);
      });
    // A link to the case that the address names already changes nothing in the address.
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.("a[href^='#']");
      if (link && link.hash === location.hash && cases.has(named())) {
        event.preventDefault();
        follow();
      }
    });
    addEventListener("hashchange", follow);
    if (cases.has(named())) follow();
    else show((data.cases.find((one) => one.cold || one.hot) ?? data.cases[0]).id);
  };
  if (source) start();
}
