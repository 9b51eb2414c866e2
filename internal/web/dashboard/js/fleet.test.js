import {test} from "node:test"
import assert from "node:assert/strict"
import {Fleet, setClock} from "./fleet.js"
import {changed, cleared, matches, readFilter, urlOf} from "./filter.js"
import {sections, selectRows} from "./list.js"

const row = (vmid, name, node, rest = []) => [vmid, name, node, "running", 0, 0, 2, 2048, 16384, 12, 819, 6656, 1000, 0, ...rest]

const everything = () => ({
  id: "e-1", now: 5000, banners: [],
  clusters: [
    {id: "c1", name: "lab", seen: 4996, nodes: [{name: "pve1", state: "online"}, {name: "pve2", state: "online"}],
      rows: [row(101, "gitea", "pve1", [0, "", ["dev"], ["10.0.0.101"]]), row(104, "web10", "pve2"), row(105, "web2", "pve2")]},
    {id: "c2", name: "attic", seen: 4990, nodes: [{name: "pve1", label: "attic", state: "online"}], rows: [row(101, "adguard", "pve1")]},
  ],
})

test("everything becomes rows that can be searched", () => {
  const fleet = new Fleet()
  fleet.everything(everything())
  assert.equal(fleet.rows.size, 4)
  const gitea = fleet.rows.get("c1/101")
  assert.deepEqual([gitea.name, gitea.nodeId, gitea.live, gitea.tags, gitea.addresses], ["gitea", "c1/pve1", true, ["dev"], ["10.0.0.101"]])
  assert.equal(fleet.rows.get("c2/101").label, "attic")
  assert.equal(fleet.fresh, 4996)
  assert.deepEqual(fleet.figures(), {Total: 4, Running: 4, Stopped: 0, Attention: 0})
})

test("changes touch what they name and nothing else", () => {
  const fleet = new Fleet()
  fleet.everything(everything())
  const touched = fleet.change("e-2", {now: 5010, clusters: [{id: "c1", name: "lab", seen: 5008, numbers: [[101, 50, 900, 6656, 1000], [999, 1, 1, 1, 1]],
    rows: [[104, "web10", "pve1", "stopped", 0, 0, 2, 2048, 16384, 0, 0, 0, 0, 0]], gone: [105]}]})
  assert.deepEqual([...touched.numbers], ["c1/101"])
  assert.deepEqual([...touched.rows], ["c1/104"])
  assert.deepEqual([...touched.gone], ["c1/105"])
  assert.equal(touched.nodes, false)
  assert.equal(fleet.id, "e-2")
  assert.equal(fleet.rows.get("c1/101").cpu, 50)
  assert.equal(fleet.rows.get("c1/104").nodeId, "c1/pve1")
  assert.equal(fleet.rows.has("c1/105"), false)
  assert.equal(fleet.nodes().length, 3)
  assert.deepEqual([...fleet.change("e-3", {now: 5011, gone: ["c1"]}).gone].sort(), ["c1/101", "c1/104"])
  assert.equal(fleet.rows.size, 1)
})

test("everything anew touches only what differs", () => {
  const fleet = new Fleet()
  fleet.everything(everything())
  const again = everything()
  again.clusters[0].rows[1][9] = 99
  again.clusters[1].rows = []
  const touched = fleet.everything(again)
  assert.deepEqual([...touched.rows], ["c1/104"])
  assert.deepEqual([...touched.gone], ["c2/101"])
})

test("a filter comes back from its address", () => {
  for (const url of ["/", "/?node=c1%2Fpve1&node=c2%2Fpve1&status=running&tag=a+b&q=mem%3E80%25&sort=-cpu&view=table&group=node"])
    assert.equal(urlOf(readFilter(url.slice(1))), url)
  assert.equal(urlOf(readFilter("?node=x&status=y&sort=z&view=v&tag=&node=")), "/")
  const f = readFilter("?q=web&sort=-cpu&view=table&tag=x")
  assert.equal(urlOf(cleared(f)), "/?sort=-cpu&view=table")
  assert.equal(urlOf(changed(f, {q: "", tags: []})), "/?sort=-cpu&view=table")
})

test("rows are chosen, sorted and grouped", () => {
  setClock(5000)
  const fleet = new Fleet()
  fleet.everything(everything())
  const names = search => selectRows(fleet, readFilter(search)).map(r => r.name).join(" ")
  assert.equal(names(""), "adguard gitea web2 web10")
  assert.equal(names("?node=c1%2Fpve2"), "web2 web10")
  assert.equal(names("?q=node:pve1"), "adguard gitea")
  assert.equal(names("?tag=dev&q=-web"), "gitea")
  assert.equal(names("?sort=-vmid"), "web2 web10 gitea adguard".replace("gitea adguard", "adguard gitea"))
  assert.ok(matches(readFilter("?q=uptime>1h"), fleet.rows.get("c1/101")))
  fleet.change("e-2", {now: 5000, clusters: [{id: "c1", name: "lab", seen: 5000, numbers: [[105, 99]]}]})
  assert.equal(names("?sort=-cpu"), "web2 adguard gitea web10")
  fleet.change("e-3", {now: 5000, clusters: [{id: "c1", name: "lab", seen: 5000, numbers: [[101, 100, 900]]}]})
  assert.equal(names("?sort=-cpu"), "gitea web2 adguard web10")
  assert.deepEqual([fleet.rows.get("c1/101").mem, fleet.rows.get("c1/101").disk, fleet.rows.get("c1/101").boot], [900, 6656, 1000])
  const grouped = sections(selectRows(fleet, readFilter("?group=node")), true)
  assert.deepEqual(grouped.map(s => [s.key, s.rows.map(r => r.vmid)]), [["c2/pve1", [101]], ["c1/pve1", [101]], ["c1/pve2", [105, 104]]])
})

test("what is done to a container, and how its last action ended", () => {
  const fleet = new Fleet()
  const all = everything()
  all.judge = {at: [0, 0], why: [["\u0001 already runs.", "not stopped"]], of: [["", 1, 0]]}
  all.running = 1
  fleet.everything(all)
  const gitea = () => fleet.rows.get("c1/101")
  assert.equal(fleet.running, 1)
  assert.equal(fleet.judge.why(gitea(), 0), "gitea already runs.")
  const touched = fleet.change("e-2", {now: 5010, running: 0, judge: {at: [1, 1], why: [], of: [["Starting", 1, 1]]}, clusters: [{id: "c1", name: "lab", seen: 5008,
    rows: [[101, "gitea", "pve1", "running", 0, 32, 2, 2048, 16384, 0, 0, 0, 0, 1, 0, "", [], [], "", "", ["j1", 3, "Stop failed."]]]}]})
  assert.deepEqual([...touched.rows], ["c1/101"])
  assert.equal(gitea().doing, "Starting")
  assert.deepEqual(gitea().ending, {job: "j1", n: 3, text: "Stop failed."})
  assert.equal(fleet.running, 0)
})
