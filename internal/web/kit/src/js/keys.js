// Keyboard shortcuts: "/" searches on the page, "?" lists them, "g" and a letter
// goes to a page. They can be switched off, as single keys must be.
import { openPalette } from "./palette.js";

const off = () => localStorage.getItem("single-keys") === "off";
const toggle = document.querySelector("[data-single-keys]");
if (toggle) {
  toggle.checked = !off();
  toggle.addEventListener("change", () => localStorage.setItem("single-keys", toggle.checked ? "on" : "off"));
}

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
if (isMac) {
  for (const el of document.querySelectorAll("[data-mod-key]")) el.textContent = el.textContent.replace("Ctrl", "⌘");
}

let goUntil = 0;

function typing(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

function search() {
  const field = document.querySelector('[data-shortcut="/"]');
  if (!field) return false;
  field.focus();
  field.select();
  return true;
}

function single(key) {
  if (performance.now() < goUntil) {
    goUntil = 0;
    const to = document.querySelector(`[data-go="${CSS.escape(key)}"]`)?.dataset.to;
    if (to) location.assign(to);
    return Boolean(to);
  }
  switch (key) {
    case "g":
      goUntil = performance.now() + 1200;
      return true;
    case "/":
      return search();
    case "?":
      document.getElementById("shortcuts")?.showModal();
      return true;
  }
  return false;
}

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || off() || typing(event.target) || document.querySelector("dialog[open]")) return;
  if (single(event.key)) event.preventDefault();
});
