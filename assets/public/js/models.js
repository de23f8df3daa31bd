// The Models tab: what there is, for what, under which licence; fetched, removed and imported here where the owner allows it.
import { declineQuestion } from "./bridge.js";
import { isFetching, renewFetches, renewModels } from "./catalog.js";
import { $, make, root, showNotice } from "./dom.js";
import { ask } from "./question.js";
import { sendTelling } from "./sending.js";
import { amend } from "./settings.js";
import { onTab, showTab } from "./shell.js";
import { facts, models, now } from "./state.js";
import { onSpeak, say, sayTime, titleOf } from "./words.js";

const { mayManage } = facts;
const LOOK_EVERY = 400; // milliseconds, while something is being fetched
const sending = {}; // part of a file that has been sent, by model
const watchers = []; // of what is known of the models
const users = []; // of a model that is to be used: functions of other modules
let looking = null;

export function onModels(watcher) {
  watchers.push(watcher);
}

export function onUse(watcher) {
  users.push(watcher);
}

// ---- a card ---------------------------------------------------------------------------------------------------------

const makeLink = (href, text) => make("a", { href, rel: "noreferrer", target: "_blank", textContent: text });

function makeBadges({ commercial_use: use, installed }) {
  const rights = make("span", { className: `badge ${use}`, textContent: say(`model.commercial.${use}`) });
  const here = installed ? make("span", { className: "badge here", textContent: say("page.models.installed") }) : null;
  return make("p", { className: "badges" }, rights, here);
}

function makeFigures(model) {
  const gigabytes = Math.max(0.1, model.memory_mb / 1000).toFixed(model.memory_mb < 9950 ? 1 : 0); // 9.9, and 10 rather than 10.0
  const parts = [...(model.picks && model.installed ? [say("page.models.picks")] : []), say("page.models.size", model), say("page.models.memory", { gigabytes })];
  if (model.seconds !== null) parts.push(say("page.models.speed", { time: sayTime(model.seconds) }));
  if (model.members.length) parts.push(say("page.models.members", { members: model.members.map(titleOf).join(" + ") }));
  return make("p", { className: "quiet-text", textContent: parts.join(" · ") });
}

function makeMore(model) {
  const lines = [];
  const line = (text, ...rest) => lines.push(make("p", {}, text, ...rest));
  if (model.commercial_use_why) line(model.commercial_use_why);
  if (model.trained_on.length) line(say("page.models.trained_on", { data: model.trained_on.join(", ") }));
  line(say("page.models.good_for", { uses: model.good_for.map((use) => say(`use.${use}`)).join(", ") }));
  for (const { on, measure, value, source } of model.accuracy) line(say("page.models.accuracy", { on, measure, value, source }));
  if (!model.verified) line(say("page.models.unverified"));
  const links = [
    model.license_url && makeLink(model.license_url, `${say("page.models.license")}: ${model.license}`),
    model.homepage && makeLink(model.homepage, say("page.models.homepage")),
  ].filter(Boolean);
  if (links.length) lines.push(make("p", { className: "links" }, ...links));
  return make("details", {}, make("summary", { textContent: say("page.models.more") }), ...lines);
}

function makeButton(key, does, model, words = {}) {
  const element = make("button", { type: "button", className: "quiet", textContent: say(key, words) });
  element.setAttribute("aria-label", `${element.textContent}: ${titleOf(model.name)}`);
  element.dataset.does = key.split(".").pop();
  element.addEventListener("click", does);
  return element;
}

export const coming = (model) => model.fetching ?? sending[model.name];

export function makeProgress(model) {
  const element = make("div", { className: "coming" }, make("progress"), make("span"));
  moveProgress(element, model);
  return element;
}

export function moveProgress(element, model) {
  const { done, total } = coming(model);
  const [bar, text] = element.children;
  bar.max = total;
  if (done === null) bar.removeAttribute("value");
  else bar.value = done;
  const megabytes = { done: Math.round((done ?? 0) / 1e6), total: Math.round(total / 1e6) };
  bar.setAttribute("aria-label", say("page.step.fetching_unknown", megabytes));
  text.textContent = say(done === null ? "page.step.fetching_unknown" : "page.step.fetching", megabytes);
}

function makeActions(model) {
  const row = make("div", { className: "model-actions" });
  if (coming(model)) {
    row.append(makeProgress(model));
    if (model.fetching) row.append(makeButton("page.models.cancel", () => cancelFetch(model), model));
    return row;
  }
  if (model.installed && !model.picks) row.append(makeButton("page.models.use", () => useModel(model), model));
  if (!mayManage) return row;
  if (model.installed) {
    if (model.removable) row.append(makeButton("page.models.remove", () => removeModel(model), model));
    return row;
  }
  if (model.fetchable) row.append(makeButton("page.models.fetch", () => fetchModel(model), model, model));
  if (!model.members.length) row.append(makeButton("page.models.import", () => importModel(model), model));
  return row;
}

// In words; what only an expert asks for, such as two checksums, stands folded below.
export function makeFailure({ code, facts: values, sentence }) {
  if (code !== "wrong_checksum") return make("p", { className: "failed", textContent: sentence });
  const sums = [["page.models.wanted", values.wanted], ["page.models.found", values.found]];
  return make("div", { className: "failed" }, make("p", { textContent: say("page.models.wrong_file", values) }),
    make("details", { className: "sums" }, make("summary", { textContent: say("page.details") }),
      ...sums.map(([key, sum]) => make("p", { textContent: say(key, { sum }) }))));
}

