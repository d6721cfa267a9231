// The page: a video at the door, then its job. The address names the job (#job=ID), so a reload finds it again.

import * as api from "/page/api.js";
import { fill, read } from "/page/options.js";
import { Player } from "/page/player.js";
import { clock, drawPicture, HitPoints, Sections } from "/page/timeline.js";

const $ = (id) => document.getElementById(id);
const STAGES = { starting: "Getting ready", looking: "Looking at the picture", watch: "Watching the video", compose: "Composing", write: "Mixing and writing" };
const PLAYABLE = ["mp4", "m4v", "mov", "webm"];

const player = new Player($("video"));
let file = null, job = null, seen = null, stop = () => {}, sending = null, takes = null, fresh = null;

const duration = () => job?.duration_s || $("video").duration || 1;
const hits = new HitPoints($("hits"), player, duration, hint);
const sections = new Sections($("sections"), player, duration, hint);

// At the door

function take(chosen) {
  if (!chosen) return;
  leave();
  file = chosen;
  history.replaceState(null, "", "/");
  $("name").textContent = file.name;
  $("facts").textContent = `${(file.size / 1e6).toFixed(1)} MB`;
  player.show(URL.createObjectURL(file));
  player.video.muted = false;
  desk();
  $("make").focus({ preventScroll: true });
}

function leave() {
  stop();
  job = seen = file = null;
  player.setSounds([]);
  player.seek(0);
  hits.set([]);
  hits.hear([]);
  sections.set([]);
  $("motion").replaceChildren();
  $("takes").replaceChildren();
  problem("");
}

function desk() {
  $("door").hidden = true;
  $("desk").hidden = false;
  $("another").hidden = false;
  render();
}

// The job

async function make(event) {
  event.preventDefault();
  problem("");
  const options = { ...read($("options")), hit_points: hits.get() };
  const model = $("options").elements.model.value || null;
  try {
    $("make").disabled = true;
    await open(job ? await redo(options, model) : await send(options, model));
  } catch (error) {
    problem(error.message);
  } finally {
    sending = null;
    render();
  }
}

async function send(options, model) {
  show("Sending the video", 0);
  sending = api.send(file, model, options, (share) => show(share < 1 ? "Sending the video" : "Looking at the file", share < 1 ? share : null));
  return sending.answer;
}

function redo(options, model) {
  const spans = sections.get();
  const kept = spans.length && job.takes.length ? { take: job.takes[Math.max(0, player.chosen)].number } : {};
  return api.again(job.id, { options: { ...options, ...(spans.length ? { redo: spans } : {}) }, model, ...kept });
}

async function open(view) {
  stop();
  const before = job;
  job = view;
  history[before ? "pushState" : "replaceState"](null, "", `#job=${view.id}`);
  fill($("options"), view.options);
  if (view.model && [...$("options").elements.model.options].some((each) => each.value === view.model)) $("options").elements.model.value = view.model;
  hits.set(view.options.hit_points ?? []);
  sections.set([]);
  if (!before) player.setSounds([]);
  if (!file) player.show(`/v1/jobs/${view.id}/video`);
  $("name").textContent = view.name;
  $("facts").textContent = `${clock(view.duration_s)} · ${view.width} × ${view.height}`;
  desk();
  update(view);
  if (["queued", "running"].includes(view.state)) stop = api.follow(view.id, update, gone);
}

async function update(view) {
  if (view.state === "done" && job.state !== "done") fresh = view.id;
  job = view;
  render();
  if (view.links.analysis && (!seen || seen.id !== view.id || (view.state === "done" && !seen.takes.length))) await look(view);
}

/** Fetch what the worker saw and heard, as soon as it is there. */
async function look(view) {
  try {
    const found = await api.analysis(view.id);
    if (job?.id !== view.id || (seen?.id === view.id && seen.takes.length === found.takes.length)) return;
    seen = { ...found, id: view.id };
    drawPicture($("motion"), seen);
    if (view.state === "done") await hear(view);
  } catch (error) {
    problem(error.message);
  }
  render();
}

async function hear(view) {
  const rows = await import("/page/takes.js"); // waveforms are not needed before there is music
  takes ??= new rows.Takes($("takes"), player, (index) => hits.hear(seen?.takes[index]?.onsets_s ?? []));
  const alone = (view.options.original ?? "replace") === "replace";
  player.setSounds(view.takes.map((each) => (alone ? each.files.music : each.files.video ?? each.files.sound)));
  const best = view.takes[0]?.files.video;
  if (best && PLAYABLE.includes(best.split(".").pop()) && !file) player.show(best);
  takes.show(view, seen);
}

function gone() {
  problem("This job is gone: it was deleted, or kept as long as this server keeps jobs. Choose the video again.");
  job = null;
  render();
}

async function cancel() {
  if (sending) return sending.abort();
  try {
    update(await api.cancel(job.id));
  } catch (error) {
    if (error.status !== 409) problem(error.message);
  }
}

// What is seen

function render() {
  const working = job && ["queued", "running"].includes(job.state);
  $("timeline").hidden = !(job || $("video").duration);
  $("options").hidden = Boolean(working || sending);
  $("make").disabled = !(job || file);
  $("sections-lane").hidden = job?.state !== "done" || !job.takes.length;
  $("motion").parentElement.hidden = !seen;
  if (working) progress();
  else $("progress").hidden = !sending;
  if (job?.state === "failed") problem(`The music could not be made: ${job.reason}.`);
  $("state").textContent = job ? { queued: "Waiting", running: "Working", done: fresh === job.id ? "Your music is ready" : "Done", failed: "Failed", cancelled: "Cancelled" }[job.state] : "";
  hint();
  place();
}

