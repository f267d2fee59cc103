// Ties the controls to the viewer.

const facts = JSON.parse(byId("facts").textContent);
const unpacked = new Map(); // index of the embedded picture -> picture, the last few
const KEPT = 3;
const EXPOSURE_NOTE = {
  clip: "Clip: light times the exposure, cut at white, sRGB curve. What an 8-bit picture at this exposure would hold.",
  film: "Film: a soft shoulder that never clips; mid grey stays.",
  false: "False colour: stops from the plate's white by luminance; the exposure does not change it. Grey is below white, colour is what lies above.",
  gain: "Gain: stops that were added; the exposure does not change it.",
};
let current = 0;
let wanted = 0;

const lightText = (v) => {
  const size = Math.abs(v);
  const text = size === 0 ? "0" : size >= 1e5 || size < 1e-3 ? size.toExponential(3) : size.toPrecision(4);
  return (v < 0 ? "−" : "") + text;
};
const stopsText = (v) => (v > 0 ? signed(Math.log2(v), 2) : "–");

function probeValues(picture, x, y) {
  const level = picture.levels[0];
  const at = y * level.width + x;
  const rgb = (planes) => planes && planes.map((plane) => picture.light[plane[at] + 32768]);
  return {
    hdr: rgb(level.hdr),
    ldr: rgb(level.ldr),
    code: picture.codes && picture.codes.map((plane) => plane[at]),
    mask: level.mask[at] / MASK_STEPS,
    gain: level.gain && level.gain[at] / GAIN_STEPS,
  };
}

// Codes as the plate's own bits count them.
function codeText(code, spec) {
  return String(spec.bits === spec.code_bytes * 8 ? code : Math.round((code * (2 ** spec.bits - 1)) / 65535));
}

function tellProbe(viewer) {
  if (!viewer.probe || !viewer.picture) return;
  const { x, y } = viewer.probe;
  const { spec } = viewer.picture;
  const found = probeValues(viewer.picture, x, y);
  const set = (id, text) => byId(id) && (byId(id).textContent = text);
  set("probe-where", `x ${x * spec.block}, y ${y * spec.block}`);
  for (const side of ["hdr", "ldr"]) {
    if (!found[side]) continue;
    ["r", "g", "b"].forEach((name, k) => set(`${side}-${name}`, lightText(found[side][k])));
    const y709 = luminance(...found[side]);
    set(`${side}-y`, lightText(y709));
    set(`${side}-stops`, stopsText(y709));
  }
  if (found.code) ["r", "g", "b"].forEach((name, k) => set(`code-${name}`, codeText(found.code[k], spec)));
  set("probe-mask", found.mask.toFixed(2));
  set("probe-gain", found.gain === null ? "–" : `${signed(found.gain, 2)}`);
}

function speakProbe(viewer) {
  const { x, y } = viewer.probe;
  const found = probeValues(viewer.picture, x, y);
  const y709 = luminance(...found.hdr);
  byId("spoken").textContent = `x ${x * viewer.picture.spec.block}, y ${y * viewer.picture.spec.block}: luminance ${lightText(y709)}, ${stopsText(y709)} stops, mask ${found.mask.toFixed(2)}`;
}

function changed(viewer) {
  const { look } = viewer;
  for (const name of ["compare", "view"]) {
    const radio = document.querySelector(`input[name="${name}"][value="${look[name]}"]`);
    if (radio) radio.checked = true;
  }
  byId("mask").checked = look.mask;
  byId("exposure").value = String(look.exposure);
  byId("exposure").setAttribute("aria-valuetext", `${signed(look.exposure)} stops`);
  byId("exposure-value").textContent = `${signed(look.exposure)} stops`;
  byId("exposure-note").textContent = EXPOSURE_NOTE[look.view];
  tellLegend(look.view);
  tellProbe(viewer);
}

function tellNumbers(rows) {
  byId("numbers").replaceChildren(...rows.map((row) => {
    const line = html("tr");
    line.append(html("th", { scope: "row" }, row.name));
    for (const side of facts.compare ? ["ldr", "hdr"] : ["hdr"]) line.append(html("td", {}, row[side]));
    return line;
  }));
}

