"use strict";

/* The test itself. The sounds are taken out of the document at once; which of them is which, and the order of this
   session, are known only inside this function until the last answer is given. */
(() => {
  const byId = (id) => document.getElementById(id);
  const store = byId("sounds");
  const test = JSON.parse(store.textContent);
  store.remove();

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const coin = () => crypto.getRandomValues(new Uint8Array(1))[0] & 1;
  const below = (limit) => crypto.getRandomValues(new Uint32Array(1))[0] % limit;
  const key = bytes(test.key);
  const placeOfFirst = (pair) => (key[pair] ^ key[pair + test.pairs.length]) & 1;

  function shuffled(items) {
    const list = items.slice();
    for (let end = list.length - 1; end > 0; end -= 1) {
      const pick = below(end + 1);
      [list[end], list[pick]] = [list[pick], list[end]];
    }
    return list;
  }

  const numbers = test.pairs.map((_, number) => number);
  const order = [];
  while (order.length < test.trials) order.push(...shuffled(numbers));
  const trials = order.slice(0, test.trials).map((pair) => ({ pair, firstIsA: coin() === 1 }));
  const answers = [];
  const played = new Set();
  let urls = [];
  let shownAt = 0;

  function show() {
    const trial = trials[answers.length];
    const pair = test.pairs[trial.pair];
    const first = placeOfFirst(trial.pair);
    urls.forEach((url) => URL.revokeObjectURL(url));
    urls = [trial.firstIsA ? first : 1 - first, trial.firstIsA ? 1 - first : first].map((place) =>
      URL.createObjectURL(new Blob([bytes(pair.sounds[place])], { type: "audio/flac" })));
    byId("sound-a").src = urls[0];
    byId("sound-b").src = urls[1];
    byId("trial-title").textContent = `Pair ${answers.length + 1} of ${trials.length}`;
    byId("sentence").textContent = pair.text;
    played.clear();
    allow();
    shownAt = performance.now();
  }

  function allow() {
    const both = played.size === 2;
    byId("pick-a").disabled = !both;
    byId("pick-b").disabled = !both;
    byId("hint").textContent = both ? "You may play them again before you answer." : "Play both sounds, then answer.";
  }

  function pick(side) {
    const trial = trials[answers.length];
    ["sound-a", "sound-b"].forEach((id) => byId(id).pause());
    answers.push({
      pair: test.pairs[trial.pair].id,
      text: test.pairs[trial.pair].text,
      a: trial.firstIsA ? test.first : test.second,
      b: trial.firstIsA ? test.second : test.first,
      picked: side,
      seconds: Math.round((performance.now() - shownAt) / 100) / 10,
    });
    if (answers.length < trials.length) {
      show();
      byId("trial-title").focus();
    } else {
      finish();
    }
  }

  function finish() {
    const total = answers.length;
    const firsts = answers.filter((answer) => answer[answer.picked] === test.first).length;
    const p = binomialTwoSided(firsts, total);
    const kind = p >= 0.05 ? "unclear" : 2 * firsts > total ? "first" : "second";
    byId("verdict").textContent = test.words.counts
      .replace("{firsts}", firsts).replace("{total}", total).replace("{p}", p < 0.001 ? "below 0.001" : p.toFixed(3))
      + " " + test.words[kind];
    answers.forEach((answer, number) => {
      const row = byId("answers-given").insertRow();
      [number + 1, answer.text, answer.a, answer.b, answer.picked.toUpperCase()].forEach((value) => {
        row.insertCell().textContent = value;
      });
    });
    const record = {
      format: test.format, voice: test.voice, first: test.first, second: test.second, question: test.question,
      finished: new Date().toISOString(), trials: answers, first_picked: firsts, total, p_value: p,
    };
    const file = new Blob([JSON.stringify(record, null, 2) + "\n"], { type: "application/json" });
    byId("save").href = URL.createObjectURL(file);
    byId("trial").hidden = true;
    byId("result").hidden = false;
    byId("result-title").focus();
  }

  for (const side of ["a", "b"]) {
    const sound = byId(`sound-${side}`);
    sound.addEventListener("play", () => {
      played.add(side);
      byId(`sound-${side === "a" ? "b" : "a"}`).pause();
      allow();
    });
    sound.addEventListener("error", () => {
      if (sound.src) byId("hint").textContent = "This browser cannot play the sound (FLAC). Try another browser.";
    });
    byId(`pick-${side}`).addEventListener("click", () => pick(side));
  }
  show();
})();
