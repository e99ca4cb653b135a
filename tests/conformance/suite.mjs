// node suite.mjs URL METRICS RESULTS [ID]: asks the cache at URL what the suite asks, all of it or one test, which it then
// also prints; before each request it waits until nothing is on its way into the store, as METRICS says, or the origin
// keeps something on its way for long. Writes a JSON list of {id, name, kind, suite, result} to RESULTS, where result is
// true or what went wrong.

import { writeFileSync } from 'fs'
import { setTimeout } from 'timers/promises'
import fetch from 'node-fetch'
import { getResults, runTests } from 'http-cache-tests/client/runner.mjs'
import surrogateControl from 'http-cache-tests/tests/surrogate-control.mjs'
import suites from 'http-cache-tests/tests/index.mjs'

const [url, metrics, resultsFile, id] = process.argv.slice(2)

const chosen = []
for (const suite of [...suites, surrogateControl]) {
  const tests = suite.tests.filter(test => !test.browser_only && (!id || test.id === id))
  if (id) tests.forEach(test => { test.dump = true })
  if (tests.length > 0) chosen.push({ ...suite, tests })
}

const onItsWay = /^weir_(transfers|redis_pending_put_bytes|background_fetches) (?!0$)/m
async function storeIsQuiet () {
  const limit = Date.now() + 2000
  // Twice in a row: between the two, what was handed from one gauge to another has come out of both.
  for (let seen = 0; seen < 2 && Date.now() < limit;) {
    const text = await (await fetch(metrics)).text()
    seen = onItsWay.test(text) ? 0 : seen + 1
    if (seen === 0) await setTimeout(5)
  }
}
await runTests(chosen, async (...request) => { await storeIsQuiet(); return fetch(...request) }, false, url)

const results = getResults()
const outcomes = chosen.flatMap(suite => suite.tests.map(test => ({
  id: test.id,
  name: test.name,
  kind: test.kind ?? 'required',
  suite: suite.id,
  result: results[test.id] === true || results[test.id].join(': ')
})))
writeFileSync(resultsFile, JSON.stringify(outcomes))
