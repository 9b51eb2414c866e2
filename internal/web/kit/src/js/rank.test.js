import assert from "node:assert/strict";
import test from "node:test";
import { ago, duration } from "./words.js";
import { rank } from "./rank.js";

const items = [
  { k: "page", t: "Dashboard", f: "containers home", u: "/" },
  { k: "page", t: "Nodes", n: "Settings", u: "/settings/nodes" },
  { k: "node", t: "pve1", n: "lab", u: "/?node=c1/pve1" },
  { k: "node", t: "home-pve", n: "attic", u: "/?node=c2/home-pve" },
  { k: "container", t: "homeassistant", n: "101 on pve1", u: "/?q=101" },
  { k: "container", t: "web-home", n: "1010 on pve1", f: "prod", u: "/?q=1010" },
];
const found = (query, limit = 40) => rank(items, query, limit).map((g) => [g.kind, ...g.items.map((i) => i.t)]);

test("nothing typed shows pages, then nodes, then containers", () => {
  assert.deepEqual(found("").map((g) => g[0]), ["page", "node", "container"]);
});
test("titles that begin with the words come first, then words inside, then notes", () => {
  assert.deepEqual(found("home"), [["node", "home-pve"], ["container", "homeassistant", "web-home"], ["page", "Dashboard"]]);
});
test("a whole VMID counts more than a part of one", () => {
  assert.deepEqual(found("101")[0], ["container", "homeassistant", "web-home"]);
});
test("every word has to be there, in any case and place", () => {
  assert.deepEqual(found("PVE1 prod"), [["container", "web-home"]]);
  assert.deepEqual(found("home nothing"), []);
});
test("no more than the limit, the best of them", () => {
  assert.deepEqual(found("home", 1), [["node", "home-pve"]]);
});
test("text from elsewhere is only compared, never read as a pattern", () => {
  assert.deepEqual(found(".* ("), []);
});
test("ages read as in Go", () => {
  assert.equal(ago(-5000), "just now");
  assert.equal(ago(1999), "just now");
  assert.equal(ago(4000), "4 s ago");
  assert.equal(duration(59 * 60000), "59 min");
  assert.equal(duration(47 * 3600000), "47 h");
  assert.equal(duration(48 * 3600000), "2 days");
});
