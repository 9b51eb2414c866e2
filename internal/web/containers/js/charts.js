// The history of a container as charts. This script is loaded on its page
// alone. What is drawn, in which unit and ink, is in the page's figures; the
// numbers are in #history as JSON, and come with "berth:history" when they are new.
import uPlot from "uplot";
import { day, moment, write } from "./units.js";

const HEIGHT = 148;
const charts = new Map(); // figure → Chart
let history = null;

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.plot = figure.querySelector(".chart-plot");
    this.keys = [...figure.querySelectorAll("[data-series]")].map((button) => ({
      name: button.dataset.series,
      button,
      value: button.querySelector("output"),
      last: button.querySelector("output").textContent,
      swatch: button.querySelector(".swatch"),
    }));
    this.unit = figure.dataset.unit;
    this.said = figure.querySelector("[role=status]");
    this.u = new uPlot(this.options(), this.data(), (u, init) => {
      this.plot.replaceChildren(u.root);
      init();
    });
    this.hear();
  }

  data() {
    const none = history.t.map(() => null);
    return [history.t, ...this.keys.map((k) => history.series[k.name] ?? none)];
  }

  // ink is asked at each drawing, since the theme may change.
  ink(name) {
    return getComputedStyle(this.figure).getPropertyValue(name) ? resolved(this.figure, name) : "currentColor";
  }

  options() {
    const axis = { stroke: () => this.ink("--ink-3"), grid: { stroke: () => this.ink("--line"), width: 1 }, ticks: { show: false }, font: `11px ${getComputedStyle(document.body).fontFamily}` };
    return {
      width: Math.max(this.plot.clientWidth, 120),
      height: HEIGHT,
      padding: [8, 16, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: "history" }, drag: { x: false, y: false }, points: { size: 7 }, y: false },
      scales: { y: { range: (_u, _min, max) => [0, this.top(max)] } },
      axes: [
        { ...axis, size: 28, space: 64, values: (_u, at) => ticks(at) },
        { ...axis, size: 58, space: 36, values: (_u, list) => list.map((v) => write(v, this.unit)), incrs: this.unit === "percent" ? undefined : binary },
      ],
      series: [{}, ...this.keys.map((k) => this.line(k))],
      hooks: { setCursor: [(u) => this.show(u.cursor.idx)] },
    };
  }

  line({ name, swatch, button }) {
    const dashed = button.dataset.dashed !== undefined;
    return {
      label: name,
      show: button.getAttribute("aria-pressed") !== "false",
      stroke: () => getComputedStyle(swatch).color,
      fill: dashed ? undefined : () => faint(getComputedStyle(swatch).color),
      width: 1.5,
      dash: dashed ? [4, 4] : undefined,
      spanGaps: false,
      points: { show: (u, i) => lonely(u.data[i]) },
    };
  }

  // top leaves a little room, and never blows up noise to the height of the chart.
  top(max) {
    const least = { percent: 5, rate: 1024, bytes: 1 << 20 }[this.unit];
    return Math.max((max ?? 0) * 1.08, least);
  }

  // show writes the values at a place into the legend; with none, the last ones again.
  show(at) {
    const there = at !== null && at !== undefined && this.u;
    for (const k of this.keys) {
      const text = there ? write(history.series[k.name]?.[at], this.unit) : k.last;
      if (k.value.textContent !== text) k.value.textContent = text;
    }
    const time = this.figure.querySelector("[data-chart-time]");
    time.textContent = there ? moment(history.t[at]) : "";
    if (there && document.activeElement === this.plot) {
      this.said.textContent = `${moment(history.t[at])}: ${this.keys.map((k) => `${k.button.dataset.name} ${k.value.textContent}`).join(", ")}`;
    }
  }

  move(at) {
    const i = Math.min(Math.max(at, 0), history.t.length - 1);
    this.at = i;
    this.u.setCursor({ left: this.u.valToPos(history.t[i], "x"), top: 10 });
  }

  leave() {
    this.u.setCursor({ left: -10, top: -10 });
    this.said.textContent = "";
  }

  hear() {
    this.plot.addEventListener("keydown", (e) => {
      const far = e.shiftKey ? 10 : 1;
      const from = this.u.cursor.idx ?? history.t.length;
      const to = { ArrowLeft: from - far, ArrowRight: from + far, Home: 0, End: history.t.length - 1 }[e.key];
      if (e.key === "Escape") return this.leave();
      if (to === undefined) return;
      e.preventDefault();
      this.move(to);
    });
    this.plot.addEventListener("blur", () => this.leave());
    this.keys.forEach((k, i) => {
      k.button.addEventListener("click", () => {
        const show = k.button.getAttribute("aria-pressed") === "false";
        k.button.setAttribute("aria-pressed", String(show));
        this.u.setSeries(i + 1, { show });
      });
    });
    this.sizes = new ResizeObserver(() => {
      const width = this.plot.clientWidth;
      if (width > 0 && width !== this.u.width) this.u.setSize({ width, height: HEIGHT });
    });
    this.sizes.observe(this.plot);
  }

  anew() {
    for (const k of this.keys) k.last = k.value.dataset.last = lastOf(history.series[k.name], this.unit);
    this.u.setData(this.data());
    this.show(null);
  }

  end() {
    this.sizes.disconnect();
    this.u.destroy();
  }
}

const binary = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].flatMap((n) => [0, 1, 2, 3, 4].map((k) => n * 1024 ** k)).sort((a, b) => a - b);

function lastOf(list, unit) {
  const known = list?.findLast((v) => v !== null);
  return write(known, unit);
}

// lonely are samples between two gaps, which no line shows.
function lonely(list) {
  return list.some((v, i) => v !== null && v !== undefined && list[i - 1] == null && list[i + 1] == null);
}

// ticks are times where the frame is short, else days.
function ticks(at) {
  const spread = at.length > 1 ? at[1] - at[0] : 0;
  return at.map((s) => (spread < 43200 ? (midnight(s) ? day(s) : moment(s).split(", ").pop()) : day(s)));
}

const midnight = (s) => {
  const d = new Date(s * 1000);
  return d.getHours() === 0 && d.getMinutes() === 0;
};

// resolved is a custom property as a colour that a canvas can take.
function resolved(el, name) {
  const probe = (el.probe ??= el.appendChild(Object.assign(document.createElement("span"), { hidden: true })));
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

const faint = (color) => `color-mix(in oklab, ${color} 14%, transparent)`;

// draw fits the charts to the figures that are on the page now.
function draw() {
  if (!history?.t.length) return;
  performance.mark("berth-charts");
  for (const [figure, chart] of charts) {
    if (figure.isConnected) continue;
    chart.end();
    charts.delete(figure);
  }
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const chart = charts.get(figure);
    if (chart) chart.anew();
    else charts.set(figure, new Chart(figure));
  }
  // The charts draw themselves in microtasks; this one comes after theirs.
  queueMicrotask(() => performance.measure("berth-charts", "berth-charts"));
}

function repaint() {
  for (const chart of charts.values()) chart.u.redraw(); // with its colours anew
}

document.addEventListener("berth:history", (e) => {
  history = e.detail;
  draw();
});
new MutationObserver(repaint).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

const first = document.getElementById("history");
if (first) {
  history = JSON.parse(first.textContent);
  draw();
}
