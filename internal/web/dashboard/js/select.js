// Which containers are chosen: by hand, by range, by all that match. It knows
// ids and their order, and no element.

export class Selection {
  constructor(changed = () => {}) {
    this.ids = new Set()
    this.anchor = null // where a range begins
    this.changed = changed
  }

  has(id) { return this.ids.has(id) }

  get size() { return this.ids.size }

  // set chooses one, or takes it back; it is where the next range begins.
  set(id, on) {
    if (on) this.ids.add(id)
    else this.ids.delete(id)
    this.anchor = id
    this.changed()
  }

  // range does to all between the anchor and id, in the given order, what is done to id.
  range(id, on, order) {
    const from = order.indexOf(this.anchor), to = order.indexOf(id)
    if (from < 0 || to < 0) return this.set(id, on)
    for (const one of order.slice(Math.min(from, to), Math.max(from, to) + 1)) {
      if (on) this.ids.add(one)
      else this.ids.delete(one)
    }
    this.changed()
  }

  all(order) {
    this.ids = new Set(order)
    this.changed()
  }

  clear() {
    if (this.ids.size === 0) return
    this.ids.clear()
    this.anchor = null
    this.changed()
  }

  // keep drops what is not among those any more: nothing is acted on that is not shown.
  keep(shown) {
    const before = this.ids.size
    if (before === 0) return
    for (const id of this.ids) if (!shown.has(id)) this.ids.delete(id)
    if (this.ids.size !== before) this.changed()
  }
}
