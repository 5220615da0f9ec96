/* Proof: the card, the voice beside the real one, and a blind test. */
import { byId, fill, make, on, play, problem, save } from "./dom.js";
import { embed, run } from "./embed.js";
import { jobPanel } from "./job_panel.js";
import { blobOf, read, voicePath } from "./service.js";

const NAMES = {
  real: "The real recording",
  clone: "Your voice",
  zero_shot: "Your voice before training",
  last: "The training's last state",
  griffin_lim: "The recording through Griffin-Lim",
};
const nameOf = (system) => NAMES[system] ?? system.replaceAll("_", " ");

export function proofView(app) {
  let samples = [];
  const path = (rest) => voicePath(app.voice.id, rest);
  const panel = jobPanel(app, byId("proof-job"), { kind: "evaluate", what: "Making the proof card", done: parts });

  async function parts() {
    byId("proof-parts").hidden = !app.voice.has_proof_card;
    byId("card").open = false;
    fill(byId("card-page"));
    fill(byId("blind-page"));
    if (!app.voice.has_proof_card) return;
    samples = (await read(path("/samples"))).data;
    fill(byId("compare-clip"), ...samples.map((sample) => make("option", { value: sample.clip }, sample.text)));
    await compare();
  }

  async function compare() {
    const sample = samples.find(({ clip }) => clip === byId("compare-clip").value);
    if (!sample) return;
    const players = await Promise.all(sample.systems.map(async (system) => {
      const player = make("audio", { controls: true, "aria-label": `${nameOf(system)}: ${sample.text}` });
      play(player, await blobOf(path(`/samples/${encodeURIComponent(system)}/${encodeURIComponent(sample.clip)}`)));
      return make("div", {}, make("p", {}, nameOf(system)), player);
    }));
    fill(byId("compare-players"), ...players);
  }

  on(byId("proof-form"), "submit", () => panel.start({}));
  on(byId("compare-clip"), "change", compare);
  on(byId("blind-form"), "submit", async () => {
    const page = await embed(path(`/blind_test.html?trials=${byId("blind-trials").value}`), byId("blind-page"));
    byId("blind-page").append(page.getElementById("sounds"));
    await run("binomial.js", "blind_test.js");
    byId("trial-title").focus();
  });
  on(byId("card"), "toggle", async () => {
    if (byId("card").open) await embed(path("/proof_card.html"), byId("card-page"));
  });
  on(byId("card-picture"), "click", async () => save(await blobOf(path("/proof_card.png")), `proof_card_${app.voice.id}.png`));

  return {
    id: "proof",
    label: "Proof",
    status: ({ has_proof_card: made }) => (made ? "done" : ""),
    show: () => Promise.all([parts(), panel.show()]).catch((error) => problem(byId("proof-form"), error)),
    hide: () => {
      panel.hide();
      fill(byId("blind-page"));
    },
  };
}
