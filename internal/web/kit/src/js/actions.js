// Actions on containers without leaving the page. The server decides; a script
// only sends what the form would have sent and says what came back.
import { fragment, icon, make } from "./markup.js";
import { offline, toSignIn } from "./reach.js";
import { toast } from "./toasts.js";

// newKey is a fresh value for the field "key": what is sent twice under one key is done once.
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

// send posts fields and gives back the answer; a lapsed session leads to sign in.
async function send(url, fields) {
  let res;
  try {
    res = await fetch(url, { method: "POST", headers: { "X-Berth": "1" }, body: new URLSearchParams(fields), redirect: "manual", cache: "no-store" });
  } catch (err) {
    offline();
    return { ok: false, error: "Berth does not answer. It is not known whether it heard this: look before you press again." };
  }
  if (res.type === "opaqueredirect" || res.status === 401) {
    toSignIn();
    return { ok: false };
  }
  if (res.headers.get("Content-Type")?.startsWith("text/html")) return { ok: false, markup: await res.text() };
  const data = await res.json().catch(() => ({}));
  return { ...data, ok: res.ok };
}

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

// act has an action done: url is that of the container's action, fields what its form has. Listeners of
// "berth:acting" hear of it at once, those of "berth:acted" what came of it.
export async function act(url, fields) {
  const detail = { url };
  tell("berth:acting", detail);
  const answer = await send(url, { ...fields, key: newKey() });
  tell("berth:acted", { ...detail, ok: answer.ok });
  if (answer.ok) toast(answer.tone ?? "busy", answer.text, answer.job);
  else if (answer.error) toast("bad", answer.error);
  else if (answer.markup) location.assign(url);
  return answer.ok;
}

const onPage = (url) => new URL(url, location.href).pathname;

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.defaultPrevented) return;
  if (form.matches("[data-ask-form]") && form.closest("dialog")) {
    event.preventDefault();
    return sendAsked(form, event.submitter);
  }
  if (!form.matches("[data-act]")) return;
  event.preventDefault();
  const button = event.submitter;
  if (button?.getAttribute("aria-busy") === "true") return;
  button?.setAttribute("aria-busy", "true");
  await act(onPage(form.action), Object.fromEntries(new FormData(form, button)));
  button?.removeAttribute("aria-busy");
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-ask]");
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  const bar = link.closest("[data-actions]");
  ask(onPage(link.href), () => bar && document.querySelector(`[data-actions="${CSS.escape(bar.dataset.actions)}"] summary`));
});

let dialog = null;

function asking() {
  if (dialog) return dialog;
  const close = make("button", { class: "btn icon-only ghost small", "aria-label": "Close", type: "button" }, icon("x"));
  close.addEventListener("click", () => dialog.close());
  dialog = make("dialog", { class: "dialog", id: "ask", "aria-labelledby": "ask-title" },
    make("header", { class: "dialog-head" }, make("h2", { id: "ask-title" }), close), make("div", { class: "dialog-body" }));
  document.body.append(dialog);
  dialog.addEventListener("click", (event) => {
    const cancel = event.target.closest("[data-ask-cancel]");
    if (!cancel) return;
    event.preventDefault();
    dialog.close();
  });
  return dialog;
}

// ask shows the page that asks before an action in a dialog; when it cannot be had that way, it goes there.
// back is where the focus goes afterwards when what had it was drawn anew meanwhile.
export async function ask(url, back = () => null) {
  let res;
  try {
    res = await fetch(url, { headers: { "X-Berth": "1" }, redirect: "manual", cache: "no-store" });
  } catch {
    return offline();
  }
  if (res.type === "opaqueredirect" || !res.ok) return location.assign(url);
  const d = asking();
  fill(d, await res.text());
  d.addEventListener("close", () => {
    if (document.activeElement === document.body || d.contains(document.activeElement)) back()?.focus();
  }, { once: true });
  d.showModal();
  begin(d);
}

function fill(d, markup) {
  const content = fragment(markup);
  const root = content.firstElementChild;
  d.querySelector("h2").textContent = root?.dataset.title ?? "";
  d.querySelector(".dialog-body").replaceChildren(content);
}

// begin puts the focus where the person goes on: on what is wrong, on a field to type into, else on the way out.
function begin(d) {
  (d.querySelector("[aria-invalid=true], .dialog-body input[type=text]") ?? d.querySelector("[data-ask-cancel], .dialog-body button"))?.focus();
}

async function sendAsked(form, button) {
  if (button?.getAttribute("aria-disabled") === "true") return;
  button?.setAttribute("aria-busy", "true");
  const url = onPage(form.action);
  tell("berth:acting", { url });
  const answer = await send(url, new FormData(form, button));
  tell("berth:acted", { url, ok: answer.ok });
  button?.removeAttribute("aria-busy");
  if (answer.markup) {
    fill(dialog, answer.markup);
    return begin(dialog);
  }
  dialog.close();
  if (answer.ok) toast(answer.tone ?? "busy", answer.text, answer.job);
  else if (answer.error) toast("bad", answer.error);
}

// A button that needs a name typed first comes to life with the right one.
document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-must-be]");
  if (field) setReady(field);
});

function setReady(field) {
  const button = field.form?.querySelector("[data-when-typed]");
  button?.toggleAttribute("data-ready", field.value.trim() === field.dataset.mustBe);
}
