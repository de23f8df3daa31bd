// The settings as a whole: presets, undo, reset, what is remembered in this browser, and which controls have something to do.
window.clearcut.settings = (() => {
  "use strict";
  const page = window.clearcut;
  const { $, root, now, models, say, remember, recalled } = page;
  const { options: names, defaults, when, groups, elements, presets, limits, canvases, canvas_backgrounds: canvasBackgrounds } = window.CLEARCUT;
  const SAME_MOVE = 1200; // ms: changes of one control that follow this fast are one change
  const TO_BECOME = 3000; // ms in which the controls have become what they are to be
  const initial = () => ({ ...defaults, model: now.model ?? defaults.model });
  let values = null; // as the controls have them
  let wanted = null; // what they are to become
  let wantedSince = 0;
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
    const time = performance.now();
    const arrived = wanted !== null && same(wanted, next);
    if (wanted !== null && !arrived && time - wantedSince < TO_BECOME) return; // a slider's last word from before
    const before = values ?? initial();
    const moved = changed(before, next);
    values = next;
    wanted = null;
    if (moved.length) {
      const name = moved.length === 1 && !arrived ? moved[0] : null;
      if (!arrived && !(name && name === last.name && time - last.time < SAME_MOVE)) past.push(before);
      last = { name, time };
      remember("settings", JSON.stringify(next));
      if (!arrived) follow(name, next);
    }
    draw();
  }

  // What goes with a choice: a picture for behind, the background colour that a canvas asks for.
  function follow(name, next) {
    if (name === "background" && next.background === "image") $("behind").click();
    const colour = name === "canvas" ? canvasBackgrounds[next.canvas] : null;
    if (colour && !(next.background === "color" && next.background_color === colour)) {
      become({ ...next, background: "color", background_color: colour }, false);
    }
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
    if (keepPast) past.push(wanted ?? values ?? initial());
    wanted = next;
    wantedSince = performance.now();
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

  function within({ enum: choices, minimum = -Infinity, maximum = Infinity, maxLength = Infinity }, value) {
    if (choices && !choices.includes(value)) return false;
    return typeof value === "number" ? value >= minimum && value <= maximum : (value?.length ?? 0) <= maxLength;
  }

  // Gradio asks when it loads: what this browser had last, as far as it still can be.
  async function remembered() {
    await begun;
    let kept = {};
    try {
      kept = JSON.parse(recalled("settings") ?? "{}");
    } catch { /* not ours */ }
    const fits = (name) => name in kept && typeof kept[name] === typeof defaults[name] && within(limits[name], kept[name]);
    if (!/^\d/.test(kept.canvas) && !canvases.includes(kept.canvas)) delete kept.canvas;
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
    wanted = null;
    while (past.length && same(past.at(-1), values)) past.pop();
    remember("settings", JSON.stringify(values));
    draw();
    return given;
  }

  return { begin, heard, remembered, wanted: wantedValues, lastOf, current: () => values ?? initial(), initial };
})();