function makeCard(model) {
  const failed = model.error ? makeFailure(model.error) : null;
  const about = model.about || say("page.models.own_about");
  const element = make("article", { className: "card" },
    make("h3", {}, titleOf(model.name), make("span", { className: "name", textContent: model.name })),
    makeBadges(model), make("p", { textContent: about }), makeFigures(model), failed, makeMore(model), makeActions(model));
  element.dataset.model = model.name;
  return element;
}

// ---- all cards --------------------------------------------------------------------------------------------------------

// By the group that the server says, in the order in which the groups come.
function modelsByGroup() {
  const groups = new Map();
  for (const model of Object.values(models)) groups.set(model.group, [...(groups.get(model.group) ?? []), model]);
  return [...groups];
}

const list = () => $("models-list");
const modelOf = (element) => element.closest("article").dataset.model;
let drawn = ""; // what the cards show, but for how far something is

// While a file comes only its bar moves: cards that are made anew lose a click that is under way.
function draw() {
  const cards = Object.values(models).map((model) => ({ ...model, fetching: Boolean(coming(model)) }));
  const shown = JSON.stringify([now.language, cards]);
  if (shown === drawn && list().children.length) {
    for (const element of list().querySelectorAll(".coming")) moveProgress(element, models[modelOf(element)]);
    return;
  }
  drawn = shown;
  redraw();
}

function redraw() {
  const idOf = (details) => `${modelOf(details)} ${details.className}`;
  const open = new Set([...list().querySelectorAll("details[open]")].map(idOf));
  const restoreFocus = rememberFocus();
  list().replaceChildren(...modelsByGroup().map(([group, members]) => make("section", {},
    make("h2", { textContent: group === "general" ? say("page.models.general") : say(`use.${group}`) }),
    make("div", { className: "cards" }, ...members.map(makeCard)))));
  for (const each of list().querySelectorAll("details")) each.open = open.has(idOf(each));
  restoreFocus();
  $("models-rights").hidden = mayManage;
}

// Returns what gives the focus back to the same element of the same card, or to its nearest kin there.
function rememberFocus() {
  const focused = document.activeElement;
  if (!focused?.closest("#models-list article")) return () => {};
  const [model, kind, does] = [modelOf(focused), focused.tagName, focused.dataset.does];
  return () => {
    const there = [...list().querySelectorAll(`article[data-model="${CSS.escape(model)}"] :is(button, summary, a)`)];
    const same = there.find((each) => each.tagName === kind && each.dataset.does === does);
    (same ?? there.find((each) => each.tagName === "BUTTON") ?? there[0])?.focus();
  };
}

function tell() {
  if (root.dataset.tab === "models") draw();
  for (const watcher of watchers) watcher();
}

// What comes by itself is followed from the start of the page.
export function followFetches() {
  if (isFetching()) look();
}

// Once now, and then as long as something is being fetched.
async function look(renew = renewModels) {
  try {
    await renew();
  } catch { /* no answer: the next look may have one */ }
  tell();
  clearTimeout(looking);
  if (isFetching()) looking = setTimeout(() => look(renewFetches), LOOK_EVERY);
}

// ---- what a button does -----------------------------------------------------------------------------------------------

async function send(name, method, rest = "") {
  const address = `api/models/${encodeURIComponent(name)}${rest}`;
  try {
    const answer = await fetch(address, { method, headers: { "Accept-Language": now.language } });
    if (!answer.ok) return showFailure(name, await answer.json());
  } catch {
    return showFailure(name, { sentence: say("page.lost") });
  }
  await look();
}

function showFailure(name, error) {
  if (models[name]) models[name].error = error;
  tell();
}

export async function fetchModel(model) {
  const question = `${say("page.rights.no")} ${model.commercial_use_why}`;
  const asked = { title: titleOf(model.name), question, yes: say("page.models.fetch", model) };
  if (model.commercial_use !== "no" || await ask(asked)) send(model.name, "POST", "/fetch");
}

// The photo that was given is cut out with it at once.
function useModel(model) {
  showTab("photo");
  $("tab-photo").focus();
  for (const watcher of users) watcher();
  amend({ model: model.name });
  if (!now.photo) showNotice(say("page.models.chosen", { title: titleOf(model.name) }));
}

export const cancelFetch = (model) => send(model.name, "DELETE", "/fetch");

async function removeModel(model) {
  const title = titleOf(model.name);
  const question = say(model.own ? "page.models.remove_own" : "page.models.remove_sure", { title, megabytes: model.megabytes });
  if (await ask({ title, question, yes: say("page.models.remove") })) send(model.name, "DELETE");
}

function importModel(model) {
  const input = make("input", { type: "file", accept: ".onnx" });
  input.addEventListener("change", () => { if (input.files.length) sendFile(model, input.files[0]); });
  input.click();
}

async function sendFile(model, file) {
  const tell = (progress) => {
    sending[model.name] = progress;
    draw();
  };
  tell({ done: 0, total: file.size });
  const headers = { "Accept-Language": now.language, "Content-Type": "application/octet-stream" };
  let error = null;
  try {
    const answer = await sendTelling(`api/models/${encodeURIComponent(model.name)}/file`, { method: "PUT", body: file, headers }, tell);
    if (!answer.ok) error = await answer.json();
  } catch { error = { sentence: say("page.lost") }; }
  delete sending[model.name];
  await look();
  if (error) showFailure(model.name, error);
}

export function openModels() {
  showTab("models");
  $("tab-models").focus();
}

export function beginModels() {
  onTab((tab) => {
    if (tab !== "models") return;
    draw();
    look();
  });
  onSpeak(() => { if (root.dataset.tab === "models") look(); });
  $("ask-models").addEventListener("click", () => {
    declineQuestion();
    openModels();
  });
  $("about-models").addEventListener("click", () => {
    $("about-box").close();
    openModels();
  });
}
