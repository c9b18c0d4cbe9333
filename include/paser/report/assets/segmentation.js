"use strict";
/* The sections that only some runs have: the weight of the cost, classes, spread, further tables, single images. */
(() => {
  const { $, el, css, known, fixed, significant, percent, whole, modelColour, modelKey, hide, classColour, redraw, dashes, curve, sortableHead, shareBar, results } = page;
  const { svg, saveButtons, spread, styledCopy } = charts;
  const byResultsOrder = (names) => {
    const order = results.rows.map((r) => r.model), place = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
    return names.sort((a, b) => place(a) - place(b) || a.localeCompare(b));
  };
  const short = (v) => (+v.toPrecision(4)).toString().replace("-", "−");

  // ---- the weight of the cost ----------------------------------------------------------------------------------
  const points = results.lambda_curve || [];
  if (!points.length) hide("lambda");
  else {
    const labels = [...new Set(points.map((p) => p.label))];
    const quantities = [["iou", "Mean IoU", "0 to 1"], ["cost", "Mean cost", "of a patch, by the cost rule"], ["gmac", "GMAC", "per image"]];
    for (const [key, title, unit] of quantities) {
      const series = labels.map((label, number) => ({
        name: label || title, colour: modelColour([4, 5, 2, 3, 1, 0, 6, 7][number % 8]), dash: dashes[number % dashes.length],
        points: new Map(points.filter((p) => p.label === label && known(p[key])).map((p) => [p.lambda, p[key]])),
      })).filter((s) => s.points.size);
      if (!series.length) continue;
      const plot = el("div");
      $("lambda-charts").append(el("figure", { class: "card chart" }, el("h4", {}, title, el("span", {}, ` · ${unit}`)), plot));
      curve(plot, series, "λ", { xText: short, marks: true, title: `${title} by weight of the cost`, save: saveButtons });
    }
    const columns = [{ name: "Policy", value: (p) => p.label }, { name: "λ", value: (p) => p.lambda }, { name: "IoU", value: (p) => p.iou }, { name: "Cost", value: (p) => p.cost }, { name: "GMAC", value: (p) => p.gmac }, { name: "Share of patches", value: (p) => (p.share.length ? p.share[0] : null) }];
    const body = el("tbody");
    const fill = (list) => body.replaceChildren(...list.map((p) => el("tr", {}, el("th", { scope: "row" }, p.label), el("td", {}, short(p.lambda)), el("td", {}, fixed(p.iou, 4)), el("td", {}, fixed(p.cost, 4)), el("td", {}, significant(p.gmac)), el("td", {}, ...(p.share.length ? shareBar(p.share) : ["–"])))));
    fill(points);
    $("lambda-table").append(el("caption", {}, "Share of patches: ", modelKey()), el("thead", {}, sortableHead(columns, points, fill)), body);
  }

  // ---- classes -------------------------------------------------------------------------------------------------
  const tables = results.class_tables || {}, methods = byResultsOrder(Object.keys(tables));
  if (!methods.length) hide("classes");
  else {
    const name = (k) => (results.classes || [])[k] || `class ${k}`;
    const label = (k) => [el("span", { class: "swatch", style: `background:${classColour(k)}` }), name(k)];
    $("classes-text").textContent = "Over all pixels of the test images together. Dice is the F1 score; a dash where a class does not occur.";
    const draw = (method) => {
      const t = tables[method], classes = t.confusion.map((line, k) => k);
      const scores = [["IoU", t.iou], ["Dice", t.dice], ["Precision", t.precision], ["Recall", t.recall]];
      const mean = (values) => { const seen = values.filter(known); return seen.length ? seen.reduce((a, b) => a + b, 0) / seen.length : null; };
      $("classes-table").replaceChildren(el("caption", { class: "hidden" }, `Scores of ${method} by class`),
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Class"), ...[...scores.map(([title]) => title), "Fraction, truth", "Fraction, predicted", "Error"].map((title) => el("th", { scope: "col", class: "num" }, title)))),
        el("tbody", {}, ...classes.map((k) => {
          const error = known(t.truth_share[k]) && known(t.predicted_share[k]) ? t.predicted_share[k] - t.truth_share[k] : null;
          return el("tr", {}, el("th", { scope: "row" }, ...label(k)), ...scores.map(([, values]) => el("td", { class: "num" }, fixed(values[k], 4))),
            el("td", { class: "num" }, percent(t.truth_share[k], 2)), el("td", { class: "num" }, percent(t.predicted_share[k], 2)), el("td", { class: "num" }, error === null ? "–" : (error > 0 ? "+" : "") + fixed(100 * error, 2) + " points"));
        })),
        el("tfoot", {}, el("tr", {}, el("td", {}, "Mean"), ...scores.map(([, values]) => el("td", { class: "num" }, fixed(mean(values), 4))), el("td"), el("td"), el("td"))));
      $("confusion").replaceChildren(el("caption", { class: "hidden" }, `Confusion of the classes by ${method}`),
        el("thead", {}, el("tr", {}, el("td"), ...classes.map((k) => el("th", { scope: "col" }, name(k))))),
        el("tbody", {}, ...t.confusion.map((line, k) => {
          const total = line.reduce((a, b) => a + b, 0);
          return el("tr", {}, el("th", { scope: "row" }, name(k)), ...line.map((v, j) => {
            const share = total > 0 ? v / total : 0;
            return el("td", { class: (share > 0.65 ? "firm " : "") + (share > 0.85 ? "strong " : "") + (j === k ? "meant" : ""), style: `background:rgba(var(--heat),${(0.04 + 0.92 * share).toFixed(3)})` }, total > 0 ? percent(share) : "–", el("small", {}, whole(v)));
          }));
        })));
      const widest = Math.max(1e-9, ...[...t.truth_share, ...t.predicted_share].filter(known));
      const bar = (share, kind) => el("span", { class: kind }, el("i", { style: `width:calc((100% - 5rem) * ${known(share) ? (share / widest).toFixed(4) : 0})` }), percent(share, 2));
      $("fractions").replaceChildren(...classes.map((k) => el("div", { class: "fraction" }, el("b", {}, ...label(k)), bar(t.truth_share[k], "truth"), bar(t.predicted_share[k], "predicted"))));
    };
    $("classes-table").parentElement.after(saveButtons("Classes", { rows: () => [["method", "class", "IoU", "Dice", "precision", "recall", "fraction, truth", "fraction, predicted"], ...methods.flatMap((m) => tables[m].confusion.map((line, k) => [m, name(k), ...[tables[m].iou, tables[m].dice, tables[m].precision, tables[m].recall, tables[m].truth_share, tables[m].predicted_share].map((v) => v[k])]))] }));
    // The bars of the method that is shown, as a drawing of its own.
    const fractions = () => {
      const t = tables[$("classes-method").value], classes = t.confusion.map((line, k) => k), width = 560, row = 44, left = 150;
      const widest = Math.max(1e-9, ...[...t.truth_share, ...t.predicted_share].filter(known));
      const bar = (v, y, colour) => (known(v) ? [svg("rect", { x: left, y, width: ((width - left - 70) * v) / widest, height: 13, fill: css(colour) }), svg("text", { x: left + 6 + ((width - left - 70) * v) / widest, y: y + 11, fill: css("--ink") }, percent(v, 2))] : []);
      return svg("svg", { xmlns: "http://www.w3.org/2000/svg", width, height: 34 + row * classes.length, viewBox: `0 0 ${width} ${34 + row * classes.length}`, "font-family": "sans-serif", "font-size": 12 },
        svg("title", {}, "Phase fractions"), svg("rect", { width, height: 34 + row * classes.length, fill: css("--sheet") }),
        svg("text", { x: 8, y: 18, fill: css("--ink"), "font-weight": 600 }, `Phase fractions, ${$("classes-method").value}: truth above, prediction below`),
        ...classes.flatMap((k) => [svg("text", { x: left - 10, y: 34 + row * k + 19, fill: css("--ink"), "text-anchor": "end" }, name(k)), ...bar(t.truth_share[k], 34 + row * k, "--single"), ...bar(t.predicted_share[k], 34 + row * k + 15, "--paser")]));
    };
    $("fractions-text").after(saveButtons("Phase fractions", { drawing: fractions, rows: () => { const t = tables[$("classes-method").value]; return [["class", "truth", "prediction"], ...t.confusion.map((line, k) => [name(k), t.truth_share[k], t.predicted_share[k]])]; } }));
    $("classes-method").append(...methods.map((method) => el("option", { value: method }, method)));
    const rated = results.rows.filter((r) => methods.includes(r.model) && r.kind === "paser").sort((a, b) => b.iou - a.iou);
    const first = rated.length ? rated[0].model : methods[0];
    $("classes-method").value = first;
    $("classes-method").addEventListener("change", (event) => draw(event.target.value));
    draw(first);
  }

  // ---- spread --------------------------------------------------------------------------------------------------
  const roundSteps = (low, high, count) => {
    const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw)), step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const steps = [];
    for (let i = Math.ceil(low / step); i * step <= high; ++i) steps.push(i * step);
    return steps;
  };
  const numbersOf = (g) => `${g.name}: median ${short(g.median)}, quartiles ${short(g.q1)} and ${short(g.q3)}, whiskers ${short(g.low)} and ${short(g.high)}, mean ${short(g.mean)}, ${g.outliers.length} outlier${g.outliers.length === 1 ? "" : "s"}`;
  const boxPlot = (host, plot) => {
    const width = Math.max(260, host.clientWidth), longest = 16 + 7 * Math.max(...plot.groups.map((g) => g.name.length));
    // Names too long to stand at the left stand above their boxes.
    const above = longest > 0.34 * width, row = above ? 60 : 46, bottom = plot.groups.length * row, left = above ? 8 : longest;
    const values = plot.groups.flatMap((g) => [g.low, g.high, g.q1, g.q3, ...g.outliers]);
    const least = Math.min(...values), most = Math.max(...values), margin = 0.04 * spread(least, most) || Math.max(0.5, 1e-6 * Math.abs(most));
    const x = (v) => left + ((v - least + margin) / (most - least + 2 * margin)) * (width - left - 14);
    const line = (x1, y1, x2, y2, kind) => svg("line", { x1, y1, x2, y2, class: kind });
    const picture = svg("svg", { class: "boxplot", viewBox: `0 0 ${width} ${bottom + 38}`, role: "img", "aria-label": `${plot.title}. ${plot.groups.map(numbersOf).join(". ")}` });
    for (const v of roundSteps(least - margin, most + margin, Math.max(3, Math.floor((width - left) / 75))))
      picture.append(line(x(v), 0, x(v), bottom, "grid"), svg("text", { x: x(v), y: bottom + 15, "text-anchor": "middle", class: "soft" }, short(v)));
    picture.append(svg("text", { x: (left + width - 14) / 2, y: bottom + 32, "text-anchor": "middle", class: "soft" }, plot.unit));
    plot.groups.forEach((g, i) => {
      const y = i * row + row / 2 + (above ? 9 : 0), colour = modelColour(i), half = 12;
      picture.append(above ? svg("text", { x: left, y: y - 18 }, g.name) : svg("text", { x: left - 10, y: y + 4, "text-anchor": "end" }, g.name),
        line(x(g.low), y, x(g.q1), y, "line"), line(x(g.q3), y, x(g.high), y, "line"), line(x(g.low), y - 6, x(g.low), y + 6, "line"), line(x(g.high), y - 6, x(g.high), y + 6, "line"),
        svg("rect", { x: x(g.q1), y: y - half, width: Math.max(1, x(g.q3) - x(g.q1)), height: 2 * half, rx: 2, class: "line", style: `fill:${colour};fill-opacity:.55` }),
        line(x(g.median), y - half, x(g.median), y + half, "median"), ...g.outliers.map((v) => svg("circle", { cx: x(v), cy: y, r: 3, class: "outlier" })),
        line(x(g.mean) - 4, y - 4, x(g.mean) + 4, y + 4, "line"), line(x(g.mean) - 4, y + 4, x(g.mean) + 4, y - 4, "line"));
    });
    host.replaceChildren(picture);
  };
  const plots = (results.box_plots || []).filter((plot) => plot.groups.length);
  if (!plots.length) hide("boxes");
  for (const plot of plots) {
    const host = el("div"), test = plot.test;
    const chance = test && (known(test.p) ? (test.p < 0.001 ? "p < 0.001" : `p = ${significant(test.p)}`) : "p not defined");
    $("boxes-charts").append(el("figure", { class: "card" }, el("h3", {}, plot.title), host,
      test ? el("figcaption", {}, `${test.name}: t = ${significant(test.t)}, ${known(test.df) ? +test.df.toFixed(1) : "–"} degrees of freedom, ${chance} (two-sided)${known(test.p) ? (test.p < 0.05 ? "; the means differ at the 5 % level." : "; no difference at the 5 % level.") : "."}`) : null,
      plot.note ? el("figcaption", {}, plot.note) : null,
      saveButtons(plot.title, {
        drawing: () => styledCopy(host.firstChild, plot.title),
        rows: () => [["group", "low whisker", "first quartile", "median", "third quartile", "high whisker", "mean", "outliers"], ...plot.groups.map((g) => [g.name, g.low, g.q1, g.median, g.q3, g.high, g.mean, g.outliers.join(" ")])],
      })));
    redraw.push(() => boxPlot(host, plot));
  }

  // ---- further tables ------------------------------------------------------------------------------------------
  const extra = results.tables || [];
  if (!extra.length) hide("tables");
  for (const t of extra) {
    const numeric = t.header.map((title, c) => c > 0 && t.rows.every((row) => /^[-+−–±<>≤≥.,\d\s%e]*( %)?$/.test(row[c] || "")));
    $("tables-list").append(el("h3", {}, t.title), el("div", { class: "scroll" }, el("table", { class: "plain" }, el("caption", { class: "hidden" }, t.title),
      el("thead", {}, el("tr", {}, ...t.header.map((title, c) => el("th", { scope: "col", class: numeric[c] ? "num" : "" }, title)))),
      el("tbody", {}, ...t.rows.map((row) => el("tr", {}, ...row.map((cell, c) => (c === 0 ? el("th", { scope: "row" }, cell) : el("td", { class: numeric[c] ? "num" : "" }, cell)))))))),
      ...(t.note ? [el("p", { class: "notes" }, t.note)] : []));
  }

  // ---- single images -------------------------------------------------------------------------------------------
  const images = results.images || [];
  const tested = byResultsOrder([...new Set(images.flatMap((image) => Object.keys(image.methods)))]);
  if (!tested.length) hide("images");
  else {
    const score = (image, method, key) => {
      const s = image.methods[method];
      const v = s && (key === "beyond" ? (s.share.length ? 1 - s.share[0] : null) : s[key]);
      return known(v) ? v : null;
    };
    const quantities = [["iou", "IoU", (v) => fixed(v, 4), 1], ["gmac", "GMAC", significant, -1], ["ms", "Time in ms", significant, -1], ["beyond", `Patches sent beyond ${page.models[0]}`, percent, 0]].filter(([key]) => images.some((image) => tested.some((method) => score(image, method, key) !== null)));
    const shown = [...images];
    $("images-text").textContent = `${images.length} test image${images.length === 1 ? "" : "s"}. Bold: the best of a row. Press a column's name to sort by it.`;
    const draw = (chosen) => {
      const [key, , text, sign] = quantities.find(([k]) => k === chosen);
      const columns = [{ name: "Image", value: (image) => image.name }, ...tested.map((method) => ({ name: method, value: (image) => score(image, method, key) }))];
      const body = el("tbody");
      const fill = (list) => body.replaceChildren(...list.map((image) => {
        const values = tested.map((method) => score(image, method, key)), seen = values.filter(known);
        const top = sign && seen.length > 1 ? sign * Math.max(...seen.map((v) => sign * v)) : null;
        return el("tr", {}, el("th", { scope: "row" }, image.name), ...values.map((v) => el("td", v !== null && v === top ? { class: "top-value" } : {}, text(v))));
      }));
      fill(shown);
      const means = tested.map((method) => { const seen = images.map((image) => score(image, method, key)).filter(known); return seen.length ? seen.reduce((a, b) => a + b, 0) / seen.length : null; });
      $("images-table").replaceChildren(el("caption", { class: "hidden" }, "Every test image by every method"), el("thead", {}, sortableHead(columns, shown, fill)), body,
        el("tfoot", {}, el("tr", {}, el("th", { scope: "row" }, "Mean"), ...means.map((v) => el("td", {}, text(v))))));
    };
    $("images-value").append(...quantities.map(([key, title]) => el("option", { value: key }, title)));
    $("images-value").addEventListener("change", (event) => draw(event.target.value));
    if (quantities.length) draw(quantities[0][0]);
    else hide("images");
  }
})();
