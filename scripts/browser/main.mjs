/**
 * Bundles in Chromium: `npm run test:browser`. ring, ckks and mhe on one thread and on several; pages that ask a cohort outside them; and parties' dashboards.
 * `--report FILE` writes what was measured as JSON, with the best of three runs of Lighthouse.
 */
import assert from 'node:assert/strict'
import { copyFile, writeFile } from 'node:fs/promises'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { bundleByEsbuild, bundleByVite } from '../../packages/slytherin/test/support/bundle.ts'
import { askAsPage } from './ask.mjs'
import { startChromium } from './chromium.mjs'
import { watchDashboards } from './dashboard.mjs'
import { pageAsks } from './page-asks.mjs'
import { serve } from './serve.mjs'

/** Of 4096 slots the worst is beyond six standard deviations once in 10^5 runs. */
const DEVIATIONS = 6.5
const BUNDLERS = { esbuild: bundleByEsbuild, Vite: bundleByVite }

const { values: wanted } = parseArgs({ options: { report: { type: 'string' } } })
const runs = wanted.report === undefined ? 1 : 3
const begun = performance.now()
const browser = await startChromium()
console.log(`Chromium ${browser.version()}`)
try {
  for (const [name, bundle] of Object.entries(BUNDLERS)) {
    await using bundled = await bundle()
    const { raw, gzip } = bundled.size
    console.log(`${name}: ${Math.round(raw / 1000)} kB of JavaScript, ${Math.round(gzip / 1000)} kB compressed by gzip, kernels included`)
    const html = name === 'esbuild' ? `<!doctype html><title>page</title><script src="/${basename(bundled.script)}"></script>` : undefined
    for (const threads of [1, 3]) await test(bundled.folder, html, threads)
  }
  await threadsOfFiles()
  await askAsPage(browser)
  const page = await pageAsks(browser, { runs })
  const dashboard = await watchDashboards(browser, { runs })
  console.log(`All of it: ${((performance.now() - begun) / 1000).toFixed(0)} s`)
  if (wanted.report !== undefined) await report(wanted.report, { page, dashboard })
} finally {
  await browser.close()
}

async function report(file, measured) {
  const machine = { processor: cpus()[0].model, cores: availableParallelism(), load: loadavg().map(load => Number(load.toFixed(1))) }
  const { version } = process
  await writeFile(
    file,
    `${JSON.stringify({ date: new Date().toISOString(), machine, node: version, chromium: browser.version(), ...measured }, null, 2)}\n`
  )
}

/** Where a content security policy allows the page's own files only, threads need a file, too; without it, the error says so. */
async function threadsOfFiles() {
  await using bundled = await bundleByEsbuild()
  await using worker = await bundleByEsbuild(
    fileURLToPath(new URL('../../packages/slytherin/test/support/page/worker.ts', import.meta.url))
  )
  await copyFile(worker.script, join(bundled.folder, 'worker.js'))
  const html = `<!doctype html><script src="/${basename(bundled.script)}"></script>`
  const headers = { 'Content-Security-Policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" }
  const { address, close } = await serve(bundled.folder, { html, headers })
  const page = await browser.newPage()
  try {
    await page.goto(address)
    const refused = await page.evaluate(() => globalThis.computeTogether(2).catch(error => `${error.name}: ${error.message}`))
    assert.match(String(refused), /KernelThreadError: .*content security policy/)
    const report = await page.evaluate(() => globalThis.computeTogether(2, '/worker.js'))
    assert.ok(report.error < DEVIATIONS * report.deviation && report.threads === 2, JSON.stringify(report))
    console.log('Under a content security policy: 2 thread(s) from a file of the page')
  } finally {
    await page.close()
    close()
  }
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
