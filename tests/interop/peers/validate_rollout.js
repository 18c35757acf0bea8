// Reads Rollouts as JSON, a list, on standard input; says what their schema does not accept.
const { Rollout } = require('@kubernetes-models/argo-rollouts/argoproj.io/v1alpha1/Rollout');
let bad = 0;
for (const doc of JSON.parse(require('fs').readFileSync(0, 'utf8'))) {
  try { new Rollout(doc).validate(); } catch (e) { bad = 1; console.log(e.message); }
}
process.exitCode = bad;
