// The page of one container, kept current: the server draws what changed, and
// says under which name it goes.
import { refreshAges } from "../../kit/src/js/ages.js";
import { fragment } from "../../kit/src/js/markup.js";
import { Stream } from "../../kit/src/js/stream.js";

const root = document.getElementById("container");
let frame = root?.dataset.frame;
let stream;

function address() {
  const q = new URLSearchParams(root.dataset.tab === "events" ? root.dataset.query : { frame });
  q.set("tab", root.dataset.tab);
  return `${root.dataset.liveUrl}?${q}`;
}

// take puts a part in its place, if it looks otherwise there.
function take({ name, look, markup }) {
  const slot = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
  if (!slot || slot.dataset.look === look) return;
  // A menu that is open, and what is being read or chosen in a part, is not taken away.
  if (slot.querySelector("details[data-menu][open]")) return setTimeout(() => take({ name, look, markup }), 1000);
  const open = [...slot.querySelectorAll("details[open][id]")].map((el) => el.id);
  const focus = slot.contains(document.activeElement) ? signature(document.activeElement) : null;
  const scrolled = [...slot.querySelectorAll(".table-wrap")].map((el) => el.scrollLeft);
  slot.dataset.look = look;
  slot.replaceChildren(fragment(markup));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  slot.querySelectorAll(".table-wrap").forEach((el, i) => (el.scrollLeft = scrolled[i] ?? 0));
  if (focus) [...slot.querySelectorAll("a, button, summary, [tabindex]")].find((el) => signature(el) === focus)?.focus({ preventScroll: true });
  refreshAges(slot);
  mark();
}

// signature is by what a control is known again after it was drawn anew.
const signature = (el) => `${el.tagName} ${el.getAttribute("aria-label") ?? el.getAttribute("href") ?? el.textContent.trim().slice(0, 40)}`;

let state = "idle";
const words = { idle: "Seen", live: "Live,", waiting: "Reconnecting, seen", off: "Not connected, seen" };

// mark shows whether the page is kept current.
function mark() {
  for (const el of document.querySelectorAll("[data-live]")) {
    el.dataset.state = state;
    const text = el.firstChild;
    if (text?.nodeType === Node.TEXT_NODE && text.data !== `${words[state]} `) text.data = `${words[state]} `;
  }
}

function choose(event) {
  const link = event.target.closest("[data-frame-choice]");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  frame = link.dataset.frameChoice;
  history.replaceState(null, "", link.href);
  for (const other of document.querySelectorAll("[data-frame-choice]")) {
    if (other === link) other.setAttribute("aria-current", "true");
    else other.removeAttribute("aria-current");
  }
  stream.anew();
}

if (root) {
  stream = new Stream(address, {
    events: {
      part: take,
      history: (data) => document.dispatchEvent(new CustomEvent("berth:history", { detail: data })),
      gone: () => location.assign("/"),
    },
    state: (s) => {
      state = s;
      mark();
    },
  });
  root.addEventListener("click", choose);
  stream.open();
}
