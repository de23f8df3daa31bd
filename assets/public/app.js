// The page's own script: takes photos (choose, drop, paste, example), shows what the server says of them, speaks the visitor's language.
// The server sends messages (a state and its facts); the words come from assets/locale, handed over as window.CLEARCUT.
window.clearcut = (() => {
  "use strict";
  const { words, version, maxMegabytes, keepMinutes, examples, options } = window.CLEARCUT;
  const models = {}; // by name, as the server tells of them
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const now = {
    language: null, // of the words on the page
    photo: null, // {id, name, url, key, note}: the photo that the visitor gave
    message: null, // the newest about it
    run: 0, // its number; older runs are not listened to
    result: null, // the message whose pictures are shown
    shelved: null, // {photo, result} of the photo before, until this one has a result
    model: null,
    since: 0,
  };

  // ---- words ----------------------------------------------------------------------------------------------------------

  const remembered = (key) => { try { return localStorage.getItem(`clearcut-${key}`); } catch { return null; } };
  const remember = (key, value) => { try { localStorage.setItem(`clearcut-${key}`, value); } catch { /* private window */ } };

  function language() {
    const spoken = Object.keys(words);
    const wanted = [remembered("language"), ...navigator.languages].filter(Boolean);
    const short = (tag) => tag.toLowerCase().split("-")[0];
    for (const tag of wanted) {
      const match = spoken.find((one) => short(one) === short(tag));
      if (match) return match;
    }
    return spoken[0];
  }

  function say(key, facts = {}) {
    const text = words[now.language][key] ?? "";
    return text.replace(/\{(\w+)\}/g, (whole, name) => facts[name] ?? whole);
  }

  const speakers = []; // what else has words to change: functions of other scripts

  function speak(wanted) {
    now.language = wanted;
    root.lang = wanted;
    document.title = say("page.title");
    for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
    for (const element of document.querySelectorAll("[data-say-alt]")) element.alt = say(element.dataset.sayAlt);
    for (const element of document.querySelectorAll("[data-say-label]")) {
      element.setAttribute("aria-label", say(element.dataset.sayLabel));
      if (element.matches("button")) element.title = say(element.dataset.sayLabel);
    }
    const mac = /Mac|iPhone|iPad/.test(navigator.platform);
    $("paste-hint").textContent = say("page.paste", { keys: mac ? "⌘V" : "Ctrl+V" });
    const here = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
    $("privacy").textContent = here ? say("page.private") : say("page.private_remote", { minutes: keepMinutes });
    $("language").setAttribute("aria-label", say("page.language_label"));
    $("language").lang = Object.keys(words).find((one) => one !== wanted);
    for (const image of $("examples").querySelectorAll("button")) {
      image.setAttribute("aria-label", say("page.example", { name: say(`page.example.${image.dataset.name}`) }));
    }
    labelTheme();
    describeHouse();
    describeModel();
    for (const speaker of speakers) speaker();
    if (now.message) render(now.message);
  }

  function switchLanguage() {
    const spoken = Object.keys(words);
    const next = spoken[(spoken.indexOf(now.language) + 1) % spoken.length];
    remember("language", next);
    speak(next);
    return [next];
  }

  const titleOf = (name) => say(`model.${name}.title`) || name;

  function modelLine(name) {
    const model = models[name];
    const line = say("model.facts", { model: name, megabytes: model.megabytes, license: model.license });
    const rights = say(`model.commercial.${model.commercial_use}`);
    return `${line} · ${rights}${model.installed ? "" : ` · ${say("model.not_installed")}`}`;
  }

  function describeModel() {
    if (!now.model || !models[now.model]) return;
    $("model-about").textContent = say(`model.${now.model}.about`);
    $("model-facts").textContent = modelLine(now.model);
    root.dataset.classes = models[now.model].classes.length > 0;
  }

  function describeHouse() {
    $("about-what").textContent = say("page.about.what", { version });
  }

  // ---- a photo comes --------------------------------------------------------------------------------------------------

  let photos = 0;
  const input = () => document.querySelector("#input input[type=file]");

  function give(files) {
    const pictures = [...files];
    if (!pictures.length) return;
    const one = new DataTransfer();
    one.items.add(pictures[0]);
    input().files = one.files;
    input().dispatchEvent(new Event("change", { bubbles: true }));
    if (pictures.length > 1 && now.photo) now.photo.note = "page.one_only";
  }

  // Before Gradio sees the file: what needs no server is answered here, and the photo is on the screen at once.
  function onFile(event) {
    if (event.target !== input() || !event.target.files.length) return;
    const file = event.target.files[0];
    const megabytes = Math.round(file.size / 1e5) / 10;
    let code = null;
    if (file.size === 0) code = "empty_file";
    else if (file.size > maxMegabytes * 1e6) code = "too_large";
    if (code) {
      event.stopImmediatePropagation();
      event.target.value = "";
      receive({ state: "error", run: now.run, code, facts: { name: file.name, megabytes, limit: maxMegabytes } });
      return;
    }
    if (now.result) now.shelved = { photo: now.photo, result: now.result };
    now.photo = { id: (photos += 1), name: file.name, url: URL.createObjectURL(file) };
    now.result = null;
    preview();
    receive({ state: "working", run: now.run, step: "sending" });
  }

  function preview() {
    const before = $("before");
    root.dataset.picture = "none";
    before.removeAttribute("src");
    before.onload = () => {
      before.onload = null;
      if (now.result) return;
      fit(before.naturalWidth, before.naturalHeight);
      root.dataset.picture = "preview";
    };
    before.src = now.photo.url;
    $("after").removeAttribute("src");
  }

  function fit(width, height) {
    $("stage").style.setProperty("--ratio", width / height);
    $("stage").style.setProperty("--natural", `${width}px`);
  }

  // What the server is told of the photo, beside the file; its id comes back in every message.
  function withPhoto([, upload, behind, ...settings]) {
    window.clearcut.settings.heard(settings);
    return [photoFacts(), upload, behind, ...settings];
  }
  const photoFacts = () => now.photo && { id: now.photo.id, name: now.photo.name, key: now.photo.key };

  // The photo came to nothing: back to the one before, with its result, if there was one.
  function unshelve() {
    const { photo, result } = now.shelved;
    now.shelved = null;
    now.photo = { ...photo, key: result.download.split("/")[1] };
    now.result = result;
    showPictures(result);
  }

  // ---- the server says something --------------------------------------------------------------------------------------

  function show(message) {
    if (!message || message.photo !== now.photo?.id || message.run < now.run) return;
    if (root.dataset.state === "comparing" && !message.comparing) return; // of a run that the comparison has replaced
    now.run = message.run;
    if (message.download && message.download === now.result?.download) return;
    receive(message);
  }

  function receive(message) {
    const wasWorking = now.message?.state === "working";
    if (message.state === "working" && !wasWorking) now.since = performance.now();
    if (message.options) now.model = message.options.model;
    now.message = message;
    if (message.state === "done") {
      if (!models[message.options.model]?.installed) refreshModels(); // it was fetched for this photo
      land(message);
    } else render(message);
  }

  async function land(message) {
    const next = { before: new Image(), after: new Image() };
    next.before.src = message.before;
    next.after.src = message.after;
    try {
      await Promise.all([next.before.decode(), next.after.decode()]);
    } catch {
      if (now.message === message) receive({ state: "error", run: now.run, code: "expired", facts: {} });
      return;
    }
    if (now.message !== message) return; // something newer came while the pictures were loading
    const first = !now.result;
    now.result = message;
    if (now.photo.key) now.photo.key = message.download.split("/")[1]; // the newest lives longest
    if (now.shelved) URL.revokeObjectURL(now.shelved.photo.url);
    now.shelved = null;
    showPictures(message);
    if (first) reveal();
    render(message);
  }

  function showPictures(result) {
    $("before").onload = null;
    $("before").src = result.before;
    $("after").src = result.after;
    fit(result.width, result.height);
    root.dataset.picture = "result";
    const link = $("download");
    link.href = result.download + encodeURIComponent(result.file);
    link.download = result.file;
    const facts = [say("page.seconds", result), say("page.size", result), result.engine.replace("onnxruntime ", "").replace(" f32", "")];
    $("facts").textContent = facts.join(" · ");
    $("facts").title = result.engine;
    const said = result.frame[now.language];
    $("frame-facts").textContent = said;
    $("frame-facts").hidden = !said;
    root.dataset.ownAlpha = result.own_alpha;
    root.dataset.file = result.file.split(".").pop();
    labelDownload();
    window.clearcut.views.changed();
  }

  function render(message) {
    if (message.state === "error" && !now.result && now.shelved) unshelve();
    // A file that cannot be shown and was not cut out leaves nothing to look at: back to the start, with the reason.
    const nothing = message.state === "error" && !now.result && root.dataset.picture !== "preview";
    root.dataset.state = nothing ? "empty" : message.comparing ? "comparing" : message.state;
    const working = message.state === "working";
    notice("");
    if (working) renderStep(message);
    if (message.state === "error") notice(say(`error.${message.code}`, message.facts), "error");
    if (message.state === "ask") renderQuestion(message);
    if (message.state === "done") renderDone(message);
    describeModel();
    if (message.comparing) window.clearcut.comparison.render(message);
  }

  function renderStep({ step, ahead, done, total }) {
    const bar = $("progress");
    let text = say(`page.step.${step}`, { done, total });
    if (step === "waiting" && ahead) text = say(ahead === 1 ? "page.step.waiting_1" : "page.step.waiting_n", { ahead });
    if (step === "fetching" && done === null) text = say("page.step.fetching_unknown", { total });
    if (step === "fetching" && done !== null) {
      bar.max = total;
      bar.value = done;
    } else bar.removeAttribute("value");
    $("step").textContent = text;
    tick();
  }

  function renderQuestion({ code, options: { model }, facts, may_fetch: mayFetch }) {
    const byHand = code === "import_only";
    $("ask-title").textContent = say("page.ask.title", { title: titleOf(model) });
    $("ask-body").textContent = byHand ? say("page.ask.by_hand", facts)
      : mayFetch ? say("page.ask.body", { ...facts, license: models[model].license }) : say("error.model_missing", facts);
    const strict = models[model].commercial_use !== "yes";
    $("ask-rights").textContent = strict ? `${say(`page.rights.${models[model].commercial_use}`)} ${models[model].commercial_use_why}` : "";
    $("fetch").hidden = byHand || !mayFetch;
    $("ask-models").hidden = !byHand;
  }

  const ONCE = ["engine_fallback"]; // warnings about the machine: with the first picture is enough
  const told = new Map(); // code → the message that told it first

  function renderDone(message) {
    showPictures(message);
    $("copy").textContent = say("page.copy");
    for (const code of message.warnings) if (!told.has(code)) told.set(code, message);
    const notes = message.warnings.filter((code) => !ONCE.includes(code) || told.get(code) === message).map((code) => say(`warning.${code}`));
    if (now.photo.note) notes.unshift(say(now.photo.note));
    notice(notes.join(" "), "note");
  }

  function notice(text, kind = "note") {
    const place = $("notice");
    place.hidden = !text;
    place.dataset.kind = kind;
    if (place.textContent !== text) place.textContent = text;
  }

  function tick() {
    const seconds = Math.floor((performance.now() - now.since) / 1000);
    const working = now.message?.state === "working";
    $("elapsed").textContent = working && seconds >= 1 ? say("page.seconds", { seconds }) : "";
    if (working && seconds > 0 && seconds % 5 === 0) stillThere();
  }

  async function stillThere() {
    try {
      await fetch("healthz");
    } catch {
      root.dataset.state = "error";
      notice(say("page.lost"), "error");
    }
  }

  // Gradio sends the photo; where that fails it says so in its own words only, so the answer is listened to here.
  // An upload whose photo is no longer wanted never ends, so that nothing is made of it.
  const send = window.fetch;
  window.fetch = async (...request) => {
    if (!/\/upload(\?|$)/.test(String(request[0]?.url ?? request[0]))) return send(...request);
    const photo = now.photo;
    try {
      const answer = await send(...request);
      if (photo !== now.photo) return new Promise(() => {});
      if (!answer.ok) uploadFailed(await answer.clone().json().catch(() => ({})));
      return answer;
    } catch (error) {
      if (photo !== now.photo) return new Promise(() => {});
      stillThere();
      throw error;
    }
  };

  function uploadFailed({ code, facts }) {
    const known = words.en[`error.${code}`] ? { code, facts } : { code: "unexpected", facts: { kind: "upload" } };
    receive({ state: "error", run: now.run, ...known });
  }

  // ---- before and after -----------------------------------------------------------------------------------------------

  function split(percent) {
    $("split").value = percent;
    $("frame").style.setProperty("--split", `${percent}%`);
  }

  // The first time, the handle wipes the background away: it shows what it is for.
  function reveal() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return split(0);
    const start = performance.now();
    const step = (time) => {
      const part = Math.min(1, (time - start) / 700);
      split(100 * (1 - part) ** 3);
      if (part < 1) requestAnimationFrame(step);
    };
    split(100);
    requestAnimationFrame(step);
  }

  // ---- buttons --------------------------------------------------------------------------------------------------------

  async function copy() {
    const button = $("copy");
    let refused = null;
    button.textContent = say("page.copying");
    try {
      const picture = fetch(now.result.close).then(async (answer) => {
        if (answer.ok) return answer.blob();
        refused = await answer.json();
        throw refused;
      });
      await navigator.clipboard.write([new ClipboardItem({ "image/png": picture })]);
      button.textContent = say("page.copied");
      setTimeout(() => { button.textContent = say("page.copy"); }, 2000);
    } catch {
      button.textContent = say("page.copy");
      if (refused) notice(say(`error.${refused.code}`, refused.facts), "error");
      else notice(say("page.copy_failed"), "note");
    }
  }

  function startOver() {
    if (now.message?.state === "working") $("cancel").click();
    now.photo = now.message = now.result = now.shelved = null;
    root.dataset.state = "empty";
    root.dataset.picture = "none";
    notice("");
    document.querySelector("#input button").focus();
  }

  // Everything that was given is deleted, here and where the page runs.
  function forget() {
    $("forget").click();
    $("about-box").close();
    startOver();
    input().value = "";
    notice(say("page.forgotten"), "note");
  }

  // Whatever the server still says of what it was asked before comes too late, even if it was on its way already.
  function disregard() {
    now.photo = { ...now.photo, id: (photos += 1) };
  }

  // Cancel: back to the last result if there is one, else to the start.
  function cancelled() {
    if (!now.photo) return;
    if (!now.result && now.shelved) unshelve();
    if (!now.result) return startOver();
    disregard();
    now.message = now.result;
    now.model = now.result.options.model;
    render(now.result);
  }

  // Download: the full size is made first, so that what goes wrong is said here and not in a broken file.
  async function download(event) {
    const link = $("download");
    event.preventDefault();
    const chosen = Object.assign(document.createElement("a"), { href: link.href, download: link.download });
    link.textContent = say("page.preparing");
    try {
      const answer = await fetch(`${chosen.href}?prepare=true`);
      if (answer.ok) {
        chosen.click(); // what was on the screen when it was asked for, whatever has come since
      } else {
        const { code, facts } = await answer.json();
        notice(say(`error.${code}`, facts), "error");
      }
    } catch {
      notice(say("page.lost"), "error");
    }
    labelDownload();
  }

  // The one primary button says what it gives: "Download PNG", "Download JPG".
  function labelDownload() {
    if (now.result) $("download").textContent = say("page.download", { kind: now.result.file.split(".").pop().toUpperCase() });
  }

  function labelTheme() {
    const dark = document.body.classList.contains("dark");
    $("theme").setAttribute("aria-label", say(dark ? "page.theme.light" : "page.theme.dark"));
    $("theme").title = $("theme").getAttribute("aria-label");
  }

  function theme(dark) {
    document.body.classList.toggle("dark", dark);
    root.style.colorScheme = dark ? "dark" : "light";
    labelTheme();
  }

  function addExamples() {
    $("examples").replaceChildren(...examples.map((name) => {
      const button = document.createElement("button");
      const image = document.createElement("img");
      button.type = "button";
      button.dataset.name = name;
      image.src = `examples/${name}`;
      image.alt = "";
      button.append(image);
      button.addEventListener("click", async () => {
        const blob = await (await fetch(image.src)).blob();
        give([new File([blob], `${name}.jpg`, { type: blob.type })]);
      });
      return button;
    }));
  }

  // ---- the whole page takes drops and pastes --------------------------------------------------------------------------

  function listen() {
    const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    let depth = 0;
    const over = (inside) => { $("let-go").hidden = !inside; if (!inside) depth = 0; };
    addEventListener("dragenter", (event) => { if (carriesFiles(event)) { depth += 1; over(true); } }, true);
    addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) over(false); }, true);
    addEventListener("dragover", (event) => { if (carriesFiles(event)) event.preventDefault(); }, true);
    addEventListener("drop", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      event.stopPropagation();
      over(false);
      give(event.dataTransfer.files);
    }, true);
    addEventListener("paste", (event) => {
      if (!event.clipboardData?.files.length) return;
      event.preventDefault();
      give(event.clipboardData.files);
    });
    document.addEventListener("change", onFile, true);
    $("split").addEventListener("input", (event) => split(event.target.value));
    $("copy").addEventListener("click", copy);
    $("download").addEventListener("click", download);
    $("new").addEventListener("click", startOver);
    $("ask-models").addEventListener("click", () => window.clearcut.modelsTab.open());
    $("cancel").addEventListener("click", () => setTimeout(cancelled));
    $("about").addEventListener("click", () => $("about-box").showModal());
    $("about-models").addEventListener("click", () => { $("about-box").close(); window.clearcut.modelsTab.open(); });
    $("about-forget").addEventListener("click", forget);
    $("theme").addEventListener("click", () => {
      const dark = !document.body.classList.contains("dark");
      remember("theme", dark ? "dark" : "light");
      theme(dark);
    });
    setInterval(tick, 1000);
  }

  let lists = 0, newest = 0; // how often the list of models was asked for, and the newest that came
  const installed = () => Object.keys(models).filter((name) => models[name].installed).sort().join();

  // What there is, what is installed, and how fast it is, as the server knows it now. Where that is something else than before, the menu is to know it too.
  async function refreshModels() {
    const number = (lists += 1);
    const answer = await send("api/models", { headers: { "Accept-Language": now.language } });
    if (!answer.ok) return;
    const there = await answer.json();
    if (number < newest) return; // overtaken
    newest = number;
    const before = installed();
    for (const name of Object.keys(models)) delete models[name];
    for (const model of there) models[model.name] = model;
    describeModel();
    if (root.dataset.ready && installed() !== before) $("respeak").click();
  }

  // Gradio draws the page piece by piece, in no order that one could rely on: begin when every piece is there, and every script.
  const PIECES = ["#input input[type=file]", "#stage", "#cancel", "#fetch", "#later", "#model-facts", "#download", "#notice",
    "#language", "#theme", "#about-box", "#examples", "#tab-photo", "#models-list", "#tiles", "#compare-run", "#ask-models",
    "#compare-choice", "#kept", "#respeak", "#restore", "#undo", "#preset-chips", "#zoom", "#closeup", "#group-file", "#behind", "#forget"];

  const SCRIPTS = ["settings", "views", "modelsTab", "comparison"];

  async function begin() {
    const there = PIECES.every((piece) => document.querySelector(piece)) && SCRIPTS.every((script) => window.clearcut?.[script]);
    if (!there) return setTimeout(begin, 20);
    await refreshModels();
    now.model = Object.values(models).find((model) => model.default)?.name ?? null;
    input().accept = "image/*,.heic,.heif,.avif,.tif,.tiff";
    addExamples();
    speak(now.language);
    theme(remembered("theme") ? remembered("theme") === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
    listen();
    root.dataset.state = "empty";
    root.dataset.tab = "photo";
    window.clearcut.views.begin();
    window.clearcut.modelsTab.begin();
    window.clearcut.comparison.begin();
    await window.clearcut.settings.begin();
    describeModel();
    root.dataset.ready = "true";
  }

  // "Not now" and Cancel: back to the settings of the result that is shown, else to a model that is here.
  function lastSettings() {
    const { settings } = window.clearcut;
    const shown = now.result ?? now.shelved?.result;
    if (shown) return settings.lastOf(options.map((name) => shown.options[name]));
    const here = Object.values(models).find((model) => model.installed && model.commercial_use !== "no");
    const kept = { ...settings.current(), model: here?.name ?? now.model, keep: [] };
    return settings.lastOf(options.map((name) => kept[name]));
  }

  // Asked by Gradio when it loads: the language for the parts that it draws itself.
  const ready = () => [now.language];

  const withLanguage = (model, keep) => [model, now.language, keep];

  now.language = language();
  begin();
  return {
    ready, show, withPhoto, withLanguage, remember, recalled: remembered, notice, switchLanguage, lastSettings, // for Gradio's events
    $, root, now, models, speakers, say, titleOf, receive, render, photoFacts, disregard, refreshModels, send, // for the other scripts
  };
})();
