/* Recordings from files: each is matched with its sentence by its name, or by hand. */
import { byId, fill, make, on, sentence } from "./dom.js";
import { formOf, read, voicePath } from "./service.js";

export function uploads(app, prompts, changed) {
  let rows = [];

  function sentenceOf(file) {
    const found = prompts().find((prompt) => file.name.toLowerCase().includes(prompt.id));
    return found?.id ?? "";
  }

  byId("upload-files").addEventListener("change", (event) => {
    rows = [...event.target.files].map((file, number) => {
      const id = `upload-${number}`;
      const options = prompts().map((prompt, place) => make("option", { value: prompt.id }, `${place + 1}. ${prompt.text}`));
      const choice = make("select", { id }, make("option", { value: "" }, "Choose its sentence"), ...options);
      choice.value = sentenceOf(file);
      const said = make("span", { class: "soft" });
      return { file, choice, said, item: make("li", {}, make("label", { for: id }, file.name), choice, " ", said) };
    });
    fill(byId("upload-list"), ...rows.map((row) => row.item));
    byId("upload-form").hidden = rows.length === 0;
    byId("upload-state").textContent = "";
  });

  on(byId("upload-form"), "submit", async () => {
    let kept = 0;
    for (const [number, { file, choice, said }] of rows.entries()) {
      if (!choice.value) {
        said.textContent = "Not sent: its sentence is not chosen.";
        continue;
      }
      byId("upload-state").textContent = `${number + 1} of ${rows.length} is listened to ...`;
      try {
        const form = formOf({ prompt_id: choice.value, keep: "good", audio: file, device: "file" });
        const found = await read(voicePath(app.voice.id, "/takes"), { form });
        said.textContent = `${found.kept ? "Kept" : "Not kept"}: ${sentence(found.sentence)}`;
        kept += found.kept;
      } catch (error) {
        said.textContent = `Not kept: ${sentence(error.message)}`;
      }
    }
    await changed();
    byId("upload-state").textContent = `${kept} of ${rows.length} files kept.`;
  });

  return {
    reset() {
      rows = [];
      byId("upload-files").value = "";
      byId("upload-form").hidden = true;
      byId("upload-state").textContent = "";
    },
  };
}
