// The settings as a whole: presets, undo, reset, what is remembered in this browser, and which controls have something to do.
window.clearcut.settings = (() => {
  "use strict";
  const page = window.clearcut;
  const { $, root, now, models, say, remember, recalled } = page;
  const { options: names, defaults, when, groups, elements, presets } = window.CLEARCUT;
  const SAME_MOVE = 1200; // ms: changes of one control that follow this fast are one change
  const initial = () => ({ ...defaults, model: now.model ?? defaults.model });
  let values = null; // as the controls have them
  let wanted = null; // what they are to become
  let past = []; // what they were before each change
  let last = { name: null, time: 0 };
  let toBegin, handedOver;
  const begun = new Promise((done) => { toBegin = done; });
  const restored = new Promise((done) => { handedOver = done; });

  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  const changed = (from, to) => names.filter((name) => !same(from[name], to[name]));

  // ---- what a change does ---------------------------------------------------------------------------------------------

  // Told of the controls' values whenever they are sent.
  function heard(given) {
    const next = Object.fromEntries(names.map((name, at) => [name, given[at]]));
    const before = values ?? initial();
    const moved = changed(before, next);
    values = next;
    if (moved.length) {
      const name = moved.length === 1 ? moved[0] : null;
      const time = performance.now();
      if (wanted === null && !(name && name === last.name && time - last.time < SAME_MOVE)) past.push(before);
      last = { name: wanted === null ? name : null, time };
      remember("settings", JSON.stringify(next));
      if (moved.includes("background") && next.background === "image" && wanted === null) $("behind").click();
    }
    wanted = null;
    draw();
  }

  function draw() {
    const shown = values ?? initial();
    for (const [name, needs] of Object.entries(when)) {
      const useful = Object.entries(needs).every(([other, at]) => at.includes(shown[other]));
      $(elements[name])?.closest(".block")?.classList.toggle("idle", !useful);
    }
    root.dataset.behind = shown.background;
    const off = changed(initial(), shown);
    for (const group of new Set(Object.values(groups))) {
      $(`group-${group}`)?.classList.toggle("touched", off.some((name) => groups[name] === group));
    }
    $("undo").disabled = past.length === 0;
    $("reset").disabled = off.filter((name) => name !== "model").length === 0;
    for (const chip of $("preset-chips").children) {
      chip.setAttribute("aria-pressed", same({ ...shown, ...presetOf(chip.dataset.name) }, shown) && off.length > 0);
    }
  }

  // ---- changes of several at once -------------------------------------------------------------------------------------

  function become(next, keepPast = true) {
    if (keepPast) past.push(values ?? initial());
    wanted = next;
    last = { name: null, time: 0 };
    $("restore").click();
  }

  const presetOf = (name) => ({ ...defaults, ...presets[name], model: (values ?? initial()).model, keep: (values ?? initial()).keep });
  const undo = () => past.length && become(past.pop(), false);
  const reset = () => become({ ...defaults, model: (values ?? initial()).model, keep: [] });

  // Gradio asks what the controls are to become.
  function asArray(all) {
    return names.map((name) => all[name]);
  }
  const wantedValues = () => asArray(wanted ?? values ?? initial());

  // Gradio asks when it loads: what this browser had last, as far as it still can be.
  async function remembered() {
    await begun;
    let kept = {};
    try {
      kept = JSON.parse(recalled("settings") ?? "{}");
    } catch { /* not ours */ }
    const fits = (name) => name in kept && typeof kept[name] === typeof defaults[name];
    const known = Object.fromEntries(names.filter(fits).map((name) => [name, kept[name]]));
    if (!models[known.model]?.installed) delete known.model;
    if (known.background === "image") delete known.background; // the picture itself is not kept
    values = { ...initial(), ...known, keep: [] };
    now.model = values.model;
    draw();
    handedOver();
    return asArray(values);
  }

  // ---- the page -------------------------------------------------------------------------------------------------------

  function addPresets() {
    $("preset-chips").replaceChildren(...Object.keys(presets).map((name) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.className = "chip";
      chip.dataset.name = name;
      chip.addEventListener("click", () => become(presetOf(name)));
      return chip;
    }));
  }

  function speak() {
    for (const chip of $("preset-chips").children) chip.textContent = say(`preset.${chip.dataset.name}`);
  }

  function addFolds() {
    for (const head of document.querySelectorAll(".fold-head")) {
      head.addEventListener("click", () => {
        const open = head.getAttribute("aria-expanded") !== "true";
        head.setAttribute("aria-expanded", open);
        head.closest(".fold").classList.toggle("open", open);
      });
    }
  }

  function begin() {
    addPresets();
    addFolds();
    $("undo").addEventListener("click", undo);
    $("reset").addEventListener("click", reset);
    page.speakers.push(speak);
    speak();
    draw();
    toBegin();
    return restored;
  }

  // Of the result that is shown, to which Cancel goes back.
  function lastOf(given) {
    values = Object.fromEntries(names.map((name, at) => [name, given[at]]));
    while (past.length && same(past.at(-1), values)) past.pop();
    remember("settings", JSON.stringify(values));
    draw();
    return given;
  }

  return { begin, heard, remembered, wanted: wantedValues, lastOf, current: () => values ?? initial(), initial };
})();
