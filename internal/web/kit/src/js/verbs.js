// What the command palette offers to be done: an action's name, or its
// beginning, and words that find a container.
import { rank } from "./rank.js";

const NAME = "\u0001";
const VMID = "\u0002";

// asked are the actions that the query may mean, each with the words that are left to find containers by.
export function asked(query, actions) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length < 2 || words[0].length < 2) return [];
  const out = [];
  for (const action of actions) {
    const title = action.t.toLowerCase().split(" ");
    let n = 0;
    while (n < title.length && n < words.length - 1 && title[n].startsWith(words[n])) n++;
    if (n > 0) out.push({ action, rest: words.slice(n).join(" ") });
  }
  return out;
}

// containerWords are the words of the query that containers are found by, for who asks the server for more of them.
export const containerWords = (query, actions) => asked(query, actions)[0]?.rest ?? query;

// verbs are what can be chosen: one entry for each action and container that the query may mean, with why it cannot be had.
export function verbs(query, answer, limit) {
  const containers = answer.items.filter((item) => item.k === "container" && item.j !== undefined);
  const out = [];
  for (const { action, rest } of asked(query, answer.actions ?? [])) {
    const at = answer.actions.indexOf(action);
    for (const item of rank(containers, rest, 5).flatMap((group) => group.items)) {
      const vmid = item.u.slice(item.u.lastIndexOf("/") + 1);
      const why = (answer.judged[item.j]?.[at] ?? "").replaceAll(NAME, () => item.t).replaceAll(VMID, () => vmid);
      out.push({ k: "action", t: `${action.t} ${item.t}`, n: why || item.n, u: `${item.u}/${action.n}`, icon: action.i, ask: action.ask === true, seen: item.t, why });
    }
  }
  // What can be had comes first.
  return out.sort((a, b) => Number(a.why !== "") - Number(b.why !== "")).slice(0, limit);
}
