/**
 * Bundles in Chromium: `npm run test:browser`. ring, ckks and mhe on one thread and on several; and a page that asks a cohort outside it.
 */
import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { chromium } from 'playwright-core'
import { bundleByEsbuild, bundleByVite } from '../../packages/slytherin/test/support/bundle.ts'
import { askAsPage } from './ask.mjs'
import { findChromium } from './chromium.mjs'
import { serve } from './serve.mjs'

/** Of 4096 slots the worst is beyond six standard deviations once in 10^5 runs. */
const DEVIATIONS = 6.5
const BUNDLERS = { esbuild: bundleByEsbuild, Vite: bundleByVite }

const browser = await chromium.launch({ executablePath: findChromium(), args: ['--no-sandbox'] })
console.log(`Chromium ${browser.version()}`)
try {
  for (const [name, bundle] of Object.entries(BUNDLERS)) {
    await using bundled = await bundle()
    const { raw, gzip } = bundled.size
    console.log(`${name}: ${Math.round(raw / 1000)} kB of JavaScript, ${Math.round(gzip / 1000)} kB compressed by gzip, kernels included`)
    const html = name === 'esbuild' ? `<!doctype html><title>page</title><script src="/${basename(bundled.script)}"></script>` : undefined
    for (const threads of [1, 3]) await test(bundled.folder, html, threads)
  }
  await askAsPage(browser)
} finally {
  await browser.close()
}

async function test(folder, html, threads) {
  const { address, close } = await serve(folder, { html })
  const page = await browser.newPage()
  try {
    const failures = []
    page.on('pageerror', error => failures.push(error.message))
    page.on('console', message => message.type() === 'error' && !message.text().includes('404') && failures.push(message.text()))
    await page.goto(address)
    await page.waitForFunction('typeof computeTogether === "function"')
    const started = performance.now()
    const report = await page.evaluate(wanted => globalThis.computeTogether(wanted), threads)
    const seconds = ((performance.now() - started) / 1000).toFixed(2)
    assert.deepEqual(failures, [])
    assert.ok(report.error < DEVIATIONS * report.deviation && report.error > report.deviation, JSON.stringify(report))
    assert.equal(report.threads, threads)
    console.log(
      `  ${threads} thread(s), kernel ${report.variant}: keys, product, switch in ${seconds} s; error ${report.error.toExponential(1)}`
    )
  } finally {
    await page.close()
    close()
  }
}
