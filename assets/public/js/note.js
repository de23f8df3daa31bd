// The note over a tab: one sentence in the language of the moment, until it is closed or there is another.
import { $, write } from "./dom.js";
import { lookAfterServer } from "./connection.js";
import { knows, onSpeak, say, sayError } from "./words.js";

// `id`: of the element, which holds a paragraph and the button that closes it. `tell` takes the sentence as a function,
// since languages change, or null; `fail` what the server has refused, {code, facts, sentence}, or that it has not answered.
export function makeNote(id) {
  let note = null;

  function draw() {
    const text = note?.() ?? "";
    $(id).hidden = !text;
    write($(id).firstElementChild, text);
  }

  function tell(words) {
    note = words;
    draw();
  }

  function fail(error) {
    if (!error.code) lookAfterServer();
    tell(() => !error.code ? say("page.batch.lost") : knows(`error.${error.code}`) ? sayError(error) : error.sentence ?? error.code);
  }

  $(id).querySelector("button").addEventListener("click", () => tell(null));
  onSpeak(draw);
  return { tell, fail };
}
