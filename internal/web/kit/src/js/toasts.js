// Toasts go by themselves, except what failed; not while somebody reads or holds them.

import { icon, make } from "./markup.js";

const icons = { ok: "circle-check", warn: "triangle-alert", bad: "circle-alert", busy: "loader" };
const words = { ok: "Done", warn: "Warning", bad: "Failed", busy: "Working" };
const stay = { busy: 5000, ok: 6000, info: 8000, warn: 12000 };

function leave(toast) {
  if (toast.contains(document.activeElement)) document.getElementById("main")?.focus();
  toast.dataset.leaving = "";
  setTimeout(() => toast.remove(), 200);
}

function watch(toast) {
  const time = stay[toast.dataset.tone];
  if (!time) return;
  let timer = setTimeout(() => leave(toast), time);
  const hold = () => clearTimeout(timer);
  const release = () => {
    clearTimeout(timer);
    timer = setTimeout(() => leave(toast), 3000);
  };
  toast.addEventListener("pointerenter", hold);
  toast.addEventListener("focusin", hold);
  toast.addEventListener("pointerleave", release);
  toast.addEventListener("focusout", release);
}

for (const toast of document.querySelectorAll("[data-toast]")) watch(toast);

document.addEventListener("click", (event) => {
  const toast = event.target.closest("[data-close-toast]")?.closest("[data-toast]");
  if (toast) leave(toast);
});

// toast says something that a script learned from the server. Text stays text; to is a local path to read more.
export function toast(tone, text, to) {
  const p = make("p", {}, make("span", { class: "sr-only" }, `${words[tone] ?? "Note"}: `), text);
  if (to?.startsWith("/") && !to.startsWith("//")) p.append(" ", make("a", { class: "link", href: to }, "Details"));
  const close = make("button", { type: "button", class: "btn icon-only ghost small", "data-close-toast": true, "aria-label": "Dismiss" }, icon("x"));
  const el = make("div", { class: "toast", "data-tone": tone, "data-toast": true }, icon(icons[tone] ?? "info"), p, close);
  const box = document.querySelector("[data-toasts]");
  box.append(el);
  while (box.children.length > 4) box.firstElementChild.remove();
  watch(el);
}
