// The copy button of a CopyBlock.

async function copy(block) {
  const pre = block.querySelector("pre");
  try {
    await navigator.clipboard.writeText(pre.textContent);
  } catch {
    // Over plain HTTP there is no clipboard: leave the text selected, ready to be copied by hand.
    getSelection().selectAllChildren(pre);
    return false;
  }
  return true;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const done = await copy(button.closest(".copy-block"));
  const use = button.querySelector("use");
  button.setAttribute("aria-label", done ? "Copied" : "Selected: copy it with the keyboard");
  button.title = button.getAttribute("aria-label");
  if (!done) return;
  button.dataset.copied = "";
  use.setAttribute("href", "#i-check");
  setTimeout(() => {
    delete button.dataset.copied;
    use.setAttribute("href", "#i-copy");
    button.setAttribute("aria-label", "Copy");
    button.title = "Copy";
  }, 2000);
});
