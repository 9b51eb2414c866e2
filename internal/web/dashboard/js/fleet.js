// The fleet as the browser knows it: what wire.go sends, as objects that can be
// searched and sorted.
import {Judge} from "./judge.js"
import {naturalKey} from "./order.js"
import {textOf} from "./query.js"

const STALE = 1, TEMPLATE = 2
const NUMBERS = ["cpu", "mem", "disk", "boot"]

// clock is the server's, in unix seconds; this machine's may be wrong.
let skew = 0
export const now = () => Date.now() / 1000 + skew
export function setClock(server) { skew = server - Date.now() / 1000 }

class Row {
  constructor(cluster, a, judge) {
    const [vmid, name, node, status, flags, attn, cpus, maxMem, maxDisk, cpu, mem, disk, boot, judged,
      seen = 0, lock = "", tags = [], addresses = [], pool = "", ha = "", ending = null] = a
    Object.assign(this, {vmid, name, node, status, attn, cpus, maxMem, maxDisk, cpu, mem, disk, boot, judged, seen, lock, tags, addresses, pool, ha})
    // How its last action ended badly: {job, n, text}; null: it did not.
    this.ending = ending && {job: ending[0], n: ending[1], text: ending[2]}
    this.judge = judge
    this.cluster = cluster.id
    this.clusterName = cluster.name
    this.id = `${cluster.id}/${vmid}`
    this.nodeId = `${cluster.id}/${node}`
    this.label = cluster.nodes.get(node)?.label ?? ""
    this.stale = (flags & STALE) !== 0
    this.template = (flags & TEMPLATE) !== 0
    this.attention = attn !== 0
    this.live = status === "running"
    this.text = textOf(this)
    this.nameKey = naturalKey(name)
    this.nodeKey = naturalKey(this.label || node)
    this.tagKey = naturalKey(tags.join(" "))
  }
  // doing is what is being done to it: "Starting"; empty: nothing.
  get doing() { return this.judge.doing(this) }
  // failed tells one bad end from another.
  get failed() { return this.ending ? `${this.ending.job} ${this.ending.n} ${this.ending.text}` : "" }
  get uptime() { return this.boot ? Math.max(0, Math.floor((this.stale ? this.seen : now()) - this.boot)) : 0 }
}

// Fleet takes everything or changes and tells what they touched.
export class Fleet {
  constructor() {
    this.id = ""
    this.clusters = new Map()
    this.rows = new Map()
    this.banners = []
    this.judge = new Judge()
    this.running = 0 // jobs
    this.titles = new Map()
    this.shape = this.moves = 0 // grow when rows, and when their moving numbers, change
  }

  // everything replaces all; the answer is as that of change.
  everything(data) {
    setClock(data.now)
    const touched = news()
    const before = this.rows
    this.id = data.id
    this.clusters = new Map()
    this.rows = new Map()
    this.judge = new Judge()
    this.judge.take(data.judge)
    this.running = data.running ?? 0
    for (const c of data.clusters) {
      const cluster = this.cluster(c)
      for (const a of c.rows) this.put(new Row(cluster, a, this.judge))
    }
    for (const [id, row] of this.rows) if (!same(before.get(id), row)) touched.rows.add(id)
    for (const id of before.keys()) if (!this.rows.has(id)) touched.gone.add(id)
    this.banners = data.banners ?? []
    touched.nodes = touched.banners = true
    this.name()
    this.shape++
    return touched
  }

  change(id, data) {
    setClock(data.now)
    this.id = id
    const touched = news()
    this.judge.take(data.judge)
    this.running = data.running ?? this.running
    for (const c of data.clusters ?? []) {
      const cluster = this.cluster(c)
      if (c.nodes) touched.nodes = true
      for (const a of c.rows ?? []) {
        const row = new Row(cluster, a, this.judge)
        this.put(row)
        touched.rows.add(row.id)
      }
      for (const [vmid, ...moved] of c.numbers ?? []) {
        const row = this.rows.get(`${c.id}/${vmid}`)
        if (!row) continue
        moved.forEach((n, i) => { row[NUMBERS[i]] = n }) // the rest is as before
        touched.numbers.add(row.id)
      }
      for (const vmid of c.gone ?? []) this.drop(`${c.id}/${vmid}`, touched)
    }
    for (const id of data.gone ?? []) {
      this.clusters.delete(id)
      for (const row of [...this.rows.values()]) if (row.cluster === id) this.drop(row.id, touched)
      touched.nodes = true
    }
    if (data.banners) {
      this.banners = data.banners
      touched.banners = true
    }
    if (touched.nodes) this.name()
    if (touched.rows.size || touched.gone.size) this.shape++
    if (touched.numbers.size) this.moves++
    return touched
  }

  cluster(c) {
    const old = this.clusters.get(c.id)
    const cluster = {id: c.id, name: c.name, seen: c.seen, nodes: old?.nodes ?? new Map()}
    if (c.nodes) cluster.nodes = new Map(c.nodes.map(n => [n.name, {...n, id: `${c.id}/${n.name}`}]))
    this.clusters.set(c.id, cluster)
    return cluster
  }

  // name gives each node its title, with the cluster's name where the title is not alone.
  name() {
    const all = this.nodes(), count = new Map()
    for (const n of all) count.set(n.label || n.name, (count.get(n.label || n.name) ?? 0) + 1)
    this.titles = new Map(all.map(n => [n.id, count.get(n.label || n.name) > 1 ? `${n.clusterName}/${n.label || n.name}` : n.label || n.name]))
  }

  // titleOf is what people call a node, by its identity.
  titleOf(nodeId) { return this.titles.get(nodeId) ?? nodeId.slice(nodeId.indexOf("/") + 1) }

  put(row) { this.rows.set(row.id, row) }

  drop(id, touched) {
    if (this.rows.delete(id)) touched.gone.add(id)
  }

  // fresh is when the newest whole answer came.
  get fresh() { return Math.max(0, ...[...this.clusters.values()].map(c => c.seen)) }

  nodes() { return [...this.clusters.values()].flatMap(c => [...c.nodes.values()].map(n => ({...n, seen: n.seen || c.seen, clusterName: c.name}))) }

  figures() {
    const f = {Total: this.rows.size, Running: 0, Stopped: 0, Attention: 0}
    for (const r of this.rows.values()) {
      if (r.status === "running") f.Running++
      else if (r.status === "stopped") f.Stopped++
      if (r.attention) f.Attention++
    }
    return f
  }
}

const news = () => ({rows: new Set(), numbers: new Set(), gone: new Set(), nodes: false, banners: false})

const shown = ["name", "node", "label", "clusterName", "status", "stale", "template", "attn", "cpus", "maxMem", "maxDisk", "cpu", "mem", "disk", "boot", "seen", "lock", "pool", "ha", "doing", "failed"]
const lists = ["tags", "addresses"]

function same(a, b) {
  return !!a && shown.every(k => a[k] === b[k]) && lists.every(k => a[k].join("\n") === b[k].join("\n"))
}
