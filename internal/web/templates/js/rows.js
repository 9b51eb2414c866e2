// Rows are added, moved and removed without a reload. The order of the rows in
// the page is their order in the form, so nothing has to be renamed.
import { icon, make } from "./make.js";

let fresh = 0;

export function rows(form, editors) {
  const said = make("p", { class: "sr-only", role: "status" });
  form.append(said);
  const listOf = (kind) => form.querySelector(`[data-rows="${kind}"]`);
  const changed = () => form.dispatchEvent(new CustomEvent("template:typed"));

  function add(kind) {
    const pattern = document.querySelector(`[data-row-template="${kind}"]`);
    if (!pattern) return;
    const row = pattern.content.firstElementChild.cloneNode(true);
    const key = `b${Date.now().toString(36)}${fresh++}`;
    for (const el of [row, ...row.querySelectorAll("*")]) {
      for (const { name, value } of [...el.attributes]) {
        if (value.includes("KEY")) el.setAttribute(name, value.replaceAll("KEY", key));
      }
    }
    listOf(kind).append(row);
    for (const part of row.querySelectorAll("[data-code]")) {
      part.open = true;
      editors.start(part);
    }
    row.querySelector("input:not([type=hidden])")?.focus();
    row.scrollIntoView({ block: "nearest" });
    count(kind);
    changed();
  }

  function move(row, step) {
    const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    const focus = document.activeElement;
    if (step < 0) other.before(row);
    else other.after(row);
    tell(row);
    if (row.contains(focus)) focus.focus();
    row.scrollIntoView({ block: "nearest" });
    changed();
  }

  function tell(row) {
    const all = [...row.parentElement.children].filter((el) => el.matches("[data-row]"));
    said.textContent = `${nameOf(row)}: place ${all.indexOf(row) + 1} of ${all.length}`;
  }

  // remove takes a row out and leaves a line from which it can be put back.
  function remove(row) {
    const kind = row.parentElement.dataset.rows;
    editors.flush();
    const undo = make("button", { type: "button", class: "btn small" }, "Put it back");
    const gone = make("li", { class: "row-gone" }, icon("trash-2"), make("span", {}, `${nameOf(row)} is removed.`), undo);
    row.replaceWith(gone);
    undo.addEventListener("click", () => {
      gone.replaceWith(row);
      count(kind);
      changed();
      row.querySelector("input:not([type=hidden])")?.focus();
    });
    undo.focus();
    count(kind);
    changed();
  }

  function nameOf(row) {
    const kind = { inputs: "Input", scripts: "Script", files: "File", lists: "List" }[row.parentElement.dataset.rows];
    const name = row.querySelector("input[name$='.name'], input[name$='.path']")?.value;
    return name ? `${kind} ${name}` : `A ${kind.toLowerCase()} without a name`;
  }

  function count(kind) {
    const el = form.querySelector(`.template-jump [data-count="${kind}"]`);
    if (el) el.textContent = listOf(kind).querySelectorAll("[data-row]").length;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[name=do]");
    if (!button || button.form !== form) return;
    const [verb, kind] = button.value.split(":");
    const row = button.closest("[data-row]");
    if (verb === "add") add(kind);
    else if (verb === "up") move(row, -1);
    else if (verb === "down") move(row, 1);
    else if (verb === "remove") remove(row);
    else return;
    event.preventDefault();
  });

  form.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    const row = event.target.closest("[data-row]");
    if (!row || row.parentElement.matches("[data-unordered]") || event.target.closest(".cm-editor, textarea, select")) return;
    event.preventDefault();
    move(row, event.key === "ArrowUp" ? -1 : 1);
  });

  form.addEventListener("input", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && event.target.matches("input[name$='.name'], input[name$='.path']")) row.querySelector(".row-body").setAttribute("aria-label", nameOf(row));
  });
  drag(form, (row) => {
    tell(row);
    changed();
  });
}

// drag lets a row be taken by its grip and put elsewhere in its list.
function drag(form, moved) {
  let held = null;
  form.addEventListener("pointerdown", (event) => {
    const row = event.target.closest("[data-grip]")?.closest("[data-row]");
    if (row) row.draggable = true;
  });
  form.addEventListener("dragstart", (event) => {
    if (!event.target.matches?.("[data-row]")) return;
    held = event.target;
    held.dataset.held = "";
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", "");
  });
  form.addEventListener("dragover", (event) => {
    const over = event.target.closest("[data-row]");
    if (!held || !over || over === held || over.parentElement !== held.parentElement) return;
    event.preventDefault();
    const box = over.getBoundingClientRect();
    if (event.clientY < box.top + box.height / 2) over.before(held);
    else over.after(held);
  });
  form.addEventListener("drop", (event) => held && event.preventDefault());
  const end = () => {
    if (held) moved(held);
    if (held) delete held.dataset.held;
    held = null;
    for (const row of form.querySelectorAll("[data-row][draggable]")) row.removeAttribute("draggable");
  };
  form.addEventListener("dragend", end);
  form.addEventListener("pointerup", end);
}
