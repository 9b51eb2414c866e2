// The menu of one container: one element for the whole page, filled when it opens.
import {act, ask} from "../../kit/src/js/actions.js"
import {urlOf} from "./draw.js"

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
    fillActions()
    el.showPopover()
    place(button)
    ;(items().find(i => !i.hasAttribute("aria-disabled")) ?? items()[0]).focus()
  }

  // fillActions says of each action whether it can be had, and else why not, in words below it.
  // The same words again are only heard: to the eye, once is enough.
  function fillActions() {
    let before = ""
    el.querySelectorAll("[data-menu-act]").forEach((item, i) => {
      const why = fleet.judge.why(row, i), words = item.querySelector("span")
      words.querySelector("small")?.remove()
      if (!why) item.removeAttribute("aria-disabled")
      else {
        item.setAttribute("aria-disabled", "true")
        const small = document.createElement("small")
        small.textContent = why
        small.classList.toggle("sr-only", why === before)
        words.append(small)
      }
      before = why
    })
  }

  function begin(item) {
    const url = `${urlOf(row)}/${item.dataset.menuAct}`
    el.hidePopover()
    if ("asks" in item.dataset) ask(url, back)
    else act(url, {seen: row.name})
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
    if (item.dataset.menuAct) begin(item)
    else if ("menuOpen" in item.dataset) location.assign(urlOf(row))
    else if (item.dataset.menuCopy === "address") copy(row.addresses[0])
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
    if (e.newState === "closed" && (el.contains(document.activeElement) || document.activeElement === document.body)) back()?.focus()
  })

  // back is the button that opened the menu, also when its card was drawn anew meanwhile.
  function back() {
    if (opener?.isConnected || !row) return opener
    return document.querySelector(`[data-container="${CSS.escape(row.id)}"] .more`)
  }

  addEventListener("scroll", () => { if (el.matches(":popover-open")) el.hidePopover() }, {passive: true})

  return {
    // refresh keeps an open menu true when its container changed.
    refresh(touched) {
      if (!row || !el.matches(":popover-open") || !touched.has(row.id)) return
      row = fleet.rows.get(row.id) ?? row
      fillActions()
    },
  }
}
