// A row for each take: waveform, onsets, scores and files, one of them chosen to be heard.

import WaveSurfer from "/page/vendor/wavesurfer.esm.js";
import { at, drawOnsets } from "/page/timeline.js";

const FILES = [["video", "Video"], ["sound", "Sound"], ["music", "Music"], ["record", "Record"]];
const nonce = document.querySelector("meta[name=nonce]").content;

const SCORES = [
  ["alignment", "picture", "share of the picture's peaks and the music's onsets that meet (MV Align), and by chance"],
  ["hits", "hits", "hit points that are met within a tenth of a second"],
  ["contrastive", "fit", "how close the model finds video and music (cosine)"],
];

export class Takes {
  constructor(list, player, chosen) {
    Object.assign(this, { list, player, chosen, waves: [] });
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.waves.forEach((wave) => wave.setOptions(colours())));
  }

  show(job, seen) {
    this.waves.forEach((wave) => wave.destroy());
    this.waves = [];
    this.list.replaceChildren();
    job.takes.forEach((take, index) => this.#row(take, index, job, seen));
    if (job.takes.length) this.choose(0);
  }

  choose(index) {
    this.player.choose(index);
    [...this.list.children].forEach((row, other) => {
      row.classList.toggle("chosen", other === index);
      row.querySelector("input").checked = other === index;
    });
    this.chosen(index);
  }

  #row(take, index, job, seen) {
    const row = document.createElement("div");
    row.className = "lane take";
    row.innerHTML = `<div class="head"><label class="who"><input type="radio" name="take"><span></span></label>
      <div class="scores"></div><div class="files"></div></div><div class="track"></div>`;
    const input = row.querySelector("input"), track = row.querySelector(".track");
    row.querySelector(".who span").textContent = `Take ${take.number}`;
    if (index === 0 && job.takes.length > 1) row.querySelector(".who").insertAdjacentHTML("beforeend", '<span class="badge">BEST</span>');
    input.setAttribute("aria-label", `Hear take ${take.number}, seed ${take.seed}`);
    input.addEventListener("change", () => this.choose(index));
    row.querySelector(".scores").append(...scores(take));
    row.querySelector(".files").append(...FILES.filter(([kind]) => take.files[kind]).map(([kind, name]) => download(take, kind, name)));
    this.list.append(row);
    track.addEventListener("click", (event) => { this.choose(index); this.player.seek(at(event, track, seen.duration_s)); });
    const heard = seen.takes.find((each) => each.number === take.number);
    if (!heard) return;
    this.waves.push(WaveSurfer.create({
      container: track, height: 48, barWidth: 2, barGap: 1.5, barRadius: 2, cursorWidth: 0, interact: false, barAlign: "bottom",
      peaks: [heard.outline], duration: seen.duration_s, media: this.player.sounds[index], cspNonce: nonce, ...colours(),
    }));
    const { hit_points: hits = [], hit_cuts: cuts } = job.options;
    drawOnsets(track, heard, seen, cuts ? [...hits, ...seen.cuts_s] : hits);
  }
}

function download(take, kind, name) {
  const ending = take.files[kind].split(".").pop();
  const link = Object.assign(document.createElement("a"), { href: take.files[kind], download: "", textContent: name, title: ending });
  link.setAttribute("aria-label", `Download the ${name.toLowerCase()} of take ${take.number}, ${ending}`);
  return link;
}

function scores(take) {
  const shown = SCORES.filter(([name]) => take.scores[name] !== undefined && take.scores[name] !== null);
  return shown.map(([name, label, title]) => {
    const element = document.createElement("span");
    const chance = take.scores[`${name}_random`];
    element.title = title;
    element.innerHTML = `${label} <b>${take.scores[name].toFixed(2)}</b>${Number.isFinite(chance) ? ` <small>chance ${chance.toFixed(2)}</small>` : ""}`;
    return element;
  });
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  return { waveColor: style.getPropertyValue("--wave"), progressColor: style.getPropertyValue("--wave-on") };
}
