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

// The same text is not written again: a screen reader would read it again.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Said to screen readers, when they have nothing else to say.
export const announce = (text) => write($("said"), text);

// Whether this is a field that one types into, where keys have a meaning of their own.
export const isTyping = (element) => element.matches("textarea, [contenteditable], input:not([readonly], [type=range], [type=radio], [type=checkbox])");

// Whether this is a field, a slider or a choice.
export const isFilling = (element) => element.matches("textarea, [contenteditable], input, select");

const BRIEF = 8000; // milliseconds
let dismissed = ""; // the note that the visitor has closed: it comes back only when there was another

let leaving = null; // the timer of a message that goes by itself

// An empty text takes the message away. The same text is not written again: a screen reader would read it again.
// `action`, {text, does}: what can be done about it, as a button beside it.
export function showNotice(text, kind = "note", action = null) {
  const [place, words, button] = [$("notice"), $("notice-text"), $("notice-action")];
  clearTimeout(leaving);
  if (text && text !== dismissed) dismissed = "";
  place.hidden = !text || (kind === "note" && text === dismissed);
  place.dataset.kind = kind;
  write(words, text);
  button.hidden = !action;
  button.textContent = action?.text ?? "";
  button.onclick = action?.does ?? null;
}

// A word by the way: it goes by itself, unless somebody is at it.
export function showBriefly(text, action = null) {
  showNotice(text, "note", action);
  const leave = () => {
    if ($("notice").matches(":hover, :focus-within")) leaving = setTimeout(leave, BRIEF);
    else if ($("notice-text").textContent === text) showNotice("");
  };
  leaving = setTimeout(leave, BRIEF);
}

export function closeNotice() {
  dismissed = $("notice-text").textContent;
  $("notice").hidden = true;
}
