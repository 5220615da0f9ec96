/* The ledger: every recording accepted, or rejected with its reason. */
import { byId, fill, make, on, problem } from "./dom.js";
import { embed } from "./embed.js";
import { jobPanel } from "./job_panel.js";
import { read, voicePath } from "./service.js";

export function checkView(app) {
  const panel = jobPanel(app, byId("check-job"), { kind: "prepare", what: "Looking at the recordings", done: ledger });

  async function ledger() {
    const made = app.voice.accepted + app.voice.rejected > 0;
    const found = made ? await read(voicePath(app.voice.id, "/ledger")) : null;
    byId("check-whole").hidden = found === null;
    byId("check-counts").textContent = found ? `${found.accepted} accepted, ${found.rejected} rejected.` : "";
    fill(byId("check-again"));
    fill(byId("check-page"));
    byId("check-whole").open = false;
    if (!found?.record_again.length) return;
    const texts = new Map(found.rows.map((row) => [row.id, row]));
    const items = found.record_again.map((id) => {
      const row = texts.get(id);
      const why = row.reasons.map((reason) => reason.repair).join(" ");
      return make("li", {}, row.text || row.file, make("span", { class: "why" }, ` ${why} `),
        make("button", { type: "button", class: "quiet", onclick: () => app.go("record", id) }, "Record again"));
    });
    fill(byId("check-again"), make("h3", {}, "Record again"), make("ol", {}, ...items));
  }

  on(byId("check-form"), "submit", () => panel.start({ allow_few: byId("check-few").checked }));
  on(byId("check-whole"), "toggle", async () => {
    if (byId("check-whole").open) await embed(voicePath(app.voice.id, "/ledger.html"), byId("check-page"));
  });

  return {
    id: "check",
    label: "Check",
    status: ({ accepted, rejected }) => (accepted + rejected ? `${accepted} accepted` : ""),
    show: () => Promise.all([ledger(), panel.show()]).catch((error) => problem(byId("check-counts"), error)),
    hide: panel.hide,
  };
}
