/* Training with its progress. */
import { byId, fill, make, on, problem } from "./dom.js";
import { jobPanel } from "./job_panel.js";
import { read } from "./service.js";

export function trainView(app) {
  const panel = jobPanel(app, byId("train-job"), {
    kind: "train",
    what: "Training the voice",
    again: "What was done stays: the same training goes on from there.",
    done: async () => {},
  });

  function options() {
    const number = (id) => (byId(id).value === "" ? null : Number(byId(id).value));
    return {
      engine: byId("train-engine").value,
      minutes: number("train-minutes"),
      steps: number("train-steps"),
      learning_rate: number("train-rate"),
      seed: number("train-seed") ?? 0,
      allow_few: byId("train-few").checked,
      budget: byId("train-budget").checked,
      accept_licence: byId("train-licence").checked,
    };
  }

  async function show() {
    if (!byId("train-engine").options.length) {
      const { data } = await read("/v1/models");
      const engines = data.map((model) => model.id).filter((id) => !/^(tts-1|gpt-)/.test(id));
      fill(byId("train-engine"), ...engines.map((id) => make("option", { selected: id === "starter" }, id)));
    }
    await panel.show();
  }

  on(byId("train-form"), "submit", () => panel.start(options()));

  return {
    id: "train",
    label: "Train",
    status: ({ ready, job }) => (job ? "a job runs" : ready ? "done" : ""),
    show: () => show().catch((error) => problem(byId("train-form"), error)),
    hide: panel.hide,
  };
}
