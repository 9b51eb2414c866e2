// Asking what the linter says of one script while it is written.
import { icon, make } from "./make.js";

const icons = { error: "circle-alert", warning: "triangle-alert", advice: "info" };
const words = { error: "Error", warning: "Warning", advice: "Advice" };

// check sends one script with the inputs and shows what was found below it. It gives the findings back; undefined when there was no answer.
export async function check(form, part) {
  const row = part.closest("[data-row]");
  const body = new FormData();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && (name === "inputs" || name.startsWith("inputs."))) body.append(name, value);
  }
  for (const el of row.querySelectorAll("[name]")) {
    if (el.name.startsWith("scripts") && (el.type !== "checkbox" || el.checked)) body.append(el.name, el.value);
  }
  let answer;
  try {
    const res = await fetch(form.dataset.check, { method: "POST", headers: { "X-Berth": "1" }, body, redirect: "manual" });
    if (!res.ok) return undefined;
    answer = await res.json();
  } catch {
    return undefined; // Saving says it too.
  }
  const list = make("ul", { class: "findings" }, ...answer.findings.map(item));
  part.querySelector("[data-code-findings]")?.replaceChildren(...(answer.findings.length ? [list] : []));
  return answer.findings;
}

function item(f) {
  const text = make("span", {}, make("span", { class: "sr-only" }, `${words[f.level] ?? "Note"}: `));
  if (f.line > 0) text.append(make("b", {}, `Line ${f.line}.`), " ");
  text.append(f.text);
  return make("li", { class: "finding", "data-level": f.level, "data-line": f.line }, icon(icons[f.level] ?? "info"), text);
}
