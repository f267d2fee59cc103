// The stage: zoom, pan, wipe, probe. Places are in canvas pixels; the picture's own pixels are "embedded" pixels.

const COMPARE = ["after", "before", "wipe"];
const MOST_SCALE = 64;
const HIGHEST_STAGE = 0.7; // of the window

const byId = (id) => document.getElementById(id);

class Viewer {
  constructor(facts, changed) {
    this.facts = facts;
    this.changed = changed;
    this.stage = byId("stage");
    this.canvas = byId("canvas");
    this.picture = null;
    this.look = { view: "clip", exposure: 0, mask: false, compare: facts.compare ? "wipe" : "after" };
    this.wipe = 0.5;
    this.place = { x: 0, y: 0, scale: 1 };
    this.fitted = true;
    this.probe = null; // embedded pixel
    this.held = false;
    this.pending = 0;
    this.pointers = new Map();
    new ResizeObserver(() => this.resize()).observe(this.stage);
    window.addEventListener("resize", () => this.resize());
    this.listen();
  }

  show(picture) {
    const same = this.picture && this.picture.spec.width === picture.spec.width && this.picture.spec.height === picture.spec.height;
    this.picture = picture;
    this.stage.dataset.frame = picture.spec.frame ?? "";
    if (!same) this.fitted = true;
    this.resize();
    if (this.probe) this.setProbe(this.probe.x, this.probe.y, this.held);
    this.redraw();
  }

  resize() {
    const spec = this.picture ? this.picture.spec : this.facts.embedded[0];
    const width = this.stage.clientWidth;
    const height = Math.round(Math.max(130, Math.min((width * spec.height) / spec.width, window.innerHeight * HIGHEST_STAGE)));
    if (this.stage.style.height !== `${height}px`) this.stage.style.height = `${height}px`;
    const ratio = window.devicePixelRatio || 1;
    const size = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
    if (this.canvas.width !== size[0] || this.canvas.height !== size[1]) {
      [this.canvas.width, this.canvas.height] = size;
    }
    if (this.fitted) this.fit();
    else this.setPlace(this.place.x, this.place.y, this.place.scale);
  }

  get fitScale() {
    const { width, height } = this.picture ? this.picture.spec : this.facts.embedded[0];
    return Math.min(this.canvas.width / width, this.canvas.height / height);
  }

  fit() {
    this.fitted = true;
    this.setPlace(0, 0, this.fitScale);
  }

  // The picture never leaves the stage; where it is smaller it stands in the middle.
  setPlace(x, y, scale) {
    const { width, height } = this.picture ? this.picture.spec : this.facts.embedded[0];
    const inside = (at, room, size) => (size <= room ? (room - size) / 2 : clamp(at, room - size, 0));
    this.place = {
      scale,
      x: inside(x, this.canvas.width, width * scale),
      y: inside(y, this.canvas.height, height * scale),
    };
    this.stage.style.touchAction = this.fitted ? "pan-y" : "none";
    this.redraw();
  }

  zoom(factor, at = null) {
    const about = at || this.placeOfProbe() || { x: this.canvas.width / 2, y: this.canvas.height / 2 };
    const least = Math.min(this.fitScale, 1);
    const scale = clamp(this.place.scale * factor, least, MOST_SCALE);
    const ratio = scale / this.place.scale;
    this.fitted = factor < 1 && this.fitScale <= 1 && scale <= this.fitScale;
    if (this.fitted) this.fit();
    else this.setPlace(about.x - (about.x - this.place.x) * ratio, about.y - (about.y - this.place.y) * ratio, scale);
  }

  pixels() {
    this.fitted = false;
    this.zoom(1 / this.place.scale);
  }

  pan(dx, dy) {
    this.fitted = false;
    this.setPlace(this.place.x + dx, this.place.y + dy, this.place.scale);
  }

  setLook(changes) {
    Object.assign(this.look, changes);
    this.redraw();
  }

  setWipe(share) {
    this.wipe = clamp(share, 0, 1);
    this.redraw();
  }

  redraw() {
    this.pending = this.pending || requestAnimationFrame(() => this.paint());
  }

