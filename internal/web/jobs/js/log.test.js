import assert from "node:assert/strict";
import test from "node:test";
import { clock, found, fresh } from "./log.js";

test("lines are taken once and in order, whatever was sent again", () => {
  const all = [1, 2, 3, 4, 5].map((n) => [n, 0, `line ${n}`]);
  assert.deepEqual(fresh(all, 0).map((l) => l[0]), [1, 2, 3, 4, 5]);
  assert.deepEqual(fresh(all, 3).map((l) => l[0]), [4, 5]);
  assert.deepEqual(fresh([...all.slice(0, 3), ...all.slice(1)], 0).map((l) => l[0]), [1, 2, 3, 4, 5]);
  assert.deepEqual(fresh(all, 5), []);
});

test("the clock is the server's", () => {
  assert.equal(clock(Date.UTC(2026, 9, 3, 4, 5, 6)), "04:05:06");
});

test("finding", () => {
  assert.deepEqual(found(["Task OK", "error: no space", "an ERROR"], " error "), [1, 2]);
  assert.deepEqual(found(["x"], " "), []);
});
