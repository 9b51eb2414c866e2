// The lines of a log: appended in their order, each once.

// fresh are the lines that come after the last one had, in their order; what was sent twice is dropped.
export function fresh(lines, last) {
  const out = [];
  for (const line of lines) {
    if (line[0] <= last) continue;
    out.push(line);
    last = line[0];
  }
  return out;
}

const two = (n) => String(n).padStart(2, "0");

// clock is the time of day in UTC, as the server writes it.
export function clock(ms) {
  const d = new Date(ms);
  return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
}

// found counts the texts that have the words in them; no words are in none.
export function found(texts, words) {
  const want = words.trim().toLowerCase();
  return want === "" ? [] : texts.flatMap((text, i) => (text.toLowerCase().includes(want) ? [i] : []));
}