let legendKey = "";
function tellLegend(view) {
  const legend = byId("legend");
  legend.hidden = view !== "false" && view !== "gain";
  const key = `${view} ${legend.clientWidth}`;
  if (legend.hidden || key === legendKey) return;
  legendKey = key;
  if (view === "false") legendPlot(legend, FALSE_COLOURS, "False colours", "stops from white");
  else legendPlot(legend, GAIN_COLOURS, "Gain", "stops added");
}

const viewer = new Viewer(facts, changed);

async function showFrame(index) {
  wanted = index;
  const spec = facts.embedded[index];
  let picture = unpacked.get(index);
  if (!picture) {
    const message = byId("message");
    message.hidden = false;
    try {
      picture = await unpack(spec, (share) => {
        message.textContent = `Unpacking the picture… ${Math.round(100 * share)} %`;
        return wanted === index;
      });
      if (!picture) return; // another frame was asked for meanwhile, and tells of itself
    } catch (error) {
      const old = typeof DecompressionStream === "undefined";
      message.textContent = old ? "This browser is too old to unpack the picture: use one of 2023 or later." : `The picture cannot be shown: ${error.message}`;
      return;
    }
    message.hidden = true;
    unpacked.set(index, picture);
    if (unpacked.size > KEPT) unpacked.delete([...unpacked.keys()].find((key) => key !== index && key !== current));
  }
  if (wanted !== index) return;
  current = index;
  if (!viewer.probe) {
    const [x, y] = spec.measures.hdr.peak_at;
    viewer.probe = { x: Math.floor(x / spec.block), y: Math.floor(y / spec.block) };
  }
  viewer.show(picture);
  const plot = () => histogramPlot(byId("histogram"), spec.measures.hdr, spec.measures.ldr);
  plot();
  for (const id of ["histogram-frame", "numbers-frame"]) byId(id).textContent = spec.frame === null ? "" : `frame ${spec.frame}`;
  tellNumbers(spec.rows);
  document.querySelectorAll("#strip button").forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
}

const exposeTo = (stops) => viewer.setLook({ exposure: clamp(Math.round(stops * 10) / 10, -24, 12) });
const expose = (by) => exposeTo(viewer.look.exposure + by);
const highlights = () => exposeTo(-Math.max(facts.embedded[current].measures.hdr.percentile_stops["99.99"] ?? 0, 0));
const next = (list, value, step = 1) => list[(list.indexOf(value) + step + list.length) % list.length];
const views = [...document.querySelectorAll('input[name="view"]')].map((input) => input.value);

function findPeak() {
  const [x, y] = facts.embedded[current].measures.hdr.peak_at;
  const { block } = facts.embedded[current];
  viewer.setProbe(Math.floor(x / block), Math.floor(y / block), true);
  viewer.reveal();
  speakProbe(viewer);
}

const presses = {
  "darker": () => expose(-1), "brighter": () => expose(1), "highlights": highlights, "neutral": () => exposeTo(0),
  "fit": () => viewer.fit(), "pixels": () => viewer.pixels(), "zoom-in": () => viewer.zoom(2), "zoom-out": () => viewer.zoom(0.5), "peak": findPeak,
};
for (const [id, act] of Object.entries(presses)) byId(id).addEventListener("click", () => viewer.picture && act());
byId("exposure").addEventListener("input", (event) => viewer.setLook({ exposure: Number(event.target.value) }));
byId("mask").addEventListener("change", (event) => viewer.setLook({ mask: event.target.checked }));
for (const name of ["compare", "view"]) {
  document.querySelectorAll(`input[name="${name}"]`).forEach((input) => input.addEventListener("change", () => viewer.setLook({ [name]: input.value })));
}

