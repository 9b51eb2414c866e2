// A job's page kept current: rows and head come drawn from the server, log lines as text.
import { fragment, make } from "../../kit/src/js/markup.js";
import { Stream } from "../../kit/src/js/stream.js";
import { now } from "../../kit/src/js/ages.js";
import { duration } from "../../kit/src/js/words.js";
import { clock, found, fresh } from "./log.js";

const root = document.getElementById("job");

function start() {
  const log = document.getElementById("log");
  const lines = log && new Log(log);
  let rev = root.dataset.rev;
  let again = 0;
  const url = () => {
    const q = new URLSearchParams({ rev });
    if (lines) {
      q.set("step", root.dataset.step);
      q.set("after", lines.last);
    }
    return `${root.dataset.liveUrl}?${q}`;
  };
  const stream = new Stream(url, {
    state() {},
    events: {
      job({ parts, finished }) {
        for (const [id, markup] of Object.entries(parts)) swap(document.getElementById(id), markup);
        root.toggleAttribute("data-finished", finished);
        markShown();
      },
      steps(data) {
        for (const [n, markup] of Object.entries(data.rows)) swap(document.getElementById(`step-${n}`), markup);
        if (data.under) swap(document.getElementById("log-under"), data.under);
        rev = data.rev;
      },
      log(data) {
        lines?.add(data.lines);
      },
      gone() {
        stream.close();
      },
    },
  });
  stream.open();
  root.addEventListener("click", show);
  again = setInterval(() => {
    if (document.hidden) return;
    for (const el of root.querySelectorAll("[data-since]")) {
      const text = duration(now() - Number(el.dataset.since));
      if (el.textContent !== text) el.textContent = text;
    }
  }, 1000);
  return again;
}

// swap puts new markup in an element's place and keeps the focus where it was.
function swap(el, markup) {
  if (!el) return;
  const next = fragment(markup).firstElementChild;
  if (!next) return;
  const held = el.contains(document.activeElement) ? document.activeElement.tagName : "";
  el.replaceWith(next);
  if (held) (next.matches(held) ? next : next.querySelector(held))?.focus();
}

// show narrows the list without asking the server again.
function show(event) {
  if (root.hasAttribute("data-paged")) return; // the rest is on the server
  const link = event.target.closest("#job-figures a[data-show]");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  root.querySelector(".steps").dataset.show = link.dataset.show;
  history.replaceState(null, "", link.href);
  markShown();
}

function markShown() {
  const now = root.querySelector(".steps")?.dataset.show ?? "";
  for (const a of document.querySelectorAll("#job-figures a")) {
    if (a.dataset.show === now) a.setAttribute("aria-current", "true");
    else a.removeAttribute("aria-current");
  }
}

class Log {
  constructor(el) {
    this.el = el;
    this.last = Number(root.dataset.after);
    this.follow = true;
    this.button = root.querySelector("[data-log-follow]");
    this.button?.addEventListener("click", () => this.setFollow(!this.follow));
    // Who scrolls up reads; who scrolls to the end follows again.
    el.addEventListener("scroll", () => this.setFollow(el.scrollTop + el.clientHeight >= el.scrollHeight - 24, true), { passive: true });
    root.querySelector("[data-log-find]")?.addEventListener("input", (e) => this.find(e.target.value));
    this.toEnd();
  }

  setFollow(on, scrolled) {
    this.follow = on;
    this.button?.setAttribute("aria-pressed", String(on));
    if (on && !scrolled) this.toEnd();
  }

  toEnd() {
    this.el.scrollTop = this.el.scrollHeight;
  }

  add(lines) {
    const take = fresh(lines, this.last);
    if (take.length === 0) return;
    this.last = take.at(-1)[0];
    this.el.append(...take.map(([n, at, text]) => make("li", { "data-line": String(n) }, make("time", { datetime: new Date(at).toISOString() }, clock(at)), make("span", {}, text))));
    const empty = root.querySelector("[data-log-empty]");
    if (empty) empty.hidden = true;
    if (this.follow) this.toEnd();
  }

  find(words) {
    const items = [...this.el.children];
    const hits = new Set(found(items.map((li) => li.lastElementChild.textContent), words));
    items.forEach((li, i) => li.toggleAttribute("data-hit", hits.has(i)));
    const say = root.querySelector("[data-log-found]");
    if (say) say.textContent = words.trim() ? (hits.size === 1 ? "1 line" : `${hits.size} lines`) : "";
    const first = items.find((_, i) => hits.has(i));
    if (first) this.el.scrollTop = first.offsetTop - this.el.offsetTop - 24;
  }
}

if (root) start();
