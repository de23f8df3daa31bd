// The Models tab: what there is, for what, under which licence; fetched, removed and imported here where the owner allows it.
window.clearcut.modelsTab = (() => {
  "use strict";
  const page = window.clearcut;
  const { $, root, models, say, titleOf, send } = page;
  const { mayManage } = window.CLEARCUT;
  const LOOK_EVERY = 400; // milliseconds, while something is being fetched
  const sending = {}; // part of a file that has been sent, by model
  let looking = null;

  function make(tag, facts = {}, ...children) {
    const element = Object.assign(document.createElement(tag), facts);
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  const link = (href, text) => make("a", { href, rel: "noreferrer", target: "_blank", textContent: text });

  function badge(model) {
    const rights = make("span", { className: `badge ${model.commercial_use}`, textContent: say(`model.commercial.${model.commercial_use}`) });
    return make("p", { className: "badges" }, rights, model.installed ? make("span", { className: "badge here", textContent: say("page.models.installed") }) : null);
  }

  function facts(model) {
    const parts = [say("page.models.size", model), say("page.models.memory", { gigabytes: Math.max(0.1, model.memory_mb / 1000).toFixed(model.memory_mb < 9950 ? 1 : 0) })];
    if (model.seconds !== null) parts.push(say("page.models.speed", { seconds: Math.max(0.01, model.seconds).toFixed(2) }));
    if (model.members.length) parts.push(say("page.models.members", { members: model.members.map(titleOf).join(" + ") }));
    return make("p", { className: "quiet-text", textContent: parts.join(" · ") });
  }

  function more(model) {
    const lines = [];
    const line = (text, ...rest) => lines.push(make("p", {}, text, ...rest));
    if (model.commercial_use_why) line(model.commercial_use_why);
    if (model.trained_on.length) line(say("page.models.trained_on", { data: model.trained_on.join(", ") }));
    line(say("page.models.good_for", { uses: model.good_for.map((use) => say(`use.${use}`)).join(", ") }));
    for (const { on, measure, value, source } of model.accuracy) line(say("page.models.accuracy", { on, measure, value, source }));
    if (!model.verified) line(say("page.models.unverified"));
    const links = [model.license_url && link(model.license_url, `${say("page.models.license")}: ${model.license}`), model.homepage && link(model.homepage, say("page.models.homepage"))].filter(Boolean);
    if (links.length) lines.push(make("p", { className: "links" }, ...links));
    return make("details", {}, make("summary", { textContent: say("page.models.more") }), ...lines);
  }

  function button(key, does, model, words = {}) {
    const element = make("button", { type: "button", className: "quiet", textContent: say(key, words) });
    element.setAttribute("aria-label", `${element.textContent}: ${titleOf(model.name)}`);
    element.dataset.does = key.split(".").pop();
    element.addEventListener("click", does);
    return element;
  }

  const coming = (model) => model.fetching ?? sending[model.name];

  function progress(model) {
    const element = make("div", { className: "coming" }, make("progress"), make("span"));
    moveOn(element, model);
    return element;
  }

  function moveOn(element, model) {
    const { done, total } = coming(model);
    const [bar, text] = element.children;
    bar.max = total;
    if (done === null) bar.removeAttribute("value");
    else bar.value = done;
    const megabytes = { done: Math.round((done ?? 0) / 1e6), total: Math.round(total / 1e6) };
    bar.setAttribute("aria-label", say("page.step.fetching_unknown", megabytes));
    text.textContent = say(done === null ? "page.step.fetching_unknown" : "page.step.fetching", megabytes);
  }

  function actions(model) {
    const row = make("div", { className: "model-actions" });
    if (coming(model)) {
      row.append(progress(model));
      if (model.fetching) row.append(button("page.models.cancel", () => ask(model.name, "DELETE", "/fetch"), model));
      return row;
    }
    if (!mayManage) return row;
    if (model.installed) {
      if (model.removable) row.append(button("page.models.remove", () => removeIt(model), model));
      return row;
    }
    if (model.fetchable) row.append(button("page.models.fetch", () => fetchIt(model), model, model));
    if (!model.members.length) row.append(button("page.models.import", () => choose(model), model));
    return row;
  }

  function card(model) {
    const failed = model.error ? make("p", { className: "failed", textContent: model.error.sentence }) : null;
    const about = model.about || say("page.models.own_about");
    const element = make("article", { className: "card" },
      make("h3", {}, titleOf(model.name), make("span", { className: "name", textContent: model.name })),
      badge(model), make("p", { textContent: about }), facts(model), failed, more(model), actions(model));
    element.dataset.model = model.name;
    return element;
  }

  // Those for most photos first, then by use.
  function groups() {
    const all = Object.values(models);
    const general = new Set(all.filter((model) => model.members.length).flatMap((model) => [model.name, ...model.members]));
    const found = new Map();
    for (const model of all) {
      const group = general.has(model.name) ? "general" : model.good_for[0];
      found.set(group, [...(found.get(group) ?? []), model]);
    }
    return [...found].sort(([one], [other]) => (other === "general") - (one === "general"));
  }

  let drawn = ""; // what the cards show, but for how far something is

  function draw() {
    const now = JSON.stringify([page.now.language, mayManage, Object.values(models).map((model) => ({ ...model, fetching: Boolean(coming(model)) }))]);
    if (now === drawn && $("models-list").children.length) {
      for (const element of document.querySelectorAll("#models-list .coming")) moveOn(element, models[element.closest("article").dataset.model]);
      return;
    }
    drawn = now;
    redraw();
  }

  function redraw() {
    const open = new Set([...$("models-list").querySelectorAll("details[open]")].map((each) => each.closest("article").dataset.model));
    const focused = document.activeElement?.closest?.("#models-list article") && document.activeElement;
    const [name, kind, does] = [focused?.closest?.("article").dataset.model, focused?.tagName, focused?.dataset?.does];
    $("models-list").replaceChildren(...groups().map(([group, members]) => make("section", {},
      make("h2", { textContent: group === "general" ? say("page.models.general") : say(`use.${group}`) }),
      make("div", { className: "cards" }, ...members.map(card)))));
    for (const each of $("models-list").querySelectorAll("details")) each.open = open.has(each.closest("article").dataset.model);
    if (focused) {
      const there = [...document.querySelectorAll(`article[data-model="${CSS.escape(name)}"] :is(button, summary, a)`)];
      (there.find((each) => each.tagName === kind && each.dataset.does === does) ?? there.find((each) => each.tagName === "BUTTON") ?? there[0])?.focus();
    }
    $("models-rights").hidden = mayManage;
  }

  async function look() {
    await page.refreshModels();
    if (root.dataset.tab === "models") draw();
    const busy = Object.values(models).some((model) => model.fetching);
    clearTimeout(looking);
    if (busy) looking = setTimeout(look, LOOK_EVERY);
  }

  async function ask(name, method, rest = "", body = undefined) {
    const address = `api/models/${encodeURIComponent(name)}${rest}`;
    try {
      const answer = await send(address, { method, body, headers: { "Accept-Language": page.now.language } });
      if (!answer.ok) return fail(name, await answer.json());
    } catch {
      return fail(name, { sentence: say("page.lost") });
    }
    await look();
  }

  function fail(name, error) {
    if (models[name]) models[name].error = error;
    draw();
  }

  function fetchIt(model) {
    if (model.commercial_use === "no" && !confirm(`${say("page.rights.no")} ${model.commercial_use_why}`)) return;
    ask(model.name, "POST", "/fetch");
  }

  function removeIt(model) {
    const question = model.own ? "page.models.remove_own" : "page.models.remove_sure";
    if (confirm(say(question, { title: titleOf(model.name), megabytes: model.megabytes }))) ask(model.name, "DELETE");
  }

  function choose(model) {
    const input = make("input", { type: "file", accept: ".onnx" });
    input.addEventListener("change", () => { if (input.files.length) sendFile(model, input.files[0]); });
    input.click();
  }

  // XMLHttpRequest: fetch() does not tell how much has been sent.
  function sendFile(model, file) {
    const request = new XMLHttpRequest();
    request.open("PUT", `api/models/${encodeURIComponent(model.name)}/file`);
    request.setRequestHeader("Accept-Language", page.now.language);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => { sending[model.name] = { done: loaded, total }; draw(); };
    request.onloadend = async () => {
      delete sending[model.name];
      await look();
      if (request.status !== 204) {
        let error = { sentence: say("page.lost") };
        try { error = JSON.parse(request.responseText); } catch { /* no answer */ }
        fail(model.name, error);
      }
    };
    sending[model.name] = { done: 0, total: file.size };
    draw();
    request.send(file);
  }

  function show(tab) {
    root.dataset.tab = tab;
    for (const name of ["photo", "models"]) {
      $(`tab-${name}`).setAttribute("aria-selected", name === tab);
      $(`tab-${name}`).tabIndex = name === tab ? 0 : -1;
    }
    if (tab === "models") {
      draw();
      look();
    }
  }

  const open = () => { show("models"); $("tab-models").focus(); };

  function begin() {
    $("tab-models").tabIndex = -1;
    for (const name of ["photo", "models"]) {
      const tab = $(`tab-${name}`);
      tab.addEventListener("click", () => show(name));
      tab.addEventListener("keydown", ({ key }) => {
        if (key !== "ArrowLeft" && key !== "ArrowRight") return;
        const other = name === "photo" ? "models" : "photo";
        show(other);
        $(`tab-${other}`).focus();
      });
    }
    page.speakers.push(() => { if (root.dataset.tab === "models") look(); });
  }

  return { begin, open, show };
})();