byId("wipe").addEventListener("keydown", (event) => {
  const steps = { ArrowLeft: -0.01, ArrowDown: -0.01, ArrowRight: 0.01, ArrowUp: 0.01, PageDown: -0.1, PageUp: 0.1 };
  const ends = { Home: 0, End: 1 };
  if (event.key in steps) viewer.setWipe(viewer.wipe + steps[event.key] * (event.shiftKey ? 10 : 1));
  else if (event.key in ends) viewer.setWipe(ends[event.key]);
  else return;
  event.preventDefault();
  event.stopPropagation();
});

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
byId("stage").addEventListener("keydown", (event) => {
  if (!(event.key in ARROWS) || !viewer.picture || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const [dx, dy] = ARROWS[event.key];
  if (event.altKey) viewer.pan(-60 * dx, -60 * dy);
  else {
    viewer.moveProbe(dx * (event.shiftKey ? 10 : 1), dy * (event.shiftKey ? 10 : 1));
    speakProbe(viewer);
  }
});

const shortcuts = {
  "+": () => viewer.zoom(2), "=": () => viewer.zoom(2), "-": () => viewer.zoom(0.5), "0": () => viewer.fit(), "1": () => viewer.pixels(),
  "[": () => expose(-0.5), "]": () => expose(0.5), "{": () => expose(-1), "}": () => expose(1),
  "h": highlights, "r": () => exposeTo(0), "m": () => viewer.setLook({ mask: !viewer.look.mask }), "p": findPeak,
  "v": () => viewer.setLook({ view: next(views, viewer.look.view) }),
  "c": () => facts.compare && viewer.setLook({ compare: next(COMPARE, viewer.look.compare) }),
  ",": () => step(-1), ".": () => step(1),
  "Escape": () => viewer.release(),
  "?": () => { byId("keys").scrollIntoView({ block: "center" }); byId("keys-on").focus(); },
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=range], input[type=radio]") && /^(Arrow|Home|End|Page|[0-9+-])/.test(event.key);
  if (event.ctrlKey || event.metaKey || event.altKey || typing || !byId("keys-on").checked || !viewer.picture) return;
  const act = shortcuts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

let goTo = showFrame; // the embedded picture of this index
const step = (by) => facts.embedded.length > 1 && goTo(clamp(wanted + by, 0, facts.embedded.length - 1));

if (facts.shot) {
  const pictured = facts.embedded.map((spec) => spec.frame);
  const plots = facts.series.map((series) => seriesPlot(byId("plots"), facts.frames, series, series.flagged ? facts.flags : [], pictured, (index) => scrub(index)));
  const tell = (index) => {
    plots.forEach((plot) => plot.move(index));
    byId("scrub").value = String(index);
    const frame = facts.frames[index];
    const shown = facts.embedded[wanted].frame;
    const text = frame === shown ? `${frame}` : `${frame} (picture: ${shown})`;
    byId("scrub-value").textContent = text;
    byId("scrub").setAttribute("aria-valuetext", `frame ${text}`);
  };
  const scrub = (index) => {
    const frame = facts.frames[index];
    const near = pictured.reduce((best, f, i) => (Math.abs(f - frame) < Math.abs(pictured[best] - frame) ? i : best), 0);
    if (near !== wanted) showFrame(near);
    tell(index);
  };
  byId("scrub").addEventListener("input", (event) => scrub(Number(event.target.value)));
  goTo = (index) => scrub(facts.frames.indexOf(pictured[index]));
  document.querySelectorAll("#strip button").forEach((button) => button.addEventListener("click", () => goTo(Number(button.dataset.index))));
  tell(facts.frames.indexOf(pictured[0]));
}

new ResizeObserver(() => {
  const { hdr, ldr } = facts.embedded[current].measures;
  histogramPlot(byId("histogram"), hdr, ldr);
  legendKey = "";
  tellLegend(viewer.look.view);
}).observe(byId("histogram"));

exposeTo(facts.first_exposure);
await showFrame(0);
// For the console and for tests: what is shown, and the numbers of an embedded pixel.
window.headroom = { facts, viewer, values: (x, y) => probeValues(viewer.picture, x, y), show: showFrame };
