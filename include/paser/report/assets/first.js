"use strict";
/* What a stranger sees first: the result in a sentence, the idea as a picture, the curve. */
(() => {
  const { $, el, known, fixed, significant, percent, whole, modelColour, hide, kinds, kindOf, kindColour, results, models } = page;
  const { svg, quality } = charts;
  const rows = results.rows, singles = rows.filter((r) => r.kind === "single"), routed = rows.filter((r) => r.kind === "paser");
  const best = (list, value) => list.reduce((a, b) => (known(value(b)) && (a === null || value(b) > value(a)) ? b : a), null);
  const iou = (r) => r.iou;
  $("lead").textContent = results.data || "";

  // ---- the result in one sentence ------------------------------------------------------------------------------
  const alike = 0.005;
  const timed = rows.length > 0 && [...singles, ...routed].every((r) => known(r.ms_per_image));
  const cost = (r) => (timed ? r.ms_per_image : r.gmac), work = timed ? "time" : "computation";
  const named = (r) => `${r.model} (IoU ${fixed(r.iou, 3)})`;
  const share = (a, b) => { const s = cost(a) / cost(b); return s < 0.95 ? `${fixed(100 * s, 0)} % of its ${work}` : s > 1.05 ? `${significant(s, 2)} times its ${work}` : `the same ${work}`; };
  // What was found, and what to do then.
  const outcome = () => {
    const network = best(singles, iou), top = best(routed, iou);
    if (!network && !top) return ["", ""];
    if (!top) return [`${named(network)} is the best of ${singles.length === 1 ? "one network" : singles.length + " networks"} on the test images.`, ""];
    if (!network) return [`${named(top)} is the best way of routing on the test images.`, ""];
    const enough = best(singles.filter((r) => r.iou >= top.iou - alike && cost(r) <= cost(top)), (r) => -cost(r));
    if (enough) return [`Routing does not pay here: ${named(enough)} alone is ${enough.iou > top.iou + alike ? "better than" : "as good as"} ${named(top)}, which takes ${share(top, enough)}.`, `use ${enough.model} alone.`];
    if (top.iou > network.iou + alike) return [`Routing pays here: ${named(top)} is better than the best network alone, ${named(network)}, at ${share(top, network)}.`, `use ${top.model}.`];
    const lean = best(routed.filter((r) => r.iou >= network.iou - alike), (r) => -cost(r));
    if (lean) return [`Routing pays here: ${named(lean)} is as good as the best network alone, ${named(network)}, at ${share(lean, network)}.`, `use ${lean.model}.`];
    return [`It depends on what you can spend: ${named(network)} alone gives the best answers; ${named(top)} comes near at ${share(top, network)}.`, `use ${network.model} where every answer counts, and routing where ${timed ? "time" : "work"} does; the curve shows what each budget buys.`];
  };
  // Findings of images that the networks have not seen decide; points of a curve, the best of which flatters itself, do not.
  const judged = (results.findings || []).length > 0;
  // The run's own advice is the result; where it says none, that of the rows.
  const said = judged ? "" : results.advice || "";
  const [found, advised] = judged ? ["", results.advice] : said ? [said[0].toUpperCase() + said.slice(1), ""] : outcome();
  const advice = advised || "";
  $("verdict").textContent = found;
  $("verdict").hidden = !found;
  if (advice) $("advice").append(el("b", {}, "Advice: "), advice);
  $("advice").hidden = !advice;

  // ---- the idea as a picture -----------------------------------------------------------------------------------
  // One image of 6 x 6 patches: a disk that is clear at the left and hidden in noise at the right.
  const side = 96, cells = 6, cell = side / cells;
  const grid = () => Array.from({ length: cells - 1 }, (_, i) => [svg("line", { x1: 0, x2: side, y1: (i + 1) * cell, y2: (i + 1) * cell, class: "cut" }), svg("line", { y1: 0, y2: side, x1: (i + 1) * cell, x2: (i + 1) * cell, class: "cut" })]).flat();
  const patches = (colour) => Array.from({ length: cells * cells }, (_, i) => svg("rect", { x: (i % cells) * cell, y: Math.floor(i / cells) * cell, width: cell, height: cell, style: `fill:${colour(i % cells, Math.floor(i / cells))}` }));
  const edge = (x, y) => { // how hard a patch is: 0 inside or outside, 1 on the border, 2 on it where the noise is
    const corners = [[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]].map(([a, b]) => Math.hypot((x + a) * cell - 48, (y + b) * cell - 48) < 30);
    return corners.every((c) => c === corners[0]) ? 0 : x >= cells / 2 ? 2 : 1;
  };
  const disk = () => svg("circle", { cx: 48, cy: 48, r: 30, class: "thing" });
  const speckles = () => Array.from({ length: 60 }, (_, i) => svg("rect", { x: 50 + ((i * 37) % 45), y: (i * 53) % 94, width: 3, height: 3, class: i % 2 ? "light" : "dark" }));
  const routeOf = (x, y) => Math.min(edge(x, y), models.length - 1);
  const wobble = "M18 48 C18 30 34 17 50 19 C64 14 74 26 68 34 C86 36 70 52 80 60 C74 78 60 72 50 78 C32 79 18 66 18 48Z";
  const picture = (...parts) => svg("svg", { viewBox: `0 0 ${side} ${side}`, "aria-hidden": "true" }, ...parts);
  const step = (title, drawing, text) => el("div", { class: "step" }, drawing, el("b", {}, title), el("span", {}, text));
  const others = models.slice(1).join(" or ");
  if (models.length < 2 || !rows.some((r) => r.kind !== "single")) hide("idea");
  else {
    $("idea-steps").setAttribute("aria-label", `An image goes to the small network ${models[0]}; a policy reads its answer and its doubt, and sends each patch on to ${others} or keeps the answer.`);
    $("idea-steps").append(
      step("Image", picture(svg("rect", { width: side, height: side, class: "ground" }), disk(), ...speckles(), ...grid()), "cut into patches, some easy, some hard"),
      step(`${models[0]} answers`, picture(svg("rect", { width: side, height: side, class: "ground" }), svg("path", { d: wobble, class: "thing" })), "a small network, for the whole image: quick, not always right"),
      step("and doubts", picture(...patches((x, y) => page.run.heat[[0, 4, 7][edge(x, y)]]), ...grid()), "where it is not sure (bright)"),
      step("Policy routes", picture(...patches((x, y) => modelColour(routeOf(x, y))), ...grid()), "patch by patch: which network is worth its cost"),
      step("Result", picture(svg("rect", { width: side, height: side, class: "ground" }), disk()), `hard patches answered by ${others}, the rest by ${models[0]}`));
    const size = (m) => (results.parameters[m] ? `${whole(results.parameters[m])} trained numbers` : "");
    const word = (term, ...text) => el("div", {}, el("dt", {}, ...[term].flat()), el("dd", {}, ...text));
    const swatch = (m) => el("i", { class: "swatch", style: `background:${modelColour(m)}` });
    $("idea-words").append(
      word([`${models[0]} … ${models[models.length - 1]}`], "networks, from small and cheap to large and dear: ", el("span", { class: "key" }, ...models.map((m, i) => el("span", {}, swatch(i), [m, size(m)].filter(Boolean).join(", "))))),
      word("Route", "the network that answers a patch. A router or policy decides it from what ", models[0], " says and doubts; PaSeR learns it by reward."),
      word("Budget", "what an image may cost on average, in milliseconds or operations. More budget, more patches sent on."),
      word("IoU", "how far answer and truth overlap: 1 is perfect, 0 is nothing. ", el("b", {}, "GMAC"), ": thousand million multiply-adds, the work for an image."));
  }

  // ---- key numbers ---------------------------------------------------------------------------------------------
  const otherRows = rows.filter((r) => r.kind !== "paser" && r.kind !== "bound");
  const number = (what, value, text) => $("key").append(el("div", { class: "number" }, el("span", { class: "what" }, what), el("b", {}, value), el("span", {}, text)));
  const finest = best(routed, iou), rival = best(otherRows, iou);
  if (finest) number("Best IoU by routing", fixed(finest.iou, 4), rival ? `${finest.model}; best other method: ${rival.model}, ${fixed(rival.iou, 4)}` : finest.model);
  const lean = best(routed, (r) => r.iou_per_gmac);
  if (lean) {
    const peer = best(otherRows.filter((r) => r.iou >= lean.iou - 0.01), (r) => r.iou_per_gmac), gain = peer && lean.iou_per_gmac / peer.iou_per_gmac - 1;
    if (peer) number("IoU for the work", (gain >= 0 ? "+" : "") + percent(gain), `IoU per GMAC of ${lean.model} against ${peer.model}, the leanest other method within 0.01 of its IoU`);
    else number("IoU for the work", significant(lean.iou_per_gmac), `IoU per GMAC of ${lean.model}; no other method comes within 0.01 of its IoU`);
  }
  const right = routed.find((r) => known(r.assignment_accuracy));
  if (right) number("Right routes", percent(right.assignment_accuracy), `of the patches go to the network meant for them (${right.model})`);
  if (!$("key").childElementCount) hide("key");

  // ---- the curve -----------------------------------------------------------------------------------------------
  const finite = (pairs) => pairs.filter(([x, y]) => known(x) && known(y));
  const drawn = (results.charts || []).filter((c) => c.points.length || c.lines.length);
  if (!drawn.length) hide("charts");
  const colours = [4, 5, 2, 3, 1, 7], patterns = [[], [9, 4], [2, 3], [9, 3, 2, 3], [14, 3]];
  for (const c of drawn) {
    const host = el("div", { class: "scatter" });
    let learned = 0;
    const { key, save } = quality(host, {
      title: c.title, xLabel: c.x_label, yLabel: c.y_label,
      points: c.points.filter((p) => known(p.x) && known(p.y)).map((p, m) => ({ ...p, kind: "single", colour: modelColour(m), bold: true, tip: [`${c.y_label} ${fixed(p.y, 4)}`, `${significant(p.x)} ${c.x_label}`] })),
      lines: c.lines.map((l) => ({ name: l.name, points: finite(l.x.map((x, i) => [x, l.y[i]])), ...(l.reference ? { colour: "var(--soft)", dash: [5, 5], width: 1.4 } : { colour: modelColour(colours[learned % colours.length]), dash: patterns[learned++ % patterns.length] }) })).filter((l) => l.points.length),
    });
    $("charts-list").append(el("h2", {}, c.title), el("figure", { class: "card" }, host, key, c.note ? el("figcaption", {}, c.note) : null, save));
  }
  $("findings").append(...(results.findings || []).map((text) => el("li", {}, text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : "."))));
  if (!(results.findings || []).length) $("findings").hidden = true;

  // ---- every method as a point ---------------------------------------------------------------------------------
  const points = rows.filter((r) => known(r.iou) && known(r.gmac) && r.gmac > 0).sort((a, b) => a.gmac - b.gmac);
  if (points.length < 2 || drawn.length) hide("cost-chart");
  else {
    // Methods that no other one beats in both; the bound is not a method.
    const frontier = points.filter((p) => p.kind !== "bound" && !points.some((q) => q !== p && q.kind !== "bound" && q.iou >= p.iou && q.gmac <= p.gmac && (q.iou > p.iou || q.gmac < p.gmac)));
    const stairs = frontier.flatMap((p, i) => (i === 0 ? [[p.gmac, p.iou]] : [[p.gmac, frontier[i - 1].iou], [p.gmac, p.iou]]));
    const { save } = quality($("scatter"), {
      title: "Quality against cost", xLabel: "GMAC per image, logarithmic", yLabel: "mean IoU", xLog: true,
      lines: [{ name: "", points: stairs, colour: "var(--soft)", dash: [4, 4], width: 1 }],
      points: points.map((p) => ({ name: p.model, x: p.gmac, y: p.iou, kind: kindOf(p), colour: kindColour(kindOf(p)), bold: p.kind === "paser", tip: [`IoU ${fixed(p.iou, 4)}`, `${significant(p.gmac)} GMAC`, `${significant(p.iou_per_gmac)} IoU/GMAC`, `${significant(p.ms_per_image)} ms per image` + (p.ms_spread && p.ms_spread.busy ? " (machine busy)" : "")] })),
    });
    const used = [...new Set(points.map(kindOf))];
    $("scatter-text").append("Up and left is better: more of the truth found, for less work. Dashed: methods that no other one beats in both. ",
      el("span", { class: "key" }, ...used.map((kind) => el("span", {}, el("span", { class: "mark", style: `color:${kindColour(kind)}` }, kinds[kind][1]), kinds[kind][0]))));
    $("scatter").parentElement.append(save);
  }
})();
