// node suite.mjs URL RESULTS PAUSE [ID]: asks the cache at URL what the suite asks, all of it or one test, which it then
// also prints, with PAUSE milliseconds before each request; writes a JSON list of {id, name, kind, suite, result} to
// RESULTS, where result is true or what went wrong.

import { writeFileSync } from 'fs'
import { setTimeout } from 'timers/promises'
import fetch from 'node-fetch'
import { getResults, runTests } from 'http-cache-tests/client/runner.mjs'
import surrogateControl from 'http-cache-tests/tests/surrogate-control.mjs'
import suites from 'http-cache-tests/tests/index.mjs'

const [url, resultsFile, pause, id] = process.argv.slice(2)

const atOnce = 40 // tests; with more, what is fresh for two seconds is stale on a slow machine when it is asked for
const chosen = []
for (const suite of [...suites, surrogateControl]) {
  const tests = suite.tests.filter(test => !test.browser_only && (!id || test.id === id))
  if (id) tests.forEach(test => { test.dump = true })
  if (tests.length > 0) chosen.push({ ...suite, tests })
}
await runTests(chosen, (...request) => setTimeout(Number(pause)).then(() => fetch(...request)), false, url, atOnce)

const results = getResults()
const outcomes = chosen.flatMap(suite => suite.tests.map(test => ({
  id: test.id,
  name: test.name,
  kind: test.kind ?? 'required',
  suite: suite.id,
  result: results[test.id] === true || results[test.id].join(': ')
})))
writeFileSync(resultsFile, JSON.stringify(outcomes))
