/** Lighthouse on a page of this machine, in a Chromium of its own. */
import assert from 'node:assert/strict'
import { launch } from 'chrome-launcher'
import lighthouse from 'lighthouse'
import { FLAGS, findChromium } from './chromium.mjs'

/** What Lighthouse itself calls a good page. */
const MOST_LAYOUT_SHIFT = 0.1
/** At which nobody looks for a better run. */
const GOOD = 95
/** A busy machine loses Lighthouse's traces now and then (NO_NAVSTART and the like), which says nothing of the page. */
const TRIES = 6

/**
 * Demands that the page is accessible without exception, and that what is on it stays where it is. How fast it is depends on what else the machine does: that is measured, and demanded of
 * no test.
 *
 * @param {string} address
 * @param {number} runs at most so many, while performance is below 95: a busy machine makes a fast page look slow, and the best counts
 * @returns {Promise<{ accessibility: number, performance: number, layoutShift: number }>} of 100; the shift as Lighthouse has it
 * @throws AssertionError that says what Lighthouse finds wanting
 */
export async function expectLighthouse(address, runs = 1) {
  const chrome = await launch({ chromePath: findChromium(), chromeFlags: ['--headless', ...FLAGS], logLevel: 'silent' })
  try {
    let best = { accessibility: 0, performance: -1, layoutShift: 0 }
    for (let run = 0; run < runs && best.performance < GOOD; run++) {
      const { categories, audits } = await look(address, chrome.port)
      const wanting = Object.values(audits)
        .filter(({ score }) => score !== null && score < 1)
        .map(({ id, displayValue }) => `${id} ${displayValue ?? ''}`)
        .join('; ')
      const [accessibility, performance] = [categories.accessibility, categories.performance].map(({ score }) => Math.round(score * 100))
      const layoutShift = audits['cumulative-layout-shift'].numericValue
      assert.equal(accessibility, 100, `Lighthouse on the accessibility of ${address}: ${wanting}`)
      assert.ok(layoutShift <= MOST_LAYOUT_SHIFT, `what ${address} shows shifts by ${layoutShift}: ${wanting}`)
      if (performance > best.performance) best = { accessibility, performance, layoutShift }
    }
    return best
  } finally {
    chrome.kill()
  }
}

async function look(address, port) {
  for (let tries = 1; ; tries++) {
    const { lhr } = await lighthouse(address, {
      port,
      output: 'json',
      logLevel: 'silent',
      onlyCategories: ['accessibility', 'performance']
    })
    const { runtimeError } = lhr
    if (runtimeError === undefined) return lhr
    assert.ok(tries < TRIES, `Lighthouse on ${address}: ${runtimeError.message}`)
  }
}
