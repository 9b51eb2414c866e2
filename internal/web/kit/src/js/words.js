// Lengths of time in words, as kit.Duration and kit.Ago in Go write them.

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
