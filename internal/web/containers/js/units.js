// Numbers of a history in words, as Go's history.go writes them.

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

const short = (f) => (f < 9.95 ? String(Math.round(f * 10) / 10) : f.toFixed(0));

export function bytes(n) {
  let size = Math.max(n, 0);
  let i = 0;
  while ((size >= 1024 || (i > 0 && Math.round(size * 10) / 10 >= 1024)) && i < units.length - 1) {
    size /= 1024;
    i++;
  }
  return `${short(size)} ${units[i]}`;
}

// write is a value in its unit; a missing one is a dash.
export function write(v, unit) {
  if (v === null || v === undefined) return "–";
  switch (unit) {
    case "percent":
      return `${short(v)} %`;
    case "rate":
      return `${bytes(v)}/s`;
  }
  return bytes(v);
}

const times = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export const day = (s) => days.format(s * 1000);
export const moment = (s) => `${days.format(s * 1000)}, ${times.format(s * 1000)}`;
