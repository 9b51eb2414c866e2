// Keeps "4 s ago" true. The words are those of kit.Ago in Go.

export function duration(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 1) return "0 s";
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} days`;
}

export function ago(ms) {
  return ms < 2000 ? "just now" : `${duration(ms)} ago`;
}

// The server's clock counts, not this machine's: the page says when it was made.
const skew = (() => {
  const made = Date.parse(document.documentElement.dataset.made ?? "");
  return Number.isNaN(made) ? 0 : made - (performance.timeOrigin + performance.now());
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
