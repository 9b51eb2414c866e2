import assert from "node:assert/strict"
import {test} from "node:test"
import {count, Judge} from "./judge.js"

function judge() {
  const j = new Judge()
  j.take({at: [0, 0], why: [["\u0001 already runs.", "not stopped"], ["The token lacks VM.PowerMgmt on /vms/\u0002.", "beyond the token's privileges"]], of: [["", 0, 0], ["", 1, 0], ["Starting", 2, 2]]})
  return j
}
const row = (judged, name = "web1", vmid = 104) => ({judged, name, vmid})

test("sentences are about the row, whatever it is called", () => {
  const j = judge()
  assert.equal(j.why(row(1), 0), "web1 already runs.")
  assert.equal(j.why(row(1, "$& <b>"), 0), "$& <b> already runs.")
  assert.equal(j.why(row(2), 1), "The token lacks VM.PowerMgmt on /vms/104.")
  assert.equal(j.why(row(0), 0), "")
  assert.ok(j.can(row(0), 0))
  assert.ok(!j.can(row(1), 0))
  assert.equal(j.doing(row(2)), "Starting")
  assert.equal(j.doing(row(0)), "")
})

test("what no judgement is known of cannot be had", () => {
  assert.ok(!new Judge().can(row(0), 0))
})

test("what is sent twice is taken once", () => {
  const j = judge()
  const more = {at: [2, 3], why: [["\u0001 is suspended.", "not running"]], of: [["", 3, 3]]}
  j.take(more)
  j.take(more)
  j.take(undefined)
  assert.equal(j.reasons.length, 3)
  assert.equal(j.all.length, 4)
  assert.equal(j.why(row(3), 0), "web1 is suspended.")
})

test("many are counted, with what is left out", () => {
  const j = judge()
  const some = j.offer([row(0), row(1), row(1), row(2)], 0)
  assert.deepEqual(some, {can: 1, of: 4, out: "2 not stopped, 1 beyond the token's privileges"})
  assert.equal(count(some), "1 of 4")
  assert.equal(count(j.offer([row(0), row(0)], 0)), "2")
  assert.deepEqual(j.offer([], 0), {can: 0, of: 0, out: ""})
})
