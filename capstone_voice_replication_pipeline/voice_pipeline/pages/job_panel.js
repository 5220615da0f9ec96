/* A job with its progress bar, how long it runs, and a way to stop it. */
import { make, on, problem, sentence } from "./dom.js";
import { follow, isActive, read } from "./service.js";

export function jobPanel(app, place, { kind, what, done, again = "" }) {
  const bar = make("progress", { max: 1, value: 0, "aria-label": what });
  const said = make("p", {});
  const told = make("p", { class: "unseen", role: "status" });
  const cancel = make("button", { type: "button", class: "danger" }, "Cancel");
  const box = make("div", { class: "job", hidden: true }, said, bar, told, cancel);
  place.append(box);
  let id = null;
  let watching = null;
  let announced = "";

  function draw(job) {
    box.hidden = false;
    bar.hidden = cancel.hidden = !isActive(job);
    bar.value = job.share;
    const text = words(job);
    said.textContent = text;
    const step = `${job.status} ${Math.floor(10 * job.share)}`; // a screen reader hears every tenth
    if (step !== announced) told.textContent = text;
    announced = step;
  }

  function words(job) {
    if (job.status === "queued") return "Waits until another job is done.";
    if (job.status === "running") return `${Math.round(100 * job.share)} %: ${job.sentence} (${clock(Date.now() / 1000 - job.started_at)})`;
    if (job.status === "succeeded") return `Done in ${clock(job.finished_at - job.started_at)}.`;
    if (job.status === "cancelled") return `Cancelled. ${again}`;
    return `Failed: ${sentence(job.error?.message ?? "unknown reason")} ${again}`;
  }

  async function watch(job) {
    id = job.id;
    watching?.abort();
    watching = new AbortController();
    draw(job);
    if (!isActive(job)) return;
    const last = await follow(job.id, draw, watching.signal);
    await app.refresh();
    if (last.status === "succeeded") await done(last);
  }

  on(cancel, "click", async () => draw(await read(`/api/jobs/${id}/cancel`, { method: "POST" })));

  const quietly = (work) => work.catch((error) => { if (error.name !== "AbortError") problem(box, error); });

  return {
    /* Start one and follow it. */
    async start(options) {
      const job = await read(`/api/voices/${encodeURIComponent(app.voice.id)}/jobs`, { json: { kind, ...options } });
      quietly(watch(job));
      await app.refresh();
    },
    /* Take up the last one of the voice. */
    async show() {
      box.hidden = true;
      const { data } = await read(`/api/jobs?voice=${encodeURIComponent(app.voice.id)}`);
      const last = data.find((job) => job.kind === kind);
      if (last) quietly(watch(last));
    },
    hide() {
      watching?.abort();
    },
  };
}

function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
