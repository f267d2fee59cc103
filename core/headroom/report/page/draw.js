// A part of a picture's level to screen pixels.

const painter = { key: "", table: null, falseColours: exponentTable(), gainColours: gainTable() };

function toneOf(picture, look) {
  const key = `${look.view} ${look.exposure} ${picture.spec.steps}`;
  if (painter.key !== key) {
    painter.table = toneTable(picture.light, look.view, look.exposure);
    painter.key = key;
  }
  return painter.table;
}

// look: { view, exposure, mask, source: "hdr" or "ldr" }; columns x0..x1 and rows y0..y1 of the level, as ImageData.
function paint(picture, level, x0, y0, x1, y1, look) {
  const width = x1 - x0;
  const image = new ImageData(width, y1 - y0);
  const out = image.data;
  const [red, green, blue] = look.source === "ldr" ? level.ldr : level.hdr;
  const { light } = picture;
  const byTone = look.view === "clip" || look.view === "film";
  const tone = byTone ? toneOf(picture, look) : null;
  for (let y = y0, to = 0; y < y1; y++) {
    let at = y * level.width + x0;
    for (let x = 0; x < width; x++, at++, to += 4) {
      if (byTone) {
        out[to] = tone[red[at] + 32768];
        out[to + 1] = tone[green[at] + 32768];
        out[to + 2] = tone[blue[at] + 32768];
      } else if (look.view === "false") {
        const index = 3 * exponentOf(luminance(light[red[at] + 32768], light[green[at] + 32768], light[blue[at] + 32768]));
        out[to] = painter.falseColours[index];
        out[to + 1] = painter.falseColours[index + 1];
        out[to + 2] = painter.falseColours[index + 2];
      } else {
        const index = 3 * (32768 + (look.source === "ldr" || !level.gain ? 0 : level.gain[at]));
        out[to] = painter.gainColours[index];
        out[to + 1] = painter.gainColours[index + 1];
        out[to + 2] = painter.gainColours[index + 2];
      }
      if (look.mask && level.mask[at]) {
        const share = (MASK_STRENGTH * level.mask[at]) / MASK_STEPS;
        for (let k = 0; k < 3; k++) out[to + k] += (MASK_COLOUR[k] - out[to + k]) * share;
      }
      out[to + 3] = 255;
    }
  }
  return image;
}

// Draws the picture into a canvas: place = { x, y, scale } puts picture pixel (0, 0) at canvas pixel (x, y).
// Left of the canvas column `wipe` the plate, right of it the result.
function draw(canvas, picture, place, look, wipe) {
  const context = canvas.getContext("2d");
  context.fillStyle = "#0b0b0b";
  context.fillRect(0, 0, canvas.width, canvas.height);
  let number = 0;
  while (place.scale * 2 ** (number + 1) <= 1) {
    number += 1;
    if (number === picture.levels.length) addLevel(picture);
  }
  const level = picture.levels[number];
  const scale = place.scale * level.scale;
  context.imageSmoothingEnabled = scale < 2;
  context.imageSmoothingQuality = "high";
  const sides = look.compare === "wipe" ? [["ldr", 0, wipe], ["hdr", wipe, canvas.width]] : [[look.compare === "before" ? "ldr" : "hdr", 0, canvas.width]];
  for (const [source, from, to] of sides) {
    const x0 = Math.max(0, Math.floor((from - place.x) / scale) - 1);
    const x1 = Math.min(level.width, Math.ceil((to - place.x) / scale) + 1);
    const y0 = Math.max(0, Math.floor(-place.y / scale) - 1);
    const y1 = Math.min(level.height, Math.ceil((canvas.height - place.y) / scale) + 1);
    if (x1 <= x0 || y1 <= y0 || to <= from) continue;
    const part = document.createElement("canvas");
    part.width = x1 - x0;
    part.height = y1 - y0;
    part.getContext("2d").putImageData(paint(picture, level, x0, y0, x1, y1, { ...look, source }), 0, 0);
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, canvas.height);
    context.clip();
    context.drawImage(part, place.x + x0 * scale, place.y + y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale);
    context.restore();
  }
}
