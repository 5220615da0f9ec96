/* The page: which voice, which step, what to do next. The address after "#" is VOICE/STEP, so it can be kept. */
import { checkView } from "./check_view.js";
import { consentView } from "./consent_view.js";
import { byId, fill, make, on, problem } from "./dom.js";
import { proofView } from "./proof_view.js";
import { recordView } from "./record_view.js";
import { read, voicePath } from "./service.js";
import { speakView } from "./speak_view.js";
import { trainView } from "./train_view.js";

const app = { voice: null, refresh, go };
const views = [consentView, recordView, checkView, trainView, speakView, proofView].map((make_) => make_(app));
const buttons = new Map(views.map((view, number) => {
  const state = make("small");
  const button = make("button", { type: "button", onclick: () => go(view.id) }, `${number + 1}. ${view.label}`, state);
  byId("steps").append(make("li", {}, button));
  return [view, { button, state }];
}));
let shown = null;
let detail = null;

/* Ask the service again how far the voice is. */
async function refresh() {
  if (app.voice) app.voice = await read(voicePath(app.voice.id));
  render();
}

function go(step, what = null) {
  detail = what;
  const target = `#${app.voice.id}/${step}`;
  if (location.hash === target) open(true);
  else location.hash = target;
}

/* What a person should do now: [words, step]. */
function next({ consent, recordings, prompts, accepted, rejected, ready, job, has_proof_card: proved }) {
  if (job) return ["a job runs; you may wait, or come back later.", "train"];
  if (!consent || consent.revoked) return ["the speaker reads the statement of consent.", "consent"];
  if (recordings < prompts && !ready) return [`record ${prompts - recordings} more of ${prompts} sentences.`, "record"];
  if (!accepted && !rejected && !ready) return ["let the recordings be looked at.", "check"];
  if (!ready) return [`train the voice on ${accepted} accepted recordings.`, "train"];
  if (!proved) return ["write a text and listen; then make the proof card.", "speak"];
  return ["everything is done. Speak, or ask somebody to take the blind test.", "speak"];
}

function render() {
  const { voice } = app;
  for (const [view, { button, state }] of buttons) {
    const text = voice ? view.status(voice) : "";
    button.disabled = !voice;
    if (view === shown) button.setAttribute("aria-current", "step");
    else button.removeAttribute("aria-current");
    state.textContent = text || "\u00a0";
    state.className = ["done", "ready"].includes(text) ? "done" : "";
  }
  const [words, step] = voice ? next(voice) : ["give your voice a name.", null];
  const here = !step || step === shown?.id;
  const parts = [make("strong", {}, "Next: "), words];
  if (!here) parts.push(make("button", { type: "button", class: "quiet", onclick: () => go(step) }, `Go to ${views.find(({ id }) => id === step).label}`));
  if (byId("next").textContent !== parts.map((part) => part.textContent ?? part).join("")) fill(byId("next"), ...parts);
}

async function open(moveFocus) {
  const [, id, step] = location.hash.match(/^#([a-z0-9_-]+)(?:\/([a-z]+))?$/) ?? [];
  const { data } = await read("/api/voices");
  app.voice = data.find((voice) => voice.id === id) ?? data[0] ?? null;
  fill(byId("voice"), ...data.map((voice) => make("option", { value: voice.id, selected: voice.id === app.voice.id }, voice.name)));
  byId("voice").disabled = data.length === 0;
  if (!data.length) toggleForm(true);
  const wanted = app.voice && (views.find((view) => view.id === step) ?? views.find((view) => view.id === next(app.voice)[1]));
  if (shown !== wanted) shown?.hide();
  shown = wanted;
  for (const view of views) byId(`step-${view.id}`).hidden = view !== shown;
  render();
  if (!shown) return;
  problem(byId(`title-${shown.id}`), null);
  document.title = `${shown.label}: ${app.voice.name}`;
  if (moveFocus) byId(`title-${shown.id}`).focus();
  const what = detail;
  detail = null;
  await shown.show(what);
}

function toggleForm(visible) {
  byId("new-voice").hidden = !visible;
  byId("begin-voice").setAttribute("aria-expanded", String(visible));
}

byId("begin-voice").addEventListener("click", () => {
  toggleForm(byId("new-voice").hidden);
  if (!byId("new-voice").hidden) byId("new-name").focus();
});
on(byId("new-voice"), "submit", async () => {
  const made = await read("/api/voices", { json: { name: byId("new-name").value, language: byId("new-language").value } });
  byId("new-voice").reset();
  toggleForm(false);
  location.hash = `#${made.id}/consent`;
});
byId("voice").addEventListener("change", (event) => { location.hash = `#${event.target.value}/${shown?.id ?? "consent"}`; });
const trouble = (error) => problem(byId("new-voice"), error);
window.addEventListener("hashchange", () => open(true).catch(trouble));
window.addEventListener("pagehide", () => shown?.hide());
open(false).catch(trouble);
