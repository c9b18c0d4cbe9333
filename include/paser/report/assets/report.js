"use strict";
/* The sections that every run has. */
(() => {
  const { $, el, css, known, fixed, significant, percent, bytes, whole, time, modelColour, modelKey, hide, kinds, kindOf, kindColour, classKey,
    resolve, redraw, font, axis, dashes, curve, readable, sortableHead, shareBar, run, results, models } = page;
  const { saveButtons } = charts;
  const { log, samples } = run;

  // ---- header --------------------------------------------------------------------------------------------------
  const environment = results.environment || {};
  const facts = [
    ["Preset", results.preset],
    ["Date", (environment.date || "").replace("T", " ").replace("Z", " UTC")],
    ["Seed", String(results.seed)],
    ["Machine", environment.cpu ? `${environment.cpu}, ${environment.threads} thread${environment.threads === 1 ? "" : "s"}` : ""],
    ["Duration", results.stages.length ? time(results.stages.reduce((sum, s) => sum + s.seconds, 0)) : ""],
    ["Version", environment.library || ""],
  ];
  for (const [name, value] of facts) if (value) $("facts").append(el("div", {}, el("dt", {}, name), el("dd", {}, value)));
  $("foot").textContent = `Made by ${environment.library || "paser"}. Everything on this page is inside this one file; it loads nothing. Lines are drawn by uPlot (MIT licence).`;

  const rows = results.rows;

  // ---- results table -------------------------------------------------------------------------------------------
  {
    const columns = [
      { name: "Method", value: (r) => r.model, text: (r) => r.model },
      { name: "IoU", unit: "0 to 1", value: (r) => r.iou, text: (r) => fixed(r.iou, 4), best: 1 },
      { name: "GMAC", unit: "per image", value: (r) => r.gmac, text: (r) => significant(r.gmac), best: -1 },
      { name: "IoU/GMAC", minor: true, value: (r) => r.iou_per_gmac, text: (r) => significant(r.iou_per_gmac), best: 1 },
      { name: "Time", unit: rows.some((r) => r.ms_spread) ? "ms per image, median" : "ms per image", value: (r) => r.ms_per_image, text: (r) => significant(r.ms_per_image), best: -1 },
    ];
    if (rows.some((r) => known(r.assignment_accuracy))) columns.push({ name: "Right routes", minor: true, unit: "of patches", value: (r) => r.assignment_accuracy, text: (r) => percent(r.assignment_accuracy), best: 1 });
    if (rows.some((r) => known(r.tvd))) columns.push({ name: "TVD", minor: true, unit: "from the first policy", value: (r) => r.tvd, text: (r) => percent(r.tvd) });
    columns.push({ name: "Share of patches", minor: true, value: (r) => (r.share.length ? r.share[0] : null), share: true });
    for (const c of columns) {
      if (!c.best) continue;
      const values = rows.filter((r) => r.kind !== "bound").map(c.value).filter(known);
      c.winner = values.length > 1 ? (c.best > 0 ? Math.max(...values) : Math.min(...values)) : null;
    }
    const notes = [];
    rows.forEach((r) => {
      if (!r.note) return;
      if (!notes.includes(r.note)) notes.push(r.note);
      r.noteNumber = notes.indexOf(r.note) + 1;
    });
    const body = el("tbody");
    const cell = (c, r) => {
      if (c.share) {
        return el("td", { class: "minor" }, ...shareBar(r.share));
      }
      const td = el("td", c.minor ? { class: "minor" } : {}, el("span", c.best && c.value(r) === c.winner && r.kind !== "bound" ? { class: "best" } : {}, c.text(r)));
      if (c.name === "IoU" && known(r.iou_std)) td.append(el("span", { class: "spread", title: "standard deviation over the images" }, ` ± ${fixed(r.iou_std, 3)}`));
      if (c.name === "Time" && known(r.ms_per_image) && r.ms_spread) {
        const s = r.ms_spread;
        td.append(el("span", { class: "spread quartiles", title: `first to third quartile of ${s.runs} runs` }, ` ${significant(s.low)} to ${significant(s.high)}`));
        if (s.busy) td.append(el("span", { class: "busy", title: `threads waited for a processor in ${percent(s.waited)} of their time` }, " busy"));
      }
      return td;
    };
    const fill = (list) => body.replaceChildren(...list.map((r) => {
      const kind = kindOf(r);
      const name = el("th", { scope: "row" }, el("span", { class: "mark", style: `color:${kindColour(kind)}`, title: kinds[kind][0] }, kinds[kind][1]), r.model);
      if (r.noteNumber) name.append(el("sup", {}, ` ${r.noteNumber}`));
      name.append(el("div", { class: "onphone" }, ...shareBar(r.share)));
      return el("tr", { class: kind }, name, ...columns.slice(1).map((c) => cell(c, r)));
    }));
    const head = sortableHead(columns, rows, fill);
    fill(rows);
    $("results-table").append(el("caption", { class: "hidden" }, "Comparison of all methods on the test images"), el("thead", {}, head), body);
    $("results-table").parentElement.after(saveButtons("Results", { rows: () => [["method", "kind", "IoU", "GMAC", "IoU/GMAC", "ms per image", "right routes", "TVD", ...models.map((m) => `share ${m}`)], ...rows.map((r) => [r.model, r.kind, r.iou, r.gmac, r.iou_per_gmac, r.ms_per_image, r.assignment_accuracy, r.tvd, ...models.map((m, i) => r.share[i])])] }));
    $("results-text").append("★ best of a column, routing by the truth left out. Share of patches: ", modelKey(), ".");
    const conventions = [["IoU", results.iou_convention], ["GMAC", results.mac_convention], ["Time", results.time_convention],
      ["Time, busy", rows.some((r) => r.ms_spread && r.ms_spread.busy) ? "other programs had the processors while the method was timed: its threads waited for one in 5 % or more of their time, so these times are too long" : ""]].filter(([, text]) => text);
    $("results-notes").append(...conventions.map(([name, text]) => el("p", {}, `${name}: ${text}`)), ...notes.map((text, i) => el("p", {}, el("sup", {}, `${i + 1} `), text)));
    const thresholds = Object.entries(results.cascade_thresholds || {});
    if (thresholds.length) $("results-notes").append(el("p", {}, "Thresholds of the cascades, the mean entropy of a patch in nats above which the next network is asked: " + thresholds.map(([name, v]) => `${name}: ${significant(v)}`).join("; ") + "."));
  }

  // ---- assignment matrices -------------------------------------------------------------------------------------
  const matrices = Object.entries(results.assignment || {});
  if (!matrices.length) hide("routes");
  const square = results.kinds.length === models.length;
  $("routes-text").textContent = `Rows: kinds of patches. Columns: the network that answered. Shares of a row${square ? "; framed: the network trained for that row" : ""}.`;
  const order = rows.map((r) => r.model);
  matrices.sort((a, b) => order.indexOf(a[0]) - order.indexOf(b[0]));
  for (const [name, matrix] of matrices) {
    const table = el("table", { class: "matrix" }, el("caption", { class: "hidden" }, `Assignment by ${name}`),
      el("thead", {}, el("tr", {}, el("td"), ...models.map((m) => el("th", { scope: "col" }, m)))),
      el("tbody", {}, ...matrix.map((line, k) => {
        const total = line.reduce((a, b) => a + b, 0);
        return el("tr", {}, el("th", { scope: "row" }, results.kinds[k] || String(k)), ...line.map((v, m) => {
          const share = total > 0 ? v / total : 0;
          return el("td", { class: (share > 0.65 ? "firm " : "") + (share > 0.85 ? "strong " : "") + (square && k === m ? "meant" : ""), style: `background:rgba(var(--heat),${(0.04 + 0.92 * share).toFixed(3)})` },
            total > 0 ? percent(share) : "–", total > 1.5 ? el("small", {}, whole(Math.round(v))) : null);
        }));
      })));
    const row = rows.find((r) => r.model === name);
    $("matrices").append(el("div", { class: "card" }, el("h3", {}, name), table, row && known(row.assignment_accuracy) ? el("p", { class: "notes" }, `Right routes: ${percent(row.assignment_accuracy)}`) : null));
  }

  // ---- samples -------------------------------------------------------------------------------------------------
  if (!samples.length) hide("samples");
  else {
    const ramp = el("span", { class: "ramp", style: `background:linear-gradient(to right,${run.heat.join(",")})` });
    $("samples-text").append("What the first network saw and doubted, which network the policy sent it to, and the final mask. Entropy in nats, 0 ", ramp, ` ${fixed(run.entropy_max, 2)}. Route: `, modelKey(), ...(results.classes ? [". Classes: ", classKey()] : ["."]));
    // Many or detailed pictures take a card of the page's width.
    const large = (sample) => sample.pictures.length > 5 || sample.pictures.some((p) => p.width > 96);
    const groups = new Map();
    for (const sample of samples) groups.set(sample.kind, [...(groups.get(sample.kind) || []), sample]);
    for (const [kind, list] of groups) {
      const cards = list.map((sample) => {
        const m = models.indexOf(sample.route);
        const verdict = el("div", { class: "verdict" },
          sample.route ? el("span", { class: "badge" }, el("i", { style: `background:${m >= 0 ? modelColour(m) : "var(--soft)"}` }), `→ ${sample.route}`) : null,
          sample.share ? el("div", {}, ...shareBar(sample.share)) : null,
          typeof sample.right === "boolean" ? el("span", { class: sample.right ? "ok" : "no" }, sample.right ? "✔ meant for it" : "✘ meant for another") : null,
          known(sample.iou) ? el("span", {}, `IoU ${fixed(sample.iou, 3)}`) : null, sample.note ? el("span", {}, sample.note) : null);
        return el("div", { class: "card sample" + (large(sample) ? " large" : "") },
          el("div", { class: "strip" }, ...sample.pictures.map((p) => el("figure", {}, el("img", { src: p.png, alt: `${p.title}, ${kind}`, width: p.width, height: p.height }), el("figcaption", {}, p.title)))), verdict);
      });
      $("samples-grid").append(el("div", { class: "samplegroup" }, el("h3", {}, kind), el("div", { class: "samplerows" + (list.some(large) ? " one" : list.length % 3 === 0 && list.length % 2 ? " three" : "") }, ...cards)));
    }
  }

  // ---- training curves -----------------------------------------------------------------------------------------
  const fields = [
    { keys: ["loss", "validation_loss"], title: "Loss", noisy: true },
    { keys: ["train_iou", "validation_iou"], title: "IoU", unit: "0 to 1" },
    { keys: ["reward", "validation_reward"], title: "Reward", unit: "mean per patch", noisy: true },
    { keys: ["share"], title: "Share of patches", unit: "by model", noisy: true },
    { keys: ["entropy"], title: "Entropy of the policy", unit: "nats", noisy: true },
    { keys: ["accuracy"], title: "Right routes", unit: "share of patches", noisy: true },
    { keys: ["cost"], title: "Cost", unit: "mean per patch", noisy: true },
    { keys: ["lambda"], title: "λ", unit: "weight of the cost" },
    { keys: ["tvd"], title: "Distance from the first policy", unit: "TVD" },
    { keys: ["exploit"], title: "α", unit: "share of batches that follow the policy" },
    { keys: ["learning_rate"], title: "Learning rate" },
    { keys: ["gradient_norm"], title: "Gradient norm", noisy: true },
  ];
  // Records of single steps are noisy: a full line shows their moving average over a fifteenth of the curve, a pale one
  // the records themselves.
  const smooth = (points) => {
    const entries = [...points].filter(([, y]) => known(y)).sort((a, b) => a[0] - b[0]), half = Math.round(entries.length / 30);
    return new Map(entries.map(([x], i) => {
      const near = entries.slice(Math.max(0, i - half), i + half + 1);
      return [x, near.reduce((sum, [, y]) => sum + y, 0) / near.length];
    }));
  };
  const withAverages = (series, field) => series.flatMap((s) => (field.noisy && s.single && s.points.size >= 60 ? [{ ...s, faint: true }, { ...s, points: smooth(s.points) }] : [s]));
  const families = new Map();
  for (const record of log) {
    if (typeof record.warning === "string") $("warnings").append(el("p", { class: "warning" }, `${record.stage ? record.stage + ": " : ""}${record.warning}`));
    if (typeof record.early_stop === "string") $("warnings").append(el("p", { class: "notes" }, `${record.stage}, step ${record.step}: ${record.early_stop}.`));
    if (typeof record.stage !== "string") continue;
    const family = record.stage.split(" ")[0];
    if (!families.has(family)) families.set(family, new Map());
    const stages = families.get(family);
    stages.set(record.stage, [...(stages.get(record.stage) || []), record]);
  }
  for (const [family, stages] of families) {
    const charts = el("div", { class: "charts" });
    const names = [...stages.keys()];
    for (const field of fields) {
      const series = [];
      let place = "epoch";
      names.forEach((stage, number) => {
        const records = stages.get(stage);
        for (const key of field.keys) {
          const with_key = records.filter((r) => (key === "share" ? Array.isArray(r.share) : known(r[key])));
          if (!with_key.length) continue;
          const x = with_key.some((r) => known(r.step)) ? "step" : "epoch";
          place = x;
          const label = names.length > 1 ? stage.slice(family.length).trim() || stage : "";
          if (key === "share") {
            const count = Math.max(...with_key.map((r) => r.share.length));
            for (let m = 0; m < count; ++m)
              series.push({ name: [label, models[m] || `model ${m}`].filter(Boolean).join(" "), colour: modelColour(m), dash: dashes[number % dashes.length], single: true, points: new Map(with_key.filter((r) => known(r[x])).map((r) => [r[x], r.share[m]])) });
          } else {
            const own = models.indexOf(label);
            const several = field.keys.filter((other) => records.some((r) => known(r[other]))).length > 1, first = key === field.keys[0];
            series.push({
              name: [label, field.keys.length > 1 || !label ? readable(key) : ""].filter(Boolean).join(" "),
              colour: names.length > 1 ? modelColour(own >= 0 ? own : number) : first || !several ? "var(--c4)" : "var(--c5)",
              single: first, dash: several && field.keys.indexOf(key) > 1 ? dashes[1] : [],
              points: new Map(with_key.filter((r) => known(r[x])).map((r) => [r[x], r[key]])),
            });
          }
        }
      });
      if (!series.some((s) => s.points.size)) continue;
      const plot = el("div");
      charts.append(el("figure", { class: "card chart" }, el("h4", {}, field.title, field.unit ? el("span", {}, ` · ${field.unit}`) : null), plot));
      curve(plot, withAverages(series.filter((s) => s.points.size), field), place, { title: `${family}: ${field.title}`, save: saveButtons });
    }
    if (charts.childElementCount) $("curves").append(el("h3", {}, family.charAt(0).toUpperCase() + family.slice(1)), charts);
  }
  if (!$("curves").childElementCount && !$("warnings").childElementCount) hide("training");

  // ---- time, memory, sizes -------------------------------------------------------------------------------------
  if (!results.stages.length) hide("stages");
  else {
    const longest = Math.max(...results.stages.map((s) => s.seconds)), largest = Math.max(...results.stages.map((s) => s.memory.process_bytes));
    const meter = (share, kind) => el("span", { class: "meter " + kind, style: `width:${Math.max(2, 110 * share).toFixed(0)}px` });
    $("stages-table").append(
      el("thead", {}, el("tr", {}, el("th", {}, "Stage"), el("th", { class: "num" }, "Time"), el("th"), el("th", { class: "num" }, "Peak memory"), el("th"), el("th", { class: "num" }, "tensors alone"))),
      el("tbody", {}, ...results.stages.map((s) => el("tr", {}, el("td", {}, s.stage), el("td", { class: "num" }, time(s.seconds) + (s.busy ? " *" : "")), el("td", {}, meter(s.seconds / longest, "")), el("td", { class: "num" }, (s.memory.of_stage ? "" : "≤ ") + bytes(s.memory.process_bytes)), el("td", {}, meter(s.memory.process_bytes / largest, "memory")), el("td", { class: "num" }, bytes(s.memory.tensor_bytes))))),
      el("tfoot", {}, el("tr", {}, el("td", {}, "Together"), el("td", { class: "num" }, time(results.stages.reduce((sum, s) => sum + s.seconds, 0))), el("td"), el("td", { class: "num" }, bytes(largest)), el("td"), el("td"))));
    $("stages-text").textContent = "Peak memory: resident memory of the whole process" + (results.stages.every((s) => s.memory.of_stage) ? " during the stage." : "; ≤ where the system only tells the peak since the start.") + (results.stages.some((s) => s.busy) ? " *: the machine was busy, threads waited for a processor in 5 % or more of the time." : "");
  }
  {
    const total = models.reduce((sum, m) => sum + (results.parameters[m] || 0), 0);
    $("parameters-table").append(el("thead", {}, el("tr", {}, el("th", {}, "Network"), el("th", { class: "num" }, "Parameters"), el("th", { class: "num" }, "Cost (share of all models)"))),
      el("tbody", {}, ...Object.entries(results.parameters).map(([name, n]) => el("tr", {}, el("td", {}, name), el("td", { class: "num" }, whole(n)), el("td", { class: "num" }, models.includes(name) && total ? fixed(n / total, 4) : "–")))));
  }

  // ---- the paper's statements ------------------------------------------------------------------------------------
  if (!results.claims.length) hide("claims");
  else {
    const verdicts = { true: ["ok", "✔ holds here"], false: ["no", "✘ does not hold here"], undefined: ["soft", "only compared"] };
    $("claims-text").textContent = "Each statement was put to this run's own numbers, on its own data, which need not be as hard as the paper's. Where the tasks are not the same, the numbers stand side by side and nothing is concluded.";
    $("claims-list").append(...results.claims.map((c) => {
      const [kind, word] = verdicts[c.reproduced];
      const numbers = [["in the paper", c.paper], ["found here", c.measured]].filter(([, v]) => known(v)).map(([name, v]) => `${name} ${significant(v, 4)}`).join(" · ");
      return el("li", { class: "card" }, el("span", { class: "state " + kind }, word),
        el("div", {}, el("p", {}, c.text), numbers ? el("p", { class: "numbers" }, numbers) : null, c.explanation ? el("p", { class: "why" }, c.explanation) : null));
    }));
  }

  // ---- reproduce -----------------------------------------------------------------------------------------------
  const flatten = (value, path, out) => {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) for (const [k, v] of Object.entries(value)) flatten(v, path ? `${path}.${k}` : k, out);
    else out.push([path, typeof value === "string" ? value : JSON.stringify(value)]);
    return out;
  };
  const listing = (id, object) => {
    const lines = flatten(object || {}, "", []).filter(([path]) => path);
    $(id).append(el("tbody", {}, ...lines.map(([path, value]) => el("tr", {}, el("td", {}, path), el("td", {}, value)))));
    if (!lines.length) $(id).closest("details").hidden = true;
  };
  listing("settings-table", results.settings);
  listing("environment-table", environment);
  $("command").textContent = results.command || "";
  if (!results.command) $("command").parentElement.hidden = true;
  $("copy").addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(results.command); $("copy").textContent = "Copied"; } catch { getSelection().selectAllChildren($("command")); }
  });

  // ---- navigation, theme, size ---------------------------------------------------------------------------------
  for (const section of document.querySelectorAll("section[data-title]"))
    if (!section.hidden) $("sections").append(el("li", {}, el("a", { href: "#" + section.id }, section.dataset.title)));
  const drawAll = () => redraw.forEach((draw) => draw());
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", drawAll);
  $("theme").addEventListener("click", () => {
    const now = document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
    document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
    drawAll();
  });
  let width = 0, timer = 0;
  // On paper: light colours, and charts of a page's width.
  let theme;
  addEventListener("beforeprint", () => {
    theme = document.documentElement.dataset.theme;
    document.documentElement.dataset.theme = "light";
    document.documentElement.classList.add("paper");
    drawAll();
  });
  addEventListener("afterprint", () => {
    if (theme) document.documentElement.dataset.theme = theme; else delete document.documentElement.dataset.theme;
    document.documentElement.classList.remove("paper");
    drawAll();
  });
  addEventListener("resize", () => {
    if (document.documentElement.clientWidth === width) return;
    clearTimeout(timer);
    timer = setTimeout(() => { width = document.documentElement.clientWidth; drawAll(); }, 120);
  });
  width = document.documentElement.clientWidth;
  drawAll();
})();
