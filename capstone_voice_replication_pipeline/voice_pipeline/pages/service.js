/* Calls the service. What it refuses is thrown as an error with the service's own words. */
import { byId } from "./dom.js";

let key = sessionStorage.getItem("voice-key") ?? "";
let asking = null;

export class Refused extends Error {
  constructor(status, message, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/* The answer of a request: `json` is sent as JSON, `form` as a form with files. Asks for the key when it is wanted. */
export async function call(path, { method, json, form, signal } = {}) {
  const headers = json ? { "Content-Type": "application/json" } : {};
  if (key) headers.Authorization = `Bearer ${key}`;
  const body = json ? JSON.stringify(json) : form;
  let answer;
  try {
    answer = await fetch(path, { method: method ?? (body ? "POST" : "GET"), headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The service does not answer. Is it still running?", "no_answer");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) {
    await askForKey();
    return call(path, { method, json, form, signal });
  }
  const told = (await answer.json().catch(() => ({}))).error ?? {};
  throw new Refused(answer.status, told.message ?? `The service answered with status ${answer.status}`, told.code);
}

export const read = async (path, options) => (await call(path, options)).json();
export const blobOf = async (path, options) => (await call(path, options)).blob();
export const voicePath = (voice, rest = "") => `/api/voices/${encodeURIComponent(voice)}${rest}`;

export function formOf(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) form.append(name, value, value.name ?? "recording.wav");
    else form.append(name, value);
  }
  return form;
}

/* Follow a job until it ends; `told` gets every state. Comes again when the connection breaks. */
export async function follow(id, told, signal) {
  for (;;) {
    let state = null;
    for await (const line of lines(await call(`/api/jobs/${id}/events`, { signal }))) {
      if (!line.startsWith("data: ")) continue;
      state = JSON.parse(line.slice(6));
      told(state);
    }
    state = await read(`/api/jobs/${id}`, { signal });
    told(state);
    if (!isActive(state)) return state;
    await new Promise((wake) => setTimeout(wake, 1000));
  }
}

export const isActive = (job) => job.status === "queued" || job.status === "running";

async function* lines(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      yield* parts;
    }
  } catch (error) {
    if (error.name === "AbortError") throw error; // a broken connection only ends the lines
  }
}

function askForKey() {
  asking ??= new Promise((given) => {
    const dialog = byId("key-dialog");
    if (key) byId("key-why").textContent = "That key is wrong. Whoever runs the service can tell it to you.";
    byId("key-value").value = "";
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => {
      key = byId("key-value").value.trim();
      sessionStorage.setItem("voice-key", key);
      asking = null;
      given();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}
