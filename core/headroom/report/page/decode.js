// The pictures in this page, back to integers: the other end of codec.py, which says how rows are laid out.

const LOW_STOPS = -20;
const MASK_STEPS = 255;
const GAIN_STEPS = 256;
const QUIET = 4;

function bytesOfBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const packed = atob(text);
  const bytes = new Uint8Array(packed.length);
  for (let i = 0; i < packed.length; i++) bytes[i] = packed.charCodeAt(i);
  return bytes;
}

// Light of every code -32767..32767, at index code + 32768.
function lightTable(steps) {
  const table = new Float32Array(65536);
  for (let code = 1; code <= 32767; code++) {
    const light = 2 ** ((code - 1) / steps + LOW_STOPS);
    table[32768 + code] = light;
    table[32768 - code] = -light;
  }
  return table;
}

function codeOfLight(light, steps) {
  const size = Math.abs(light);
  if (size === 0) return 0;
  const code = Math.min(Math.max(Math.round((Math.log2(size) - LOW_STOPS) * steps) + 1, 0), 32767);
  return light < 0 ? -code : code;
}

// Median edge predictor: left, above, above left.
function predicted(left, up, corner) {
  const low = left < up ? left : up;
  const high = left < up ? up : left;
  return corner >= high ? low : corner <= low ? high : left + up - corner;
}

const unfolded = (value) => (value >>> 1) ^ -(value & 1);

class RowDecoder {
  constructor(spec) {
    this.spec = spec;
    this.rowBytes = spec.layers.reduce((sum, layer) => sum + layer.channels * layer.bytes, 0) * spec.width;
    this.row = 0;
    this.rest = new Int32Array(spec.width);
    this.planes = {};
    for (const layer of spec.layers) {
      const kind = layer.name === "code" || layer.name === "mask" ? (layer.bytes === 1 ? Uint8Array : Uint16Array) : Int16Array;
      this.planes[layer.name] = Array.from({ length: layer.channels }, () => new kind(spec.width * spec.height));
    }
    const greys = spec.table ? bytesOfBase64(spec.table) : null;
    this.table = greys ? new Int16Array(greys.buffer, greys.byteOffset, greys.length / 2) : null;
    this.shift = this.table && this.table.length === 256 ? 0 : 4;
    const changeRows = () => [new Int32Array(spec.width), new Int32Array(spec.width)];
    this.changeRows = spec.layers.map((layer) => Array.from({ length: layer.channels }, changeRows));
  }

  // One row's bytes.
  add(bytes) {
    const width = this.spec.width;
    const { rest } = this;
    let at = 0;
    this.spec.layers.forEach((layer, number) => {
      for (let channel = 0; channel < layer.channels; channel++) {
        for (let x = 0; x < width; x++) {
          const value = layer.bytes === 1 ? bytes[at + x] : bytes[at + x] | (bytes[at + width + x] << 8);
          rest[x] = unfolded(value);
        }
        at += width * layer.bytes;
        const plane = this.planes[layer.name][channel];
        if (layer.base === "code") this.fromCode(plane, this.planes.code[channel], rest);
        else if (layer.base) this.fromLayer(plane, this.planes[layer.base][channel], this.changeRows[number][channel], rest);
        else this.fromNeighbours(plane, rest);
      }
    });
    this.row += 1;
  }

  fromCode(plane, codes, rest) {
    const start = this.row * this.spec.width;
    for (let x = 0; x < rest.length; x++) plane[start + x] = this.table[codes[start + x] >> this.shift] + rest[x];
  }

  fromLayer(plane, base, rows, rest) {
    const start = this.row * this.spec.width;
    const [above, here] = this.row & 1 ? rows : [rows[1], rows[0]];
    let left = above[0];
    let corner = above[0];
    for (let x = 0; x < rest.length; x++) {
      let guess = predicted(left, above[x], corner);
      if (guess <= QUIET && guess >= -QUIET) guess = 0;
      plane[start + x] = base[start + x] + guess + rest[x];
      here[x] = plane[start + x] - base[start + x];
      left = here[x];
      corner = above[x];
    }
  }

  fromNeighbours(plane, rest) {
    const width = this.spec.width;
    const start = this.row * width;
    const above = this.row ? start - width : -1;
    let left = above < 0 ? 0 : plane[above];
    let corner = left;
    for (let x = 0; x < width; x++) {
      const up = above < 0 ? 0 : plane[above + x];
      plane[start + x] = predicted(left, up, corner) + rest[x];
      left = plane[start + x];
      corner = up;
    }
  }
}

// Unpacks a picture; told(share) is called now and then, and answers whether it is still wanted: else null comes out.
async function unpack(spec, told) {
  const packed = bytesOfBase64(document.getElementById(spec.id).textContent);
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const decoder = new RowDecoder(spec);
  let left = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const bytes = new Uint8Array(left.length + value.length);
    bytes.set(left);
    bytes.set(value, left.length);
    let at = 0;
    while (at + decoder.rowBytes <= bytes.length && decoder.row < spec.height) {
      decoder.add(bytes.subarray(at, at + decoder.rowBytes));
      at += decoder.rowBytes;
    }
    left = bytes.slice(at);
    if (!told(decoder.row / spec.height)) {
      await reader.cancel();
      return null;
    }
  }
  if (decoder.row !== spec.height) throw new Error("the picture in this page is cut short");
  const planes = decoder.planes;
  const level = {
    width: spec.width, height: spec.height, scale: 1,
    hdr: planes.hdr, ldr: planes.ldr || null, mask: planes.mask[0], gain: planes.gain ? planes.gain[0] : null,
  };
  return { spec, light: lightTable(spec.steps), codes: planes.code || null, levels: [level] };
}

// The picture at half the size of the last level, averaged as light.
function addLevel(picture) {
  const from = picture.levels[picture.levels.length - 1];
  const width = (from.width + 1) >> 1;
  const height = (from.height + 1) >> 1;
  const { light } = picture;
  const { steps } = picture.spec;
  const mean = (plane, kind, decode, encode) => {
    const out = new kind(width * height);
    for (let y = 0, at = 0; y < height; y++) {
      const top = 2 * y * from.width;
      const low = Math.min(2 * y + 1, from.height - 1) * from.width;
      for (let x = 0; x < width; x++, at++) {
        const a = 2 * x;
        const b = Math.min(a + 1, from.width - 1);
        const sum = decode(plane[top + a]) + decode(plane[top + b]) + decode(plane[low + a]) + decode(plane[low + b]);
        out[at] = encode(sum / 4);
      }
    }
    return out;
  };
  const lights = (planes) =>
    planes && planes.map((plane) => mean(plane, Int16Array, (v) => light[v + 32768], (v) => codeOfLight(v, steps)));
  const plain = (plane, kind) => plane && mean(plane, kind, (v) => v, Math.round);
  picture.levels.push({
    width, height, scale: from.scale * 2,
    hdr: lights(from.hdr), ldr: lights(from.ldr), mask: plain(from.mask, Uint8Array), gain: plain(from.gain, Int16Array),
  });
}
