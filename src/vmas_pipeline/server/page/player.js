// One clock for the picture and the takes: the chosen take's sound leads, the muted picture follows.

const DRIFT_S = 0.08;

export class Player extends EventTarget {
  constructor(video) {
    super();
    this.video = video;
    this.sounds = [];
    this.chosen = -1;
    this.volume = 1;
    this.time = 0; // kept here: an element that still loads does not know its own
    video.addEventListener("seeked", () => this.#tell());
    this.#watch(video);
    const frame = () => {
      if (this.playing) this.#keepTogether();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** The element whose time counts. */
  get leader() { return this.sounds[this.chosen] ?? this.video; }
  get playing() { return !this.leader.paused && !this.leader.ended; }

  show(address) {
    if (this.video.getAttribute("src") === address) return;
    this.video.src = address;
    this.video.currentTime = this.time;
  }

  /** Replace the sounds by those at some addresses. */
  setSounds(addresses) {
    this.pause();
    for (const sound of this.sounds) sound.removeAttribute("src");
    this.sounds = addresses.map((address) => {
      const sound = new Audio(address);
      sound.preload = "auto";
      sound.volume = this.volume;
      this.#watch(sound);
      return sound;
    });
    this.chosen = this.sounds.length ? 0 : -1;
    this.video.muted = this.sounds.length > 0;
    this.seek(this.time);
  }

  /** Hear another take from the same moment on. */
  choose(index) {
    if (index === this.chosen || !this.sounds[index]) return;
    const playing = this.playing;
    this.leader.pause();
    this.chosen = index;
    this.leader.currentTime = this.time;
    if (playing) this.leader.play();
    this.#tell();
  }

  seek(seconds) {
    const end = this.video.duration || Infinity;
    this.time = Math.min(Math.max(0, seconds), end);
    this.video.currentTime = this.leader.currentTime = this.time;
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

  #watch(element) {
    element.addEventListener("ended", () => element === this.leader && this.pause());
    element.addEventListener("loadedmetadata", () => {
      if (Math.abs(element.currentTime - this.time) > DRIFT_S) element.currentTime = this.time;
      this.#tell();
    });
  }

  #keepTogether() {
    const { leader, video } = this;
    if (leader.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !leader.seeking) this.time = leader.currentTime;
    const apart = leader !== video && Math.abs(video.currentTime - this.time) > DRIFT_S;
    if (apart && !video.seeking) video.currentTime = this.time;
    this.#tell();
  }

  #tell() { this.dispatchEvent(new Event("change")); }
}
