import assert from "node:assert/strict";
import test from "node:test";
import { asked, containerWords, verbs } from "./verbs.js";

const actions = [
  { n: "start", t: "Start", i: "play" },
  { n: "shutdown", t: "Shut down", i: "power" },
  { n: "stop", t: "Stop", i: "square", ask: true },
];
const answer = {
  actions,
  judged: [["", "\u0001 does not run.", "\u0001 does not run."], ["\u0001 already runs.", "", "no VM.PowerMgmt on /vms/\u0002"]],
  items: [
    { k: "page", t: "web pages", u: "/x" },
    { k: "container", t: "web1", n: "104 on pve1", u: "/containers/c/104", j: 0 },
    { k: "container", t: "$& web2", n: "105 on pve1", u: "/containers/c/105", j: 1 },
  ],
};

test("an action is meant by its beginning, and containers by the rest", () => {
  assert.deepEqual(asked("sta web", actions).map((a) => [a.action.n, a.rest]), [["start", "web"]]);
  assert.deepEqual(asked("shut down web 1", actions).map((a) => [a.action.n, a.rest]), [["shutdown", "web 1"]]);
  assert.deepEqual(asked("shut web", actions).map((a) => a.rest), ["web"]);
  assert.deepEqual(asked("st web", actions).map((a) => a.action.n), ["start", "stop"]);
  assert.deepEqual(asked("start", actions), []);
  assert.deepEqual(asked("s web", actions), []);
  assert.equal(containerWords("stop web1", actions), "web1");
  assert.equal(containerWords("web1", actions), "web1");
});

test("what can be had comes first, and what cannot says why", () => {
  assert.deepEqual(verbs("start web", answer, 10).map((v) => [v.t, v.n, v.u]), [
    ["Start web1", "104 on pve1", "/containers/c/104/start"],
    ["Start $& web2", "$& web2 already runs.", "/containers/c/105/start"],
  ]);
  const stop = verbs("stop 105", answer, 10);
  assert.equal(stop[0].why, "no VM.PowerMgmt on /vms/105");
  assert.ok(stop[0].ask);
  assert.equal(verbs("st web", answer, 3).length, 3);
  assert.deepEqual(verbs("web", answer, 10), []);
});
