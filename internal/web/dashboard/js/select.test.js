import assert from "node:assert/strict"
import {test} from "node:test"
import {Selection} from "./select.js"

const order = ["a", "b", "c", "d", "e"]
const of = s => [...s.ids].sort().join("")

test("a range goes from the last one pressed, either way, and can be taken back", () => {
  const s = new Selection()
  s.set("b", true)
  s.range("d", true, order)
  assert.equal(of(s), "bcd")
  s.set("e", true)
  s.range("c", false, order)
  assert.equal(of(s), "b")
})

test("a range whose beginning is not shown any more is one container", () => {
  const s = new Selection()
  s.set("x", true)
  s.range("c", true, order)
  assert.equal(of(s), "cx")
})

test("all, none, and what is no more", () => {
  let told = 0
  const s = new Selection(() => told++)
  s.all(order)
  assert.equal(s.size, 5)
  s.keep(new Set(["a", "e", "z"]))
  assert.equal(of(s), "ae")
  s.keep(new Set(["a", "e"]))
  assert.equal(told, 2)
  s.clear()
  s.clear()
  assert.equal(told, 3)
  assert.equal(s.size, 0)
})
