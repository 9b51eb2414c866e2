// Editors in place of text fields, each made when its part is unfolded. The
// field stays in the form and gets what was typed before the form is sent.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { shell } from "@codemirror/legacy-modes/mode/shell";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, EditorView, highlightActiveLineGutter, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { check } from "./check.js";

// A page of one script must not be made slower by its tests; past this the plain field is quicker.
const most = 300 * 1024;

const colours = HighlightStyle.define([
  { tag: [tags.comment, tags.meta], color: "var(--code-comment)" },
  { tag: tags.keyword, color: "var(--code-keyword)" },
  { tag: tags.string, color: "var(--code-string)" },
  { tag: [tags.variableName, tags.definition(tags.variableName), tags.propertyName], color: "var(--code-name)" },
  { tag: [tags.number, tags.bool, tags.atom], color: "var(--code-number)" },
  { tag: [tags.standard(tags.variableName), tags.attributeName], color: "var(--code-builtin)" },
]);

// The editor's own styles stand above every layer of the style sheet, so these have to stand with them.
const looks = EditorView.theme({
  "&": { marginTop: "0.25rem", border: "1px solid var(--line-strong)", borderRadius: "var(--radius-control)", background: "var(--panel)", overflow: "hidden" },
  "&.cm-focused": { outline: "2px solid var(--focus)", outlineOffset: "-1px" },
  ".cm-scroller": { maxHeight: "32rem", minHeight: "7rem", overflow: "auto", fontFamily: "var(--mono)", fontSize: "0.78125rem", lineHeight: "1.6" },
  ".cm-content": { padding: "0.5rem 0", caretColor: "var(--ink)" },
  ".cm-gutters": { borderRight: "1px solid var(--line)", background: "var(--sunk)", color: "var(--ink-3)" },
  ".cm-activeLineGutter": { background: "var(--hover)", color: "var(--ink)" },
  ".cm-found-error": { background: "var(--bad-soft)" },
  ".cm-found-warning": { background: "var(--warn-soft)" },
  ".cm-found-advice": { background: "var(--busy-soft)" },
});

const setMarks = StateEffect.define();
const marks = StateField.define({
  create: () => Decoration.none,
  update(value, tr) {
    value = value.map(tr.changes);
    for (const e of tr.effects) if (e.is(setMarks)) value = e.value;
    return value;
  },
  provide: (field) => EditorView.decorations.from(field),
});

// markLines shows the lines that something was found in; findings have level and line.
function markLines(view, findings) {
  const doc = view.state.doc;
  const lines = new Map();
  for (const f of findings) if (f.line > 0 && f.line <= doc.lines && !lines.has(f.line)) lines.set(f.line, f.level);
  const at = [...lines].sort((a, b) => a[0] - b[0]).map(([line, level]) => Decoration.line({ class: `cm-found cm-found-${level}` }).range(doc.line(line).from));
  view.dispatch({ effects: setMarks.of(Decoration.set(at)) });
}

export function code(form) {
  const nonce = document.querySelector("script[nonce]")?.nonce ?? "";
  const open = new Map(); // text field → editor
  const changed = new Set(); // fields that lag behind their editor
  const checks = new Map();

  function flush() {
    for (const field of changed) field.value = open.get(field).state.doc.toString();
    changed.clear();
  }

  function start(part) {
    const field = part.querySelector("textarea");
    if (!field || open.has(field) || field.value.length > most) return open.get(field);
    const isShell = part.dataset.code === "shell";
    const view = new EditorView({
      parent: part,
      state: EditorState.create({
        doc: field.value,
        extensions: [
          EditorView.cspNonce.of(nonce),
          lineNumbers(),
          highlightActiveLineGutter(),
          history(),
          keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
          isShell ? StreamLanguage.define(shell) : [],
          syntaxHighlighting(colours),
          marks,
          looks,
          EditorState.tabSize.of(4),
          EditorView.contentAttributes.of({
            "aria-label": field.getAttribute("aria-label"),
            "aria-invalid": field.getAttribute("aria-invalid") ?? "false",
            tabindex: "0", // else what scrolls counts as nothing that keys can reach
            spellcheck: "false",
            autocapitalize: "none",
          }),
          EditorView.updateListener.of((u) => {
            if (!u.docChanged) return;
            changed.add(field);
            form.dispatchEvent(new CustomEvent("template:typed"));
            const n = u.state.doc.toString().endsWith("\n") ? u.state.doc.lines - 1 : u.state.doc.lines;
            const count = part.querySelector("[data-code-lines]");
            if (count) count.textContent = n === 1 ? "1 line" : `${n} lines`;
            if (isShell) later(part, field);
          }),
        ],
      }),
    });
    view.setTabFocusMode(true); // Tab leads on, as in every field; Ctrl+M lets it indent, and Escape before it leads on even then
    field.before(view.dom);
    field.hidden = true;
    open.set(field, view);
    markLines(view, [...part.querySelectorAll(".finding")].map((el) => ({ level: el.dataset.level, line: Number(el.dataset.line) })));
    return view;
  }

  // later asks what the linter says of a script, once typing pauses.
  function later(part, field) {
    clearTimeout(checks.get(field));
    checks.set(
      field,
      setTimeout(async () => {
        flush();
        const found = await check(form, part);
        if (found && open.has(field)) markLines(open.get(field), found);
      }, 900),
    );
  }

  form.addEventListener(
    "toggle",
    (event) => {
      if (event.target.matches?.("[data-code]") && event.target.open) start(event.target);
    },
    true,
  );
  for (const part of form.querySelectorAll("[data-code][open]")) start(part);
  form.addEventListener("submit", flush, true);
  addEventListener("pagehide", flush);

  return {
    flush,
    start,
    // forget ends the editors of a row that is gone.
    forget(row) {
      flush();
      for (const field of row.querySelectorAll("textarea")) {
        open.get(field)?.destroy();
        open.delete(field);
        field.hidden = false;
      }
    },
  };
}
