import {test} from "node:test"
import assert from "node:assert/strict"
import {matching} from "./combobox.js"

test("typing narrows the choices", () => {
  const choices = [{value: "", text: "All nodes (900)"}, ...Array.from({length: 90}, (_, i) => ({value: `c/${i}`, text: `site-${i}/pve${i % 3}`}))]
  assert.equal(matching(choices, "").list.length, 60)
  assert.equal(matching(choices, "").more, 31)
  assert.deepEqual(matching(choices, "SITE-12 pve0").list.map(c => c.value), ["c/12"])
  assert.deepEqual(matching(choices, "nowhere"), {list: [], more: 0})
})
