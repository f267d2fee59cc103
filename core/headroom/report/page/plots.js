// Histogram, legends and curves over time, as SVG at the size they are shown.

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes = {}, text = null) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  return element;
}

function html(name, attributes = {}, text = null) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  return element;
}

const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);
const signed = (value, digits = 1) => (value >= 0 ? "+" : "−") + Math.abs(value).toFixed(digits);

// Ticks of 1, 2, 5 times a power of ten, about `count` of them.
function ticks(low, high, count) {
  const raw = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const at = (step) => {
    const out = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) out.push(i * step);
    return out;
  };
  const steps = [10, 5, 2, 1].map((f) => f * power);
  const step = steps.find((s) => at(s).length >= Math.min(count, 3)) || power;
  return { marks: at(step), digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

function histogramPlot(box, hdr, ldr) {
  const width = Math.max(box.clientWidth, 200);
  const unit = rem();
  const height = 11 * unit;
  const [left, bottom, top] = [4.2 * unit, 1.4 * unit, 0.4 * unit];
  const all = [hdr.histogram, ...(ldr ? [ldr.histogram] : [])].filter((h) => h.shares.length);
  if (!all.length) return;
  const per = all[0].bins_per_stop;
  const low = Math.max(-14, Math.floor(Math.min(...all.map((h) => h.low_stops))));
  const high = Math.max(1, Math.ceil(Math.max(...all.map((h) => h.low_stops + h.shares.length / per))));
  const most = Math.ceil(Math.log10(Math.max(...all.flatMap((h) => h.shares))));
  const least = Math.max(-6, Math.floor(Math.log10(Math.min(...all.flatMap((h) => h.shares.filter((s) => s > 0))))));
  const x = (stops) => left + ((stops - low) / (high - low)) * (width - left);
  const y = (share) => top + ((most - Math.max(Math.log10(share), least)) / Math.max(most - least, 1)) * (height - top - bottom);
  const above = hdr.above_white_share * 100;
  const root = svg("svg", {
    viewBox: `0 0 ${width} ${height}`, height, role: "img",
    "aria-label": `Histogram of ${low} to ${high} stops from white; ${above.toFixed(2)} percent of the result is above white`,
  });
  const words = (power) => `${(10 ** (power + 2)).toFixed(Math.max(0, -2 - power))} %`;
  for (let power = least; power <= most; power++) {
    root.append(svg("line", { class: "grid", x1: left, x2: width, y1: y(10 ** power), y2: y(10 ** power) }));
    root.append(svg("text", { class: "axis", x: left - 5, y: y(10 ** power) + 4, "text-anchor": "end" }, words(power)));
  }
  const areas = [["hdr", hdr.histogram], ...(ldr ? [["ldr", ldr.histogram]] : [])];
  for (const [name, found] of areas) {
    let path = "";
    found.shares.forEach((share, i) => {
      const from = found.low_stops + i / per;
      if (share > 0 && from >= low) path += `M${x(from).toFixed(1)} ${y(10 ** least)}V${y(share).toFixed(1)}H${(x(from + 1 / per) - 0.6).toFixed(1)}V${y(10 ** least)}Z`;
    });
    root.append(svg("path", { class: `area-${name}`, d: path }));
  }
  root.append(svg("line", { class: "zero", x1: x(0), x2: x(0), y1: top, y2: height - bottom }));
  const every = [1, 2, 4, 8].find((s) => ((high - low) / s) * 2.6 * unit < width) || 16;
  for (let stops = Math.ceil(low / every) * every; stops <= high; stops += every) {
    const anchor = stops === high ? "end" : "middle";
    root.append(svg("text", { class: "axis", x: x(stops), y: height - 0.2 * unit, "text-anchor": anchor }, stops > 0 ? `+${stops}` : String(stops).replace("-", "−")));
  }
  box.replaceChildren(root);
}

function legendPlot(box, colours, words, unitText) {
  const width = Math.max(box.clientWidth, 200);
  const unit = rem();
  const bar = 1.1 * unit;
  const root = svg("svg", { viewBox: `0 0 ${width} ${bar + 1.5 * unit}`, height: bar + 1.5 * unit, role: "img", "aria-label": `${words}: ${colours.length} colours from ${colours[1][0]} to ${colours[colours.length - 1][0]} ${unitText}` });
  const cell = width / colours.length;
  const skip = Math.ceil((2.1 * unit) / cell);
  colours.forEach(([from, colour], i) => {
    root.append(svg("rect", { x: i * cell, y: 0, width: cell - 1, height: bar, fill: `#${colour.toString(16).padStart(6, "0")}` }));
    if (i && (i - 1) % skip === 0) {
      const text = Math.abs(from) === 0.01 ? "0" : signed(from, from % 1 ? 1 : 0);
      root.append(svg("text", { class: "axis", x: i * cell, y: bar + 1.1 * unit, "text-anchor": "middle" }, from === 0 ? "0" : text));
    }
  });
  box.replaceChildren(root);
}

// One curve plot; lines: [{ values, class }]; frames are the x axis. Returns { move(index) }.
function seriesPlot(box, frames, series, flags, embedded, pick) {
  const figure = html("figure");
  const caption = html("figcaption");
  const value = html("span", { class: "values" });
  const title = html("span", {}, series.title);
  title.append(" ", html("span", { class: "note" }, series.unit));
  caption.append(title, value);
  const holder = html("div", { class: "plot" });
  figure.append(caption, holder);
  box.append(figure);
  const lines = [{ name: series.plate ? "result" : "", values: series.values, class: series.of_plate ? "line-ldr" : "line-hdr" }];
  if (series.plate) lines.unshift({ name: "plate", values: series.plate, class: "line-ldr" });
  if (series.also) lines.unshift({ name: series.also_title, values: series.also, class: "line-faint" });
  let x = () => 0;
  let cursor = null;
  let current = 0;
  const drawAgain = () => {
    const width = Math.max(holder.clientWidth, 200);
    const unit = rem();
    const height = 8.5 * unit;
    const [left, right, top, bottom] = [2.9 * unit, 0.7 * unit, 0.5 * unit, 1.5 * unit];
    const found = lines.flatMap((line) => line.values).filter((v) => v !== null);
    if (!found.length) return;
    let [low, high] = [Math.min(...found), Math.max(...found)];
    const least = series.least_range;
    if (high - low < least) [low, high] = [Math.max((low + high - least) / 2, series.zero ? 0 : -Infinity), (low + high + least) / 2];
    if (series.zero && low < (high - low)) low = Math.min(low, 0);
    const margin = (high - low) * 0.06;
    [low, high] = [series.zero && low >= 0 ? Math.max(0, low - margin) : low - margin, high + margin];
    const [first, last] = [frames[0], frames[frames.length - 1]];
    x = (frame) => left + ((frame - first) / Math.max(last - first, 1)) * (width - left - right);
    const y = (v) => top + ((high - v) / (high - low)) * (height - top - bottom);
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": `${series.title} over ${frames.length} frames, from ${Math.min(...found).toFixed(2)} to ${Math.max(...found).toFixed(2)} ${series.unit}` });
    const { marks, digits } = ticks(low, high, 4);
    for (const mark of marks) {
      root.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: y(mark), y2: y(mark) }));
      root.append(svg("text", { class: "axis", x: left - 5, y: y(mark) + 4, "text-anchor": "end" }, mark.toFixed(digits).replace("-", "−")));
    }
    for (const mark of ticks(first, Math.max(last, first + 1), Math.min(width / (6 * unit), last - first + 1)).marks.filter((m) => Number.isInteger(m) && m <= last)) {
      root.append(svg("text", { class: "axis", x: x(mark), y: height - 0.25 * unit, "text-anchor": "middle" }, String(mark)));
    }
    for (const frame of embedded) root.append(svg("line", { class: "zero", x1: x(frame), x2: x(frame), y1: height - bottom, y2: height - bottom + 0.3 * unit }));
    for (const line of lines) {
      let path = "";
      let gap = true;
      frames.forEach((frame, i) => {
        const v = line.values[i];
        if (v === null) gap = true;
        else {
          path += `${gap ? "M" : "L"}${x(frame).toFixed(1)} ${y(v).toFixed(1)}`;
          gap = false;
        }
      });
      if (frames.length === 1) path += "h0.1";
      root.append(svg("path", { class: line.class, d: path, "stroke-linecap": "round" }));
    }
    for (const index of flags) {
      const at = series.values[index];
      if (at !== null && at !== undefined) {
        const flag = svg("circle", { class: "flag", cx: x(frames[index]), cy: y(at), r: 0.32 * unit });
        flag.append(svg("title", {}, `frame ${frames[index]} jumps`));
        root.append(flag);
      }
    }
    cursor = svg("line", { class: "cursor", y1: top, y2: height - bottom });
    root.append(cursor);
    const choose = (event) => {
      const at = event.clientX - holder.getBoundingClientRect().left;
      const near = frames.reduce((best, frame, i) => (Math.abs(x(frame) - at) < Math.abs(x(frames[best]) - at) ? i : best), 0);
      pick(near);
    };
    root.addEventListener("pointerdown", choose);
    root.addEventListener("pointermove", (event) => event.buttons & 1 && choose(event));
    holder.replaceChildren(root);
    move(current);
  };
  const move = (index) => {
    current = index;
    const text = (v) => (v === null || v === undefined ? "–" : v.toFixed(series.digits).replace("-", "−"));
    value.replaceChildren(...lines.flatMap((line) => {
      const number = html("b", { class: line.class.replace("line", "word") }, text(line.values[index]));
      return line.name ? [html("span", { class: "note" }, line.name), number] : [number];
    }));
    if (cursor) for (const end of ["x1", "x2"]) cursor.setAttribute(end, x(frames[index]));
  };
  new ResizeObserver(drawAgain).observe(holder);
  drawAgain();
  return { move };
}
