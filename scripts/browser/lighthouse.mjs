/** Lighthouse on a page of this machine, in a Chromium of its own. */
import assert from 'node:assert/strict'
import { launch } from 'chrome-launcher'
import lighthouse from 'lighthouse'
import { FLAGS, findChromium } from './chromium.mjs'

/** A busy machine makes a fast page look slow: the best of so many counts. */
const RUNS = 3

/**
 * @param {string} address
 * @param {Record<string, number>} wanted least score by category, of 100: `{ accessibility: 100, performance: 95 }`
 * @param {Record<string, string>} extraHeaders of every request
 * @returns {Promise<Record<string, number>>} best scores
 * @throws AssertionError that says what Lighthouse finds wanting
 */
export async function expectLighthouse(address, wanted, extraHeaders = {}) {
  const chrome = await launch({ chromePath: findChromium(), chromeFlags: ['--headless', ...FLAGS], logLevel: 'silent' })
  try {
    const best = {}
    let wanting = ''
    for (let run = 0; run < RUNS; run++) {
      const result = await lighthouse(address, {
        port: chrome.port,
        output: 'json',
        logLevel: 'silent',
        onlyCategories: Object.keys(wanted),
        extraHeaders
      })
      const { categories, audits, runtimeError } = result.lhr
      assert.equal(runtimeError, undefined, runtimeError?.message)
      for (const { id, score } of Object.values(categories)) best[id] = Math.max(best[id] ?? 0, Math.round(score * 100))
      if (Object.entries(wanted).every(([category, least]) => best[category] >= least)) return best
      wanting = Object.values(audits)
        .filter(({ score }) => score !== null && score < 1)
        .map(({ id, displayValue }) => `${id} ${displayValue ?? ''}`)
        .join('; ')
    }
    assert.fail(`Lighthouse gives ${address} ${JSON.stringify(best)} where ${JSON.stringify(wanted)} is wanted: ${wanting}`)
  } finally {
    chrome.kill()
  }
}
