// Requests to the server. Every refusal becomes an Error whose message is the server's reason.

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The server cannot be reached: is it running?");
  }
  if (!answer.ok) throw await refusal(answer.status, await answer.text(), answer.headers.get("Retry-After"));
  return answer.status === 204 ? null : answer.json();
}

async function refusal(status, text, retry) {
  let detail;
  try {
    detail = JSON.parse(text).detail;
  } catch { /* not ours */ }
  const again = retry ? ` (try again in ${retry} s)` : "";
  return Object.assign(new Error((detail ?? `The server answered with status ${status}.`) + again), { status });
}

const json = (value) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });

export const session = () => ask("/v1/session");
export const login = (token) => ask("/v1/session", json({ token }));
export const models = () => ask("/v1/models");
export const bounds = () => ask("/v1/bounds");
export const job = (id) => ask(`/v1/jobs/${id}`);
export const analysis = (id) => ask(`/v1/jobs/${id}/analysis`);
export const again = (id, body) => ask(`/v1/jobs/${id}/again`, json(body));
export const cancel = (id) => ask(`/v1/jobs/${id}/cancel`, { method: "POST" });

/** Send a video; `progress` gets the share that has been sent. */
export function send(file, model, options, progress) {
  const form = new FormData();
  if (model) form.append("model", model);
  form.append("options", JSON.stringify(options));
  form.append("video", file);
  const request = new XMLHttpRequest();
  const answer = new Promise((resolve, reject) => {
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => reject(new Error("The connection ended before the video had arrived."));
    request.onabort = () => reject(new Error("The upload was cancelled."));
    request.onload = async () => {
      if (request.status === 202) resolve(JSON.parse(request.responseText));
      else reject(await refusal(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    };
  });
  request.open("POST", "/v1/jobs");
  request.send(form);
  return { answer, abort: () => request.abort() };
}

/** Call `seen` with the job at each change, until it has ended or the returned function is called. */
export function follow(id, seen, gone) {
  const events = new EventSource(`/v1/jobs/${id}/events`);
  events.addEventListener("job", (event) => {
    const view = JSON.parse(event.data);
    if (!["queued", "running"].includes(view.state)) events.close();
    seen(view);
  });
  events.addEventListener("gone", () => { events.close(); gone(); });
  events.onerror = async () => {
    if (events.readyState !== EventSource.CLOSED) return; // it connects again by itself
    try {
      seen(await job(id));
      setTimeout(() => follow(id, seen, gone), 3000);
    } catch { gone(); }
  };
  return () => events.close();
}
