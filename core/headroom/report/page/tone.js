// From light to screen: view transforms as tables over the light codes, and colours for stops.

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// IEC 61966-2-1, display light 0..1 to 0..255.
function srgb(light) {
  const v = clamp(light, 0, 1);
  return 255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055);
}

// A soft shoulder after Naka and Rushton (1966): x^n / (x^n + k), with mid grey 0.18 kept.
const FILM_POWER = 1.15;
const FILM_HALF = 0.18 ** FILM_POWER * (1 / 0.18 - 1);
function film(light) {
  const power = Math.max(light, 0) ** FILM_POWER;
  return power === Infinity ? 1 : power / (power + FILM_HALF);
}

// 65536 screen values for the codes of `table`, at an exposure in stops.
function toneTable(table, view, stops) {
  const gain = 2 ** stops;
  const shape = view === "film" ? film : (v) => v;
  const out = new Uint8ClampedArray(65536);
  for (let i = 0; i < 65536; i++) out[i] = Math.round(srgb(shape(table[i] * gain)));
  return out;
}

// Stops from white: [from this stop on, colour]. Grey below the plate's white, so that what lies above stands out;
// above it each step is told from its neighbours by lightness as well as hue.
const FALSE_COLOURS = [
  [-Infinity, 0x0c0c12], [-10, 0x16162a], [-8, 0x1f2440], [-6, 0x2b3550], [-5, 0x394660], [-4, 0x4c5a70],
  [-3, 0x637181], [-2, 0x7f8b95], [-1, 0xa4acb1],
  [0, 0xf5e663], [1, 0xfdc328], [2, 0xfa9d1c], [3, 0xf07621], [4, 0xdd513a], [5, 0xc23a5c], [6, 0xa62b82],
  [8, 0x8a2fa8], [10, 0x7a52d6], [12, 0x8f83f0], [14, 0xb4b2fb], [16, 0xe3e1ff],
];

// Stops added.
const GAIN_COLOURS = [
  [-Infinity, 0x2a6f97], [-0.01, 0x161616], [0.01, 0x3b2f4a], [0.5, 0x5a3d6b], [1, 0x83457f], [1.5, 0xac4b83], [2, 0xd0557a],
  [2.5, 0xe96a66], [3, 0xf88a55], [4, 0xfdb04f], [5, 0xfad65a], [6, 0xf4f49b], [8, 0xffffff],
];

// A byte triple for each of `count` values, of which the one at place i stands for `stopsAt(i)`.
function stopTable(colours, count, stopsAt) {
  const out = new Uint8Array(3 * count);
  for (let i = 0; i < count; i++) {
    const colour = colours.findLast(([from]) => stopsAt(i) >= from)[1];
    out.set([colour >> 16, (colour >> 8) & 255, colour & 255], 3 * i);
  }
  return out;
}
// Gain: by its code. Light: by the exponent of its float, since the false colours change at whole stops.
const gainTable = () => stopTable(GAIN_COLOURS, 65536, (i) => (i - 32768) / GAIN_STEPS);
const exponentTable = () => stopTable(FALSE_COLOURS, 256, (i) => (i ? i - 127 : -Infinity));
const floats = new Float32Array(1);
const bits = new Uint32Array(floats.buffer);
function exponentOf(light) {
  // A ten-thousandth more, so that what is exactly on a limit, as the plate's white is, does not fall below it.
  floats[0] = light > 0 ? light * 1.0001 : 0;
  return bits[0] >>> 23;
}

const LUMINANCE = [0.2126, 0.7152, 0.0722]; // ITU-R BT.709-6
const luminance = (r, g, b) => LUMINANCE[0] * r + LUMINANCE[1] * g + LUMINANCE[2] * b;
const MASK_COLOUR = [255, 79, 216];
const MASK_STRENGTH = 0.62;
