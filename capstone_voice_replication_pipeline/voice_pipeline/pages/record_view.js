/* Takes: one sentence at a time, judged at once; or files. */
import { byId, fill, make, on, play, problem, sentence } from "./dom.js";
import { makeRecorder } from "./recorder.js";
import { blobOf, call, formOf, read, voicePath } from "./service.js";
import { uploads } from "./uploads.js";

export function recordView(app) {
  let prompts = [];
  let at = 0;
  let last = null;
  const recorder = makeRecorder(byId("take-recorder"), { what: "Record the sentence", ontake: judge });
  const files = uploads(app, () => prompts, reload);

  const prompt = () => prompts[at];
  const path = (rest) => voicePath(app.voice.id, `/takes${rest}`);

  async function judge(take, device) {
    last = { take, device };
    await send("good");
  }

  async function send(keep) {
    const { id } = prompt();
    byId("take-verdict").textContent = "It is listened to ...";
    byId("take-anyway").hidden = true;
    problem(byId("take-verdict"), null);
    let found;
    try {
      const fields = { prompt_id: id, keep, audio: last.take, ...(last.device && { device: last.device.slice(0, 200) }) };
      found = await read(path(""), { form: formOf(fields) });
    } catch (error) {
      byId("take-verdict").textContent = "";
      problem(byId("take-verdict"), error);
      return;
    }
    await reload();
    byId("take-verdict").textContent = `${found.kept ? "Kept" : "Not kept"}: ${sentence(found.sentence)}`;
    byId("take-anyway").hidden = found.kept;
    if (found.kept) byId(found.left ? "take-next" : "title-record").focus();
    else recorder.focus();
  }

  async function reload() {
    prompts = (await read(voicePath(app.voice.id, "/prompts"))).data;
    render();
    await app.refresh();
  }

  function render() {
    const { text, expected_seconds: seconds, recorded } = prompt();
    byId("take-place").textContent = `Sentence ${at + 1} of ${prompts.length}, about ${Math.round(seconds)} seconds`;
    byId("take-text").textContent = text;
    byId("take-kept").hidden = !recorded;
    byId("take-back").disabled = at === 0;
    byId("take-next").disabled = at === prompts.length - 1;
    fill(byId("take-list"), ...prompts.map((row, number) => {
      const [mark, kind] = stateOf(row);
      const button = make("button", { type: "button", "aria-current": number === at ? "true" : null, onclick: () => open(number) },
        `${number + 1}. ${row.text}`, make("span", { class: `mark ${kind}` }, mark));
      return make("li", {}, button);
    }));
  }

  function open(number) {
    at = number;
    last = null;
    render();
    recorder.reset();
    byId("take-verdict").textContent = "";
    byId("take-anyway").hidden = true;
    byId("take-player").hidden = true;
    recorder.focus();
  }

  on(byId("take-anyway"), "click", () => send("always"));
  on(byId("take-back"), "click", () => open(at - 1));
  on(byId("take-next"), "click", () => open(nextOf(prompts, at)));
  on(byId("take-hear"), "click", async () => {
    const player = byId("take-player");
    play(player, await blobOf(path(`/${prompt().id}/audio`)));
    await player.play().catch(() => player.focus());
  });
  on(byId("take-drop"), "click", async () => {
    await call(path(`/${prompt().id}`), { method: "DELETE" });
    byId("take-player").hidden = true;
    await reload();
    recorder.focus();
  });

  async function show(wanted) {
    prompts = (await read(voicePath(app.voice.id, "/prompts"))).data;
    const found = prompts.findIndex((row) => row.id === wanted || (!wanted && !row.recorded));
    at = Math.max(0, found);
    last = null;
    byId("take-verdict").textContent = "";
    byId("take-anyway").hidden = true;
    byId("take-player").hidden = true;
    recorder.reset();
    files.reset();
    render();
  }

  return {
    id: "record",
    label: "Record",
    status: ({ recordings, prompts: all }) => (recordings >= all ? "done" : `${recordings} of ${all}`),
    show: (wanted) => show(wanted).catch((error) => problem(byId("take-verdict"), error)),
    hide: () => recorder.close(),
  };
}

/* The next sentence without a take, or simply the next one. */
function nextOf(prompts, at) {
  const open = prompts.findIndex((row, number) => number > at && !row.recorded);
  return open === -1 ? Math.min(at + 1, prompts.length - 1) : open;
}

function stateOf({ recorded, check }) {
  if (!recorded) return ["to be read", ""];
  return check && !check.ok ? ["kept, although the check found something", ""] : ["kept", "kept"];
}
