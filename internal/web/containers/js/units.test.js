import assert from "node:assert/strict";
import test from "node:test";
import { bytes, write } from "./units.js";

test("values read as the server writes them", () => {
  assert.equal(bytes(0), "0 B");
  assert.equal(bytes(1023), "1023 B");
  assert.equal(bytes(1536), "1.5 KiB");
  assert.equal(bytes(7.4 * 1024 ** 3), "7.4 GiB");
  assert.equal(bytes(1023.96 * 1024), "1 MiB");
  assert.equal(write(0.04, "percent"), "0 %");
  assert.equal(write(9.94, "percent"), "9.9 %");
  assert.equal(write(31.4, "percent"), "31 %");
  assert.equal(write(2048, "rate"), "2 KiB/s");
  assert.equal(write(null, "bytes"), "–");
  assert.equal(write(undefined, "bytes"), "–");
});
