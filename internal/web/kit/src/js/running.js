// The sidebar's badge: how many jobs run. Pages with a stream that tells of it
// send "berth:running"; on the others a small stream of its own does.
import { Stream } from "./stream.js";

const badge = document.querySelector("[data-running]");

function show(n) {
  const b = badge.querySelector("b");
  if (b.textContent !== String(n)) b.textContent = n;
  badge.hidden = n === 0;
}

if (badge) {
  document.addEventListener("berth:running", (event) => show(event.detail));
  if (!document.querySelector("[data-tells-running]")) {
    new Stream(() => badge.dataset.running, { state() {}, events: { running: (data) => show(data.running) } }).open();
  }
}
