"use strict";
/* Charts as files, and the charts of quality against cost: named points and curves, whose labels touch nothing. */
const charts = (() => {
  const { $, el, css, known, font, axis, resolve, redraw } = page;
  const dpr = () => devicePixelRatio || 1;
  const ns = "http://www.w3.org/2000/svg";
  const svg = (tag, attributes = {}, ...children) => {
    const node = document.createElementNS(ns, tag);
    for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== "") node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const round = (v) => Math.round(100 * v) / 100;
  // A colour and its opacity: #rrggbbaa is not for every program that reads SVG.
  const opaque = (colour) => (/^#[0-9a-f]{8}$/i.test(colour) ? [colour.slice(0, 7), round(parseInt(colour.slice(7), 16) / 255)] : [colour, null]);

  // ---- files ---------------------------------------------------------------------------------------------------
  const download = (name, href) => el("a", { href, download: name }).click();
  const csv = (rows) => rows.map((row) => row.map((v) => {
    if (typeof v === "number") return Number.isFinite(v) ? String(v) : "";
    const text = v === null || v === undefined ? "" : String(v);
    // What a spreadsheet would run as a formula gets an apostrophe, as in the CSV files of the run.
    const safe = /^[=+\-@\t\r\n]/.test(text) ? "'" + text : text;
    return /[",\r\n]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
  }).join(",") + "\r\n").join("");
  const textOf = (drawing) => new XMLSerializer().serializeToString(drawing);
  const png = (drawing) => new Promise((done, failed) => {
    const scale = 2, picture = new Image();
    picture.onload = () => {
      const canvas = el("canvas", { width: scale * drawing.getAttribute("width"), height: scale * drawing.getAttribute("height") });
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      done(canvas.toDataURL("image/png"));
    };
    picture.onerror = failed;
    picture.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(textOf(drawing));
  });
  // Buttons under a chart. drawing() is its SVG element, rows() its numbers with their head; either may be missing.
  const savers = [];
  const saveButtons = (title, { drawing, rows }) => {
    const name = title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_|_$/g, "") || "chart";
    const bar = el("div", { class: "save", "aria-label": `Save ${title}` }, el("span", {}, "Save as"));
    const button = (kind, act) => bar.append(el("button", { type: "button", class: "quiet", onclick: act }, kind));
    if (drawing) button("SVG", () => download(name + ".svg", "data:image/svg+xml;charset=utf-8," + encodeURIComponent(textOf(drawing()))));
    if (drawing) button("PNG", async () => download(name + ".png", await png(drawing())));
    if (rows) button("CSV", () => download(name + ".csv", "data:text/csv;charset=utf-8," + encodeURIComponent(csv(rows()))));
    savers.push({ title, drawing, rows });
    return bar;
  };

  // ---- a uPlot as SVG ------------------------------------------------------------------------------------------
  const family = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  // The part of a canvas' context that our own painting uses, as elements of SVG.
  const pen = (into) => {
    const measure = document.createElement("canvas").getContext("2d");
    let d = "", dash = [];
    const shape = (attributes) => into.append(svg("path", { d, ...attributes }));
    const text = (string, x, y, attributes) => into.append(svg("text", { x: round(x), y: round(y), style: `font:${self.font}`, "dominant-baseline": "central", "text-anchor": self.textAlign === "center" ? "middle" : "start", ...attributes }, string));
    const self = {
      fillStyle: "", strokeStyle: "", lineWidth: 1, font: "", textAlign: "left", textBaseline: "", lineJoin: "",
      save() {}, restore() {}, setLineDash(lengths) { dash = lengths; }, beginPath() { d = ""; }, closePath() { d += "Z"; },
      moveTo(x, y) { d += `M${round(x)} ${round(y)}`; }, lineTo(x, y) { d += `L${round(x)} ${round(y)}`; },
      arc(x, y, r) { d += `M${round(x - r)} ${round(y)}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0Z`; },
      rect(x, y, w, h) { d += `M${round(x)} ${round(y)}h${w}v${h}h${-w}Z`; },
      fill() { shape({ fill: self.fillStyle }); },
      stroke() { shape({ fill: "none", stroke: self.strokeStyle, "stroke-width": self.lineWidth, "stroke-dasharray": dash.join(" ") }); },
      fillText(string, x, y) { text(string, x, y, { fill: self.fillStyle }); },
      strokeText(string, x, y) { text(string, x, y, { fill: "none", stroke: self.strokeStyle, "stroke-width": self.lineWidth, "stroke-linejoin": "round" }); },
      measureText(string) { measure.font = self.font; return measure.measureText(string); },
    };
    return self;
  };
  // key: [{name, colour, dash}] below the chart. paint(context, u) is our own painting.
  const chartSvg = (u, { title, key = [], paint = null, marks = false }) => {
    const box = { left: u.bbox.left / dpr(), top: u.bbox.top / dpr(), width: u.bbox.width / dpr(), height: u.bbox.height / dpr() };
    const right = box.left + box.width, bottom = box.top + box.height, head = 26, row = 18;
    const height = head + u.height + 8 + row * key.length, ink = css("--ink"), soft = css("--soft"), grid = css("--grid");
    const out = svg("svg", { xmlns: ns, width: u.width, height, viewBox: `0 0 ${u.width} ${height}`, "font-family": family, "font-size": 12 },
      svg("title", {}, title), svg("rect", { width: u.width, height, fill: css("--sheet") }), svg("text", { x: box.left, y: 17, fill: ink, "font-weight": 600 }, title));
    const plot = svg("g", { transform: `translate(0 ${head})` });
    out.append(plot);
    u.axes.forEach((a, i) => (a._splits || []).forEach((v, k) => {
      const at = u.valToPos(v, i === 0 ? "x" : "y"), label = (a._values || [])[k];
      if (!Number.isFinite(at)) return;
      const [x, y] = i === 0 ? [box.left + at, bottom + 16] : [box.left - 8, box.top + at + 4];
      plot.append(svg("line", i === 0 ? { x1: round(x), x2: round(x), y1: box.top, y2: bottom, stroke: grid } : { x1: box.left, x2: right, y1: round(y - 4), y2: round(y - 4), stroke: grid }));
      if (label) plot.append(svg("text", { x: round(x), y: round(y), fill: soft, "text-anchor": i === 0 ? "middle" : "end" }, label));
    }));
    const [xLabel, yLabel] = u.axes.map((a) => a.label);
    if (xLabel) plot.append(svg("text", { x: round(box.left + box.width / 2), y: u.height - 4, fill: soft, "text-anchor": "middle" }, xLabel));
    if (yLabel) plot.append(svg("text", { transform: `translate(15 ${round(box.top + box.height / 2)}) rotate(-90)`, fill: soft, "text-anchor": "middle" }, yLabel));
    u.series.forEach((s, i) => {
      if (i === 0 || s.show === false) return;
      const at = u.data[0].map((x, k) => [x, u.data[i][k]]).filter(([, y]) => known(y)).map(([x, y]) => [round(box.left + u.valToPos(x, "x")), round(box.top + u.valToPos(y, "y"))]);
      const [stroke, opacity] = opaque(typeof s.stroke === "function" ? s.stroke(u, i) : s.stroke || "");
      if (!stroke) return;
      if (at.length > 1) plot.append(svg("polyline", { points: at.map((p) => p.join(",")).join(" "), fill: "none", stroke, "stroke-opacity": opacity, "stroke-width": s.width, "stroke-dasharray": (s.dash || []).join(" ") }));
      if (marks || at.length === 1) for (const [cx, cy] of at) plot.append(svg("circle", { cx, cy, r: 3, fill: stroke }));
    });
    if (paint) {
      const ours = svg("g", { transform: `scale(${1 / dpr()})` });
      plot.append(ours);
      paint(pen(ours), u);
    }
    key.forEach(({ name, colour, dash }, i) => {
      const y = head + u.height + 8 + row * i;
      out.append(svg("line", { x1: box.left, x2: box.left + 28, y1: y, y2: y, stroke: resolve(colour), "stroke-width": 2, "stroke-dasharray": (dash || []).join(" ") }), svg("text", { x: box.left + 36, y: y + 4, fill: ink }, name));
    });
    return out;
  };
  // A copy of an SVG element of the page with its style in itself.
  const styledCopy = (node, title) => {
    const copy = node.cloneNode(true), from = [node, ...node.querySelectorAll("*")], to = [copy, ...copy.querySelectorAll("*")];
    from.forEach((source, i) => {
      const style = getComputedStyle(source);
      for (const name of ["fill", "fill-opacity", "stroke", "stroke-width", "font-size", "font-family"]) to[i].style.setProperty(name, style.getPropertyValue(name));
    });
    const [, , width, height] = node.getAttribute("viewBox").split(" ");
    for (const [name, value] of Object.entries({ xmlns: ns, width, height })) copy.setAttribute(name, value);
    copy.prepend(svg("title", {}, title), svg("rect", { width, height, style: `fill:${css("--sheet")}` }));
    return copy;
  };

  // ---- quality against cost ------------------------------------------------------------------------------------
  const marker = (ctx, kind, x, y, size) => {
    ctx.beginPath();
    if (kind === "single" || kind === "part") ctx.arc(x, y, size * 0.95, 0, 2 * Math.PI);
    else if (kind === "baseline") ctx.rect(x - size * 0.85, y - size * 0.85, 1.7 * size, 1.7 * size);
    else if (kind === "bound") { ctx.moveTo(x, y - 1.2 * size); ctx.lineTo(x + 1.2 * size, y); ctx.lineTo(x, y + 1.2 * size); ctx.lineTo(x - 1.2 * size, y); ctx.closePath(); }
    else { ctx.moveTo(x, y - 1.2 * size); ctx.lineTo(x + 1.1 * size, y + 0.85 * size); ctx.lineTo(x - 1.1 * size, y + 0.85 * size); ctx.closePath(); }
    if (kind === "bound" || kind === "part") { ctx.lineWidth = size * 0.4; ctx.stroke(); } else ctx.fill();
  };
  const hits = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
  // The line from a point to its label, where that is not beside it.
  const leader = ({ x, y, w, h }, [left, top], gap) => {
    const end = [Math.max(left, Math.min(x, left + w)), Math.max(top, Math.min(y, top + h))];
    return Math.hypot(end[0] - x, end[1] - y) < 1.5 * gap ? null : [[x, y], end];
  };
  // Places of labels {x, y, w, h} near their points, inside of the box, that touch neither each other nor what is taken,
  // and whose leaders cross no label: [left, top], or null where there is none. gap: from the point, at least.
  const placeLabels = (labels, box, taken, gap) => {
    const blocked = [...taken], named = [];
    return labels.map(({ x, y, w, h }) => {
      for (const far of [1, 1.6, 2.4, 3.4, 4.6, 6, 8, 10.5, 13.5, 17])
        for (const turn of [0, 1, -1, 0.5, -0.5, 0.25, -0.25, 0.75, -0.75, 0.12, -0.12, 0.88, -0.88, 0.38, -0.38, 0.62, -0.62]) {
          const dx = Math.cos(Math.PI * turn), dy = -Math.sin(Math.PI * turn);
          const left = x + gap * far * dx + (dx > 0.3 ? 0 : dx < -0.3 ? -w : -w / 2), top = y + gap * far * dy + (dy > 0.3 ? 0 : dy < -0.3 ? -h : -h / 2);
          const at = [left - gap / 4, top - gap / 6, left + w + gap / 4, top + h + gap / 6];
          if (at[0] < box[0] || at[1] < box[1] || at[2] > box[2] || at[3] > box[3] || blocked.some((b) => hits(at, b))) continue;
          const line = leader({ x, y, w, h }, [left, top], gap), led = line ? along(line, 4) : [];
          if (led.some((b) => named.some((n) => hits(b, n)))) continue;
          blocked.push(at, ...led);
          named.push(at);
          return [left, top];
        }
      return null;
    });
  };
  // Small boxes along a line of points, which labels keep away from.
  const along = (line, step) => line.slice(1).flatMap(([x, y], i) => {
    const [x0, y0] = line[i], n = Math.max(1, Math.ceil(Math.hypot(x - x0, y - y0) / step));
    return Array.from({ length: n + 1 }, (_, k) => { const px = x0 + ((x - x0) * k) / n, py = y0 + ((y - y0) * k) / n; return [px - 2, py - 2, px + 2, py + 2]; });
  });

  // From the least to the most; 0 where they differ by rounding alone, which leaves no room for the steps of an axis.
  const spread = (least, most) => (most - least > 1e-9 * Math.max(Math.abs(least), Math.abs(most)) ? most - least : 0);

  // points: [{name, x, y, kind, colour, bold, tip: [lines]}]; lines: [{name, points: [[x, y]], colour, dash}].
  const quality = (host, { title, points, lines = [], xLabel, yLabel, xLog = false }) => {
    const all = [...points.map((p) => [p.x, p.y]), ...lines.flatMap((l) => l.points)];
    const xs = [...new Set(all.map(([x]) => x))].sort((a, b) => a - b), ys = all.map(([, y]) => y);
    const span = spread(Math.min(...ys), Math.max(...ys)) || 0.1, reach = spread(xs[0], xs[xs.length - 1]) || Math.abs(xs[0]) || 1;
    const ticks = [];
    const decades = xLog ? Math.log10(xs[xs.length - 1] / xs[0]) : 0;
    for (let e = -9; e <= 9; ++e) for (const m of decades > 4 ? [1] : [1, 2, 5]) ticks.push(m * 10 ** e);
    let chart = null;
    const paint = (ctx, u) => {
      const scale = dpr(), size = 6 * scale, box = u.bbox, right = box.left + box.width, bottom = box.top + box.height;
      const place = ([x, y]) => [u.valToPos(x, "x", true), u.valToPos(y, "y", true)];
      const drawn = lines.map((l) => ({ ...l, at: l.points.map(place) }));
      ctx.save();
      for (const l of drawn) {
        ctx.strokeStyle = resolve(l.colour); ctx.lineWidth = (l.width || 2) * scale; ctx.setLineDash((l.dash || []).map((v) => v * scale)); ctx.beginPath();
        l.at.forEach(([x, y], i) => (i === 0 ? ctx.moveTo(x, y) : ctx.lineTo(x, y)));
        ctx.stroke();
      }
      ctx.setLineDash([]);
      const at = points.map((p) => { const [x, y] = place([p.x, p.y]); return { p, x, y }; });
      const px = (u.width < 520 ? 11 : 13) * scale, fontOf = (p) => font(px, p.bold ? "600" : "");
      const taken = [...at.map(({ x, y }) => [x - 1.4 * size, y - 1.4 * size, x + 1.4 * size, y + 1.4 * size]), ...drawn.flatMap((l) => along(l.at, 5 * scale))];
      const order = [...at].sort((a, b) => (b.p.bold ? 1 : 0) - (a.p.bold ? 1 : 0));
      const labels = order.map(({ p, x, y }) => { ctx.font = fontOf(p); return { x, y, w: ctx.measureText(p.name).width, h: px * 1.2 }; });
      const places = placeLabels(labels, [box.left + 2, box.top, right - 2, bottom], taken, size * 1.7);
      host.dataset.unlabelled = places.filter((q) => !q).length;
      order.forEach((point, i) => {
        if (!places[i]) return;
        const line = leader(labels[i], places[i], size * 1.7);
        if (!line) return;
        ctx.strokeStyle = css("--soft"); ctx.lineWidth = 0.8 * scale; ctx.beginPath(); ctx.moveTo(...line[0]); ctx.lineTo(...line[1]); ctx.stroke();
      });
      for (const { p, x, y } of at) { ctx.fillStyle = ctx.strokeStyle = resolve(p.colour); marker(ctx, p.kind, x, y, size); }
      ctx.textAlign = "left"; ctx.textBaseline = "middle";
      order.forEach(({ p }, i) => {
        if (!places[i]) return;
        const [l, t] = places[i];
        ctx.font = fontOf(p); ctx.fillStyle = css("--ink"); ctx.fillText(p.name, l, t + labels[i].h / 2);
      });
      ctx.restore();
    };
    redraw.push(() => {
      if (chart) chart.destroy();
      const width = host.clientWidth, narrow = width < 520;
      chart = new uPlot({
        width, height: Math.max(320, Math.min(480, width * 0.55)), legend: { show: false }, padding: [14, 14, 0, 0],
        cursor: { x: false, y: false, drag: { x: false, y: false }, points: { show: false } },
        scales: { x: { time: false, distr: xLog ? 3 : 1, range: () => (xLog ? [xs[0] / 1.5, xs[xs.length - 1] * 1.7] : [Math.max(xs[0] - 0.06 * reach, xs[0] > 0 ? 0 : -Infinity), xs[xs.length - 1] + 0.06 * reach]) }, y: { range: () => [Math.min(...ys) - 0.09 * span, Math.min(Math.max(...ys) + 0.09 * span, 1.02)] } },
        axes: [
          axis({ label: xLabel, labelFont: font(12), labelGap: 0, labelSize: 22, size: 32, space: 60, ...(xLog ? { splits: (u) => ticks.filter((t) => t >= u.scales.x.min && t <= u.scales.x.max), filter: (u, splits) => splits, values: (u, splits) => splits.map((v) => (narrow && !String(v).includes("1") ? "" : +v.toPrecision(2) + "")) } : { values: (u, splits) => splits.map((v) => String(+v.toPrecision(4))) }) }),
          axis({ label: yLabel, labelFont: font(12), labelGap: 0, labelSize: 22, size: 48, values: (u, splits) => splits.map((v) => String(+v.toFixed(4))) }),
        ],
        series: [{}, { paths: () => null, points: { show: false } }],
        hooks: { draw: [(u) => paint(u.ctx, u)] },
      }, [xs, xs.map(() => Math.min(...ys))], host);
      chart.over.addEventListener("mousemove", (event) => {
        const rect = chart.over.getBoundingClientRect(), x = event.clientX - rect.left, y = event.clientY - rect.top;
        let nearest = null, distance = 22;
        for (const p of points) {
          const d = Math.hypot(chart.valToPos(p.x, "x") - x, chart.valToPos(p.y, "y") - y);
          if (d < distance) { distance = d; nearest = p; }
        }
        const tip = $("tip");
        tip.hidden = !nearest;
        if (!nearest) return;
        tip.replaceChildren(el("b", {}, nearest.name), ...(nearest.tip || []).flatMap((line) => [line, el("br")]));
        tip.style.left = Math.min(event.pageX + 14, document.documentElement.clientWidth - tip.offsetWidth - 8) + "px";
        tip.style.top = event.pageY + 14 + "px";
      });
      chart.over.addEventListener("mouseleave", () => { $("tip").hidden = true; });
    });
    const key = lines.filter((l) => l.name);
    return {
      key: el("div", { class: "key linekey" }, ...key.map((l) => el("span", {}, svg("svg", { width: 34, height: 8, viewBox: "0 0 34 8" }, svg("line", { x1: 0, x2: 34, y1: 4, y2: 4, style: `stroke:${l.colour}`, "stroke-width": 2.2, "stroke-dasharray": (l.dash || []).join(" ") })), l.name))),
      save: saveButtons(title, {
        drawing: () => chartSvg(chart, { title, key, paint }),
        rows: () => [["kind", "name", xLabel, yLabel], ...points.map((p) => ["point", p.name, p.x, p.y]), ...key.flatMap((l) => l.points.map(([x, y]) => ["line", l.name, x, y]))],
      }),
    };
  };

  return { svg, saveButtons, savers, chartSvg, styledCopy, spread, quality, csv, png, textOf };
})();
