// A rater's way through the study. The rater's token is what stands behind the # of the address.
const at = id => document.getElementById(id);
const SIDES = ["left", "right"];
const PLAYED = 0.95; // of a video's length, heard at any time in any order
let study, trial;

const token = () => decodeURIComponent(location.hash.slice(1));

async function call(method, path, body) {
  const headers = token() ? { Authorization: `Bearer ${token()}` } : {};
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(path, { method, headers, body: method === "POST" ? JSON.stringify(body ?? {}) : undefined });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw Object.assign(new Error(typeof answer.detail === "string" ? answer.detail : "the request was refused"), { status: response.status });
  return answer;
}

// Runs what a button asks for; an error is told, and the button can be pressed again.
async function attempt(button, action) {
  button.disabled = true;
  at("notice").hidden = true;
  try {
    await action();
  } catch (error) {
    tell(error instanceof TypeError ? "The study cannot be reached. Your answers so far are safe: try again in a moment." : `${error.message}.`);
    button.disabled = false;
  }
}

function tell(text) {
  at("notice").textContent = text[0].toUpperCase() + text.slice(1);
  at("notice").hidden = false;
}

function show(name) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
  at("foot").hidden = !token() || ["welcome", "gone"].includes(name);
  at("progress").hidden = name !== "pair";
  scrollTo(0, 0);
  at(`${name}-head`).focus({ preventScroll: true });
}

function radios(name, choices) {
  return Object.entries(choices).map(([value, text]) => {
    const label = document.createElement("label"), input = document.createElement("input");
    Object.assign(input, { type: "radio", name, value });
    label.append(input, text);
    return label;
  });
}

function welcome() {
  at("trials").textContent = study.trials;
  at("minutes").textContent = Math.max(1, Math.ceil(study.trials * (study.seconds + 15) / 60));
  at("about").textContent = study.about;
  at("about").hidden = !study.about;
  show("welcome");
  if (!study.open && !token()) {
    at("consent").disabled = true;
    tell("This study is by invitation: use the link that you were sent.");
  }
}

function place(progress) {
  if (!progress.sound_heard) soundCheck(progress);
  else if (progress.trial) pair(progress);
  else show("thanks");
}

function soundCheck(progress) {
  at("tones").src = `/media/tones-${progress.tones}.flac`;
  at("tone-options").replaceChildren(...radios("tones", Object.fromEntries(study.tones.map(count => [count, String(count)]))));
  show("sound");
}

function pair(progress) {
  trial = progress.trial;
  at("pair-head").textContent = `Pair ${trial.position}: same picture, different music`;
  at("count").textContent = `${trial.position} of ${progress.trials}`;
  Object.assign(at("done"), { max: progress.trials, value: progress.answered });
  for (const side of SIDES) {
    at(side).src = `/media/${trial[side]}.mp4`;
    at(side).load();
  }
  at("fields").replaceChildren(...Object.entries(study.questions).map(([name, text]) => {
    const field = document.createElement("fieldset"), legend = document.createElement("legend"), options = document.createElement("div");
    legend.textContent = text;
    options.className = "options";
    options.append(...radios(name, study.choices));
    field.append(legend, options);
    return field;
  }));
  update();
  show("pair");
}

function played(video) {
  let seconds = 0;
  for (let i = 0; i < video.played.length; i++) seconds += video.played.end(i) - video.played.start(i);
  return video.duration > 0 && seconds >= PLAYED * video.duration;
}

// Questions open once both videos were played; Next once both are answered.
function update() {
  const done = SIDES.map(side => played(at(side)));
  SIDES.forEach((side, i) => {
    at(`state-${side}`).textContent = done[i] ? "✓ played" : "not played yet";
    at(`state-${side}`).classList.toggle("played", done[i]);
  });
  const ready = done.every(Boolean), fields = [...at("fields").children];
  fields.forEach(field => { field.disabled = !ready; });
  const hint = ready ? "You can play both again before you answer." : "Play both videos to their end, then answer.";
  if (at("hint").textContent !== hint) at("hint").textContent = hint;
  at("next").disabled = !ready || !fields.every(field => field.querySelector(":checked"));
}

for (const side of SIDES) {
  const video = at(side), other = at(SIDES.find(name => name !== side));
  video.addEventListener("play", () => other.pause());
  video.addEventListener("ratechange", () => { if (video.playbackRate !== 1) video.playbackRate = 1; });
  for (const event of ["timeupdate", "ended", "loadedmetadata", "pause"]) video.addEventListener(event, update);
  video.addEventListener("error", () => { if (video.error) tell("A video could not be loaded: reload the page to go on."); });
}
at("fields").addEventListener("change", update);
at("tone-options").addEventListener("change", () => { at("heard").disabled = false; });
at("consent").addEventListener("change", () => { at("start").disabled = !at("consent").checked; });

at("start").addEventListener("click", () => attempt(at("start"), async () => {
  const started = await call("POST", "/v1/raters");
  history.replaceState(null, "", `#${started.token}`);
  place(await call("GET", "/v1/progress"));
}));

at("heard").addEventListener("click", () => attempt(at("heard"), async () => {
  const tones = Number(document.querySelector("[name=tones]:checked").value);
  const { right } = await call("POST", "/v1/sound", { tones });
  if (!right) throw new Error("that is not the number of tones: check the volume and listen again");
  at("tones").pause();
  place(await call("GET", "/v1/progress"));
}));

at("questions").addEventListener("submit", event => {
  event.preventDefault();
  attempt(at("next"), async () => {
    const choices = Object.fromEntries(new FormData(at("questions")));
    SIDES.forEach(side => at(side).pause());
    place(await call("POST", "/v1/answers", { trial: trial.id, choices }));
  });
});

at("forget").addEventListener("click", () => at("sure").showModal());
at("sure").addEventListener("close", () => {
  if (at("sure").returnValue === "yes") attempt(at("forget"), async () => {
    SIDES.forEach(side => at(side).pause());
    await call("DELETE", "/v1/raters");
    history.replaceState(null, "", location.pathname);
    show("gone");
  });
});
addEventListener("hashchange", () => location.reload());

try {
  study = await call("GET", "/v1/study");
  document.title = at("title").textContent = study.title;
  const progress = token() ? await call("GET", "/v1/progress").catch(error => { if (error.status !== 401) throw error; }) : null;
  if (progress) place(progress);
  else welcome();
} catch {
  tell("The study cannot be reached: reload the page in a moment.");
}
