import {readFileSync} from "node:fs"
import {test} from "node:test"
import assert from "node:assert/strict"
import * as format from "./format.js"

const table = JSON.parse(readFileSync(new URL("../testdata/format_cases.json", import.meta.url)))

test("numbers read as the table says", () => {
  for (const [part, whole, want] of table.ofMiB) assert.equal(format.ofMiB(part, whole), want)
  for (const [s, want] of table.duration) assert.equal(format.duration(s), want)
  for (const [s, want] of table.ago) assert.equal(format.ago(1000, 1000 + s), want)
  for (const [part, whole, want] of table.share) assert.equal(format.share(part, whole), want)
  for (const [percent, want] of table.level) assert.equal(format.level(percent), want)
  for (const [cpus, maxMem, maxDisk, want] of table.sizes) assert.equal(format.sizes({cpus, maxMem, maxDisk}), want)
  assert.equal(format.ago(0, 1000), "never")
})
