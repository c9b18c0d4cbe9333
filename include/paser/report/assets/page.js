"use strict";
/* What the sections share: the JSON in #run, {results, log, samples, heat, palette, entropy_max}, and helpers to draw it.
   Text from the data only ever enters the page as text nodes. */
const page = (() => {
  const run = JSON.parse(document.getElementById("run").textContent);
  const { results } = run;
  const models = results.models;

  // ---- small helpers -------------------------------------------------------------------------------------------
  const $ = (id) => document.getElementById(id);
  const el = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key === "class") node.className = value;
      else if (key === "style") node.style.cssText = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  };
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const known = (v) => typeof v === "number" && Number.isFinite(v);
  const fixed = (v, digits) => (known(v) ? v.toFixed(digits).replace("-", "−") : "–");
  const significant = (v, digits = 3) => {
    if (!known(v)) return "–";
    const magnitude = v === 0 ? 0 : Math.floor(Math.log10(Math.abs(v)));
    return fixed(v, Math.min(8, Math.max(0, digits - 1 - magnitude)));
  };
  const percent = (v, digits = 1) => (known(v) ? fixed(100 * v, digits) + " %" : "–");
  const bytes = (b) => (b >= 2 ** 30 ? fixed(b / 2 ** 30, 2) + " GiB" : fixed(b / 2 ** 20, b < 1e7 ? 1 : 0) + " MiB");
  const whole = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, "\u2009");
  const time = (s) => {
    if (!known(s)) return "–";
    if (s < 60) return fixed(s, s < 10 ? 1 : 0) + " s";
    const total = Math.round(s), two = (n) => String(n).padStart(2, "0");
    return total < 3600 ? `${Math.floor(total / 60)} min ${two(total % 60)} s` : `${Math.floor(total / 3600)} h ${two(Math.floor(total / 60) % 60)} min`;
  };
  const modelColour = (m) => `var(--c${m % 8})`;
  const modelKey = () => el("span", { class: "key" }, ...models.map((name, m) => el("span", {}, el("i", { style: `background:${modelColour(m)}` }), name)));
  const hide = (id) => { $(id).hidden = true; };
  const kinds = { single: ["one network", "●"], baseline: ["other routing", "■"], bound: ["by the truth, not a method", "◇"], paser: ["PaSeR", "▲"], part: ["network of a PaSeR, alone", "○"] };
  const kindOf = (row) => (kinds[row.kind] ? row.kind : "baseline");
  const kindColour = (kind) => `var(--${kind})`;

  const classColour = (k) => run.palette[k % run.palette.length];
  const classKey = () => el("span", { class: "key" }, ...(results.classes || []).map((name, k) => el("span", {}, el("i", { style: `background:${classColour(k)}` }), name)));
  // How the patches were shared among the models: a bar, and the same in per cent. Other networks have no share.
  const shareBar = (share) => (share.length === 0 ? ["–"] : [
    el("div", { class: "bar", role: "img", "aria-label": models.map((m, i) => `${m} ${percent(share[i])}`).join(", ") },
      ...share.map((s, m) => el("i", { style: `width:${100 * s}%;background:${modelColour(m)}` }))),
    el("div", { class: "sharetext" }, share.map((s) => fixed(100 * s, s > 0 && s < 0.0995 ? 1 : 0)).join(" / ") + " %"),
  ]);
  // The head of a table whose columns {name, unit, value(row)} sort its rows when they are pressed; fill(rows) draws them.
  // Unknown values come last.
  const sortableHead = (columns, rows, fill) => {
    const head = el("tr");
    columns.forEach((c, i) => {
      const th = el("th", { scope: "col", class: c.minor ? "minor" : "" }, el("button", { type: "button", title: "Sort by this column" }, c.name), c.unit ? el("span", { class: "unit" }, c.unit) : null);
      th.firstChild.addEventListener("click", () => {
        const up = th.getAttribute("aria-sort") === "descending" || (i === 0 && th.getAttribute("aria-sort") !== "ascending");
        head.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
        th.setAttribute("aria-sort", up ? "ascending" : "descending");
        const missing = (v) => v === null || v === undefined;
        fill([...rows].sort((a, b) => {
          const x = c.value(a), y = c.value(b);
          if (missing(x) || missing(y)) return missing(x) - missing(y);
          return (up ? 1 : -1) * (typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x - y);
        }));
      });
      head.append(th);
    });
    return head;
  };

  // ---- charts --------------------------------------------------------------------------------------------------
  const resolve = (colour) => (colour.startsWith("var(") ? css(colour.slice(4, -1)) : colour);
  const redraw = [];  // called when colours or widths change
  const font = (size, weight = "") => `${weight} ${size}px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif`.trim();
  const axis = (extra = {}) => ({ stroke: () => css("--soft"), font: font(12), grid: { stroke: () => css("--grid"), width: 1 }, ticks: { stroke: () => css("--grid"), width: 1, size: 4 }, gap: 4, ...extra });

  const readable = (key) => key.replaceAll("_", " ").replace(/\biou\b/, "IoU");
  const dashes = [[], [6, 4], [2, 3], [8, 3, 2, 3]];
  // Lines over one axis; a series is {name, colour, points: Map of x to y, dash, faint}. xText writes the place of the
  // cursor, `marks` draws every point.
  const curve = (host, series, xLabel, { xText = whole, marks = false, title = "", save = null } = {}) => {
    const xs = [...new Set(series.flatMap((s) => [...s.points.keys()]))].sort((a, b) => a - b);
    const data = [xs, ...series.map((s) => xs.map((x) => (s.points.has(x) ? s.points.get(x) : null)))];
    // The value under the cursor, or the last one before it; without a cursor the last one of all.
    const latest = (number, at) => {
      const values = data[number + 1];
      for (let i = known(at) ? at : values.length - 1; i >= 0; --i) if (known(values[i])) return values[i];
      return null;
    };
    let chart = null;
    redraw.push(() => {
      if (chart) chart.destroy();
      chart = new uPlot({
        width: host.clientWidth, height: 210, padding: [8, 10, 0, 0], cursor: { y: false, points: { size: 6 } }, legend: { markers: { width: 0, fill: (u, i) => resolve(series[i - 1].colour) } },
        scales: { x: { time: false } },
        axes: [axis({ label: xLabel, labelFont: font(11), labelGap: 0, labelSize: 18, size: 26, space: 60, font: font(11) }), axis({ size: 48, font: font(11), space: 34, values: (u, splits) => splits.map((v) => (Math.abs(v) < 1e-12 ? "0" : (+v.toPrecision(4)).toString().replace("-", "−"))) })],
        series: [{ label: xLabel, value: (u, v) => xText(known(v) ? v : xs[xs.length - 1]) }, ...series.map((s, number) => ({ label: s.name, class: s.faint ? "faint" : "full", stroke: () => resolve(s.colour) + (s.faint ? "55" : ""), width: s.faint ? 1 : 1.8, dash: s.dash, spanGaps: true, points: { show: marks || s.points.size < 2, size: 6 }, value: (u, v, index, at) => significant(latest(number, at)) }))],
      }, data, host);
    });
    if (!save) return;
    const full = series.filter((s) => !s.faint);
    host.after(save(title, {
      drawing: () => charts.chartSvg(chart, { title, key: full, marks }),
      rows: () => [[xLabel, ...series.map((s) => s.name + (s.faint ? ", single steps" : ""))], ...xs.map((x, i) => [x, ...series.map((s, number) => data[number + 1][i])])],
    }));
  };

  return { $, el, css, known, fixed, significant, percent, bytes, whole, time, modelColour, modelKey, hide, kinds, kindOf, kindColour, classColour, classKey,
    resolve, redraw, font, axis, dashes, curve, readable, sortableHead, shareBar, run, results, models };
})();
