// What the server tells of its models: all about each of them, how far fetches are; and the lines on the chosen one.
import { renewWords } from "./bridge.js";
import { $, root } from "./dom.js";
import { facts, installedModels, models, now } from "./state.js";
import { onSpeak, say } from "./words.js";

let asked = 0, newest = 0; // how often the list was asked for, and the newest that came

const inTheVisitorsLanguage = () => ({ headers: { "Accept-Language": now.language } });
const namesOfInstalled = () => installedModels().map((model) => model.name).sort().join();

// The whole list, for which the server looks at its disk. Where another model is installed than before, Gradio's menu of
// models is to tell so too.
export async function renewModels() {
  const number = (asked += 1);
  const answer = await fetch("api/models", inTheVisitorsLanguage());
  if (!answer.ok) return;
  const list = await answer.json();
  if (number < newest) return; // overtaken
  newest = number;
  const before = namesOfInstalled();
  for (const name of Object.keys(models)) delete models[name];
  for (const model of list) models[model.name] = model;
  describeModel();
  if (root.dataset.ready && namesOfInstalled() !== before) renewWords();
}

export const isFetching = () => Object.values(models).some((model) => model.fetching);

// How far the fetches are; the whole list only where one has come to its end, for better or worse.
export async function renewFetches() {
  const number = asked;
  const answer = await fetch("api/models/fetches", inTheVisitorsLanguage());
  if (!answer.ok) return;
  const fetches = await answer.json();
  if (number !== asked) return; // overtaken by a list
  const hasEnded = (model) => (model.fetching && !fetches[model.name]?.fetching) || (fetches[model.name]?.error && !model.error);
  if (Object.values(models).some(hasEnded)) return renewModels();
  for (const model of Object.values(models)) model.fetching = fetches[model.name]?.fetching;
}

export function describeModel() {
  const isOpen = now.model === facts.automatic;
  const model = isOpen ? models[now.taken] ?? Object.values(models).find((each) => each.default) : models[now.model];
  if (!model) return;
  const line = say("model.facts", { model: model.name, megabytes: model.megabytes, license: model.license });
  const rights = say(`model.commercial.${model.commercial_use}`);
  $("model-rights").textContent = model.commercial_use === "yes" ? "" : rights;
  $("model-about").textContent = say(`model.${now.model}.about`);
  $("model-facts").textContent = `${line} · ${rights}${model.installed ? "" : ` · ${say("model.not_installed")}`}`;
  root.dataset.classes = model.classes.length > 0;
}

export function beginCatalog() {
  onSpeak(describeModel);
}
