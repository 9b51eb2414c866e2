// What is typed is kept in this tab until it is saved, and offered again when
// the form is opened anew: after the session ended, after a wrong click.
import { make } from "./make.js";

export function draft(form, editors) {
  const key = `template-draft ${new URL(form.action).pathname}`;
  const base = form.elements.base.value;
  let timer = 0;

  function keep() {
    clearTimeout(timer);
    editors.flush();
    const values = [...new FormData(form)].filter(([, value]) => typeof value === "string");
    try {
      sessionStorage.setItem(key, JSON.stringify({ base, at: Date.now(), values }));
    } catch {
      // It is larger than a tab may keep. The form itself still has it.
    }
  }
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(keep, 700);
  };
  form.addEventListener("input", soon);
  form.addEventListener("template:typed", soon);
  addEventListener("pagehide", () => timer && keep());
  form.addEventListener("submit", (event) => {
    clearTimeout(timer);
    timer = 0;
    if (event.submitter?.value === "save" && base === "0") drop();
    else keep();
  });

  const drop = () => sessionStorage.removeItem(key);
  let kept = null;
  try {
    kept = JSON.parse(sessionStorage.getItem(key) ?? "null");
  } catch {
    drop();
  }
  // A later base says that it was saved.
  if (!kept || kept.base !== base || !Array.isArray(kept.values)) return drop();
  if ("fresh" in form.dataset) offer(kept);

  function offer() {
    const notice = document.querySelector("[data-draft-notice]");
    const back = make("button", { type: "button", class: "btn" }, "Bring it back");
    const away = make("button", { type: "button", class: "btn ghost" }, "Drop it");
    const text = make("div", { class: "banner-text" }, make("b", {}, "What you typed here last time was not saved"), make("p", {}, "It is kept in this tab. Files that you chose have to be chosen again."));
    notice.replaceChildren(make("div", { class: "banner", "data-tone": "info", role: "status" }, text, make("div", { class: "banner-action" }, back, away)));
    notice.hidden = false;
    away.addEventListener("click", () => {
      drop();
      notice.hidden = true;
    });
    // The server draws the form from it, as it does after every button of the form.
    back.addEventListener("click", () => {
      const again = make("form", { method: "post", action: form.getAttribute("action"), enctype: "multipart/form-data", hidden: true });
      for (const [name, value] of kept.values) {
        const field = make("textarea", { name });
        field.value = value;
        again.append(field);
      }
      again.append(make("input", { type: "hidden", name: "do", value: "redraw" }));
      document.body.append(again);
      again.submit();
    });
  }
}
