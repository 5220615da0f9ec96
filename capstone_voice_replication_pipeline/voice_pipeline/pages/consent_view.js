/* Consent: the statement is read aloud, or a licence is named. */
import { byId, on, problem, sentence } from "./dom.js";
import { makeRecorder } from "./recorder.js";
import { call, formOf, read, voicePath } from "./service.js";

export function consentView(app) {
  let take = null;
  const recorder = makeRecorder(byId("consent-recorder"), {
    what: "Record the statement",
    ontake: (recorded) => {
      take = recorded;
      byId("consent-actions").hidden = false;
      byId("consent-send").focus();
    },
  });

  async function send(recording) {
    byId("consent-wait").textContent = "It is listened to ...";
    try {
      await call(voicePath(app.voice.id, "/consent"), { form: formOf({ recording }) });
    } finally {
      byId("consent-wait").textContent = "";
    }
    await changed();
  }

  async function changed() {
    await app.refresh();
    await show();
    byId("title-consent").focus();
  }

  on(byId("consent-send"), "click", () => send(take));
  on(byId("consent-file"), "change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    await send(file).finally(() => { event.target.value = ""; });
  });
  on(byId("licence"), "submit", async () => {
    const json = { licence: byId("licence-name").value, source: byId("licence-source").value };
    await call(voicePath(app.voice.id, "/licence"), { json });
    await changed();
  });
  on(byId("consent-revoke"), "click", async () => {
    if (!confirm("From now on nobody can train this voice or speak with it. Take the consent back?")) return;
    await call(voicePath(app.voice.id, "/consent"), { method: "DELETE" });
    await changed();
  });
  on(byId("voice-erase"), "click", async () => {
    const { id, name } = app.voice;
    if (!confirm(`Erase all recordings and models of "${name}"? It cannot be undone.`)) return;
    await call(voicePath(id, `?confirm=${encodeURIComponent(id)}`), { method: "DELETE" });
    location.hash = "";
  });

  async function show() {
    const { consent, id } = app.voice;
    const inForce = consent !== null && !consent.revoked;
    byId("consent-state").textContent = said(consent);
    byId("consent-ask").hidden = inForce;
    byId("consent-given").hidden = consent === null;
    byId("consent-revoke").hidden = !inForce;
    byId("consent-actions").hidden = true;
    recorder.reset();
    if (inForce) {
      recorder.close();
      return;
    }
    const asked = await read(voicePath(id, "/consent/statement"), { method: "POST" });
    byId("consent-text").textContent = asked.text;
  }

  return {
    id: "consent",
    label: "Consent",
    status: ({ consent }) => (consent && !consent.revoked ? "done" : consent ? "taken back" : ""),
    show: () => show().catch((error) => problem(byId("consent-state"), error)),
    hide: () => recorder.close(),
  };
}

function said(consent) {
  if (!consent) return "";
  const later = consent.revoked || consent.matched ? "" : " That is done before training.";
  return `${consent.revoked ? "Taken back" : "In force"}: ${sentence(consent.summary, false)}${later}`;
}
