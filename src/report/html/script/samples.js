// Draws the raw samples of one case and mode: in the order they were taken, and beside that how they are distributed.
const CHART_HEIGHT = 230;

// Four significant digits and no exponent.
const significant = (value) => {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const digits = Math.floor(Math.log10(Math.abs(value))) + 1;
  return value.toFixed(Math.min(Math.max(4 - digits, 0), 9));
};

// Samples as they stand in the page's data.
const samplesOf = ([n, rejected, low, high, us, median, interval, p5, p95, stop]) => {
  const bytes = Uint8Array.from(atob(us), (letter) => letter.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const step = (high - low) / 65535;
  const values = Array.from({ length: bytes.length / 2 }, (_, place) => low + view.getUint16(2 * place, true) * step);
  return { n, rejected, low, high, values, median, interval, p5, p95, stop };
};

const svg = (name, attributes, text) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

// Round steps of 1, 2 or 5 that give about `count` ticks, with just the decimals that the step needs.
const ticks = (low, high, count) => {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.max(0, Math.floor(high / step) - first + 1) }, (_, place) => {
    const value = (first + place) * step;
    return { value, text: value.toFixed(decimals) };
  });
};

const drawSamples = (set, mode, width) => {
  const { values } = set;
  const interval = set.interval ?? [set.median, set.median];
  const least = Math.min(set.low, interval[0], set.p5), most = Math.max(set.high, interval[1], set.p95);
  const margin = (most - least) * 0.06 || Math.abs(most) * 0.01 || 1;
  const [low, high] = [least - margin, most + margin];
  const [left, top, bottom, gap] = [64, 10, 34, 14];
  const side = Math.min(110, Math.max(56, width * 0.16));
  const right = width - side - gap, base = CHART_HEIGHT - bottom;
  const x = (place) => left + ((place + 0.5) / values.length) * (right - left);
  const y = (value) => base - ((value - low) / (high - low)) * (base - top);
  const chart = svg("svg", {
    viewBox: `0 0 ${width} ${CHART_HEIGHT}`, width, height: CHART_HEIGHT, role: "img", class: `chart ${mode}`,
    "aria-label": `${mode}: ${values.length} samples from ${significant(set.low)} to ${significant(set.high)} microseconds, ` +
      `median ${significant(set.median)}`,
  });
  const line = (name, from, to, height) => chart.append(svg("line", { class: name, x1: from, x2: to, y1: height, y2: height }));
  for (const { value, text } of ticks(low, high, 5)) {
    line("grid", left, width, y(value));
    chart.append(svg("text", { class: "tick", x: left - 8, y: y(value) + 4, "text-anchor": "end" }, text));
  }
  chart.append(svg("text", { class: "tick", x: left - 8, y: CHART_HEIGHT - 8, "text-anchor": "end" }, "µs"));
  if (set.interval) {
    const [from, to] = [y(interval[1]), y(interval[0])];
    chart.append(svg("rect", { class: "interval", x: left, width: width - left, y: from, height: Math.max(1, to - from) }));
  }
  line("percentile", left, width, y(set.p5));
  line("percentile", left, width, y(set.p95));
  line("median", left, width, y(set.median));
  values.forEach((value, place) => chart.append(svg("circle", { class: "sample", cx: x(place).toFixed(1), cy: y(value).toFixed(1), r: 2.4 })));

  const bins = Math.min(24, Math.max(6, Math.ceil(Math.sqrt(values.length) * 1.5)));
  const counts = new Array(bins).fill(0);
  for (const value of values) counts[Math.min(bins - 1, Math.floor(((value - low) / (high - low)) * bins))] += 1;
  const fullest = Math.max(...counts), height = (base - top) / bins;
  counts.forEach((count, bin) => count && chart.append(svg("rect", {
    class: "bar", x: right + gap, width: ((count / fullest) * side).toFixed(1), y: (base - (bin + 1) * height + 0.5).toFixed(1),
    height: Math.max(1, height - 1).toFixed(1),
  })));
  chart.append(svg("text", { class: "tick", x: (left + right) / 2, y: CHART_HEIGHT - 8, "text-anchor": "middle" }, "in the order taken →"));
  chart.append(svg("text", { class: "tick", x: width - side / 2, y: CHART_HEIGHT - 8, "text-anchor": "middle" }, "count"));
  return chart;
};
