// Reads {queries: {text: ids}, orders: {sort: ids}} from standard input and says where the browser's rules answer otherwise.
import {readFileSync} from "node:fs"
import {parseQuery, textOf} from "../js/query.js"
import {comparer, naturalKey, parseOrder} from "../js/order.js"

const {queries} = JSON.parse(readFileSync(0))
const table = JSON.parse(readFileSync(new URL("../../../fleet/testdata/query_cases.json", import.meta.url)))
const subjects = table.subjects.map(s => ({
  ...s, text: textOf(s), nameKey: naturalKey(s.name), nodeKey: naturalKey(s.label || s.node), tagKey: naturalKey(s.tags.join(" ")),
}))
for (const {q, sort, ids, problems} of queries) {
  const query = parseQuery(q)
  const got = subjects.filter(query.matches).sort(comparer(parseOrder(sort))).map(s => s.id).join("")
  if (got !== ids) console.log(`${JSON.stringify(q)} by ${sort}: the browser finds ${got}, the server ${ids}`)
  if (query.problems.join() !== (problems ?? []).join()) console.log(`${JSON.stringify(q)}: the browser says ${query.problems}, the server ${problems}`)
}
