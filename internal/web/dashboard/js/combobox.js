// A select of very many choices becomes a field to type in. Without script the
// select itself does.

const MOST = 60 // choices listed at once; typing narrows them

// matching are the choices whose text holds all words typed, at most MOST of them, and how many there are.
export function matching(choices, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean)
  const all = choices.filter(c => words.every(w => c.text.toLowerCase().includes(w)))
  return {list: all.slice(0, MOST), more: Math.max(0, all.length - MOST)}
}

export function combobox(select) {
  const choices = [...select.options].map(o => ({value: o.value, text: o.text}))
  const field = document.createElement("input"), list = document.createElement("div")
  field.className = "select combo"
  field.type = "text"
  field.autocomplete = "off"
  field.spellcheck = false
  set(field, {role: "combobox", "aria-label": select.getAttribute("aria-label"), "aria-expanded": "false", "aria-controls": "combo-list", "aria-autocomplete": "list"})
  list.className = "menu-list combo-list"
  list.id = "combo-list"
  list.popover = "manual"
  set(list, {role: "listbox", "aria-label": select.getAttribute("aria-label")})
  select.before(field)
  select.hidden = true
  document.body.append(list)
  let chosen = -1

  const open = () => list.matches(":popover-open")
  const options = () => [...list.querySelectorAll("[role=option]")]
  const sync = () => { if (document.activeElement !== field) field.value = select.selectedOptions[0]?.text ?? "" }

  function show(typed) {
    const {list: found, more} = matching(choices, typed)
    list.replaceChildren(...found.map((c, i) => {
      const el = document.createElement("div")
      el.className = "menu-item"
      el.id = `combo-${i}`
      el.textContent = c.text
      el.dataset.value = c.value
      set(el, {role: "option", "aria-selected": String(c.value === select.value)})
      return el
    }))
    if (more || !found.length) {
      const note = document.createElement("p")
      note.className = "menu-note"
      note.textContent = more ? `and ${more} more: type to narrow them` : "No node has that name."
      list.append(note)
    }
    if (!open()) list.showPopover()
    field.setAttribute("aria-expanded", "true")
    const box = field.getBoundingClientRect()
    list.style.left = `${box.left}px`
    list.style.top = `${box.bottom + 4}px`
    list.style.minWidth = `${box.width}px`
    mark(typed ? 0 : options().findIndex(el => el.dataset.value === select.value))
  }

  function mark(i) {
    const all = options()
    all[chosen]?.removeAttribute("data-marked")
    chosen = all.length ? Math.min(Math.max(i, 0), all.length - 1) : -1
    const el = all[chosen]
    if (!el) return field.removeAttribute("aria-activedescendant")
    el.setAttribute("data-marked", "")
    field.setAttribute("aria-activedescendant", el.id)
    el.scrollIntoView({block: "nearest"})
  }

  function close() {
    if (open()) list.hidePopover()
    field.setAttribute("aria-expanded", "false")
    field.removeAttribute("aria-activedescendant")
  }

  function choose(el) {
    if (!el) return
    select.value = el.dataset.value
    close()
    field.blur()
    select.dispatchEvent(new Event("change", {bubbles: true}))
    sync()
  }

  field.addEventListener("focus", () => { field.select(); show("") })
  field.addEventListener("click", () => { if (!open()) show("") })
  field.addEventListener("input", e => { e.stopPropagation(); show(field.value) })
  field.addEventListener("change", e => e.stopPropagation())
  field.addEventListener("blur", () => { close(); sync() })
  field.addEventListener("keydown", e => {
    const move = {ArrowDown: chosen + 1, ArrowUp: chosen - 1, PageDown: chosen + 10, PageUp: chosen - 10}[e.key]
    if (move !== undefined) {
      if (open()) mark(move)
      else show("")
    } else if (e.key === "Enter") choose(open() ? options()[chosen] : null)
    else if (e.key === "Escape" && open()) close()
    else return
    e.preventDefault()
  })
  list.addEventListener("mousedown", e => e.preventDefault()) // the field keeps the focus
  list.addEventListener("click", e => choose(e.target.closest("[role=option]")))
  addEventListener("scroll", close, {passive: true})
  sync()
  return {sync}
}

function set(el, attributes) {
  for (const [name, value] of Object.entries(attributes)) el.setAttribute(name, value)
}
