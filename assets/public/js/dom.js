// The elements of the page: found, made, and the one place for messages.

export const root = document.documentElement; // the states stand on it, for app.css: data-state, data-picture, data-view …
export const $ = (id) => document.getElementById(id);

export function make(tag, facts = {}, ...children) {
  const element = Object.assign(document.createElement(tag), facts);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function makeChip(text, onClick) {
  const chip = make("button", { type: "button", className: "chip", textContent: text });
  chip.addEventListener("click", onClick);
  return chip;
}

let dismissed = ""; // the note that the visitor has closed: it comes back only when there was another

// An empty text takes the message away. The same text is not written again: a screen reader would read it again.
export function showNotice(text, kind = "note") {
  const [place, words] = [$("notice"), $("notice-text")];
  if (text && text !== dismissed) dismissed = "";
  place.hidden = !text || (kind === "note" && text === dismissed);
  place.dataset.kind = kind;
  if (words.textContent !== text) words.textContent = text;
}

export function closeNotice() {
  dismissed = $("notice-text").textContent;
  $("notice").hidden = true;
}
