import {readFileSync} from "node:fs"
import {test} from "node:test"
import assert from "node:assert/strict"
import {parseQuery, textOf} from "./query.js"
import {comparer, naturalKey, parseOrder} from "./order.js"

const table = JSON.parse(readFileSync(new URL("../../../fleet/testdata/query_cases.json", import.meta.url)))
const subjects = table.subjects.map(s => ({
  ...s, text: textOf(s), nameKey: naturalKey(s.name), nodeKey: naturalKey(s.label || s.node), tagKey: naturalKey(s.tags.join(" ")),
}))

test("search finds what the table says", () => {
  for (const c of table.queries) {
    const q = parseQuery(c.q)
    assert.equal(subjects.filter(q.matches).map(s => s.id).join(""), c.match, `${c.q} (${c.why ?? ""})`)
    assert.equal(q.problems.length, c.problems ?? 0, c.q)
  }
})

test("sorting is as the table says", () => {
  for (const c of table.orders)
    assert.equal([...subjects].sort(comparer(parseOrder(c.sort))).map(s => s.id).join(""), c.ids, c.sort)
})

test("natural keys", () => {
  for (const [text, key] of table.keys) assert.equal(naturalKey(text), key)
})

test("an endless search is cut", () => {
  assert.equal(parseQuery("x ".repeat(4000)).terms.length, 24)
  assert.equal(parseQuery("y".repeat(4000)).terms[0].values[0].length, 300)
})
