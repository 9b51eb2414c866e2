// What the form of a template runs besides what every page has. The form works without any of it.
import { code } from "./code.js";
import { draft } from "./draft.js";
import { rows } from "./rows.js";

const form = document.querySelector("[data-template-form]");
if (form) {
  const editors = code(form);
  rows(form, editors);
  draft(form, editors);
}
