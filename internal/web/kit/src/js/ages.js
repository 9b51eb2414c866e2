// Keeps "4 s ago" true.
import { ago } from "./words.js";

// The server's clock counts, not this machine's: the page says when it was made, the browser when it came.
const skew = (() => {
  const made = Date.parse(document.documentElement.dataset.made ?? "");
  const came = performance.timeOrigin + (performance.getEntriesByType("navigation")[0]?.responseStart ?? 0);
  return Number.isNaN(made) ? 0 : made - came;
})();

export const now = () => Date.now() + skew;

export function refreshAges(root = document) {
  for (const el of root.querySelectorAll("time[data-age]")) {
    const text = ago(now() - Date.parse(el.dateTime));
    if (el.textContent !== text) el.textContent = text;
  }
}

setInterval(() => {
  if (!document.hidden) refreshAges();
}, 1000);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) refreshAges();
});
