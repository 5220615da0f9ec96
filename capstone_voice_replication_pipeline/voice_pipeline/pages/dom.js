/* Small helpers for the document. Text always goes in as text, never as markup. */

export const byId = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function fill(element, ...children) {
  element.replaceChildren(...children);
}

/* Say in the part of the page that holds `element` what went wrong; null takes it away. */
export function problem(element, error) {
  const place = (element.closest("section") ?? document.querySelector("header")).querySelector(".problem[role=alert]");
  place.hidden = error === null;
  place.textContent = error === null ? "" : sentence(error.message);
}

export function sentence(text, capital = true) {
  const whole = capital ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/* Make `element` do `work` on `kind`, once at a time. It keeps the focus while it works. */
export function on(element, kind, work) {
  let busy = false;
  element.addEventListener(kind, async (event) => {
    if (kind === "submit") event.preventDefault();
    if (busy) return;
    const button = kind === "submit" ? (event.submitter ?? element.querySelector("button")) : element;
    busy = true;
    button.setAttribute("aria-disabled", "true");
    problem(element, null);
    try {
      await work(event);
    } catch (error) {
      if (error.name !== "AbortError") problem(element, error);
    } finally {
      busy = false;
      button.removeAttribute("aria-disabled");
    }
  });
}

const addresses = new WeakMap();

/* Let a player play a blob; the one it had is given back to the browser. */
export function play(player, blob) {
  if (addresses.has(player)) URL.revokeObjectURL(addresses.get(player));
  addresses.set(player, URL.createObjectURL(blob));
  player.src = addresses.get(player);
  player.hidden = false;
}

export function save(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