function progress() {
  const { position, progress: now, time_left_s: left } = job;
  if (job.state === "queued") show(position ? `Waiting: ${position} ${position === 1 ? "job" : "jobs"} before yours` : "Waiting: yours is next", null);
  else show(STAGES[now.stage] ?? now.stage, now.total ? now.done / now.total : null);
  $("left").textContent = left === null ? "" : left < 5 ? "a few seconds left" : `about ${left < 90 ? `${Math.round(left)} s` : `${Math.round(left / 60)} min`} left`;
}

function show(text, share) {
  $("progress").hidden = false;
  $("options").hidden = true;
  $("doing").textContent = text;
  $("bar").classList.toggle("unknown", share === null);
  $("bar").style.setProperty("--share", `${100 * (share ?? 0)}%`);
  if (share === null) $("bar").removeAttribute("aria-valuenow");
  else $("bar").setAttribute("aria-valuenow", Math.round(100 * share));
}

function hint() {
  const again = Boolean(job), spans = sections.get().length, count = hits.get().length;
  const take = job?.takes?.[Math.max(0, player.chosen)]?.number;
  $("make").textContent = !again ? "Make music" : spans ? `Redo ${spans === 1 ? "the section" : "the sections"} of take ${take}` : "Make it again";
  $("hint").textContent = count ? `${count} hit ${count === 1 ? "point" : "points"}` : "";
}

function problem(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

/** The playhead, on all tracks. */
function place() {
  $("timeline").style.setProperty("--share", Math.min(1, player.time / duration()));
  $("clock").textContent = `${clock(player.time)} / ${clock(duration())}`;
  $("play").classList.toggle("playing", player.playing);
  $("play").setAttribute("aria-label", player.playing ? "Pause" : "Play");
}

// Wiring

$("file").addEventListener("change", (event) => take(event.target.files[0]));
for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", over);
    if (name === "drop") take(event.dataTransfer.files[0]);
  });
}
$("options").addEventListener("submit", make);
$("cancel").addEventListener("click", cancel);
$("another").addEventListener("click", () => { leave(); history.pushState(null, "", "/"); enter(); });
$("play").addEventListener("click", () => player.toggle());
$("volume").addEventListener("input", (event) => player.setVolume(Number(event.target.value)));
$("add-hit").addEventListener("click", () => hits.add(player.time));
$("add-section").addEventListener("click", () => sections.add(player.time, player.time + 2));
$("motion").addEventListener("click", (event) => {
  const box = $("motion").getBoundingClientRect();
  player.seek(((event.clientX - box.left) / box.width) * duration());
});
$("video").addEventListener("click", () => player.toggle());
$("video").addEventListener("loadedmetadata", () => {
  const { videoWidth, videoHeight } = $("video");
  if (videoWidth) $("video").style.setProperty("--aspect", `${videoWidth} / ${videoHeight}`);
  render();
});
player.addEventListener("change", place);
document.addEventListener("keydown", (event) => {
  if ($("desk").hidden || event.target.closest("input, select, textarea, button, summary, a, dialog")) return;
  if (event.key === " ") player.toggle();
  else if (event.key === "ArrowRight" || event.key === "ArrowLeft") player.seek(player.time + (event.key === "ArrowRight" ? 1 : -1));
  else if (event.key === "h") hits.add(player.time);
  else if (/^[1-9]$/.test(event.key) && takes && Number(event.key) <= player.sounds.length) takes.choose(Number(event.key) - 1);
  else return;
  event.preventDefault();
});
window.addEventListener("popstate", () => { leave(); enter(); });

async function tell() {
  const most = await api.bounds();
  const minutes = Math.round(most.seconds / 6) / 10;
  $("bounds").textContent = `Up to ${most.megabytes} MB and ${minutes} ${minutes === 1 ? "minute" : "minutes"}. Kept for ${most.keep_hours} hours, then deleted.`;
  $("options").elements.model.replaceChildren(...most.models.map((name) => new Option(name, name)));
  $("model-field").hidden = most.models.length < 2;
  licences(most.models.length);
}

/** Which models make the music, and what they learned from; again until all are loaded. */
async function licences(count) {
  const held = await api.models().catch(() => []);
  const of = ({ name, version, data_licences: data }) => {
    const licences = [...new Set(data.map((licence) => licence.replace(/ \(.*/, "")))].join(", ");
    return `${name}${version ? ` (version ${version})` : ""} learned from videos ${licences ? `under ${licences}` : "whose licences are not recorded"}.`;
  };
  $("licence").textContent = ["Music made by a machine.", ...held.map(of)].join(" ");
  if (held.length < count) setTimeout(() => licences(count), 4000);
}

/** Show what the address names; a video that was chosen meanwhile stays. */
async function enter() {
  if (file) return;
  const id = /^#job=([\w-]{22})$/.exec(location.hash)?.[1];
  if (!id) {
    $("door").hidden = false;
    $("desk").hidden = true;
    $("another").hidden = true;
    $("state").textContent = "";
    return;
  }
  try {
    const view = await api.job(id);
    if (location.hash === `#job=${id}`) await open(view);
  } catch (error) {
    desk();
    problem(error.message);
  }
}

async function gate() {
  if ((await api.session()).open) return;
  const form = $("gate-form");
  $("gate").addEventListener("cancel", (event) => event.preventDefault());
  $("gate").showModal();
  await new Promise((resolve) => form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await api.login($("token").value);
      $("gate").close();
      resolve();
    } catch (error) {
      $("gate-problem").textContent = error.message;
      $("gate-problem").hidden = false;
    }
  }));
}

gate().then(tell).then(enter).catch((error) => { enter(); problem(error.message); });
