// The activity page: what runs is kept current, and what ended since is offered.
import { fragment } from "../../kit/src/js/markup.js";
import { Stream } from "../../kit/src/js/stream.js";

const root = document.getElementById("activity");

function start() {
  let first = null;
  new Stream(() => root.dataset.liveUrl, {
    state() {},
    events: {
      running({ running }) {
        document.dispatchEvent(new CustomEvent("berth:running", { detail: running }));
        if (first !== null && running < first) root.querySelector("[data-trail-new]").hidden = false;
        first = running;
      },
      now({ markup }) {
        const old = document.getElementById("running-now");
        const next = fragment(markup).firstElementChild;
        if (!old || !next) return;
        const held = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : "";
        old.replaceWith(next);
        if (held) next.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus();
      },
    },
  }).open();
}

if (root) start();
