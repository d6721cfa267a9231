// One clock for the picture and the takes: the chosen take's sound leads, the muted picture follows.

const DRIFT_S = 0.08;

export class Player extends EventTarget {
  constructor(video) {
    super();
    this.video = video;
    this.sounds = [];
    this.chosen = -1;
    this.volume = 1;
    video.addEventListener("loadedmetadata", () => this.#tell());
    video.addEventListener("seeked", () => this.#tell());
    this.#watchEnd(video);
    const frame = () => {
      if (this.playing) this.#keepTogether();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** The element whose time counts. */
  get leader() { return this.sounds[this.chosen] ?? this.video; }
  get time() { return this.leader.currentTime || 0; }
  get playing() { return !this.leader.paused && !this.leader.ended; }

  show(address) {
    if (this.video.getAttribute("src") === address) return;
    const at = this.time;
    this.video.src = address;
    this.video.currentTime = at;
  }

  /** Replace the sounds by those at some addresses. */
  setSounds(addresses) {
    this.pause();
    const at = this.time;
    for (const sound of this.sounds) sound.removeAttribute("src");
    this.sounds = addresses.map((address) => {
      const sound = new Audio(address);
      sound.preload = "auto";
      sound.volume = this.volume;
      this.#watchEnd(sound);
      return sound;
    });
    this.chosen = this.sounds.length ? 0 : -1;
    this.video.muted = this.sounds.length > 0;
    this.seek(at);
  }

  /** Hear another take from the same moment on. */
  choose(index) {
    if (index === this.chosen || !this.sounds[index]) return;
    const at = this.time, playing = this.playing;
    this.leader.pause();
    this.chosen = index;
    this.leader.currentTime = at;
    if (playing) this.leader.play();
    this.#tell();
  }

  seek(seconds) {
    const end = this.video.duration || Infinity;
    const at = Math.min(Math.max(0, seconds), end);
    this.video.currentTime = at;
    if (this.leader !== this.video) this.leader.currentTime = at;
    this.#tell();
  }

  async play() {
    if (this.time >= (this.video.duration || Infinity) - 0.05) this.seek(0);
    await Promise.all([this.leader.play(), this.video.play()]).catch(() => this.pause());
    this.#tell();
  }

  pause() {
    this.video.pause();
    for (const sound of this.sounds) sound.pause();
    this.#tell();
  }

  toggle() { return this.playing ? this.pause() : this.play(); }

  setVolume(volume) {
    this.volume = volume;
    for (const element of [this.video, ...this.sounds]) element.volume = volume;
  }

  #watchEnd(element) {
    element.addEventListener("ended", () => element === this.leader && this.pause());
  }

  #keepTogether() {
    const ahead = this.video.currentTime - this.time;
    if (this.leader !== this.video && Math.abs(ahead) > DRIFT_S && !this.video.seeking) this.video.currentTime = this.time;
    this.#tell();
  }

  #tell() { this.dispatchEvent(new Event("change")); }
}
