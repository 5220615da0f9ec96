/* A microphone with a level meter and one big button. Hands over each take as a WAV blob. */
import { fill, make, on, play } from "./dom.js";
import { Microphone } from "./microphone.js";

let number = 0;

export function makeRecorder(place, { what, ontake }) {
  number += 1;
  const id = `recorder-${number}`;
  let microphone = null;
  let recording = false;
  let shown = 0;
  let highest = 0;

  const talk = make("button", { type: "button", class: "talk" }, "Turn the microphone on");
  const cue = make("p", { class: "cue", role: "status" });
  const word = make("span", { class: "soft" });
  const meter = make("meter", { id: `${id}-level`, min: 0, max: 60, low: 20, high: 57, optimum: 45, value: 0 });
  const level = make("p", { hidden: true }, make("label", { for: `${id}-level`, class: "level" }, "Level ", word), meter);
  const devices = make("select", { id: `${id}-device` });
  const device = make("p", { hidden: true }, make("label", { for: `${id}-device` }, "Microphone "), devices);
  const player = make("audio", { controls: true, hidden: true, "aria-label": "Your last take" });
  place.append(make("div", { class: "recorder", role: "group", "aria-label": what }, talk, cue, level, device, player));

  function onlevel(peak) {
    shown = Math.max(peak, 0.85 * shown);
    highest = Math.max(highest, peak);
    meter.value = Math.max(0, 60 + 20 * Math.log10(shown + 1e-6));
    const text = highest >= 0.99 ? "too loud: move back a little" : highest >= 0.05 ? "good" : "quiet so far";
    if (word.textContent !== text) word.textContent = text;
  }

  async function open() {
    cue.textContent = "The browser may ask whether it may use the microphone.";
    microphone = await Microphone.open(onlevel, devices.value).finally(() => { cue.textContent = ""; });
    level.hidden = false;
    const inputs = (await navigator.mediaDevices.enumerateDevices()).filter((found) => found.kind === "audioinput");
    fill(devices, ...inputs.map((found) => make("option", { value: found.deviceId, selected: found.label === microphone.label }, found.label)));
    device.hidden = inputs.length < 2;
    talk.textContent = "Record";
    cue.textContent = "Say something and look at the level. Then press Record, read, and press Stop.";
  }

  on(talk, "click", async () => {
    if (!microphone) return open();
    if (!recording) {
      recording = true;
      highest = 0;
      player.pause();
      microphone.start();
      talk.textContent = "Stop";
      talk.classList.add("live");
      cue.textContent = "Read now.";
      microphone.recorded.then(finish);
      return undefined;
    }
    return microphone.stop();
  });

  async function finish(take) {
    recording = false;
    talk.textContent = "Record again";
    talk.classList.remove("live");
    cue.textContent = "";
    play(player, take);
    await ontake(take, microphone?.label ?? "");
  }

  devices.addEventListener("change", () => { close(); talk.click(); });

  function close() {
    microphone?.close();
    microphone = null;
    recording = false;
    level.hidden = true;
    talk.classList.remove("live");
    talk.textContent = "Turn the microphone on";
  }

  return {
    /* Ready for another text. */
    reset() {
      if (microphone && !recording) talk.textContent = "Record";
      cue.textContent = "";
      player.hidden = true;
    },
    say: (text) => { cue.textContent = text; },
    focus: () => talk.focus(),
    close,
  };
}
