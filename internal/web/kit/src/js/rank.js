// How the command palette orders what it finds. An item is found when each
// word typed is in it somewhere; titles count more than notes.

const kinds = { page: 0, node: 1, container: 2, template: 3, bucket: 4, script: 5, file: 6, package: 7 };

function scoreWord(item, word) {
  const title = item.t.toLowerCase();
  if (title === word) return 0;
  if (title.startsWith(word)) return 1;
  if (title.split(/[^a-z0-9]+/).some((part) => part.startsWith(word))) return 2;
  if (title.includes(word)) return 3;
  const note = (item.n ?? "").toLowerCase();
  if (note.split(/\s+/).includes(word)) return 1.5; // a VMID typed in full
  if (note.includes(word) || (item.f ?? "").toLowerCase().includes(word)) return 4;
  return Infinity;
}

export function rank(items, query, limit) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const scored = [];
  for (const item of items) {
    let score = 0;
    for (const word of words) score += scoreWord(item, word);
    if (score < Infinity) scored.push({ item, score });
  }
  scored.sort((a, b) => a.score - b.score || kinds[a.item.k] - kinds[b.item.k]);
  const kept = scored.slice(0, limit).map((s) => s.item);
  // One group per kind, the group of the best hit first.
  const order = [...new Set(kept.map((item) => item.k))];
  return order.map((kind) => ({ kind, items: kept.filter((item) => item.k === kind) }));
}