  paint() {
    this.pending = 0;
    const handle = byId("wipe");
    const wiping = this.look.compare === "wipe";
    handle.hidden = !wiping || !this.picture;
    handle.style.left = `${100 * this.wipe}%`;
    handle.setAttribute("aria-valuenow", String(Math.round(100 * this.wipe)));
    handle.setAttribute("aria-valuetext", `before on the left ${Math.round(100 * this.wipe)} percent`);
    if (this.picture) draw(this.canvas, this.picture, this.place, this.look, Math.round(this.wipe * this.canvas.width));
    const marker = byId("marker");
    const at = this.held ? this.placeOfProbe() : null;
    marker.hidden = !at;
    if (at) {
      const ratio = this.canvas.width / this.stage.clientWidth;
      marker.style.left = `${at.x / ratio}px`;
      marker.style.top = `${at.y / ratio}px`;
    }
    this.stage.dataset.painted = String(Number(this.stage.dataset.painted || 0) + 1);
    this.changed(this);
  }

  placeOfProbe() {
    if (!this.probe) return null;
    const { x, y, scale } = this.place;
    return { x: x + (this.probe.x + 0.5) * scale, y: y + (this.probe.y + 0.5) * scale };
  }

  // In canvas pixels, from a pointer event.
  at(event) {
    const box = this.stage.getBoundingClientRect();
    const ratio = this.canvas.width / box.width;
    return { x: (event.clientX - box.left) * ratio, y: (event.clientY - box.top) * ratio };
  }

  probeAt(at, held) {
    const { x, y, scale } = this.place;
    this.setProbe(Math.floor((at.x - x) / scale), Math.floor((at.y - y) / scale), held);
  }

  setProbe(x, y, held) {
    const { width, height } = this.picture.spec;
    this.probe = { x: clamp(x, 0, width - 1), y: clamp(y, 0, height - 1) };
    this.held = held;
    this.redraw();
  }

  moveProbe(dx, dy) {
    const { width, height } = this.picture.spec;
    const from = this.probe || { x: width >> 1, y: height >> 1 };
    this.setProbe(from.x + dx, from.y + dy, true);
    this.reveal();
  }

  // Pans so that the probe is on the stage.
  reveal() {
    const at = this.placeOfProbe();
    const margin = 24;
    const need = (value, room) => (value < margin ? margin - value : value > room - margin ? room - margin - value : 0);
    const [dx, dy] = [need(at.x, this.canvas.width), need(at.y, this.canvas.height)];
    if (!this.fitted && (dx || dy)) this.pan(dx, dy);
  }

  release() {
    this.held = false;
    this.redraw();
  }

  listen() {
    const { stage } = this;
    const handle = byId("wipe");
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      event.stopPropagation();
    });
    handle.addEventListener("pointermove", (event) => {
      if (handle.hasPointerCapture(event.pointerId)) this.setWipe(this.at(event).x / this.canvas.width);
    });
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !this.picture) return;
      this.pointers.set(event.pointerId, { ...this.at(event), moved: 0 });
      stage.setPointerCapture(event.pointerId);
    });
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, (event) => this.lift(event, end === "pointerup"));
    stage.addEventListener(
      "wheel",
      (event) => {
        if (!this.picture || !(event.ctrlKey || stage.contains(document.activeElement))) return;
        event.preventDefault();
        this.zoom(2 ** (-event.deltaY / 240), this.at(event));
      },
      { passive: false },
    );
  }

  move(event) {
    if (!this.picture) return;
    const at = this.at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch" && !this.held && event.target !== byId("wipe")) this.probeAt(at, false);
      return;
    }
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    if (others.length) {
      const other = others[0];
      const spread = (place) => Math.hypot(place.x - other.x, place.y - other.y);
      if (spread(before) > 0) this.zoom(spread(at) / spread(before), { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 });
      other.moved = Infinity;
    } else if (!this.fitted) {
      this.pan(at.x - before.x, at.y - before.y);
      stageClass(this.stage, true);
    }
    this.pointers.set(event.pointerId, { ...at, moved: before.moved + Math.hypot(at.x - before.x, at.y - before.y) });
  }

  lift(event, done) {
    const before = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    stageClass(this.stage, false);
    if (before && done && before.moved < 6 && this.picture) this.probeAt(this.at(event), true);
  }
}

const stageClass = (stage, grabbing) => stage.classList.toggle("grabbing", grabbing);
