"use strict";

/* Exact two-sided binomial test: the probability, when every answer is a guess, of an outcome that is as improbable as
   the one seen or more so. The tests compare it with scipy.stats.binomtest. */
function binomialTwoSided(successes, trials, chance = 0.5) {
  if (!(Number.isInteger(successes) && Number.isInteger(trials) && successes >= 0 && successes <= trials)) {
    throw new RangeError(`${successes} of ${trials} is no count of answers`);
  }
  const logFactorial = [0];
  for (let n = 1; n <= trials; n += 1) logFactorial.push(logFactorial[n - 1] + Math.log(n));
  const probability = (k) => Math.exp(
    logFactorial[trials] - logFactorial[k] - logFactorial[trials - k]
    + k * Math.log(chance) + (trials - k) * Math.log(1 - chance));
  const seen = probability(successes) * (1 + 1e-7);
  let total = 0;
  for (let k = 0; k <= trials; k += 1) if (probability(k) <= seen) total += probability(k);
  return Math.min(1, total);
}
