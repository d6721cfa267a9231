// The timeline: picture, hit points and sections to redo, on the clock of the player.

const STEP_S = 0.05, LEAP_S = 0.5, NEAR_S = 0.1;

const percent = (seconds, duration) => `${(100 * seconds) / duration}%`;
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;

function mark(track, name, seconds, duration) {
  const element = document.createElement("i");
  element.className = name;
  element.style.left = percent(seconds, duration);
  track.append(element);
  return element;
}

/** Draw what was seen in the video. */
export function drawPicture(track, seen) {
  track.replaceChildren();
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 1000 100");
  svg.setAttribute("preserveAspectRatio", "none");
  const points = seen.flow.map((value, index) => {
    const x = (1000 * (index + 0.5)) / seen.flow_rate / seen.duration_s;
    return `${x.toFixed(1)},${(92 - 88 * value).toFixed(1)}`;
  });
  svg.innerHTML = `<polygon class="flow-area" points="0,92 ${points.join(" ")} 1000,92"/><polyline class="flow-line" points="${points.join(" ")}"/>`;
  track.append(svg);
  for (const cut of seen.cuts_s) mark(track, "mark-cut", cut, seen.duration_s);
  for (const peak of seen.peaks_s) mark(track, "mark-peak", peak, seen.duration_s);
}

/** Draw the onsets of a take; those at a hit point or a peak of the picture stand out. */
export function drawOnsets(track, heard, seen, hits) {
  const near = (moments, onset) => moments.some((moment) => Math.abs(moment - onset) <= NEAR_S);
  for (const onset of heard.onsets_s) {
    const kind = near(hits, onset) ? " on-hit" : near(seen.peaks_s, onset) ? " on-peak" : "";
    mark(track, `mark-onset${kind}`, onset, seen.duration_s);
  }
}

/** A button on a track that is moved by pointer and keys, and read out as a slider. */
function handle(track, className, label, { get, set, remove, seek, duration }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = className;
  button.setAttribute("role", "slider");
  button.setAttribute("aria-label", label);
  button.setAttribute("aria-valuemin", "0");
  const place = () => {
    button.style.left = percent(get(), duration());
    button.setAttribute("aria-valuemax", duration().toFixed(2));
    button.setAttribute("aria-valuenow", get().toFixed(2));
    button.setAttribute("aria-valuetext", `${get().toFixed(2)} seconds`);
  };
  const move = (seconds) => { set(Math.min(Math.max(0, seconds), duration() - 0.01)); place(); };
  button.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? LEAP_S : STEP_S;
    const moves = { ArrowRight: step, ArrowUp: step, ArrowLeft: -step, ArrowDown: -step };
    if (event.key in moves) move(get() + moves[event.key]);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(duration());
    else if (event.key === "Enter") seek(get());
    else if (event.key === "Delete" || event.key === "Backspace") remove();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    event.stopPropagation();
  });
  button.addEventListener("pointermove", (event) => {
    if (!button.hasPointerCapture(event.pointerId)) return;
    const box = track.getBoundingClientRect();
    move(((event.clientX - box.left) / box.width) * duration());
  });
  button.addEventListener("click", (event) => event.stopPropagation());
  button.addEventListener("dblclick", (event) => { event.stopPropagation(); remove(); });
  place();
  track.append(button);
  return { button, place };
}

/** Hit points: seconds at which the music shall strike. */
export class HitPoints {
  constructor(track, player, duration, changed) {
    Object.assign(this, { track, player, duration, changed, times: [], onsets: [] });
    track.addEventListener("click", (event) => this.add(at(event, track, duration())));
  }

  set(times) { this.times = times.map((time) => ({ time })); this.#draw(); }
  get() { return this.times.map(({ time }) => Math.round(time * 1000) / 1000).sort((a, b) => a - b); }

  /** Show which are met by the take that is heard. */
  hear(onsets) { this.onsets = onsets; this.#draw(); }

  add(seconds) {
    if (seconds >= this.duration()) return;
    const point = { time: Math.max(0, seconds) };
    this.times.push(point);
    this.#draw();
    this.track.children[this.times.indexOf(point)].focus();
    this.changed();
  }

  #draw() {
    this.track.replaceChildren();
    this.times.forEach((point, index) => {
      const met = () => this.onsets.some((onset) => Math.abs(onset - point.time) <= NEAR_S);
      const { button } = handle(this.track, "hit", `Hit point ${index + 1}`, {
        get: () => point.time,
        set: (seconds) => { point.time = seconds; button.classList.remove("met"); this.changed(); },
        remove: () => { this.times.splice(index, 1); this.#draw(); this.changed(); this.track.querySelector("button")?.focus(); },
        seek: (seconds) => this.player.seek(seconds),
        duration: this.duration,
      });
      button.classList.toggle("met", met());
      button.title = "drag to move, double-click or Delete to remove";
    });
  }
}

/** Sections of the chosen take that are made anew; the rest stays as it is. */
export class Sections {
  constructor(track, player, duration, changed) {
    Object.assign(this, { track, player, duration, changed, spans: [] });
    track.addEventListener("pointerdown", (event) => this.#mark(event));
  }

  set(spans) { this.spans = spans.map((span) => [...span]); this.#draw(); }
  get() { return this.spans.map((span) => span.map((time) => Math.round(time * 1000) / 1000).sort((a, b) => a - b)); }

  add(from, to) {
    this.spans.push([from, Math.min(to, this.duration() - 0.01)]);
    this.#draw();
    this.changed();
  }

  #mark(event) {
    const start = at(event, this.track, this.duration());
    this.track.setPointerCapture(event.pointerId);
    this.track.addEventListener("pointerup", (up) => {
      const end = at(up, this.track, this.duration());
      if (Math.abs(end - start) > 0.1) this.add(Math.min(start, end), Math.max(start, end));
    }, { once: true });
  }

  #draw() {
    this.track.replaceChildren();
    this.spans.forEach((span, index) => {
      const body = document.createElement("div");
      body.className = "section";
      const place = () => {
        body.style.left = percent(Math.min(...span), this.duration());
        body.style.width = percent(Math.abs(span[1] - span[0]), this.duration());
      };
      this.track.append(body);
      place();
      ["Start", "End"].forEach((label, side) => handle(this.track, "edge", `${label} of section ${index + 1}`, {
        get: () => span[side],
        set: (seconds) => { span[side] = seconds; place(); this.changed(); },
        remove: () => { this.spans.splice(index, 1); this.#draw(); this.changed(); },
        seek: (seconds) => this.player.seek(seconds),
        duration: this.duration,
      }));
    });
  }
}

/** The moment under the pointer. */
export function at(event, track, duration) {
  const box = track.getBoundingClientRect();
  return Math.min(Math.max(0, (event.clientX - box.left) / box.width), 1) * duration;
}
