// Menus are <details>: they open without script. Script closes them again and lets arrows walk through them.

const open = () => document.querySelector("details[data-menu][open]");

function close(menu, refocus) {
  menu.open = false;
  if (refocus) menu.querySelector("summary").focus();
}

document.addEventListener("click", (event) => {
  const menu = open();
  if (menu && (!menu.contains(event.target) || event.target.closest(".menu-item:not([aria-disabled])"))) close(menu, false);
});

document.addEventListener("focusin", (event) => {
  const menu = open();
  if (menu && !menu.contains(event.target)) close(menu, false);
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details[data-menu]");
  if (!menu) return;
  if (event.key === "Escape" && menu.open) {
    close(menu, true);
    event.stopPropagation();
    return;
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  menu.open = true;
  const items = [...menu.querySelectorAll(".menu-item")];
  const at = items.indexOf(document.activeElement);
  const step = event.key === "ArrowDown" ? 1 : -1;
  items.at(at < 0 ? (step > 0 ? 0 : -1) : (at + step) % items.length)?.focus();
});

// A menu near the lower edge of the window unfolds upwards.
document.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target;
    if (!menu.matches?.("details[data-menu]") || !menu.open) return;
    const list = menu.querySelector(".menu-list");
    menu.classList.remove("up");
    menu.classList.toggle("up", list.getBoundingClientRect().bottom > innerHeight);
  },
  true,
);
