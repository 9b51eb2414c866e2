// The menu of one container: one element for the whole page, filled when it opens.

export function menu(el, fleet, showOnlyNode) {
  let row = null, opener = null

  const items = () => [...el.querySelectorAll("[role=menuitem]")]

  function open(button) {
    row = fleet.rows.get(button.closest("[data-container]").dataset.container)
    if (!row) return
    opener = button
    el.querySelector("[data-menu-title]").textContent = `${row.name}, ${row.vmid} on ${fleet.titleOf(row.nodeId)}`
    const copy = el.querySelector("[data-menu-copy=address]")
    copy.querySelector("span").textContent = row.addresses[0] ? `Copy ${row.addresses[0]}` : "Copy address"
    copy.toggleAttribute("aria-disabled", false)
    if (row.addresses[0]) copy.removeAttribute("aria-disabled")
    else {
      copy.setAttribute("aria-disabled", "true")
      const why = document.createElement("small")
      why.textContent = row.live ? "Its address is not known yet." : "It does not run."
      copy.querySelector("span").append(why)
    }
    el.showPopover()
    place(button)
    items()[0].focus()
  }

  function place(button) {
    const b = button.getBoundingClientRect(), m = el.getBoundingClientRect()
    const below = b.bottom + 4 + m.height < innerHeight
    el.style.top = `${below ? b.bottom + 4 : Math.max(4, b.top - m.height - 4)}px`
    el.style.left = `${Math.max(4, Math.min(b.right - m.width, innerWidth - m.width - 4))}px`
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text)
    } catch {
      // Over plain HTTP there is no clipboard: leave it in view to be copied by hand.
      el.querySelector("[data-menu-title]").textContent = text
      getSelection().selectAllChildren(el.querySelector("[data-menu-title]"))
      return
    }
    el.hidePopover()
  }

  document.addEventListener("click", e => {
    const button = e.target.closest(".more")
    if (button) open(button)
  })
  el.addEventListener("click", e => {
    const item = e.target.closest("[role=menuitem]")
    if (!item || item.hasAttribute("aria-disabled") || !row) return
    if (item.dataset.menuCopy === "address") copy(row.addresses[0])
    else if (item.dataset.menuCopy === "vmid") copy(String(row.vmid))
    else {
      el.hidePopover()
      showOnlyNode(row.nodeId)
    }
  })
  el.addEventListener("keydown", e => {
    const all = items(), at = all.indexOf(document.activeElement)
    const to = {ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1}[e.key]
    if (to === undefined) {
      if (e.key === "Tab") el.hidePopover()
      return
    }
    e.preventDefault()
    all[to % all.length].focus()
  })
  el.addEventListener("toggle", e => {
    if (e.newState === "closed" && (el.contains(document.activeElement) || document.activeElement === document.body)) opener?.focus()
  })
  addEventListener("scroll", () => { if (el.matches(":popover-open")) el.hidePopover() }, {passive: true})
}
