// A second model to compare with, offered where there is only one: fetched in place, beside the photo.
import { make } from "./dom.js";
import { cancelFetch, coming, fetchModel, makeFailure, makeProgress, moveProgress } from "./models.js";
import { facts, models } from "./state.js";
import { say, titleOf } from "./words.js";

// One that is on its way; else the first that is free to use or nearly so.
export function modelToOffer() {
  const missing = Object.values(models).filter(({ installed, fetchable }) => !installed && fetchable);
  return missing.find(coming) ?? missing.find((model) => model.commercial_use !== "no") ?? missing[0] ?? null;
}

function makeButton(key, className, model, does) {
  const button = make("button", { type: "button", className, textContent: say(key, model) });
  button.setAttribute("aria-label", `${button.textContent}: ${titleOf(model.name)}`);
  button.addEventListener("click", () => does(models[model.name]));
  return button;
}

function makeState(model) {
  if (coming(model)) return [makeProgress(model), makeButton("page.models.cancel", "quiet", model, cancelFetch)];
  const failure = model.error ? [makeFailure(model.error)] : [];
  return [...failure, makeButton("page.models.fetch", "primary-link", model, fetchModel)];
}

export function makeOffer(model) {
  const restricted = model.commercial_use !== "yes";
  const rights = restricted ? `${say(`page.rights.${model.commercial_use}`)} ${model.commercial_use_why}` : "";
  const offer = make("section", { className: "offer" },
    make("h2", { textContent: titleOf(model.name) }), make("p", { textContent: model.about }),
    make("p", { className: "quiet-text", textContent: say("model.facts", { model: model.name, megabytes: model.megabytes, license: model.license }) }),
    rights ? make("p", { className: "quiet-text", textContent: rights }) : null, make("div", { className: "offer-state" }));
  offer.dataset.model = model.name;
  moveOffer(offer);
  return offer;
}

// While the file comes only the bar moves: a button that is made anew loses a click that is under way.
export function moveOffer(offer) {
  const model = models[offer.dataset.model];
  const state = offer.querySelector(".offer-state");
  const shown = JSON.stringify([Boolean(coming(model)), model.error ?? null]);
  if (shown === offer.dataset.shown) {
    if (coming(model)) moveProgress(state.querySelector(".coming"), model);
    return;
  }
  offer.dataset.shown = shown;
  const hadFocus = state.contains(document.activeElement);
  state.replaceChildren(...makeState(model));
  if (hadFocus) state.querySelector("button").focus();
}

// The offer of `model` alone in `place`, with `words` for what it is good for; none where there is nothing to fetch.
export function drawOffer(place, model, words) {
  const offer = place.firstElementChild;
  if (!facts.mayManage || !model?.fetchable || model.installed) place.replaceChildren();
  else if (offer?.dataset.model === model.name) moveOffer(offer);
  else place.replaceChildren(makeOffer(model), make("p", { textContent: words }));
}
