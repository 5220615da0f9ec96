/* Speaking: heard while it is made, then kept to listen again and to download. */
import { byId, on, play, problem, save, sentence } from "./dom.js";
import { wav } from "./microphone.js";
import { PcmPlayer } from "./pcm_player.js";
import { blobOf, call, formOf, read } from "./service.js";

const KEEP_SECONDS = 600; // what is longer is not kept in this page, only downloaded

export function speakView(app) {
  let running = null;
  let request = null;
  const text = byId("speak-text");
  const speed = byId("speak-speed");
  const state = byId("speak-state");

  const count = () => { byId("speak-count").textContent = `${text.value.length.toLocaleString("en")} of 200,000 characters`; };
  text.addEventListener("input", count);
  speed.addEventListener("input", () => { byId("speak-speed-value").textContent = Number(speed.value).toFixed(2); });

  async function speak() {
    const player = new PcmPlayer(); // made while the browser knows that a person asked for sound
    running = { player, abort: new AbortController() };
    byId("speak-stop").disabled = false;
    byId("speak-result").hidden = true;
    state.textContent = "It begins ...";
    request = { model: "tts-1", voice: app.voice.id, input: text.value, speed: Number(speed.value) };
    const started = performance.now();
    try {
      const json = { ...request, response_format: "wav", stream: true };
      const answer = await call("/api/speech", { json, signal: running.abort.signal });
      byId("speak-origin").textContent = `Noted as ${answer.headers.get("X-Provenance-Id")} in the voice's list of what it said.`;
      for await (const seconds of player.feed(answer.body, running.abort.signal, KEEP_SECONDS)) {
        if (!seconds) state.textContent = `First sound after ${((performance.now() - started) / 1000).toFixed(2)} seconds.`;
      }
      state.textContent += ` ${player.seconds.toFixed(1)} seconds of speech.`;
      show(player);
      await player.heard(running.abort.signal);
    } catch (error) {
      if (error.name !== "AbortError") state.textContent = "";
      throw error;
    } finally {
      player.close();
      byId("speak-stop").disabled = true;
      running = null;
    }
  }

  function show(player) {
    byId("speak-result").hidden = false;
    byId("speak-player").hidden = true;
    if (player.seconds <= KEEP_SECONDS) play(byId("speak-player"), wav(player.kept, player.rate));
  }

  function stop() {
    if (!running) return;
    running.abort.abort();
    state.textContent = "Stopped.";
  }

  on(byId("speak-form"), "submit", speak);
  byId("speak-stop").addEventListener("click", stop);
  on(byId("speak-save"), "click", async () => {
    const format = byId("speak-format").value;
    state.textContent = "The file is made ...";
    const file = await blobOf("/api/speech", { json: { ...request, response_format: format } });
    save(file, `${request.voice}.${format === "opus" ? "ogg" : format}`);
    state.textContent = "The file is saved. Its tags say where it comes from.";
  });

  on(byId("verify-file"), "change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    byId("verify-result").textContent = "It is listened to ...";
    try {
      byId("verify-result").textContent = origin(await read("/api/verify", { form: formOf({ file }) }));
    } catch (error) {
      byId("verify-result").textContent = sentence(error.message);
    }
    event.target.value = "";
  });

  async function begin() {
    count();
    byId("speak-result").hidden = true;
    state.textContent = "";
    if (!app.voice.ready) state.textContent = "This voice cannot speak yet: it needs consent and training.";
    byId("speak-start").disabled = !app.voice.ready;
  }

  return {
    id: "speak",
    label: "Speak",
    status: ({ ready }) => (ready ? "ready" : ""),
    show: () => begin().catch((error) => problem(text, error)),
    hide: stop,
  };
}

function origin({ known, record, share }) {
  if (!known) return "No voice of this service spoke it, as far as can be heard.";
  const how = {
    exact: "It is the very file",
    tag: "Its tags name what",
    sound: `It sounds like what (${Math.round(100 * share)} % agree)`,
  }[known];
  return record ? `${how} the voice "${record.voice}" spoke (${record.id}).` : `${how} a voice of this service spoke.`;
}
