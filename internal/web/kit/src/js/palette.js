// The command palette: a combobox over a list of everything that can be gone to.
import { act, ask } from "./actions.js";
import { icon, make } from "./markup.js";
import { rank } from "./rank.js";
import { getJSON } from "./reach.js";
import { containerWords, verbs } from "./verbs.js";

const dialog = document.querySelector("[data-palette]");
const field = dialog?.querySelector("input");
const list = dialog?.querySelector(".palette-list");
const note = dialog?.querySelector("[data-palette-note]");
const looks = {
  action: { title: "Actions", icon: "play" },
  page: { title: "Pages", icon: "arrow-right" },
  node: { title: "Nodes", icon: "server" },
  container: { title: "Containers", icon: "container" },
  template: { title: "Templates", icon: "layers" },
  bucket: { title: "Package buckets", icon: "package" },
  script: { title: "Scripts", icon: "terminal" },
  file: { title: "Files", icon: "file-text" },
  package: { title: "Packages", icon: "box" },
};
const shown = 40;
const keepFor = 15000;

let answer = { items: [], more: false };
let readAt = -Infinity;
let asking = null;
let known = false; // an answer came
let waiting = false; // for what the words find
let chosen = -1;

export function openPalette() {
  if (!dialog || dialog.open) return;
  for (const other of document.querySelectorAll("dialog[open]")) other.close();
  document.getElementById("side")?.matches(":popover-open") && document.getElementById("side").hidePopover();
  dialog.showModal();
  field.value = "";
  draw();
  read("");
}

// read fetches the items, unless they are fresh; with words only where the server had more than it sent.
async function read(words) {
  if (!words && performance.now() - readAt < keepFor) {
    waiting = false;
    return draw();
  }
  asking?.abort();
  asking = new AbortController();
  try {
    const url = words ? `${dialog.dataset.url}?q=${encodeURIComponent(words)}` : dialog.dataset.url;
    const got = await getJSON(url, asking.signal);
    answer = words ? { ...got, more: true } : got;
    readAt = words ? -Infinity : performance.now();
    known = true;
    waiting = false;
    if (!words && answer.more && field.value.trim()) more(); // typed before there was an answer
    draw();
  } catch (err) {
    if (err.name !== "AbortError") say("The list could not be read. " + err.message);
  }
}

let later = 0;

// more asks for what the words find, once typing pauses.
function more() {
  waiting = true;
  clearTimeout(later);
  later = setTimeout(() => read(containerWords(field.value.trim(), answer.actions ?? [])), 120);
}

function say(text) {
  if (note.textContent !== text) note.textContent = text;
}

function draw() {
  const query = field.value.trim();
  const groups = rank(answer.items, query, shown);
  const todo = verbs(query, answer, 10);
  if (todo.length > 0) groups.unshift({ kind: "action", items: todo });
  let n = 0;
  list.replaceChildren(
    ...groups.map(({ kind, items }) => {
      const id = `palette-${kind}`;
      const heading = make("div", { class: "palette-group", id, role: "presentation" }, looks[kind].title);
      return make("div", { role: "group", "aria-labelledby": id }, heading, ...items.map((item) => option(item, n++)));
    }),
  );
  choose(n > 0 ? 0 : -1);
  list.scrollTop = 0;
  if (n === 0 && known && !waiting) say(query ? `Nothing matches “${query}”.` : "");
  else say("");
}

function option(item, n) {
  const el = make("div", { class: "palette-item", role: "option", id: `palette-${n}`, "aria-selected": "false" }, icon(item.icon ?? looks[item.k].icon), make("b", {}, item.ask ? `${item.t}…` : item.t));
  if (item.n) el.append(make("small", {}, item.n));
  el.dataset.url = item.u;
  if (item.k === "action") {
    el.dataset.seen = item.seen;
    if (item.ask) el.dataset.asks = "";
    if (item.why) el.setAttribute("aria-disabled", "true");
  }
  return el;
}

function options() {
  return list.querySelectorAll("[role=option]");
}

function choose(n) {
  const all = options();
  all[chosen]?.setAttribute("aria-selected", "false");
  chosen = all.length === 0 ? -1 : Math.min(Math.max(n, 0), all.length - 1);
  const el = all[chosen];
  if (!el) {
    field.removeAttribute("aria-activedescendant");
    return;
  }
  el.setAttribute("aria-selected", "true");
  field.setAttribute("aria-activedescendant", el.id);
  el.scrollIntoView({ block: "nearest" });
}

function go(el, newTab) {
  const url = el?.dataset.url;
  if (!url?.startsWith("/") || url.startsWith("//") || el.getAttribute("aria-disabled")) return;
  dialog.close();
  if (el.dataset.seen !== undefined && !newTab) return "asks" in el.dataset ? ask(url) : act(url, { seen: el.dataset.seen });
  if (newTab) open(url, "_blank", "noopener");
  else location.assign(url);
}

function onKey(event) {
  const count = options().length;
  switch (event.key) {
    case "ArrowDown":
      choose(chosen + 1 >= count ? 0 : chosen + 1);
      break;
    case "ArrowUp":
      choose(chosen <= 0 ? count - 1 : chosen - 1);
      break;
    case "PageDown":
      choose(chosen + 8);
      break;
    case "PageUp":
      choose(chosen - 8);
      break;
    case "Enter":
      if (!event.isComposing) go(options()[chosen], event.ctrlKey || event.metaKey);
      break;
    default:
      return;
  }
  event.preventDefault();
}

if (dialog) {
  field.addEventListener("input", () => {
    if (answer.more) more();
    draw();
  });
  field.addEventListener("keydown", onKey);
  list.addEventListener("click", (event) => go(event.target.closest("[role=option]"), event.ctrlKey || event.metaKey));
  list.addEventListener("mousemove", (event) => {
    const el = event.target.closest("[role=option]");
    if (el && el.getAttribute("aria-selected") !== "true") choose([...options()].indexOf(el));
  });
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-open-palette]")) openPalette();
  });
}
