// The page's words in the visitor's language, from assets/locale by way of ui/words.py.
import { root } from "./dom.js";
import { facts, now, recall, remember } from "./state.js";

const { words } = facts;
const spoken = Object.keys(words);
const speakers = []; // what else has words to change

export const otherLanguage = () => spoken[(spoken.indexOf(now.language) + 1) % spoken.length];
export const knows = (key) => key in words[now.language];

export function say(key, values = {}) {
  const text = words[now.language][key] ?? "";
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// How long something took: to a tenth, and never "0 s".
export function sayTime(seconds) {
  if (seconds == null) return "";
  return seconds < 0.1 ? say("page.seconds.few") : say("page.seconds", { seconds: Number(seconds.toFixed(seconds < 10 ? 1 : 0)) });
}

export const titleOf = (model) => say(`model.${model}.title`) || model;
export function sayError({ code, facts: values, behind }) {
  const words = values?.unit && say(values.unit); // for what would be accepted, of which the facts hold the English ones
  const accepted = words ? { accepted: words } : {};
  const named = values?.part === "trimap" ? { name: say("page.trimap.this") } : {};
  const sentence = say(`error.${code}`, { ...values, ...accepted, ...named });
  return values?.part === "background" ? say("page.behind.wrong", { name: behind?.name ?? values.name, sentence }) : sentence;
}

// Once at the start, and again whenever the language changes.
export function onSpeak(speaker) {
  speakers.push(speaker);
}

// The one that was chosen here, else the first of the browser's that the page speaks.
export function preferredLanguage() {
  const short = (tag) => tag.toLowerCase().split("-")[0];
  for (const tag of [recall("language"), ...navigator.languages].filter(Boolean)) {
    const match = spoken.find((language) => short(language) === short(tag));
    if (match) return match;
  }
  return spoken[0];
}

export function speak(language) {
  now.language = language;
  root.lang = language;
  document.title = say("page.title");
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-say-alt]")) element.alt = say(element.dataset.sayAlt);
  for (const element of document.querySelectorAll("[data-say-label]")) {
    element.setAttribute("aria-label", say(element.dataset.sayLabel));
    if (element.matches("button")) element.title = say(element.dataset.sayLabel);
  }
  for (const speaker of speakers) speaker();
}

export function switchLanguage() {
  const language = otherLanguage();
  remember("language", language);
  speak(language);
}
